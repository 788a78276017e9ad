/*
 * objectid.c
 *	  MongoDB's ids: making one, and measuring how far apart two are.
 *
 * An ObjectId is 12 bytes, written as 24 hexadecimal digits: the second it was made in, five bytes of
 * the process that made it, and a counter (MongoDB's manual, "ObjectId").  Read as one number it
 * grows with time, and within a second with the counter, so that halving a range of numbers
 * about halves what was made in it.  fetch.c divides its work between cursors this way, and modify.c
 * makes the id of a new document where the option client_ids says so.
 */
#include "postgres.h"

#include <math.h>
#include <time.h>

#include "base/objectid.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "port.h"
#include "utils/formatting.h"
#include "utils/timestamp.h"

/* The bytes of an id. */
#define ID_BYTES (OBJECTID_LENGTH / 2)

/* The digits, in the order of bytes and of numbers. */
#define DIGITS "0123456789abcdef"

/* Random bytes of a process, and how many bits its counter has. */
#define RANDOM_SIZE  5
#define COUNTER_MASK 0xFFFFFF

static char *complete_digits(const char *digits, int count, char next, char fill);
static char *lower_digits(const char *digits, int count);
static char *raise_digits(const char *digits, int count);
static void read_objectid_bytes(const char *id, unsigned char *bytes);
static int get_digit_value(char digit);

/* Makes an id for a new document. */
char *
objectid_create(void)
{
	static int process = 0;
	static unsigned char random[RANDOM_SIZE];
	static uint32 counter;

	/* a forked process must not continue its parent's counter */
	if (process != MyProcPid)
	{
		if (!pg_strong_random(random, sizeof(random)) || !pg_strong_random(&counter, sizeof(counter)))
			ereport(ERROR, errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not generate random bytes"));
		process = MyProcPid;
	}
	counter = (counter + 1) & COUNTER_MASK;
	return psprintf("%08x%02x%02x%02x%02x%02x%06x", (uint32) time(NULL), random[0], random[1], random[2],
					random[3], random[4], counter);
}

/*
 * Tells whether a text is an ObjectId as the service writes it.  Other ids do not compare as numbers do.
 */
bool
objectid_is_valid(const char *id)
{
	return strspn(id, DIGITS) == OBJECTID_LENGTH && id[OBJECTID_LENGTH] == '\0';
}

/* Tells whether a text can be read as an ObjectId, which the service may write otherwise: in lower case. */
bool
objectid_is_cast(const char *id)
{
	return strspn(id, DIGITS "ABCDEF") == OBJECTID_LENGTH && id[OBJECTID_LENGTH] == '\0';
}

/* Tells whether two texts can be read as the same ObjectId, be it in other letters. */
bool
objectid_is_same(const char *one, const char *other)
{
	return objectid_is_cast(one) && pg_strcasecmp(one, other) == 0;
}

/* Returns the text that the service writes for an ObjectId, which may be given in other letters. */
char *
objectid_as_written(const char *id)
{
	return asc_tolower(id, OBJECTID_LENGTH);
}

/*
 * Returns the greatest text of an ObjectId that is less than a text, as bytes are compared; NULL when there
 * is none.
 */
char *
objectid_below(const char *text)
{
	int count = (int) Min(strspn(text, DIGITS), OBJECTID_LENGTH);
	unsigned char next = text[count];

	if (count == OBJECTID_LENGTH)
		return next ? pnstrdup(text, count) : lower_digits(text, count);
	for (int i = lengthof(DIGITS) - 2; i >= 0; i--)
	{
		if ((unsigned char) DIGITS[i] < next)
			return complete_digits(text, count, DIGITS[i], 'f');
	}
	return lower_digits(text, count);
}

/* Returns the least text of an ObjectId that is greater than a text; NULL when there is none. */
char *
objectid_above(const char *text)
{
	int count = (int) Min(strspn(text, DIGITS), OBJECTID_LENGTH);
	unsigned char next = text[count];

	for (int i = 0; i < lengthof(DIGITS) - 1 && count < OBJECTID_LENGTH; i++)
	{
		if ((unsigned char) DIGITS[i] > next)
			return complete_digits(text, count, DIGITS[i], '0');
	}
	return raise_digits(text, count);
}

/* Returns the least text of an ObjectId that is greater than all that begins so; NULL when there is none. */
char *
objectid_behind_prefix(const char *prefix)
{
	int count = (int) strspn(prefix, DIGITS);

	if (count >= OBJECTID_LENGTH || prefix[count] == '\0')
		return raise_digits(prefix, Min(count, OBJECTID_LENGTH));
	return objectid_above(prefix);
}

/*
 * Returns about the ObjectId that a document made now would get.  All scans of a statement get the same
 * one, so that they send the same requests.
 */
char *
objectid_of_now(void)
{
	return psprintf("%08x%016x", (uint32) timestamptz_to_time_t(GetCurrentStatementStartTimestamp()), 0);
}

/* Returns how far apart two ids are, as a fraction of all ids. */
double
objectid_width(const char *from, const char *to)
{
	unsigned char low[ID_BYTES];
	unsigned char high[ID_BYTES];
	double width = 0;

	read_objectid_bytes(from, low);
	read_objectid_bytes(to, high);
	/* byte by byte, so that the difference of two neighbours is not lost in rounding */
	for (int i = 0; i < ID_BYTES; i++)
		width += ldexp((double) high[i] - low[i], -8 * (i + 1));
	return width;
}

/* Returns the id half way between two others. */
char *
objectid_middle(const char *from, const char *to)
{
	unsigned char low[ID_BYTES];
	unsigned char high[ID_BYTES];
	char *middle = palloc(OBJECTID_LENGTH + 1);
	int sum[ID_BYTES + 1] = {0};
	int carry = 0;

	read_objectid_bytes(from, low);
	read_objectid_bytes(to, high);
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

/* Makes an id of some digits, one that follows, and others that fill it. */
static char *
complete_digits(const char *digits, int count, char next, char fill)
{
	char *id = palloc(OBJECTID_LENGTH + 1);

	memset(id, fill, OBJECTID_LENGTH);
	memcpy(id, digits, count);
	id[count] = next;
	id[OBJECTID_LENGTH] = '\0';
	return id;
}

/* Returns the greatest id that is less than these digits; NULL when all of them are 0. */
static char *
lower_digits(const char *digits, int count)
{
	while (count > 0 && digits[count - 1] == '0')
		count--;
	if (count == 0)
		return NULL;
	return complete_digits(digits, count - 1, strchr(DIGITS, digits[count - 1])[-1], 'f');
}

/* Returns the least id that is greater than all that begin with these digits; NULL when all of them are f. */
static char *
raise_digits(const char *digits, int count)
{
	while (count > 0 && digits[count - 1] == 'f')
		count--;
	if (count == 0)
		return NULL;
	return complete_digits(digits, count - 1, strchr(DIGITS, digits[count - 1])[1], '0');
}

/* Reads the digits of an id as 12 bytes. */
static void
read_objectid_bytes(const char *id, unsigned char *bytes)
{
	for (int i = 0; i < ID_BYTES; i++)
		bytes[i] = (get_digit_value(id[2 * i]) << 4) | get_digit_value(id[2 * i + 1]);
}

static int
get_digit_value(char digit)
{
	return digit <= '9' ? digit - '0' : digit - 'a' + 10;
}
