/*
 * range_set.c
 *	  Ranges of values that outer rows ask for, and what they have in common.
 *
 * range_rows.c adds the ranges of rows that come next, asks the service for all of them at once, and wants to
 * know later whether a row's range is among what was asked for.  Ranges that touch or overlap become one: the
 * days of a calendar are a month.  Where one of the bounds is missing there is one range at last.
 */
#include "postgres.h"

#include "exec/range_set.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

/* At first there is room for so many ranges. */
#define FIRST_RANGES 64

/* One of the two bounds that ranges have. */
typedef struct Side
{
	bool exists;           /* There is such a bound. */
	WalcuRangeBound bound; /* The condition is this. */
	int16 length;          /* The bound's type has this length, */
	bool by_value;         /* and is passed by value, or not. */
	FmgrInfo compare;      /* It compares two of these bounds, */
	FmgrInfo of_value;     /* and this one a value with a bound. */
} Side;

struct WalcuRangeSet
{
	MemoryContext context; /* It holds the ranges. */
	Side lower;
	Side upper;
	FmgrInfo values; /* It compares two values, */
	FmgrInfo ends;   /* and this one an upper bound with a lower one. */
	Oid collation;   /* They compare by this one. */
	WalcuRange *ranges;
	int count; /* So many ranges are there, */
	int room;  /* and there is room for so many. */
};

static void prepare_side(Side *side, const WalcuRangeBound *bound);
static int compare_by(const WalcuRangeSet *set, const FmgrInfo *function, Datum left, Datum right);
static int compare_ranges(const void *a, const void *b, void *set);
static bool ranges_touch(const WalcuRangeSet *set, const WalcuRange *first, const WalcuRange *next);
static int find_range_above(const WalcuRangeSet *set, int from, int count, Datum value);
static Expr *make_bound_condition(const Side *side, Datum value);

/* Makes an empty set, in the current memory context; one of the bounds may be NULL. */
WalcuRangeSet *
range_set_create(const WalcuRangeBound *lower, const WalcuRangeBound *upper)
{
	const WalcuRangeBound *any = lower ? lower : upper;
	WalcuRangeSet *set = palloc0(sizeof(WalcuRangeSet));

	prepare_side(&set->lower, lower);
	prepare_side(&set->upper, upper);
	set->collation = any->collation;
	fmgr_info(range_key_comparison(any, any->type, any->type), &set->values);
	if (lower && upper)
		fmgr_info(range_key_comparison(any, upper->of_bound, lower->of_bound), &set->ends);
	set->context = AllocSetContextCreate(CurrentMemoryContext, "walcu ranges", ALLOCSET_DEFAULT_SIZES);
	return set;
}

static void
prepare_side(Side *side, const WalcuRangeBound *bound)
{
	side->exists = bound != NULL;
	if (bound == NULL)
		return;
	side->bound = *bound;
	get_typlenbyval(bound->of_bound, &side->length, &side->by_value);
	fmgr_info(range_key_comparison(bound, bound->of_bound, bound->of_bound), &side->compare);
	fmgr_info(range_key_comparison(bound, bound->type, bound->of_bound), &side->of_value);
}

void
range_set_clear(WalcuRangeSet *set)
{
	MemoryContextReset(set->context);
	set->ranges = NULL;
	set->count = set->room = 0;
}

/* Adds a copy of a range, unless no value can be in it.  When all are there, they have to be merged. */
void
range_set_add(WalcuRangeSet *set, WalcuRange range)
{
	if (range_set_is_empty_range(set, range))
		return;
	if (set->count == set->room)
	{
		set->room = Max(set->room * 2, FIRST_RANGES);
		set->ranges = set->ranges ? repalloc_huge(set->ranges, set->room * sizeof(WalcuRange))
								  : MemoryContextAlloc(set->context, set->room * sizeof(WalcuRange));
	}
	set->ranges[set->count++] = range_set_copy_range(set, set->context, range);
}

/* Copies a range into a memory context. */
WalcuRange
range_set_copy_range(const WalcuRangeSet *set, MemoryContext context, WalcuRange range)
{
	MemoryContext before = MemoryContextSwitchTo(context);

	if (set->lower.exists)
		range.lower = range_set_copy_lower(set, range.lower);
	if (set->upper.exists)
		range.upper = datumCopy(range.upper, set->upper.by_value, set->upper.length);
	MemoryContextSwitchTo(before);
	return range;
}

/* Copies a lower bound into the current memory context. */
Datum
range_set_copy_lower(const WalcuRangeSet *set, Datum bound)
{
	return datumCopy(bound, set->lower.by_value, set->lower.length);
}

/* Sorts the ranges, and makes one of those that touch. */
void
range_set_merge(WalcuRangeSet *set)
{
	int last = 0;

	if (set->count < 2)
		return;
	qsort_arg(set->ranges, set->count, sizeof(WalcuRange), compare_ranges, set);
	for (int i = 1; i < set->count; i++)
	{
		WalcuRange *range = &set->ranges[last];
		const WalcuRange *next = &set->ranges[i];

		CHECK_FOR_INTERRUPTS();
		if (!ranges_touch(set, range, next))
			set->ranges[++last] = *next;
		else if (set->upper.exists && compare_by(set, &set->upper.compare, next->upper, range->upper) > 0)
			range->upper = next->upper;
	}
	set->count = last + 1;
}

int
range_set_count(const WalcuRangeSet *set)
{
	return set->count;
}

/* Returns whether a range ends before it begins. */
bool
range_set_is_empty_range(const WalcuRangeSet *set, WalcuRange range)
{
	return set->lower.exists && set->upper.exists &&
		   compare_by(set, &set->ends, range.upper, range.lower) < 0;
}

/* Returns whether all values of a range are in one of the set, once that is merged. */
bool
range_set_covers(const WalcuRangeSet *set, WalcuRange range)
{
	int first = 0;
	int behind = set->count;

	/* the last one that begins no later than the range does */
	while (first < behind && set->lower.exists)
	{
		int middle = first + (behind - first) / 2;

		if (compare_by(set, &set->lower.compare, set->ranges[middle].lower, range.lower) <= 0)
			first = middle + 1;
		else
			behind = middle;
	}
	behind = set->lower.exists ? first : set->count;
	return behind > 0 && (!set->upper.exists || compare_by(set, &set->upper.compare, range.upper,
														   set->ranges[behind - 1].upper) <= 0);
}

/* Returns whether a value is in one of so many ranges of the set, once that is merged, from one on. */
bool
range_set_has_value(const WalcuRangeSet *set, int from, int count, Datum value)
{
	int place = find_range_above(set, from, count, value);

	/* where ranges touch in a value that is in neither, they were made one */
	return place > from && range_set_is_below(set, set->ranges[place - 1], value);
}

/* Finds the first of some ranges that begins behind a value. */
static int
find_range_above(const WalcuRangeSet *set, int from, int count, Datum value)
{
	int behind = from + count;

	while (from < behind)
	{
		int middle = from + (behind - from) / 2;

		if (range_set_is_above(set, set->ranges[middle], value))
			from = middle + 1;
		else
			behind = middle;
	}
	return from;
}

/* Returns whether a value is where a range begins, or behind. */
bool
range_set_is_above(const WalcuRangeSet *set, WalcuRange range, Datum value)
{
	int order = set->lower.exists ? compare_by(set, &set->lower.of_value, value, range.lower) : 1;

	return set->lower.bound.is_open ? order > 0 : order >= 0;
}

/* Returns whether a value is where a range ends, or before. */
bool
range_set_is_below(const WalcuRangeSet *set, WalcuRange range, Datum value)
{
	int order = set->upper.exists ? compare_by(set, &set->upper.of_value, value, range.upper) : -1;

	return set->upper.bound.is_open ? order < 0 : order <= 0;
}

/* Returns which of two values comes first: less than 0 for the left one, more for the right one. */
int
range_set_compare_values(const WalcuRangeSet *set, Datum left, Datum right)
{
	return compare_by(set, &set->values, left, right);
}

static int
compare_by(const WalcuRangeSet *set, const FmgrInfo *function, Datum left, Datum right)
{
	return DatumGetInt32(FunctionCall2Coll(unconstify(FmgrInfo *, function), set->collation, left, right));
}

static int
compare_ranges(const void *a, const void *b, void *set)
{
	const WalcuRangeSet *of = set;
	const WalcuRange *left = a;
	const WalcuRange *right = b;

	return of->lower.exists ? compare_by(of, &of->lower.compare, left->lower, right->lower)
							: compare_by(of, &of->upper.compare, left->upper, right->upper);
}

/* Returns whether nothing is between a range and the next one. */
static bool
ranges_touch(const WalcuRangeSet *set, const WalcuRange *first, const WalcuRange *next)
{
	return !set->lower.exists || !set->upper.exists ||
		   compare_by(set, &set->ends, first->upper, next->lower) >= 0;
}

/* Makes the condition that a value is in one of so many ranges, from one on. */
Expr *
range_set_condition(const WalcuRangeSet *set, int from, int count)
{
	List *arms = NIL;

	for (int i = from; i < from + count; i++)
	{
		List *bounds = NIL;

		if (set->lower.exists)
			bounds = lappend(bounds, make_bound_condition(&set->lower, set->ranges[i].lower));
		if (set->upper.exists)
			bounds = lappend(bounds, make_bound_condition(&set->upper, set->ranges[i].upper));
		arms = lappend(arms, make_ands_explicit(bounds));
	}
	return list_length(arms) == 1 ? linitial(arms) : make_orclause(arms);
}

static Expr *
make_bound_condition(const Side *side, Datum value)
{
	const WalcuRangeBound *bound = &side->bound;
	Const *constant = makeConst(bound->of_bound, -1, exprCollation((Node *) bound->bound), side->length,
								value, false, side->by_value);
	Expr *condition = make_opclause(bound->op, BOOLOID, false, bound->inner, (Expr *) constant, InvalidOid,
									bound->collation);

	set_opfuncid((OpExpr *) condition);
	return condition;
}
