/*
 * instant_range.c
 *	  Which dates of documents an SQL value can be made of.
 *
 * deparse.c and deparse_equal.c ask for the bounds of a filter.  A cast between timestamptz and timestamp or
 * date goes by the clock of the session's time zone, whose offset from UTC changes; so a value stands for the
 * dates that lie as far from it as the clock does at the time.  The zone is the one in which the condition is
 * executed, not the one it was planned in.
 */
#include "postgres.h"

#include "pushdown/instant_range.h"

#include "base/zone.h"
#include "catalog/pg_type.h"

/* A clock is 7 days from UTC at most, and so is what it shows. */
#define CLOCK_DAYS 8

/*
 * The range of a value's dates, within what dates can be.  False when no date is equal to the value, which is
 * infinite or beyond all dates; then both ends are the value.
 */
bool
instant_range_of_value(const WalcuDocumentPath *operand, Datum value, Oid type, WalcuInstantRange *range)
{
	TimestampTz instant =
		scalar_instant(value, type, operand->type == TIMESTAMPTZOID ? WALCU_CLOCK_SESSION : WALCU_CLOCK_UTC);
	int clocks = operand->shown + operand->read;
	int64 least_offset = 0;
	int64 greatest_offset = 0;
	int64 before;
	int64 after;

	range->least = range->greatest = instant;
	range->exact = false;
	if (TIMESTAMP_NOT_FINITE(instant) ||
		!scalar_instant_is_finite(instant - (int64) clocks * CLOCK_DAYS * USECS_PER_DAY))
		return false;
	if (clocks > 0)
		zone_offsets_near(instant, (clocks + 1) * CLOCK_DAYS, &least_offset, &greatest_offset);
	before = operand->read * least_offset - operand->shown * greatest_offset;
	after = operand->read * greatest_offset - operand->shown * least_offset + operand->after;
	range->least = scalar_instant_shifted(instant, before);
	range->greatest = scalar_instant_shifted(instant, after);
	/*
	 * the service's dates have whole milliseconds, and so has a filter's; nor may an end be that of all dates
	 */
	range->exact = before == after && range->least == instant + before && range->least % 1000 == 0;
	return true;
}
