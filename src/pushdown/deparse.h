/*
 * deparse.h
 *	  What a condition with its value becomes in a filter.
 */
#ifndef WALCU_DEPARSE_H
#define WALCU_DEPARSE_H

#include "postgres.h"

#include "pushdown/filter.h"
#include "pushdown/predicate.h"

extern const char *deparse_obstacle(const WalcuOptions *options, const WalcuPredicate *condition);
extern WalcuFilter *deparse_clause(const WalcuOptions *options, const WalcuPredicate *condition, Datum value,
								   bool is_null);
extern WalcuFilter *deparse_in_list(const WalcuDocumentPath *operand, WalcuFilter *filter);

#endif /* WALCU_DEPARSE_H */
