/*
 * same_value.c
 *	  Whether a value came back as it was sent.
 *
 * A service writes values in its own way: it sets defaults, gives parts ids of their own, keeps no empty
 * objects, rounds dates to milliseconds and numbers to doubles, casts "5" to 5 and back, milliseconds since
 * 1970 to dates, "yes" to true, and what is no array to an array of that.  What came back is the same where
 * it has all that was sent, in whichever spelling.
 */
#include "postgres.h"

#include "modify/same_value.h"

#include <math.h>

#include "base/objectid.h"
#include "json/iso8601.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/numeric.h"

/* PostgreSQL counts time from 2000, JavaScript from 1970. */
#define EPOCH_DIFFERENCE_MS ((POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * (double) SECS_PER_DAY * 1000)

static bool are_members_kept(JsonbContainer *sent, const JsonbValue *got);
static bool are_elements_kept(JsonbContainer *sent, const JsonbValue *got);
static bool are_scalars_alike(const JsonbValue *sent, const JsonbValue *got);
static bool is_cast_to_boolean(const char *sent, bool got);
static bool is_instant_in_milliseconds(const char *sent, const char *got);
static bool are_strings_alike(const char *sent, const char *got);
static bool read_instant(const char *text, TimestampTz *instant);
static char *get_scalar_text(const JsonbValue *value);

/* Tells whether what was sent is in what came back, which is NULL where nothing did. */
bool
same_value_is_kept(const JsonbValue *sent, const JsonbValue *got)
{
	check_stack_depth();
	if (sent->type == jbvNull)
		return same_value_is_nothing(got);
	if (same_value_is_wrapped(sent, got))
		return same_value_is_kept(sent, getIthJsonbValueFromContainer(got->val.binary.data, 0));
	if (sent->type == jbvBinary && JsonContainerIsObject(sent->val.binary.data))
		return are_members_kept(sent->val.binary.data, got);
	if (sent->type == jbvBinary)
		return are_elements_kept(sent->val.binary.data, got);
	return got && got->type != jbvBinary && got->type != jbvNull && are_scalars_alike(sent, got);
}

/* Tells whether an array of one element came back for what is no array. */
bool
same_value_is_wrapped(const JsonbValue *sent, const JsonbValue *got)
{
	return got && got->type == jbvBinary && JsonContainerIsArray(got->val.binary.data) &&
		   JsonContainerSize(got->val.binary.data) == 1 &&
		   !(sent->type == jbvBinary && JsonContainerIsArray(sent->val.binary.data));
}

/* Tells whether there is nothing, or nothing in it: services make empty objects and arrays of their own. */
bool
same_value_is_nothing(const JsonbValue *value)
{
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue part;

	check_stack_depth();
	if (value == NULL || value->type == jbvNull)
		return true;
	if (value->type != jbvBinary)
		return false;
	if (JsonContainerIsArray(value->val.binary.data))
		return JsonContainerSize(value->val.binary.data) == 0;
	iterator = JsonbIteratorInit(value->val.binary.data);
	while ((token = JsonbIteratorNext(&iterator, &part, true)) != WJB_DONE)
	{
		if (token == WJB_VALUE && !same_value_is_nothing(&part))
			return false;
	}
	return true;
}

static bool
are_members_kept(JsonbContainer *sent, const JsonbValue *got)
{
	JsonbContainer *object = NULL;
	JsonbIterator *iterator = JsonbIteratorInit(sent);
	JsonbIteratorToken token;
	JsonbValue key;
	JsonbValue value;

	if (got && got->type == jbvBinary && JsonContainerIsObject(got->val.binary.data))
		object = got->val.binary.data;
	else if (got && got->type != jbvNull)
		return false;
	while ((token = JsonbIteratorNext(&iterator, &key, true)) != WJB_DONE)
	{
		JsonbValue *member = NULL;

		if (token != WJB_KEY)
			continue;
		JsonbIteratorNext(&iterator, &value, true);
		if (object)
			member = getKeyJsonValueFromContainer(object, key.val.string.val, key.val.string.len, NULL);
		if (!same_value_is_kept(&value, member))
			return false;
	}
	return true;
}

static bool
are_elements_kept(JsonbContainer *sent, const JsonbValue *got)
{
	JsonbContainer *array;

	if (same_value_is_nothing(got))
		return JsonContainerSize(sent) == 0;
	if (got->type != jbvBinary || !JsonContainerIsArray(got->val.binary.data))
		return false;
	array = got->val.binary.data;
	if (JsonContainerSize(array) != JsonContainerSize(sent))
		return false;
	for (uint32 i = 0; i < JsonContainerSize(sent); i++)
	{
		if (!same_value_is_kept(getIthJsonbValueFromContainer(sent, i),
								getIthJsonbValueFromContainer(array, i)))
			return false;
	}
	return true;
}

static bool
are_scalars_alike(const JsonbValue *sent, const JsonbValue *got)
{
	char *one = get_scalar_text(sent);
	char *other = get_scalar_text(got);
	char *one_end;
	char *other_end;
	double number;

	if (strcmp(one, other) == 0)
		return true;
	if (sent->type == jbvString && got->type == jbvString && are_strings_alike(one, other))
		return true;
	if (got->type == jbvBool)
		return is_cast_to_boolean(one, got->val.boolean);
	if (sent->type == jbvBool)
		return strcmp(other, sent->val.boolean ? "1" : "0") == 0;
	if (got->type == jbvString && is_instant_in_milliseconds(one, other))
		return true;
	if (sent->type == jbvString && got->type == jbvString)
		return false;
	number = strtod(one, &one_end);
	return one_end != one && *one_end == '\0' && strtod(other, &other_end) == number && other_end != other &&
		   *other_end == '\0';
}

/* Tells whether Mongoose makes a Boolean of a text. */
static bool
is_cast_to_boolean(const char *sent, bool got)
{
	static const char *const words[] = {"0", "1", "no", "yes"};

	for (int i = 0; i < lengthof(words); i++)
	{
		if (strcmp(words[i], sent) == 0)
			return got == i % 2;
	}
	return false;
}

/* Tells whether a number, which may have been sent as a string, is a date in milliseconds since 1970. */
static bool
is_instant_in_milliseconds(const char *sent, const char *got)
{
	TimestampTz instant;
	char *end;
	double milliseconds = strtod(sent, &end);

	return end != sent && *end == '\0' && read_instant(got, &instant) &&
		   fabs(milliseconds - (instant / 1000.0 + EPOCH_DIFFERENCE_MS)) < 1;
}

/* Tells whether two strings are one date, rounded to milliseconds or cut, or one ObjectId. */
static bool
are_strings_alike(const char *sent, const char *got)
{
	TimestampTz one;
	TimestampTz other;

	if (read_instant(sent, &one) && read_instant(got, &other))
		return one - other <= 1000 && other - one <= 1000;
	return objectid_is_same(sent, got);
}

static bool
read_instant(const char *text, TimestampTz *instant)
{
	return iso8601_to_timestamptz(text, strlen(text), instant);
}

static char *
get_scalar_text(const JsonbValue *value)
{
	switch (value->type)
	{
		case jbvString:
			return pnstrdup(value->val.string.val, value->val.string.len);
		case jbvNumeric:
			return DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(value->val.numeric)));
		default:
			return pstrdup(value->val.boolean ? "true" : "false");
	}
}
