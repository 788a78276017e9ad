/*
 * document_path.h
 *	  What a part of an SQL expression stands for in a document.
 */
#ifndef WALCU_DOCUMENT_PATH_H
#define WALCU_DOCUMENT_PATH_H

#include "postgres.h"

#include "json/scalar.h"
#include "nodes/primnodes.h"
#include "pushdown/filter.h"
#include "service/option.h"
#include "service/remote_type.h"

/* Is some operator of btree less, or less or equal? */
#define IS_LESS(strategy) ((strategy) == BTLessStrategyNumber || (strategy) == BTLessEqualStrategyNumber)

/* How values are compared here. */
typedef enum WalcuDomain
{
	WALCU_DOMAIN_TEXT,
	WALCU_DOMAIN_NUMBER,
	WALCU_DOMAIN_BOOLEAN,
	WALCU_DOMAIN_INSTANT, /* timestamptz, timestamp and date */
	WALCU_DOMAIN_UUID,
	WALCU_DOMAIN_ENUM,
	WALCU_DOMAIN_JSON,
	WALCU_DOMAIN_ARRAY /* of scalars */
} WalcuDomain;

/* Whether the case of a text's letters is changed before it is compared. */
typedef enum WalcuLetters
{
	WALCU_LETTERS_KEPT,
	WALCU_LETTERS_LOWER,
	WALCU_LETTERS_UPPER
} WalcuLetters;

/* JSON types, and the service's own, dates and ObjectIds, which arrive as strings. */
#define WALCU_IS_STRING  (1 << 0)
#define WALCU_IS_NUMBER  (1 << 1)
#define WALCU_IS_BOOLEAN (1 << 2)
#define WALCU_IS_DATE    (1 << 3)
#define WALCU_IS_OBJECT  (1 << 4)
#define WALCU_IS_ARRAY   (1 << 5)
#define WALCU_IS_ANY     ((1 << 6) - 1)

/* This is no source of its own: it goes with dates. */
#define WALCU_IS_OBJECTID (1 << 6)

/*
 * A place in the document, and how the SQL value is made of what stands there.
 */
typedef struct WalcuDocumentPath
{
	AttrNumber column; /* The value is this column's, or is made of it by casts; 0 within a jsonb column. */
	char *path;        /* It leads there, with dots: from the document, or from an element of a list. */
	const char *list;  /* This path leads from the document to that list; NULL where it is no list's. */
	WalcuRemotePlace remote; /* The service has this type there. */
	WalcuDomain domain;      /* Values are compared in this way. */
	Oid type;                /* The SQL value has this type. */
	uint32 sources;          /* A value that is not NULL can be made of these types (WALCU_IS_...). */
	bool nested;             /* It is within a jsonb column, else the column itself. */
	bool element;   /* It is an element of an array, so that a document may have several of the values. */
	bool json_null; /* JSON's null is a value, not NULL. */
	bool indexed;   /* The path has an index of an array. */
	List *first_elements_of; /* The path takes the first element of these paths (of char *). */
	List *null_elements_of;  /* Of these, JSON null is a value for these, and its own first element. */
	bool plain;              /* The SQL value is the JSON value, neither rounded nor checked. */
	double rounding;         /* Numbers may differ by so much. */
	int limit;   /* A text has so many characters at most, blanks at its end cut off; 0 for no limit. */
	bool single; /* Numbers are rounded to float4. */
	WalcuLetters letters;        /* lower() or upper() makes the value of a text. */
	Oid letters_collation;       /* It does so by this collation. */
	List *steps;                 /* The value is made of a document's date by these (WalcuInstantStep). */
	bool year;                   /* The value is the year of what they lead to, a number. */
	bool id;                     /* It may hold ids of MongoDB's own type, by its name or by an option. */
	int id_type;                 /* An option says which ids these are (WalcuIdType). */
	const WalcuOptions *options; /* These settings are in force for the relation; NULL for no column's. */
	const char *reason;          /* It says why the place is not of use; then nothing else is set. */
} WalcuDocumentPath;

/* The relation whose columns count. */
typedef struct WalcuRelation
{
	Index varno;                 /* The query's columns name it by this. */
	Oid relid;                   /* It is the foreign table. */
	const WalcuOptions *options; /* These settings are in force for it. */
} WalcuRelation;

/* An expression without the casts that change nothing but the name of its type. */
static inline Expr *
document_path_strip_relabels(const Expr *expression)
{
	while (IsA(expression, RelabelType))
		expression = ((const RelabelType *) expression)->arg;
	return unconstify(Expr *, expression);
}

/* The whole path that leads from the document to a place. */
static inline const char *
document_path_place(const WalcuDocumentPath *operand)
{
	return operand->list ? psprintf("%s.%s", operand->list, operand->path) : operand->path;
}

extern WalcuDocumentPath *document_path_of_expression(const WalcuRelation *relation, Expr *expression);
extern WalcuDocumentPath *document_path_of_type(Oid type, int32 typmod);
extern void document_path_limit_sources(WalcuDocumentPath *operand);
extern void document_path_compare_with(WalcuDocumentPath *operand, Oid type);
extern WalcuFilter *document_path_test(const WalcuDocumentPath *operand, const char *op, const char *value);
extern void document_path_set_ids(WalcuDocumentPath *operand, const WalcuOptions *options, int id_type);
extern bool document_path_has_ids(const WalcuDocumentPath *operand);
extern bool document_path_has_objectids(const WalcuDocumentPath *operand);
extern bool document_path_is_shown_missing(const WalcuDocumentPath *operand);
extern bool document_path_can_name(const char *key);
extern bool document_path_is_value(const WalcuRelation *relation, Expr *expression);

#endif /* WALCU_DOCUMENT_PATH_H */
