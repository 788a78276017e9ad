/*
 * range_set.h
 *	  Ranges of values that outer rows ask for, and what they have in common.
 */
#ifndef WALCU_RANGE_SET_H
#define WALCU_RANGE_SET_H

#include "postgres.h"

#include "nodes/primnodes.h"
#include "plan/range_key.h"

/* A range of values; a bound that the set does not have is of no account. */
typedef struct WalcuRange
{
	Datum lower; /* It begins here, */
	Datum upper; /* and ends here. */
} WalcuRange;

typedef struct WalcuRangeSet WalcuRangeSet;

extern WalcuRangeSet *range_set_create(const WalcuRangeBound *lower, const WalcuRangeBound *upper);
extern void range_set_clear(WalcuRangeSet *set);
extern void range_set_add(WalcuRangeSet *set, WalcuRange range);
extern WalcuRange range_set_copy_range(const WalcuRangeSet *set, MemoryContext context, WalcuRange range);
extern Datum range_set_copy_lower(const WalcuRangeSet *set, Datum bound);
extern void range_set_merge(WalcuRangeSet *set);
extern int range_set_count(const WalcuRangeSet *set);
extern bool range_set_is_empty_range(const WalcuRangeSet *set, WalcuRange range);
extern bool range_set_covers(const WalcuRangeSet *set, WalcuRange range);
extern bool range_set_has_value(const WalcuRangeSet *set, int from, int count, Datum value);
extern bool range_set_is_above(const WalcuRangeSet *set, WalcuRange range, Datum value);
extern bool range_set_is_below(const WalcuRangeSet *set, WalcuRange range, Datum value);
extern int range_set_compare_values(const WalcuRangeSet *set, Datum left, Datum right);
extern Expr *range_set_condition(const WalcuRangeSet *set, int from, int count);

#endif /* WALCU_RANGE_SET_H */
