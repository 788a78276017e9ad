/*
 * deparse_match.h
 *	  What patterns become in a filter.
 */
#ifndef WALCU_DEPARSE_MATCH_H
#define WALCU_DEPARSE_MATCH_H

#include "postgres.h"

#include "pushdown/filter.h"
#include "pushdown/predicate.h"

extern const char *deparse_match_obstacle(const WalcuPredicate *condition);
extern WalcuFilter *deparse_match(const WalcuPredicate *condition, Datum value);

#endif /* WALCU_DEPARSE_MATCH_H */
