/*
 * deparse.h
 *	  What a condition with its value becomes in a filter.
 */
#ifndef WALCU_DEPARSE_H
#define WALCU_DEPARSE_H

#include "postgres.h"

#include "pushdown/filter.h"
#include "pushdown/predicate.h"

extern const char *render_obstacle(const WalcuOptions *options, const WalcuCondition *condition);
extern const char *render_null_obstacle(const WalcuOptions *options, const WalcuOperand *operand);
extern WalcuClause *render_null(const WalcuOptions *options, const WalcuOperand *operand);
extern WalcuClause *render_clause(const WalcuOptions *options, const WalcuCondition *condition, Datum value,
								  bool is_null);

#endif /* WALCU_DEPARSE_H */
