/*
 * scalar.c
 *	  SQL values as the bounds of a filter.
 *
 * The service holds numbers as doubles and dates as milliseconds; SQL has finer ones.  Both
 * are mapped so that order is kept: what is not less there was not less here.  deparse.c
 * decides what a bound excludes.
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "json/scalar.h"

#include "base/compat.h"
#include "catalog/pg_type.h"
#include "common/shortest_dec.h"
#include "json/iso8601.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

/* JavaScript's dates are 100,000,000 days on both sides of 1970. */
#define EPOCH_SHIFT  ((int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY)
#define LAST_INSTANT (INT64CONST(100000000) * USECS_PER_DAY - EPOCH_SHIFT)

static WalcuScalarNumber number_of_double(double value);
static WalcuScalarNumber number_of_numeric(Numeric numeric);
static Numeric numeric_of_text(const char *text);

/* Returns the service's number for a value of int2, int4, int8, float4, float8 or numeric. */
WalcuScalarNumber
scalar_number(Datum value, Oid type)
{
	switch (type)
	{
		case INT2OID:
			return number_of_double(DatumGetInt16(value));
		case INT4OID:
			return number_of_double(DatumGetInt32(value));
		case INT8OID:
			return number_of_numeric(int64_to_numeric(DatumGetInt64(value)));
		case FLOAT4OID:
			return number_of_double(DatumGetFloat4(value));
		case FLOAT8OID:
			return number_of_double(DatumGetFloat8(value));
		case NUMERICOID:
			return number_of_numeric(DatumGetNumeric(value));
		default:
			elog(ERROR, "type %u is no number", type);
	}
}

/* Returns the number of a double.  SQL's NaN is greater than every number, as infinity is. */
static WalcuScalarNumber
number_of_double(double value)
{
	WalcuScalarNumber number = {isnan(value) ? INFINITY : value, true};

	return number;
}

static WalcuScalarNumber
number_of_numeric(Numeric numeric)
{
	WalcuScalarNumber number = {INFINITY, false};

	if (numeric_is_nan(numeric))
		return number;
	number.value = strtod(DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(numeric))), NULL);
	if (!isinf(number.value))
		number.canonical = DatumGetBool(
			DirectFunctionCall2(numeric_eq, NumericGetDatum(numeric),
								NumericGetDatum(numeric_of_text(scalar_number_json(number.value)))));
	return number;
}

static Numeric
numeric_of_text(const char *text)
{
	return DatumGetNumeric(DirectFunctionCall3(numeric_in, CStringGetDatum(text),
											   ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
}

/* Returns the shortest text of a finite double, as the service itself prints it. */
char *
scalar_number_json(double number)
{
	char *text = palloc(DOUBLE_SHORTEST_DECIMAL_LEN);

	double_to_shortest_decimal_buf(number, text);
	return text;
}

/*
 * Tells whether a text is a number as JSON and PostgreSQL's numeric both write it: digits, perhaps with a
 * minus and a fraction, and no exponent.
 */
bool
scalar_is_plain_number(const char *text)
{
	const char *digits = text + (text[0] == '-');
	size_t whole = strspn(digits, "0123456789");
	size_t fraction = (digits[whole] == '.') ? strspn(digits + whole + 1, "0123456789") : 0;
	const char *end = digits + whole + (digits[whole] == '.') + fraction;

	if (whole == 0 || (digits[0] == '0' && whole > 1) || (digits[whole] == '.' && fraction == 0))
		return false;
	return end[0] == '\0';
}

/*
 * Finds the least and the greatest number that becomes this one by rounding, by so much at most or to
 * float4 (single).
 */
void
scalar_number_range(double number, double rounding, bool single, double *least, double *greatest)
{
	*least = nextafter(number - rounding, -INFINITY);
	*greatest = nextafter(number + rounding, INFINITY);
	if (single)
	{
		*least = Min(*least, nextafterf((float) number, -INFINITY));
		*greatest = Max(*greatest, nextafterf((float) number, INFINITY));
	}
	*least = Max(*least, -DBL_MAX);
	*greatest = Min(*greatest, DBL_MAX);
}

/* Returns the instant of a timestamptz, or the one at which a clock shows a timestamp, or a date begins. */
TimestampTz
scalar_instant(Datum value, Oid type, WalcuScalarClock clock)
{
	Timestamp timestamp;

	switch (type)
	{
		case TIMESTAMPTZOID:
			return DatumGetTimestampTz(value);
		case DATEOID:
			timestamp = compat_date_to_timestamp(DatumGetDateADT(value));
			break;
		case TIMESTAMPOID:
			timestamp = DatumGetTimestamp(value);
			break;
		default:
			elog(ERROR, "type %u is no date", type);
	}
	if (clock == WALCU_CLOCK_UTC || TIMESTAMP_NOT_FINITE(timestamp))
		return timestamp;
	return compat_timestamp_to_timestamptz(timestamp);
}

/* Tells whether an instant is finite and among the service's dates. */
bool
scalar_instant_is_finite(TimestampTz instant)
{
	return !TIMESTAMP_NOT_FINITE(instant) && instant <= LAST_INSTANT;
}

/* Returns an instant so much later than a finite one, within what dates can be. */
TimestampTz
scalar_instant_shifted(TimestampTz instant, int64 microseconds)
{
	return Max(Min(instant + microseconds, LAST_INSTANT), MIN_TIMESTAMP);
}

/* Returns the JSON of the millisecond that a finite instant lies in. */
char *
scalar_instant_json(TimestampTz instant)
{
	return psprintf("\"%s\"", iso8601_from_timestamptz(instant));
}

/* Returns the characters of a string type's value. */
char *
scalar_text(Datum value, Oid type)
{
	Oid output;
	bool is_varlena;

	getTypeOutputInfo(type, &output, &is_varlena);
	return OidOutputFunctionCall(output, value);
}
