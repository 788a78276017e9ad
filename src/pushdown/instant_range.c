/*
 * instant_range.c
 *	  Which dates of documents an SQL value can be made of.
 *
 * deparse.c and deparse_equal.c ask for the bounds of a filter.  A comparison takes a range of values, and
 * from there it is gone back to the dates, step by step (instant_step.c).  The session's zone is the one in
 * which the condition is executed, not the one it was planned in.
 */
#include "postgres.h"

#include "pushdown/instant_range.h"

#include <math.h>

#include "access/stratnum.h"
#include "catalog/pg_type.h"
#include "utils/datetime.h"

/* A clock is 7 days from UTC at most, and so is what it shows. */
#define CLOCK_DAYS 8

/* Steps are gone back within these years, in which nothing that they compute is out of range. */
#define FIRST_YEAR 1
#define LAST_YEAR  9999

static bool begin_with_instant(const WalcuDocumentPath *operand, int strategy, TimestampTz instant,
							   WalcuInstantRange *range);
static void begin_with_year(int strategy, double year, WalcuInstantRange *range);
static TimestampTz get_new_year(double year);
static void drop_far_ends(WalcuInstantRange *range);

/* The dates of which a comparison of the place with a value is true; a range when these are some. */
WalcuInstantExtent
instant_range_of_value(const WalcuDocumentPath *operand, int strategy, Datum value, Oid type,
					   WalcuInstantRange *range)
{
	int days = (list_length(operand->steps) + 1) * CLOCK_DAYS;

	range->exact = true;
	if (operand->year)
		begin_with_year(strategy, scalar_number(value, type).value, range);
	else
	{
		TimestampTz instant = scalar_instant(
			value, type, operand->type == TIMESTAMPTZOID ? WALCU_CLOCK_SESSION : WALCU_CLOCK_UTC);

		if (!begin_with_instant(operand, strategy, instant, range))
			return strategy != BTEqualStrategyNumber && IS_LESS(strategy) == (instant > 0)
					   ? WALCU_INSTANTS_ALL
					   : WALCU_INSTANTS_NONE;
	}
	for (int i = list_length(operand->steps) - 1; i >= 0; i--)
	{
		drop_far_ends(range);
		instant_step_go_back(list_nth(operand->steps, i), days, range);
	}
	if (TIMESTAMP_IS_NOBEGIN(range->least) && TIMESTAMP_IS_NOEND(range->beyond))
		return WALCU_INSTANTS_ALL;
	return range->least < range->beyond ? WALCU_INSTANTS_SOME : WALCU_INSTANTS_NONE;
}

/* False when all dates are on one side of the instant, which is infinite or beyond all of them. */
static bool
begin_with_instant(const WalcuDocumentPath *operand, int strategy, TimestampTz instant,
				   WalcuInstantRange *range)
{
	bool is_greater = strategy == BTGreaterStrategyNumber || strategy == BTGreaterEqualStrategyNumber;

	if (TIMESTAMP_NOT_FINITE(instant) || (operand->steps == NIL && !scalar_instant_is_finite(instant)))
		return false;
	range->least = IS_LESS(strategy) ? DT_NOBEGIN : instant + (strategy == BTGreaterStrategyNumber);
	range->beyond = is_greater ? DT_NOEND : instant + (strategy != BTLessStrategyNumber);
	return true;
}

static void
begin_with_year(int strategy, double year, WalcuInstantRange *range)
{
	double from = strategy == BTGreaterStrategyNumber ? floor(year) + 1 : ceil(year);
	double until = strategy == BTLessStrategyNumber ? ceil(year) : floor(year) + 1;
	bool is_greater = strategy == BTGreaterStrategyNumber || strategy == BTGreaterEqualStrategyNumber;

	/* NaN is neither within the years nor beyond them */
	range->least = IS_LESS(strategy) || !(from >= FIRST_YEAR) ? DT_NOBEGIN : get_new_year(from);
	range->beyond =
		is_greater || !(until >= FIRST_YEAR && until <= LAST_YEAR) ? DT_NOEND : get_new_year(until);
}

/* The beginning of a year from the first one on, which is the last one's where it would be later. */
static TimestampTz
get_new_year(double year)
{
	int capped = year < LAST_YEAR ? (int) year : LAST_YEAR;

	return (TimestampTz) (date2j(capped, 1, 1) - POSTGRES_EPOCH_JDATE) * USECS_PER_DAY;
}

/* An end that is far out is none: then the range is wider. */
static void
drop_far_ends(WalcuInstantRange *range)
{
	TimestampTz first = get_new_year(FIRST_YEAR);
	TimestampTz last = get_new_year(LAST_YEAR);

	if (range->least < first || range->least > last)
		range->least = DT_NOBEGIN;
	if (range->beyond < first || range->beyond > last)
		range->beyond = DT_NOEND;
}

/* Is there one date in it, as far as dates of documents, which have whole milliseconds, differ? */
bool
instant_range_is_one(const WalcuInstantRange *range)
{
	return !TIMESTAMP_IS_NOBEGIN(range->least) && !TIMESTAMP_IS_NOEND(range->beyond) &&
		   range->beyond - range->least <= 1;
}

/* The place is in a range that has an end. */
WalcuFilter *
instant_range_filter(const WalcuDocumentPath *operand, const WalcuInstantRange *range)
{
	List *bounds = NIL;

	if (!TIMESTAMP_IS_NOBEGIN(range->least))
		bounds = lappend(bounds, document_path_test(operand, range->least % 1000 == 0 ? "$gte" : "$gt",
													scalar_instant_json(range->least)));
	if (!TIMESTAMP_IS_NOEND(range->beyond))
		bounds = lappend(bounds, document_path_test(operand, range->beyond % 1000 == 0 ? "$lt" : "$lte",
													scalar_instant_json(range->beyond)));
	return filter_and(bounds);
}
