/*
 * number.c
 *	  Which of JSON's numbers numeric can hold.
 *
 * JSON has no limits on numbers, and numeric_in() raises an error beyond its own.
 * Asked by convert.c and jsonb_build.c.
 */
#include "postgres.h"

#include <limits.h>

#include "json/number.h"

/* numeric can hold so many digits before and after the decimal point. */
#define NUMERIC_DIGITS_BEFORE 131072
#define NUMERIC_DIGITS_AFTER  16383

/* numeric_in takes no larger exponent, not even of zero. */
#define NUMERIC_EXPONENT (INT_MAX / 2)

/* Shorter numbers without an exponent fit numeric. */
#define SURELY_NUMERIC 1000

/*
 * Tells whether numeric can hold a number.  numeric_in has limits on both sides of the decimal point, and
 * raises an error beyond them.
 */
bool
number_fits_numeric(const char *text, int length)
{
	const char *end = text + length;
	const char *exponent = text;
	const char *point;
	const char *first;
	int before;
	int after;
	long shift;

	while (exponent < end && *exponent != 'e' && *exponent != 'E')
		exponent++;
	if (exponent == end && length < SURELY_NUMERIC)
		return true;
	point = memchr(text, '.', exponent - text);
	point = point ? point : exponent;
	/* zeros in front do not count, and zero has no digits at all */
	first = text;
	while (first < exponent && (*first == '-' || *first == '0' || *first == '.'))
		first++;
	before = (first == exponent) ? -NUMERIC_EXPONENT : (first < point) ? point - first : point + 1 - first;
	after = (point < exponent) ? exponent - point - 1 : 0;
	shift = (exponent < end) ? strtol(exponent + 1, NULL, 10) : 0;
	if (shift >= NUMERIC_EXPONENT || shift <= -NUMERIC_EXPONENT)
		return false;
	return before + shift <= NUMERIC_DIGITS_BEFORE && after - shift <= NUMERIC_DIGITS_AFTER;
}
