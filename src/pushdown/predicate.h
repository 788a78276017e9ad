/*
 * predicate.h
 *	  One SQL condition on one place of the document.
 */
#ifndef WALCU_PREDICATE_H
#define WALCU_PREDICATE_H

#include "postgres.h"

#include "nodes/execnodes.h"
#include "pushdown/document_path.h"

typedef enum WalcuConditionKind
{
	WALCU_COMPARE,  /* operand < value, and the like */
	WALCU_DISTINCT, /* operand IS DISTINCT FROM value */
	WALCU_LIST,     /* operand = ANY (values) */
	WALCU_ELEMENT,  /* value = ANY (operand), value < ANY (operand) and the like */
	WALCU_OVERLAP,  /* operand && values */
	WALCU_INCLUDES, /* operand @> values, of arrays */
	WALCU_CONTAINS, /* operand @> value, of jsonb */
	WALCU_KEY,      /* operand ? value */
	WALCU_ANY_KEY,  /* operand ?| values */
	WALCU_ALL_KEYS, /* operand ?& values */
	WALCU_MATCH,    /* operand LIKE value, and the like */
	WALCU_TRUE,     /* operand, which is boolean */
	WALCU_NULL      /* operand IS NULL */
} WalcuConditionKind;

/* The languages of patterns. */
typedef enum WalcuPattern
{
	WALCU_PATTERN_LIKE,
	WALCU_PATTERN_REGEX,
	WALCU_PATTERN_PREFIX
} WalcuPattern;

typedef struct WalcuCondition
{
	WalcuConditionKind kind;
	bool negated; /* it is to be false; for WALCU_COMPARE, of = only */
	WalcuOperand *operand;
	int strategy; /* WALCU_COMPARE, WALCU_ELEMENT: BTLessStrategyNumber and so on */
	WalcuPattern pattern;
	bool ignore_case;
	bool ascii;       /* the collation is "C": it orders bytes and knows ASCII letters */
	Expr *value;      /* NULL for WALCU_TRUE and WALCU_NULL */
	ExprState *state; /* computes the value, once a scan has begun */
	Oid value_type;   /* of one value */
} WalcuCondition;

extern WalcuCondition *condition_of_clause(const WalcuRelation *relation, Expr *clause, bool outcome,
										   const char **reason);
extern WalcuCondition *condition_is_null(WalcuOperand *operand, bool negated);

#endif /* WALCU_PREDICATE_H */
