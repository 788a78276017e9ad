/*
 * encode.c
 *	  The values of a row as JSON that reads back equal.
 *
 * The counterpart of convert.c: each type is written as the JSON that convert.c reads it
 * from.  row.c calls it for the columns of a row that is written.  Where these values
 * stand in a document is document.c's business.
 *
 * Texts are in the database's encoding.
 */
#include "postgres.h"

#include <math.h>

#include "json/encode.h"

#include "base/compat.h"
#include "base/fixed_settings.h"
#include "base/utf8.h"
#include "catalog/pg_type.h"
#include "common/shortest_dec.h"
#include "fmgr.h"
#include "json/iso8601.h"
#include "json/scalar.h"
#include "service/option_column.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

/* The service's unit of time has so many microseconds. */
#define USECS_PER_MSEC 1000

typedef struct Encoding Encoding;

typedef void (*EncodeFunction)(WalcuEncoder *encoder, const Encoding *encoding, Datum value, StringInfo json);

/* How values of one type are written. */
struct Encoding
{
	EncodeFunction encode; /* It writes a value; NULL until it is known. */
	Oid type;              /* The type is shown in messages. */
	Encoding *element;     /* This is for the elements of an array; NULL for other types. */
	int16 element_length;  /* This is the length of elements, as PostgreSQL knows it. */
	bool element_by_value; /* They are passed by value. */
	char element_align;    /* This is their alignment. */
	FmgrInfo output;       /* This is for a type without an encoding of its own. */
	bool trimmed;          /* The spaces at the end of its text mean nothing. */
	uint32 settings;       /* These settings are fixed while it is written; see fixed_settings.h. */
	int precision;         /* It says what becomes of a column's microseconds (WalcuPrecision). */
};

struct WalcuEncoder
{
	const WalcuOptions *options; /* These are the options of the table. */
	TupleDesc columns;           /* These are the columns of the table. */
	MemoryContext context;       /* The encoder is in this context. */
	Encoding *encodings;         /* These are by column. */
	/* The members from here on are of the current value. */
	int column;  /* It is in this column (from 0). */
	bool stored; /* The value was read from the service: what it lost does not matter. */
};

static Encoding *get_column_encoding(WalcuEncoder *encoder, int column);
static void prepare_encoding(Encoding *encoding, Oid type);
static void encode_boolean(WalcuEncoder *encoder, const Encoding *encoding, Datum value, StringInfo json);
static void encode_numeric(WalcuEncoder *encoder, const Encoding *encoding, Datum value, StringInfo json);
static void encode_integer(WalcuEncoder *encoder, const Encoding *encoding, Datum value, StringInfo json);
static void encode_float4(WalcuEncoder *encoder, const Encoding *encoding, Datum value, StringInfo json);
static void encode_float8(WalcuEncoder *encoder, const Encoding *encoding, Datum value, StringInfo json);
static void encode_date(WalcuEncoder *encoder, const Encoding *encoding, Datum value, StringInfo json);
static void encode_instant(WalcuEncoder *encoder, const Encoding *encoding, Datum value, StringInfo json);
static void encode_jsonb(WalcuEncoder *encoder, const Encoding *encoding, Datum value, StringInfo json);
static void encode_json(WalcuEncoder *encoder, const Encoding *encoding, Datum value, StringInfo json);
static void encode_array(WalcuEncoder *encoder, const Encoding *encoding, Datum value, StringInfo json);
static void encode_text(WalcuEncoder *encoder, const Encoding *encoding, Datum value, StringInfo json);
static void encode_number_text(WalcuEncoder *encoder, const Encoding *encoding, Datum value, StringInfo json);
static TimestampTz round_to_milliseconds(WalcuEncoder *encoder, TimestampTz instant);
pg_noreturn static void raise_unwritable(const WalcuEncoder *encoder, int sqlstate, const char *reason,
										 const char *hint);

/* These types have an encoding of their own, by their base type; the others are written as text. */
static const struct
{
	Oid type;
	EncodeFunction encode;
} encodings[] = {
	{BOOLOID, encode_boolean},  {NUMERICOID, encode_numeric},     {INT2OID, encode_integer},
	{INT4OID, encode_integer},  {INT8OID, encode_integer},        {FLOAT4OID, encode_float4},
	{FLOAT8OID, encode_float8}, {DATEOID, encode_date},           {TIMESTAMPOID, encode_instant},
	{JSONBOID, encode_jsonb},   {TIMESTAMPTZOID, encode_instant}, {JSONOID, encode_json},
};

/* Makes an encoder for the columns of a table, in the current memory context. */
WalcuEncoder *
encode_prepare(const WalcuOptions *options, TupleDesc columns)
{
	WalcuEncoder *encoder = palloc0(sizeof(WalcuEncoder));

	encoder->options = options;
	encoder->columns = columns;
	encoder->context = CurrentMemoryContext;
	encoder->encodings = palloc0(columns->natts * sizeof(Encoding));
	return encoder;
}

/*
 * Returns the JSON text of a value that is to be written, in the current memory context.  Errors name
 * column and resource: 22003 a number that JSON does not have, 22008 a date that the service does not have
 * or would cut, 0A000 an array that is not shaped as JSON's are, 22P05 a text that is none in
 * UTF-8.
 */
char *
encode_value(WalcuEncoder *encoder, int column, Datum value)
{
	StringInfoData json;
	Encoding *encoding = get_column_encoding(encoder, column);
	int level = encoding->settings ? fixed_settings_enter(encoding->settings) : 0;

	initStringInfo(&json);
	encoder->column = column;
	encoding->encode(encoder, encoding, value, &json);
	fixed_settings_leave(level);
	if (!utf8_is_server_encoding() && utf8_from_server(json.data) == NULL)
		raise_unwritable(encoder, ERRCODE_UNTRANSLATABLE_CHARACTER,
						 psprintf("It has bytes or a character of the encoding %s that UTF-8 does not have.",
								  GetDatabaseEncodingName()),
						 NULL);
	return json.data;
}

/* Does the same for a value that was read, of which the service has lost nothing. */
char *
encode_stored_value(WalcuEncoder *encoder, int column, Datum value)
{
	char *json;

	encoder->stored = true;
	json = encode_value(encoder, column, value);
	encoder->stored = false;
	return json;
}

static Encoding *
get_column_encoding(WalcuEncoder *encoder, int column)
{
	Encoding *encoding = &encoder->encodings[column];
	Form_pg_attribute attribute = TupleDescAttr(encoder->columns, column);

	if (encoding->encode == NULL)
	{
		MemoryContext before = MemoryContextSwitchTo(encoder->context);

		prepare_encoding(encoding, attribute->atttypid);
		encoding->precision = option_column_of(encoder->options, column + 1)->timestamp_precision;
		if (encoding->precision == WALCU_PRECISION_NOT_SAID)
			encoding->precision = encoder->options->timestamp_precision;
		MemoryContextSwitchTo(before);
	}
	return encoding;
}

/*
 * Finds out how to write values of a type.  As for convert_prepare, an array with a domain over it is not
 * an array.
 */
static void
prepare_encoding(Encoding *encoding, Oid type)
{
	Oid element_type = get_element_type(type);
	Oid base = getBaseType(type);
	Oid output;
	bool is_varlena;
	char category;
	bool preferred;

	encoding->type = type;
	if (OidIsValid(element_type))
	{
		encoding->element = palloc0(sizeof(Encoding));
		prepare_encoding(encoding->element, element_type);
		get_typlenbyvalalign(element_type, &encoding->element_length, &encoding->element_by_value,
							 &encoding->element_align);
		encoding->settings = encoding->element->settings;
		encoding->encode = encode_array;
		return;
	}
	getTypeOutputInfo(type, &output, &is_varlena);
	fmgr_info(output, &encoding->output);
	encoding->trimmed = (base == BPCHAROID);
	for (int i = 0; i < lengthof(encodings); i++)
	{
		if (encodings[i].type == base)
			encoding->encode = encodings[i].encode;
	}
	if (encoding->encode)
		return;
	get_type_category_preferred(base, &category, &preferred);
	encoding->settings = fixed_settings_of_type(type);
	encoding->encode = (category == TYPCATEGORY_NUMERIC) ? encode_number_text : encode_text;
}

static void
encode_boolean(WalcuEncoder *encoder, const Encoding *encoding, Datum value, StringInfo json)
{
	appendStringInfoString(json, DatumGetBool(value) ? "true" : "false");
}

/* Writes every digit; how many of them the service keeps is its own business. */
static void
encode_numeric(WalcuEncoder *encoder, const Encoding *encoding, Datum value, StringInfo json)
{
	if (numeric_is_nan(DatumGetNumeric(value)) || numeric_is_inf(DatumGetNumeric(value)))
		raise_unwritable(encoder, ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE,
						 "JSON has no NaN and no infinite numbers.", NULL);
	appendStringInfoString(json, DatumGetCString(DirectFunctionCall1(numeric_out, value)));
}

static void
encode_integer(WalcuEncoder *encoder, const Encoding *encoding, Datum value, StringInfo json)
{
	appendStringInfoString(json, OutputFunctionCall((FmgrInfo *) &encoding->output, value));
}

/* Writes the shortest digits, whatever extra_float_digits says. */
static void
encode_float4(WalcuEncoder *encoder, const Encoding *encoding, Datum value, StringInfo json)
{
	char text[FLOAT_SHORTEST_DECIMAL_LEN];

	if (!isfinite(DatumGetFloat4(value)))
		raise_unwritable(encoder, ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE,
						 "JSON has no NaN and no infinite numbers.", NULL);
	float_to_shortest_decimal_buf(DatumGetFloat4(value), text);
	appendStringInfoString(json, text);
}

static void
encode_float8(WalcuEncoder *encoder, const Encoding *encoding, Datum value, StringInfo json)
{
	if (!isfinite(DatumGetFloat8(value)))
		raise_unwritable(encoder, ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE,
						 "JSON has no NaN and no infinite numbers.", NULL);
	appendStringInfoString(json, scalar_number_json(DatumGetFloat8(value)));
}

/* Writes a day alone, which the service takes for its midnight in UTC. */
static void
encode_date(WalcuEncoder *encoder, const Encoding *encoding, Datum value, StringInfo json)
{
	TimestampTz midnight = scalar_instant(value, DATEOID, WALCU_CLOCK_UTC);
	char *text;

	if (!scalar_instant_is_finite(midnight))
		raise_unwritable(encoder, ERRCODE_DATETIME_VALUE_OUT_OF_RANGE, "The service has no such date.", NULL);
	text = iso8601_from_timestamptz(midnight);
	*strchr(text, 'T') = '\0';
	appendStringInfo(json, "\"%s\"", text);
}

/*
 * Writes a timestamp or timestamptz.  timestamp has the clock of UTC, so that both have the same
 * representation.
 */
static void
encode_instant(WalcuEncoder *encoder, const Encoding *encoding, Datum value, StringInfo json)
{
	TimestampTz instant = DatumGetTimestampTz(value);

	if (!scalar_instant_is_finite(instant))
		raise_unwritable(encoder, ERRCODE_DATETIME_VALUE_OUT_OF_RANGE, "The service has no such date.", NULL);
	appendStringInfo(json, "\"%s\"", iso8601_from_timestamptz(round_to_milliseconds(encoder, instant)));
}

/* Rounds an instant to milliseconds, which the service's dates have. */
static TimestampTz
round_to_milliseconds(WalcuEncoder *encoder, TimestampTz instant)
{
	int64 rest = instant % USECS_PER_MSEC;

	if (rest == 0)
		return instant;
	if (rest < 0)
		rest += USECS_PER_MSEC; /* division rounds towards zero */
	if (!encoder->stored && encoder->encodings[encoder->column].precision == WALCU_PRECISION_ERROR)
		raise_unwritable(encoder, ERRCODE_DATETIME_VALUE_OUT_OF_RANGE,
						 "The service's dates have milliseconds; the value has microseconds.",
						 "Use date_trunc('milliseconds', ...), or set the option timestamp_precision to "
						 "'round'.");
	instant -= rest;
	return (rest >= USECS_PER_MSEC / 2) ? scalar_instant_shifted(instant, USECS_PER_MSEC) : instant;
}

static void
encode_jsonb(WalcuEncoder *encoder, const Encoding *encoding, Datum value, StringInfo json)
{
	Jsonb *jsonb = DatumGetJsonbP(value);

	JsonbToCString(json, &jsonb->root, VARSIZE(jsonb));
}

/* Writes json as its text, which was checked when the value was made. */
static void
encode_json(WalcuEncoder *encoder, const Encoding *encoding, Datum value, StringInfo json)
{
	appendStringInfoString(json, TextDatumGetCString(value));
}

static void
encode_array(WalcuEncoder *encoder, const Encoding *encoding, Datum value, StringInfo json)
{
	ArrayType *array = DatumGetArrayTypeP(value);
	Datum *elements;
	bool *nulls;
	int count;

	if (ARR_NDIM(array) > 1 || (ARR_NDIM(array) == 1 && ARR_LBOUND(array)[0] != 1))
		raise_unwritable(encoder, ERRCODE_FEATURE_NOT_SUPPORTED,
						 "Only arrays with one dimension that begins at 1 can be written.",
						 "Declare the column as jsonb to write nested arrays.");
	deconstruct_array(array, ARR_ELEMTYPE(array), encoding->element_length, encoding->element_by_value,
					  encoding->element_align, &elements, &nulls, &count);
	appendStringInfoChar(json, '[');
	for (int i = 0; i < count; i++)
	{
		if (i > 0)
			appendStringInfoChar(json, ',');
		if (nulls[i])
			appendStringInfoString(json, "null");
		else
			encoding->element->encode(encoder, encoding->element, elements[i], json);
	}
	appendStringInfoChar(json, ']');
}

/* Writes any other type as the text that it is read from. */
static void
encode_text(WalcuEncoder *encoder, const Encoding *encoding, Datum value, StringInfo json)
{
	char *text = OutputFunctionCall((FmgrInfo *) &encoding->output, value);

	if (encoding->trimmed)
		text[bpchartruelen(text, strlen(text))] = '\0';
	escape_json(json, text);
}

/*
 * Writes other types of the numeric category.  They are read from numbers, so they must be written as such.
 */
static void
encode_number_text(WalcuEncoder *encoder, const Encoding *encoding, Datum value, StringInfo json)
{
	char *text = OutputFunctionCall((FmgrInfo *) &encoding->output, value);

	if (!scalar_is_plain_number(text))
		raise_unwritable(
			encoder, ERRCODE_FEATURE_NOT_SUPPORTED,
			psprintf("Values of type %s are not written as JSON numbers.", format_type_be(encoding->type)),
			"Declare the column as numeric.");
	appendStringInfoString(json, text);
}

static void
raise_unwritable(const WalcuEncoder *encoder, int sqlstate, const char *reason, const char *hint)
{
	ereport(ERROR, errcode(sqlstate),
			errmsg("value of column \"%s\" cannot be written to resource \"%s\"",
				   NameStr(TupleDescAttr(encoder->columns, encoder->column)->attname),
				   encoder->options->resource),
			errdetail("%s", reason), hint ? errhint("%s", hint) : 0);
}
