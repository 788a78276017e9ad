/*
 * convert.c
 *	  One JSON value into one Datum of a column's type, or the word that it does not fit.
 *
 * Called by decode.c for each wanted value.  Conversion is total: no value of
 * the service raises an error here.  The rules are strict (a text column takes
 * strings only), so that a condition means the same here and at the service.
 */
#include "postgres.h"

#include <math.h>

#include "base/fixed_settings.h"
#include "catalog/pg_type.h"
#include "json/convert.h"
#include "json/iso8601.h"
#include "json/jsonb_build.h"
#include "json/number.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

/* An integer of no more characters fits int8. */
#define SURELY_INT8 18

/* No jsonb of a text as long as this comes near the limits of a jsonb; jsonb_in() knows them. */
#define LONGEST_BUILT_TEXT (4 * 1024 * 1024)

static bool convert_boolean(const WalcuConverter *converter, WalcuJson *value, Datum *result);
static bool convert_text(const WalcuConverter *converter, WalcuJson *value, Datum *result);
static bool convert_name(const WalcuConverter *converter, WalcuJson *value, Datum *result);
static bool convert_numeric(const WalcuConverter *converter, WalcuJson *value, Datum *result);
static bool convert_int2(const WalcuConverter *converter, WalcuJson *value, Datum *result);
static bool convert_int4(const WalcuConverter *converter, WalcuJson *value, Datum *result);
static bool convert_int8(const WalcuConverter *converter, WalcuJson *value, Datum *result);
static bool convert_float4(const WalcuConverter *converter, WalcuJson *value, Datum *result);
static bool convert_float8(const WalcuConverter *converter, WalcuJson *value, Datum *result);
static bool convert_date(const WalcuConverter *converter, WalcuJson *value, Datum *result);
static bool convert_timestamp(const WalcuConverter *converter, WalcuJson *value, Datum *result);
static bool convert_jsonb(const WalcuConverter *converter, WalcuJson *value, Datum *result);
static bool convert_json(const WalcuConverter *converter, WalcuJson *value, Datum *result);
static bool convert_array(const WalcuConverter *converter, WalcuJson *value, Datum *result);
static bool convert_by_input(const WalcuConverter *converter, WalcuJson *value, Datum *result);

/*
 * These types have a conversion of their own; of types with a type modifier, only those whose conversion
 * honours it. Every other type goes through its input function.
 */
static const struct
{
	Oid type;
	WalcuConvert convert;
	bool honours_typmod;
} conversions[] = {
	{BOOLOID, convert_boolean, false},       {TEXTOID, convert_text, false},
	{VARCHAROID, convert_text, false},       {BPCHAROID, convert_text, false},
	{NAMEOID, convert_name, false},          {NUMERICOID, convert_numeric, false},
	{INT2OID, convert_int2, false},          {INT4OID, convert_int4, false},
	{INT8OID, convert_int8, false},          {FLOAT4OID, convert_float4, false},
	{FLOAT8OID, convert_float8, false},      {DATEOID, convert_date, false},
	{TIMESTAMPOID, convert_timestamp, true}, {TIMESTAMPTZOID, convert_timestamp, true},
	{JSONBOID, convert_jsonb, false},        {JSONOID, convert_json, false},
};

static void prepare_array(WalcuConverter *converter, Oid element_type, int32 typmod);
static void prepare_input(WalcuConverter *converter, Oid type);
static bool read_integer(WalcuJson *value, int64 min, int64 max, int64 *result);
static bool is_integer_number(const WalcuJson *value);
static bool read_date_value(const WalcuJson *value, TimestampTz *result);
static JsonTokenType next_element(JsonLexContext *lex, WalcuJson *element);

/* Finds out how to make values of a type.  What it allocates is in the current memory context. */
void
convert_prepare(WalcuConverter *converter, Oid type, int32 typmod)
{
	Oid element_type = get_element_type(type);

	converter->typmod = typmod;
	converter->keeps_text = (getBaseType(type) == JSONOID);
	for (int i = 0; i < lengthof(conversions); i++)
	{
		if (conversions[i].type == type && (typmod == -1 || conversions[i].honours_typmod))
		{
			converter->convert = conversions[i].convert;
			return;
		}
	}
	if (OidIsValid(element_type))
		prepare_array(converter, element_type, typmod);
	else
		prepare_input(converter, type);
}

static void
prepare_array(WalcuConverter *converter, Oid element_type, int32 typmod)
{
	converter->convert = convert_array;
	converter->element_type = element_type;
	get_typlenbyvalalign(element_type, &converter->element_length, &converter->element_by_value,
						 &converter->element_align);
	converter->element = palloc0(sizeof(WalcuConverter));
	convert_prepare(converter->element, element_type, typmod);
	converter->settings = converter->element->settings;
}

static void
prepare_input(WalcuConverter *converter, Oid type)
{
	Oid base = getBaseType(type);
	bool preferred;

	converter->convert = convert_by_input;
	converter->input = palloc0(sizeof(WalcuTypeInput));
	type_input_prepare(converter->input, type, converter->typmod);
	get_type_category_preferred(base, &converter->category, &preferred);
	converter->settings = fixed_settings_of_type(type);
	converter->takes_any = (base == JSONBOID || base == JSONOID);
}

static bool
convert_boolean(const WalcuConverter *converter, WalcuJson *value, Datum *result)
{
	*result = BoolGetDatum(value->type == JSON_TOKEN_TRUE);
	return value->type == JSON_TOKEN_TRUE || value->type == JSON_TOKEN_FALSE;
}

static bool
convert_text(const WalcuConverter *converter, WalcuJson *value, Datum *result)
{
	const char *text;
	int length;

	if (!convert_string(value, &text, &length))
		return false;
	*result = PointerGetDatum(cstring_to_text_with_len(text, length));
	return true;
}

static bool
convert_name(const WalcuConverter *converter, WalcuJson *value, Datum *result)
{
	const char *text;
	int length;

	if (!convert_string(value, &text, &length) || length >= NAMEDATALEN)
		return false;
	*result = DirectFunctionCall1(namein, CStringGetDatum(pnstrdup(text, length)));
	return true;
}

static bool
convert_numeric(const WalcuConverter *converter, WalcuJson *value, Datum *result)
{
	if (value->type != JSON_TOKEN_NUMBER || !number_fits_numeric(value->text, value->length))
		return false;
	if (is_integer_number(value) && value->length <= SURELY_INT8)
		*result = NumericGetDatum(int64_to_numeric(strtoll(value->text, NULL, 10)));
	else
		*result = DirectFunctionCall3(numeric_in, CStringGetDatum(pnstrdup(value->text, value->length)),
									  ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1));
	return true;
}

static bool
convert_int2(const WalcuConverter *converter, WalcuJson *value, Datum *result)
{
	int64 number;

	if (!read_integer(value, PG_INT16_MIN, PG_INT16_MAX, &number))
		return false;
	*result = Int16GetDatum((int16) number);
	return true;
}

static bool
convert_int4(const WalcuConverter *converter, WalcuJson *value, Datum *result)
{
	int64 number;

	if (!read_integer(value, PG_INT32_MIN, PG_INT32_MAX, &number))
		return false;
	*result = Int32GetDatum((int32) number);
	return true;
}

static bool
convert_int8(const WalcuConverter *converter, WalcuJson *value, Datum *result)
{
	int64 number;

	if (!read_integer(value, PG_INT64_MIN, PG_INT64_MAX, &number))
		return false;
	*result = Int64GetDatum(number);
	return true;
}

/* Reads an integer.  JSON has one kind of number: 3, 3.0 and 3e0 are the same integer. */
static bool
read_integer(WalcuJson *value, int64 min, int64 max, int64 *result)
{
	if (is_integer_number(value) && value->length <= SURELY_INT8)
		*result = strtoll(value->text, NULL, 10);
	else
	{
		Datum number;
		Datum whole;

		if (!convert_numeric(NULL, value, &number))
			return false;
		whole = DirectFunctionCall2(numeric_trunc, number, Int32GetDatum(0));
		if (!DatumGetBool(DirectFunctionCall2(numeric_eq, number, whole)) ||
			DatumGetBool(DirectFunctionCall2(numeric_lt, number, NumericGetDatum(int64_to_numeric(min)))) ||
			DatumGetBool(DirectFunctionCall2(numeric_gt, number, NumericGetDatum(int64_to_numeric(max)))))
			return false;
		*result = DatumGetInt64(DirectFunctionCall1(numeric_int8, number));
	}
	return *result >= min && *result <= max;
}

static bool
is_integer_number(const WalcuJson *value)
{
	if (value->type != JSON_TOKEN_NUMBER)
		return false;
	for (int i = 0; i < value->length; i++)
	{
		if (value->text[i] == '.' || value->text[i] == 'e' || value->text[i] == 'E')
			return false;
	}
	return true;
}

static bool
convert_float4(const WalcuConverter *converter, WalcuJson *value, Datum *result)
{
	float number = value->type == JSON_TOKEN_NUMBER ? strtof(value->text, NULL) : INFINITY;

	*result = Float4GetDatum(number);
	return !isinf(number);
}

static bool
convert_float8(const WalcuConverter *converter, WalcuJson *value, Datum *result)
{
	double number = value->type == JSON_TOKEN_NUMBER ? strtod(value->text, NULL) : INFINITY;

	*result = Float8GetDatum(number);
	return !isinf(number);
}

/* Converts a date, which is the day in UTC. */
static bool
convert_date(const WalcuConverter *converter, WalcuJson *value, Datum *result)
{
	TimestampTz instant;
	DateADT day;

	if (!read_date_value(value, &instant))
		return false;
	day = (DateADT) (instant / USECS_PER_DAY);
	if (instant % USECS_PER_DAY < 0)
		day--; /* division rounds towards zero, days have to be rounded down */
	*result = DateADTGetDatum(day);
	return true;
}

/* timestamp has the clock of UTC, so both types have the same representation. */
static bool
convert_timestamp(const WalcuConverter *converter, WalcuJson *value, Datum *result)
{
	TimestampTz instant;

	if (!read_date_value(value, &instant))
		return false;
	*result = TimestampTzGetDatum(instant);
	if (converter->typmod != -1)
		*result = DirectFunctionCall2(timestamp_scale, *result, Int32GetDatum(converter->typmod));
	/* PostgreSQL rounds the last instants of its range to ones beyond it, which it could not read again */
	return IS_VALID_TIMESTAMP(DatumGetTimestamp(*result));
}

static bool
read_date_value(const WalcuJson *value, TimestampTz *result)
{
	const char *text;
	int length;

	return convert_string(value, &text, &length) && iso8601_to_timestamptz(text, length, result);
}

static bool
convert_jsonb(const WalcuConverter *converter, WalcuJson *value, Datum *result)
{
	char behind = value->text[value->length];

	if (value->length <= LONGEST_BUILT_TEXT)
		return jsonb_build(value->text, value->length, result);
	if (!convert_is_storable(value))
		return false;
	value->text[value->length] = '\0';
	*result = DirectFunctionCall1(jsonb_in, CStringGetDatum(value->text));
	value->text[value->length] = behind;
	return true;
}

/* Converts to json, which keeps the text as it is. */
static bool
convert_json(const WalcuConverter *converter, WalcuJson *value, Datum *result)
{
	*result = PointerGetDatum(cstring_to_text_with_len(value->text, value->length));
	return true;
}

/* Converts an array, element by element.  A null element is NULL; an array within the array does not fit. */
static bool
convert_array(const WalcuConverter *converter, WalcuJson *value, Datum *result)
{
	JsonLexContext *lex;
	WalcuJson element = {.suspect = value->suspect};
	WalcuArrayDraft draft = {0};

	if (value->type != JSON_TOKEN_ARRAY_START)
		return false;
	lex = compat_json_lexer(value->text, value->length, false);
	json_lex(lex); /* this is the opening bracket */
	while (next_element(lex, &element) != JSON_TOKEN_ARRAY_END)
	{
		if (!convert_add_element(converter, &draft, &element))
			return false;
	}
	*result = convert_make_array(converter, &draft);
	return true;
}

/* Adds an element to an array that is being made; returns false when it does not fit. */
bool
convert_add_element(const WalcuConverter *converter, WalcuArrayDraft *draft, WalcuJson *value)
{
	int at = draft->count++;

	if (draft->size == 0)
	{
		draft->size = 8;
		draft->datums = palloc(draft->size * sizeof(Datum));
		draft->nulls = palloc(draft->size * sizeof(bool));
	}
	else if (at == draft->size)
	{
		draft->size *= 2;
		draft->datums = repalloc(draft->datums, draft->size * sizeof(Datum));
		draft->nulls = repalloc(draft->nulls, draft->size * sizeof(bool));
	}
	draft->datums[at] = (Datum) 0;
	draft->nulls[at] = (value->type == JSON_TOKEN_NULL);
	return draft->nulls[at] || converter->element->convert(converter->element, value, &draft->datums[at]);
}

/* Makes an array of its elements. */
Datum
convert_make_array(const WalcuConverter *converter, WalcuArrayDraft *draft)
{
	int lower_bound = 1;

	return PointerGetDatum(construct_md_array(draft->datums, draft->nulls, 1, &draft->count, &lower_bound,
											  converter->element_type, converter->element_length,
											  converter->element_by_value, converter->element_align));
}

/*
 * Returns the type of the next element of a well-formed array, which is its first token.  Commas are passed
 * over.
 */
static JsonTokenType
next_element(JsonLexContext *lex, WalcuJson *element)
{
	int depth = 0;

	do
		json_lex(lex);
	while (lex->token_type == JSON_TOKEN_COMMA);
	element->type = lex->token_type;
	element->text = (char *) lex->token_start;
	if (element->type == JSON_TOKEN_ARRAY_END)
		return element->type;
	for (;;)
	{
		if (lex->token_type == JSON_TOKEN_OBJECT_START || lex->token_type == JSON_TOKEN_ARRAY_START)
			depth++;
		else if (lex->token_type == JSON_TOKEN_OBJECT_END || lex->token_type == JSON_TOKEN_ARRAY_END)
			depth--;
		if (depth == 0)
			break;
		json_lex(lex);
	}
	element->length = lex->token_terminator - element->text;
	return element->type;
}

/* Converts to any other type, which reads the text that the value would be written with. */
static bool
convert_by_input(const WalcuConverter *converter, WalcuJson *value, Datum *result)
{
	const char *text = value->text;
	int length = value->length;
	bool fits;

	if (converter->takes_any)
		fits = convert_is_storable(value);
	else if (converter->category == TYPCATEGORY_NUMERIC)
		fits = (value->type == JSON_TOKEN_NUMBER);
	else if (converter->category == TYPCATEGORY_BOOLEAN)
		fits = (value->type == JSON_TOKEN_TRUE || value->type == JSON_TOKEN_FALSE);
	else
		fits = convert_string(value, &text, &length);
	return fits && type_input_call(converter->input, pnstrdup(text, length), result);
}

/*
 * Gets the characters of a JSON string.  Returns false when the value is not a string, or contains what no
 * text can: a null character, or half of a surrogate pair.
 */
bool
convert_string(const WalcuJson *value, const char **text, int *length)
{
	JsonLexContext *lex;

	if (value->type != JSON_TOKEN_STRING)
		return false;
	if (memchr(value->text, '\\', value->length) == NULL)
	{
		*text = value->text + 1;
		*length = value->length - 2;
		return true;
	}
	lex = compat_json_lexer(value->text, value->length, true);
	if (json_lex(lex) != JSON_SUCCESS)
		return false;
	*text = lex->strval->data;
	*length = lex->strval->len;
	return true;
}

/* Tells whether jsonb can hold every string and number of the value. */
bool
convert_is_storable(const WalcuJson *value)
{
	JsonLexContext *lex;

	if (!value->suspect)
		return true;
	lex = compat_json_lexer(value->text, value->length, true);
	while (json_lex(lex) == JSON_SUCCESS)
	{
		if (lex->token_type == JSON_TOKEN_END)
			return true;
		if (lex->token_type == JSON_TOKEN_NUMBER &&
			!number_fits_numeric(lex->token_start, lex->token_terminator - lex->token_start))
			return false;
	}
	return false;
}

/* Returns the type of the first token of a well-formed value, by its first byte. */
JsonTokenType
convert_token_type(char c)
{
	switch (c)
	{
		case '"':
			return JSON_TOKEN_STRING;
		case '{':
			return JSON_TOKEN_OBJECT_START;
		case '[':
			return JSON_TOKEN_ARRAY_START;
		case 't':
			return JSON_TOKEN_TRUE;
		case 'f':
			return JSON_TOKEN_FALSE;
		case 'n':
			return JSON_TOKEN_NULL;
		default:
			return JSON_TOKEN_NUMBER;
	}
}
