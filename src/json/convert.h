/*
 * convert.h
 *	  One JSON value into one Datum of a column's type.
 */
#ifndef WALCU_CONVERT_H
#define WALCU_CONVERT_H

#include "postgres.h"

#include "base/compat.h"
#include "json/type_input.h"

/* A JSON value, known to be well-formed, as it stands in a document. */
typedef struct WalcuJson
{
	JsonTokenType type; /* This is the type of its first token. */
	char *text;         /* These are its bytes; the one behind the last can be written. */
	int length;         /* This is their number. */
	bool suspect;       /* It has escapes or large numbers, which jsonb may not be able to hold. */
} WalcuJson;

typedef struct WalcuConverter WalcuConverter;

/* Converts a value; returns false when it does not fit the type. */
typedef bool (*WalcuConvert)(const WalcuConverter *converter, WalcuJson *value, Datum *result);

/* How values become a column's type.  It lives as long as the decoder. */
struct WalcuConverter
{
	WalcuConvert convert;    /* It converts a value. */
	int32 typmod;            /* This is the column's type modifier. */
	WalcuConverter *element; /* This is for the elements of an array; NULL for other types. */
	Oid element_type;        /* An array has elements of this type. */
	int16 element_length;    /* This is their length, as PostgreSQL knows it. */
	bool element_by_value;   /* They are passed by value. */
	char element_align;      /* This is their alignment. */
	WalcuTypeInput *input;   /* This is for a type without a conversion of its own; NULL for others. */
	char category;           /* This is pg_type.typcategory of the base type. */
	uint32 settings;         /* These settings are fixed while it converts; see fixed_settings.h. */
	bool takes_any;          /* The type is json, jsonb or a domain over one of them. */
	bool keeps_text;         /* It is json or a domain over it, which has escapes as they are. */
};

/* The elements of an array that is being made.  It begins with zeroes. */
typedef struct WalcuArrayDraft
{
	Datum *datums; /* These are the elements. */
	bool *nulls;   /* These tell which of them are NULL. */
	int count;     /* This is their number. */
	int size;      /* There is room for so many. */
} WalcuArrayDraft;

extern void convert_prepare(WalcuConverter *converter, Oid type, int32 typmod);
extern bool convert_is_storable(const WalcuJson *value);
extern bool convert_string(const WalcuJson *value, const char **text, int *length);
extern bool convert_add_element(const WalcuConverter *converter, WalcuArrayDraft *draft, WalcuJson *value);
extern Datum convert_make_array(const WalcuConverter *converter, WalcuArrayDraft *draft);
extern JsonTokenType convert_token_type(char c);

#endif /* WALCU_CONVERT_H */
