/*
 * truth_value.c
 *	  Which value of a type PostgreSQL makes of a JSON value, by the rules of docs/types.md.
 */
#include "postgres.h"

#include "truth_value.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

static bool read_value(const TruthValue *value, Oid type, int32 typmod, Datum *result);
static bool read_array(const TruthValue *value, Oid element, int32 typmod, Datum *result);
static bool read_number(const char *text, Oid type, int32 typmod, Datum *result);
static bool read_integer(const char *text, int64 min, int64 max, Oid type, Datum *result);
static bool read_float(const char *text, Oid type, Datum *result);
static bool read_date(const TruthValue *value, Oid type, int32 typmod, Datum *result);
static bool read_other(const TruthValue *value, Oid type, int32 typmod, Datum *result);
static bool is_number(const char *text);
static void cast_date(void *argument);

typedef struct DateCast
{
	Datum instant;
	Oid type;
	int32 typmod;
	Datum result;
} DateCast;

/* What a column has for a value; NULL stands for one that is not there. */
TruthDatum
truth_datum(const TruthValue *value, Oid type, int32 typmod)
{
	TruthDatum truth = {TRUTH_FITS, true, (Datum) 0};
	Datum ignored;

	if (value == NULL || strncmp(value->text, "null", 4) == 0)
		return truth;
	truth.is_null = !read_value(value, type, typmod, &truth.value);
	if (!truth.is_null)
		return truth;
	truth.fit = TRUTH_MISMATCH;
	if (!is_number(value->text) && !truth_input("jsonb", pnstrdup(value->text, value->length), &ignored))
		truth.fit = TRUTH_UNSTORABLE;
	return truth;
}

static bool
read_value(const TruthValue *value, Oid type, int32 typmod, Datum *result)
{
	char *text = pnstrdup(value->text, value->length);
	Oid element = get_element_type(type);

	if (OidIsValid(element))
		return read_array(value, element, typmod, result);
	switch (type)
	{
		case BOOLOID:
			*result = BoolGetDatum(text[0] == 't');
			return text[0] == 't' || text[0] == 'f';
		case NUMERICOID:
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case FLOAT4OID:
		case FLOAT8OID:
			return is_number(text) && read_number(text, type, typmod, result);
		case DATEOID:
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
			return read_date(value, type, typmod, result);
		case JSONOID:
		case JSONBOID:
			return truth_input_oid(type, typmod, text, result);
		case NAMEOID:
			text = truth_string(text, value->length);
			return text && strlen(text) < NAMEDATALEN && truth_input_oid(type, typmod, text, result);
		default:
			return read_other(value, type, typmod, result);
	}
}

static bool
read_array(const TruthValue *value, Oid element, int32 typmod, Datum *result)
{
	int count = list_length(value->elements);
	Datum *datums = palloc0((count + 1) * sizeof(Datum));
	bool *nulls = palloc0((count + 1) * sizeof(bool));
	int lower_bound = 1;
	int16 length;
	bool by_value;
	char align;

	if (value->text[0] != '[')
		return false;
	for (int i = 0; i < count; i++)
	{
		TruthDatum truth = truth_datum(list_nth(value->elements, i), element, typmod);

		if (truth.fit != TRUTH_FITS)
			return false;
		datums[i] = truth.value;
		nulls[i] = truth.is_null;
	}
	get_typlenbyvalalign(element, &length, &by_value, &align);
	*result = PointerGetDatum(
		construct_md_array(datums, nulls, 1, &count, &lower_bound, element, length, by_value, align));
	return true;
}

static bool
read_number(const char *text, Oid type, int32 typmod, Datum *result)
{
	switch (type)
	{
		case INT2OID:
			return read_integer(text, PG_INT16_MIN, PG_INT16_MAX, type, result);
		case INT4OID:
			return read_integer(text, PG_INT32_MIN, PG_INT32_MAX, type, result);
		case INT8OID:
			return read_integer(text, PG_INT64_MIN, PG_INT64_MAX, type, result);
		case NUMERICOID:
			return truth_input_oid(NUMERICOID, typmod, text, result);
		default:
			return read_float(text, type, result);
	}
}

/* What numeric says is whole, and in range. */
static bool
read_integer(const char *text, int64 min, int64 max, Oid type, Datum *result)
{
	Datum number;
	char *digits;
	char *point;
	Datum whole;

	if (!truth_input("numeric", text, &number))
		return false;
	digits = truth_output(NUMERICOID, DirectFunctionCall1(numeric_trim_scale, number));
	point = strchr(digits, '.');
	if (point != NULL || !truth_input("int8", digits, &whole) || DatumGetInt64(whole) < min ||
		DatumGetInt64(whole) > max)
		return false;
	return truth_input_oid(type, -1, digits, result);
}

/* PostgreSQL refuses what is too small, too; the nearest number is zero. */
static bool
read_float(const char *text, Oid type, Datum *result)
{
	double nearest = strtod(text, NULL);

	if (truth_input_oid(type, -1, text, result))
		return true;
	if (fabs(nearest) > 1e-30)
		return false;
	*result = type == FLOAT4OID ? Float4GetDatum((float) nearest) : Float8GetDatum(nearest);
	return true;
}

static bool
read_date(const TruthValue *value, Oid type, int32 typmod, Datum *result)
{
	DateCast cast = {.type = type, .typmod = typmod};
	char *text = truth_string(value->text, value->length);
	Datum ignored;

	if (text == NULL || !truth_instant(text, strlen(text), &cast.instant) ||
		fuzz_call(cast_date, &cast).sqlstate != 0)
		return false;
	*result = cast.result;
	/* PostgreSQL rounds beyond its own range, to what it could not read again */
	return truth_input_oid(type, typmod, truth_output(type, *result), &ignored);
}

/* The session's zone is UTC. */
static void
cast_date(void *argument)
{
	DateCast *cast = argument;

	switch (cast->type)
	{
		case DATEOID:
			cast->result = DirectFunctionCall1(timestamptz_date, cast->instant);
			break;
		case TIMESTAMPOID:
			cast->result = DirectFunctionCall1(timestamptz_timestamp, cast->instant);
			if (cast->typmod >= 0)
				cast->result =
					DirectFunctionCall2(timestamp_scale, cast->result, Int32GetDatum(cast->typmod));
			break;
		default:
			cast->result = cast->instant;
			if (cast->typmod >= 0)
				cast->result =
					DirectFunctionCall2(timestamptz_scale, cast->result, Int32GetDatum(cast->typmod));
			break;
	}
}

/* Through the type's input function, from the JSON type that its category takes. */
static bool
read_other(const TruthValue *value, Oid type, int32 typmod, Datum *result)
{
	Oid base = getBaseType(type);
	char *text = pnstrdup(value->text, value->length);
	char category;
	bool preferred;

	get_type_category_preferred(base, &category, &preferred);
	if (base == JSONOID || base == JSONBOID)
		return truth_input_oid(type, typmod, text, result);
	if (category == TYPCATEGORY_NUMERIC)
		return is_number(text) && truth_input_oid(type, typmod, text, result);
	if (category == TYPCATEGORY_BOOLEAN)
		return (text[0] == 't' || text[0] == 'f') && truth_input_oid(type, typmod, text, result);
	text = truth_string(value->text, value->length);
	return text && truth_input_oid(type, typmod, text, result);
}

static bool
is_number(const char *text)
{
	return text[0] == '-' || (text[0] >= '0' && text[0] <= '9');
}
