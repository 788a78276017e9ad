/*
 * truth_date.c
 *	  Which instant PostgreSQL says that one of the service's dates is.
 *
 * A regular expression tells whether a text is such a date.  Then it is written anew in words that
 * timestamptz_in knows, and its offset, which may be larger than PostgreSQL takes, is an interval.
 */
#include "postgres.h"

#include "truth.h"

#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/timestamp.h"

#define DATE_PATTERN                                                                                         \
	"^([0-9]{4}|[+-][0-9]{6})-[0-9]{2}-[0-9]{2}"                                                             \
	"([T ]([01][0-9]|2[0-3]|24(?=:00(:00([.](0{1,6}|0{6}[0-9]+))?)?($|[^:.0-9])))"                           \
	":[0-5][0-9](:[0-5][0-9]([.][0-9]+)?)?(Z|[+-]([01][0-9]|2[0-3])(:?[0-5][0-9])?)?)?$"

/* Of 400 years, after which dates are alike. */
#define HOURS_PER_CYCLE (146097 * 24)

static bool is_date(const char *text);
static int count_moved_years(int year);
static char *append_clock(StringInfo known, char *at);
static char *read_offset(const char *at, int hours);
static void subtract_offset(void *argument);

/* An instant and how far its clock is ahead of UTC's. */
typedef struct Shift
{
	Datum instant;
	Datum offset;
} Shift;

/* False when the text is no date of the service, or out of PostgreSQL's range. */
bool
truth_instant(const char *text, int length, Datum *result)
{
	char *copy = palloc0(length + 1);
	StringInfoData known;
	bool is_signed;
	int year;
	char *at;
	int moved;
	Shift shift;

	memcpy(copy, text, length);
	if (strspn(copy, "0123456789+-:.TZ ") != length || !is_date(copy))
		return false;
	is_signed = (copy[0] == '+' || copy[0] == '-');
	at = copy + (is_signed ? 7 : 4);
	year = atoi(pnstrdup(copy, at - copy));
	moved = count_moved_years(year);
	year += moved;
	initStringInfo(&known);
	appendStringInfo(&known, "%04d%.6s ", year > 0 ? year : 1 - year, at);
	at = append_clock(&known, at + 6);
	appendStringInfoString(&known, year > 0 ? "+00" : "+00 BC");
	if (!truth_input("timestamptz", known.data, &shift.instant) ||
		!truth_input("interval", read_offset(at, moved / 400 * HOURS_PER_CYCLE), &shift.offset) ||
		fuzz_call(subtract_offset, &shift).sqlstate != 0)
		return false;
	*result = shift.instant;
	/* what PostgreSQL could not read again from a dump is out of its range */
	return truth_input("timestamptz", truth_output(TIMESTAMPTZOID, *result), &shift.instant);
}

static bool
is_date(const char *text)
{
	return DatumGetBool(DirectFunctionCall2Coll(textregexeq, C_COLLATION_OID, CStringGetTextDatum(text),
												CStringGetTextDatum(DATE_PATTERN)));
}

/* At the ends of PostgreSQL's range the clock alone may be outside of it, and the instant within. */
static int
count_moved_years(int year)
{
	return year > 200000 ? -400 : year < -4000 ? 400 : 0;
}

/* Hours, minutes, seconds and six digits of a fraction.  Returns what is behind them. */
static char *
append_clock(StringInfo known, char *at)
{
	char *fraction;

	if (*at == '\0')
	{
		appendStringInfoString(known, "00:00");
		return at;
	}
	at++;
	while ((*at >= '0' && *at <= '9') || *at == ':')
		appendStringInfoChar(known, *at++);
	if (*at != '.')
		return at;
	appendStringInfo(known, ".%.*s", (int) Min(strspn(at + 1, "0123456789"), 6), at + 1);
	fraction = at + 1;
	return fraction + strspn(fraction, "0123456789");
}

/* As an interval, with so many hours more.  Days would be added before them, and perhaps beyond the range. */
static char *
read_offset(const char *at, int hours)
{
	int minutes = 0;

	if (*at != '\0' && *at != 'Z')
		minutes = (at[1] - '0') * 600 + (at[2] - '0') * 60;
	if (strlen(at) > 3)
		minutes += atoi(at + strlen(at) - 2);
	return psprintf("%d minutes", hours * 60 + (*at == '-' ? -minutes : minutes));
}

static void
subtract_offset(void *argument)
{
	Shift *shift = argument;

	shift->instant = DirectFunctionCall2(timestamptz_mi_interval, shift->instant, shift->offset);
}
