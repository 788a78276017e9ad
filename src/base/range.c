/*
 * range.c
 *	  Ranges of ObjectIds, and how wide they are.
 *
 * An ObjectId is 12 bytes, written as 24 hexadecimal digits: the second it was made in, five bytes of
 * the process that made it, and a counter (MongoDB's manual, "ObjectId").  Read as one number it
 * grows with time, and within a second with the counter, so that halving a range of numbers
 * about halves what was made in it.  fetch.c divides its work between cursors this way.
 */
#include "postgres.h"

#include <math.h>

#include "base/range.h"

#include "access/xact.h"
#include "utils/timestamp.h"

#define ID_BYTES (RANGE_ID_LENGTH / 2)

static void read_bytes(const char *id, unsigned char *bytes);
static int get_digit_value(char digit);

/* Is it an ObjectId, as the service writes it?  Others do not compare as numbers do. */
bool
objectid_is_valid(const char *id)
{
	return strspn(id, "0123456789abcdef") == RANGE_ID_LENGTH && id[RANGE_ID_LENGTH] == '\0';
}

/*
 * About the ObjectId that a document made now would get: one for all scans of a statement, so that they ask
 * alike.
 */
char *
objectid_of_now(void)
{
	return psprintf("%08x%016x", (uint32) timestamptz_to_time_t(GetCurrentStatementStartTimestamp()), 0);
}

/* How far apart two ids are, as a fraction of all ids. */
double
objectid_width(const char *from, const char *to)
{
	unsigned char low[ID_BYTES];
	unsigned char high[ID_BYTES];
	double width = 0;

	read_bytes(from, low);
	read_bytes(to, high);
	/* byte by byte: the difference of two neighbours must not get lost in rounding */
	for (int i = 0; i < ID_BYTES; i++)
		width += ldexp((double) high[i] - low[i], -8 * (i + 1));
	return width;
}

/* The id half way between two. */
char *
objectid_middle(const char *from, const char *to)
{
	unsigned char low[ID_BYTES];
	unsigned char high[ID_BYTES];
	char *middle = palloc(RANGE_ID_LENGTH + 1);
	int sum[ID_BYTES + 1] = {0};
	int carry = 0;

	read_bytes(from, low);
	read_bytes(to, high);
	for (int i = ID_BYTES - 1; i >= 0; i--)
	{
		sum[i + 1] = low[i] + high[i] + carry;
		carry = sum[i + 1] >> 8;
		sum[i + 1] &= 0xff;
	}
	sum[0] = carry;
	for (int i = 0; i < ID_BYTES; i++)
		sprintf(middle + 2 * i, "%02x", ((sum[i] & 1) << 7) | (sum[i + 1] >> 1));
	return middle;
}

static void
read_bytes(const char *id, unsigned char *bytes)
{
	for (int i = 0; i < ID_BYTES; i++)
		bytes[i] = (get_digit_value(id[2 * i]) << 4) | get_digit_value(id[2 * i + 1]);
}

static int
get_digit_value(char digit)
{
	return digit <= '9' ? digit - '0' : digit - 'a' + 10;
}
