/*
 * deparse_equal.h
 *	  Filters for a place that equals one of some values.
 */
#ifndef WALCU_DEPARSE_EQUAL_H
#define WALCU_DEPARSE_EQUAL_H

#include "postgres.h"

#include "pushdown/document_path.h"
#include "pushdown/filter.h"
#include "utils/jsonb.h"

/* What documents have to be like, gathered value by value. */
typedef struct WalcuMatches
{
	List *literals;   /* JSON texts to equal */
	List *clauses;    /* other ways to match */
	uint32 unchecked; /* WALCU_IS_...: of these, every value may match */
} WalcuMatches;

extern uint32 equal_checked(const WalcuOperand *operand);
extern bool equal_is_alike(const WalcuOperand *operand);
extern WalcuClause *equal_or_unchecked(const WalcuOperand *operand, List *clauses, uint32 unchecked);
extern void equal_add(const WalcuOperand *operand, Datum value, Oid type, WalcuMatches *matches);
extern void equal_add_scalar(const WalcuOperand *operand, uint32 type, const char *literal,
							 WalcuMatches *matches);
extern void equal_add_jsonb(const WalcuOperand *operand, const JsonbValue *value, WalcuMatches *matches);
extern char *equal_types_json(uint32 types);
extern char *equal_excluded(const WalcuOperand *operand, Datum value, Oid type);
extern WalcuClause *equal_clause(const WalcuOperand *operand, WalcuMatches *matches);

#endif /* WALCU_DEPARSE_EQUAL_H */
