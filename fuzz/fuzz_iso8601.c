/*
 * fuzz_iso8601.c
 *	  Does iso8601.c read and write the instants that PostgreSQL does?
 *
 * The text is read; then its first eight bytes, as an instant, are written and read again.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "datatype/timestamp.h"
#include "fuzz.h"
#include "json/iso8601.h"
#include "truth.h"
#include "utils/timestamp.h"

static void read_text(const char *text, int length);
static void write_instant(TimestampTz instant);

void
fuzz_iso8601(FuzzInput *input)
{
	int length = input->end - input->at;
	char *text = fuzz_copy(input->at, length, 0);
	TimestampTz instant;

	read_text(text, length);
	if (length < sizeof(instant))
		return;
	memcpy(&instant, text, sizeof(instant));
	/* the range is wider than half of all 64-bit numbers */
	instant = (TimestampTz) ((uint64) MIN_TIMESTAMP +
							 (uint64) instant % ((uint64) END_TIMESTAMP - (uint64) MIN_TIMESTAMP));
	write_instant(instant);
}

static void
read_text(const char *text, int length)
{
	TimestampTz instant;
	Datum truth;
	bool is_date = iso8601_to_timestamptz(text, length, &instant);

	if (is_date != truth_instant(text, length, &truth))
		fuzz_finding("%s is a date: %d", fuzz_shown(text, length), is_date);
	if (is_date && instant != DatumGetTimestampTz(truth))
		fuzz_finding("%s is %s, not %s", fuzz_shown(text, length), truth_output(TIMESTAMPTZOID, truth),
					 truth_output(TIMESTAMPTZOID, TimestampTzGetDatum(instant)));
}

/* It is cut to the millisecond it lies in. */
static void
write_instant(TimestampTz instant)
{
	char *text = iso8601_from_timestamptz(instant);
	int64 beyond = instant % 1000;
	TimestampTz again;

	if (beyond < 0)
		beyond += 1000;
	if (!iso8601_to_timestamptz(text, strlen(text), &again) || again != instant - beyond)
		fuzz_finding("%s was made of %s", text, truth_output(TIMESTAMPTZOID, TimestampTzGetDatum(instant)));
	read_text(text, strlen(text));
}
