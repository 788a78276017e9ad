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
	int length;
	bool suspect; /* It has escapes or large numbers, which jsonb may not be able to hold. */
} WalcuJson;

typedef struct WalcuConverter WalcuConverter;

/* Converts a value; returns false when it does not fit the type. */
typedef bool (*WalcuConvert)(const WalcuConverter *converter, WalcuJson *value, Datum *result);

/* How values become a column's type.  It lives as long as the decoder. */
struct WalcuConverter
{
	WalcuConvert convert;
	int32 typmod;
	WalcuConverter *element; /* This is for the elements of an array, and so are the next members. */
	Oid element_type;
	int16 element_length;
	bool element_by_value;
	char element_align;
	WalcuTypeInput *input; /* for a type without a conversion of its own; else NULL */
	char category;         /* pg_type.typcategory of its base type */
	uint32 settings;       /* those that must be fixed while it converts, as fixed_settings.h has them */
	bool takes_any;        /* json, jsonb and domains over them */
};

extern void convert_prepare(WalcuConverter *converter, Oid type, int32 typmod);
extern bool convert_is_storable(const WalcuJson *value);
extern bool convert_string(const WalcuJson *value, const char **text, int *length);

#endif /* WALCU_CONVERT_H */
