/*
 * predicate.h
 *	  One SQL condition on one place of the document.
 */
#ifndef WALCU_PREDICATE_H
#define WALCU_PREDICATE_H

#include "postgres.h"

#include "nodes/execnodes.h"
#include "pushdown/document_path.h"

typedef enum WalcuPredicateKind
{
	WALCU_PREDICATE_COMPARE,  /* operand < value, and the like */
	WALCU_PREDICATE_DISTINCT, /* operand IS DISTINCT FROM value */
	WALCU_PREDICATE_LIST,     /* operand = ANY (values) */
	WALCU_PREDICATE_ELEMENT,  /* value = ANY (operand), value < ANY (operand) and the like */
	WALCU_PREDICATE_OVERLAP,  /* operand && values */
	WALCU_PREDICATE_INCLUDES, /* operand @> values, of arrays */
	WALCU_PREDICATE_CONTAINS, /* operand @> value, of jsonb */
	WALCU_PREDICATE_KEY,      /* operand ? value */
	WALCU_PREDICATE_ANY_KEY,  /* operand ?| values */
	WALCU_PREDICATE_ALL_KEYS, /* operand ?& values */
	WALCU_PREDICATE_MATCH,    /* operand LIKE value, and the like */
	WALCU_PREDICATE_TRUE,     /* operand, which is boolean */
	WALCU_PREDICATE_NULL      /* operand IS NULL */
} WalcuPredicateKind;

/* The languages of patterns. */
typedef enum WalcuPattern
{
	WALCU_PATTERN_LIKE,
	WALCU_PATTERN_REGEX,
	WALCU_PATTERN_PREFIX
} WalcuPattern;

typedef struct WalcuPredicate
{
	WalcuPredicateKind kind;    /* It says what is compared with what. */
	bool negated;               /* It is to be false; for WALCU_PREDICATE_COMPARE, of = only. */
	WalcuDocumentPath *operand; /* It is the place of the document. */
	int strategy;               /* It is BTLessStrategyNumber or the like, where values are ordered. */
	WalcuPattern pattern;       /* It is the language of the pattern, for WALCU_PREDICATE_MATCH. */
	bool ignore_case;           /* The pattern matches letters in both cases. */
	bool ascii;                 /* The collation is "C", which orders bytes and knows ASCII letters. */
	Oid collation;              /* Texts are compared by this one. */
	Expr *value;                /* The place is compared with this; NULL where there is nothing to compare. */
	ExprState *state;           /* It computes the value, once a scan has begun. */
	Oid value_type;             /* One value has this type. */
} WalcuPredicate;

extern WalcuPredicate *predicate_of_clause(const WalcuRelation *relation, Expr *clause, bool outcome,
										   const char **reason);
extern bool predicate_is_value(const WalcuRelation *relation, Expr *condition);

#endif /* WALCU_PREDICATE_H */
