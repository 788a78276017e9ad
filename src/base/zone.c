/*
 * zone.c
 *	  How far the clock of a time zone is from UTC.
 *
 * A clock shows the same time twice, or never, where it jumps, and zones have jumped by a day; POSIX zones
 * can be a week from UTC.  Whoever reasons about instants by what a clock shows asks here for all offsets
 * that it has around the time in question.
 */
#include "postgres.h"

#include "base/zone.h"

#include "pgtime.h"
#include "utils/timestamp.h"

static pg_time_t convert_to_seconds(TimestampTz instant);

/*
 * Finds the least and the greatest offset from UTC, in microseconds and positive in the east, that the
 * clock of a zone, NULL for the session's, has within so many days of a finite instant.
 */
void
zone_offsets_near(pg_tz *zone, TimestampTz instant, int days, int64 *least, int64 *greatest)
{
	pg_time_t at = convert_to_seconds(instant) - (pg_time_t) days * SECS_PER_DAY;
	pg_time_t end = at + 2 * (pg_time_t) days * SECS_PER_DAY;
	long offset;
	long next_offset;
	int is_summer;
	pg_time_t change;
	bool changes = true;

	*least = PG_INT64_MAX;
	*greatest = PG_INT64_MIN;
	while (changes && at <= end)
	{
		changes = pg_next_dst_boundary(&at, &offset, &is_summer, &change, &next_offset, &is_summer,
									   zone ? zone : session_timezone) > 0;
		*least = Min(*least, offset * USECS_PER_SEC);
		*greatest = Max(*greatest, offset * USECS_PER_SEC);
		at = change;
	}
}

static pg_time_t
convert_to_seconds(TimestampTz instant)
{
	return instant / USECS_PER_SEC + (pg_time_t) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY;
}
