/*
 * iso8601.c
 *	  The dates of the service: ISO 8601 as JavaScript writes and reads it.
 *
 * PostgreSQL's own input function takes far more than that, and reads a date
 * without a zone in the session's; the service means UTC.  Called by convert.c, which
 * reads dates, by encode.c, which writes them into documents, and by the files that make filters.
 */
#include "postgres.h"

#include "json/iso8601.h"

#include "utils/datetime.h"
#include "utils/timestamp.h"

typedef struct Reader
{
	const char *at;  /* This is the next character. */
	const char *end; /* This is behind the last one. */
} Reader;

static bool read_digits(Reader *reader, int count, int *number);
static bool read_char(Reader *reader, char c);
static bool read_date(Reader *reader, int *julian);
static bool read_time(Reader *reader, int64 *microseconds);
static bool read_fraction(Reader *reader, int64 *microseconds);
static bool read_zone(Reader *reader, int64 *offset);

/*
 * Reads YYYY-MM-DD, or that with a time: THH:MM[:SS[.fraction]][Z|+HH:MM|+HHMM|+HH].  A date alone is
 * midnight UTC, and a time without a zone is in UTC.  Years beyond 9999 have a sign and six digits.
 * Returns false when the text is not such a date, or is out of range.
 */
bool
iso8601_to_timestamptz(const char *text, int length, TimestampTz *result)
{
	Reader reader = {text, text + length};
	int julian;
	int64 time = 0;
	int64 offset = 0;

	if (!read_date(&reader, &julian))
		return false;
	if (reader.at < reader.end)
	{
		if (!read_char(&reader, 'T') && !read_char(&reader, ' '))
			return false;
		if (!read_time(&reader, &time) || !read_zone(&reader, &offset) || reader.at < reader.end)
			return false;
	}
	/* a day too many on either side may still be taken back by the offset; years beyond would overflow */
	if (julian < DATETIME_MIN_JULIAN - 1 || julian > TIMESTAMP_END_JULIAN)
		return false;
	*result = (julian - POSTGRES_EPOCH_JDATE) * USECS_PER_DAY + time - offset;
	return IS_VALID_TIMESTAMP(*result);
}

/* Writes a finite instant, cut to the millisecond that it lies in. */
char *
iso8601_from_timestamptz(TimestampTz instant)
{
	int64 days = instant / USECS_PER_DAY;
	int64 milliseconds = instant % USECS_PER_DAY;
	int year;
	int month;
	int day;
	const char *sign;

	if (milliseconds < 0)
	{
		/* division rounds towards zero, days have to be rounded down */
		milliseconds += USECS_PER_DAY;
		days--;
	}
	milliseconds /= 1000;
	j2date((int) days + POSTGRES_EPOCH_JDATE, &year, &month, &day);
	sign = year < 0 ? "-" : year > 9999 ? "+" : "";
	return psprintf("%s%0*d-%02d-%02dT%02d:%02d:%02d.%03dZ", sign, sign[0] ? 6 : 4, abs(year), month, day,
					(int) (milliseconds / 3600000), (int) (milliseconds / 60000 % 60),
					(int) (milliseconds / 1000 % 60), (int) (milliseconds % 1000));
}

static bool
read_digits(Reader *reader, int count, int *number)
{
	*number = 0;
	for (int i = 0; i < count; i++)
	{
		if (reader->at == reader->end || *reader->at < '0' || *reader->at > '9')
			return false;
		*number = *number * 10 + (*reader->at++ - '0');
	}
	return true;
}

static bool
read_char(Reader *reader, char c)
{
	if (reader->at == reader->end || *reader->at != c)
		return false;
	reader->at++;
	return true;
}

static bool
read_date(Reader *reader, int *julian)
{
	int year;
	int month;
	int day;
	bool negative = read_char(reader, '-');
	bool extended = negative || read_char(reader, '+');

	if (!read_digits(reader, extended ? 6 : 4, &year) || !read_char(reader, '-') ||
		!read_digits(reader, 2, &month) || !read_char(reader, '-') || !read_digits(reader, 2, &day))
		return false;
	if (negative)
		year = -year;
	if (month < 1 || month > MONTHS_PER_YEAR || day < 1 || day > day_tab[isleap(year)][month - 1] ||
		!IS_VALID_JULIAN(year, month, day))
		return false;
	*julian = date2j(year, month, day);
	return true;
}

static bool
read_time(Reader *reader, int64 *microseconds)
{
	int hour;
	int minute;
	int second = 0;
	int64 fraction = 0;

	if (!read_digits(reader, 2, &hour) || !read_char(reader, ':') || !read_digits(reader, 2, &minute))
		return false;
	if (read_char(reader, ':') &&
		(!read_digits(reader, 2, &second) || (read_char(reader, '.') && !read_fraction(reader, &fraction))))
		return false;
	*microseconds = ((hour * 60 + minute) * INT64CONST(60) + second) * USECS_PER_SEC + fraction;
	return minute < 60 && second < 60 && *microseconds <= USECS_PER_DAY;
}

/* Reads any number of digits, cut to microseconds as the service itself cuts to milliseconds. */
static bool
read_fraction(Reader *reader, int64 *microseconds)
{
	int digit;
	int digits = 0;

	*microseconds = 0;
	while (read_digits(reader, 1, &digit))
	{
		if (digits++ < 6)
			*microseconds = *microseconds * 10 + digit;
	}
	for (int i = digits; i < 6; i++)
		*microseconds *= 10;
	return digits > 0;
}

static bool
read_zone(Reader *reader, int64 *offset)
{
	bool west;
	int hours;
	int minutes = 0;

	*offset = 0;
	if (reader->at == reader->end || read_char(reader, 'Z'))
		return true;
	west = read_char(reader, '-');
	if (!west && !read_char(reader, '+'))
		return false;
	if (!read_digits(reader, 2, &hours))
		return false;
	if (reader->at < reader->end)
	{
		(void) read_char(reader, ':');
		if (!read_digits(reader, 2, &minutes))
			return false;
	}
	*offset = (hours * 60 + minutes) * USECS_PER_MINUTE * (west ? -1 : 1);
	return hours < 24 && minutes < 60;
}
