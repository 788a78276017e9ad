/*
 * fuzz_decode.c
 *	  Does a document become the values that PostgreSQL's own functions make of it?
 *
 * The first line says whether values that do not fit are errors, and then for each column its type and its
 * path.  The rest is the document.  The truth is found from PostgreSQL's parser and the types' input
 * functions, by the rules of the manual's chapter on types.
 */
#include "postgres.h"

#include "access/tupdesc.h"
#include "catalog/pg_type.h"
#include "fuzz.h"
#include "json/decode.h"
#include "mb/pg_wchar.h"
#include "truth.h"
#include "truth_value.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"

#define MOST_COLUMNS 8

static const char *const types[] = {
	"text",
	"numeric",
	"int4",
	"timestamptz",
	"jsonb",
	"boolean",
	"text[]",
	"json",
	"int8",
	"float8",
	"varchar(3)",
	"numeric(6,2)",
	"date",
	"timestamp",
	"timestamptz(0)",
	"timestamp(2)",
	"int2",
	"float4",
	"name",
	"bpchar(3)",
	"int4[]",
	"timestamptz[]",
	"timestamptz(3)[]",
	"jsonb[]",
	"varchar(3)[]",
	"uuid",
	"inet",
	"bytea",
	"\"char\"",
	"varchar",
	"numeric[]",
	"json[]",
	"money",
	"interval",
	"fuzz_mood",
	"fuzz_positive",
	"fuzz_short",
	"fuzz_json",
	"boolean[]",
	"date[]",
	"float8[]",
	"fuzz_mood[]",
	"fuzz_yes",
};

static const char *const paths[] = {
	".", "a",   "a.b",      "a.b.c",     "b",           "b.a",         "_id",     "o.p.q", "o.p",
	"o", "a.a", "\xc3\xb1", "__proto__", "a.__proto__", "constructor", "a.b.c.d", "c",     "d",
};

typedef struct Decoding
{
	WalcuOptions options;
	TupleDesc columns;
	WalcuDocument document;
	const char *column_types[MOST_COLUMNS];
	const char *column_paths[MOST_COLUMNS];
	Datum values[MOST_COLUMNS];
	bool nulls[MOST_COLUMNS];
	int64 mismatches;
} Decoding;

static void read_columns(Decoding *decoding, FuzzInput *line);
static void decode(void *argument);
static void compare_values(const Decoding *decoding, const TruthValue *document);
static void compare_errors(const Decoding *decoding, const FuzzError *error, const TruthValue *document);
static void compare_sqlstate(const FuzzError *error);
static TruthDatum column_truth(const Decoding *decoding, int column, const TruthValue *document);
static TruthDatum array_truth(List *elements, Oid type, int32 typmod);
static const TruthValue *value_at(const TruthValue *document, const char *path);
static bool gather(const TruthValue *value, const char *path, List **elements);
static void compare_value(const Decoding *decoding, int column, const TruthDatum *truth);

void
fuzz_decode(FuzzInput *input)
{
	FuzzInput line = fuzz_line(input);
	Decoding *decoding = palloc0(sizeof(Decoding));
	const TruthValue *document;
	FuzzError error;

	/* split.c finds nothing else */
	if (input->at == input->end || *input->at != '{' || input->end[-1] != '}')
		return;
	decoding->options.resource = "cars";
	decoding->options.on_type_mismatch = fuzz_choice(&line) > 0 ? WALCU_MISMATCH_ERROR : WALCU_MISMATCH_NULL;
	read_columns(decoding, &line);
	decoding->document.id = "1";
	decoding->document.length = input->end - input->at;
	/* whatever follows, the byte behind can be written */
	decoding->document.data = fuzz_copy(input->at, decoding->document.length, 1);
	decoding->document.data[decoding->document.length] = '7';
	error = fuzz_call(decode, decoding);
	if (memcmp(decoding->document.data, input->at, decoding->document.length) != 0)
		fuzz_finding("the document was changed");
	if (!pg_verify_mbstr(PG_UTF8, input->at, decoding->document.length, true))
	{
		if (error.sqlstate != ERRCODE_CHARACTER_NOT_IN_REPERTOIRE)
			fuzz_finding("not UTF-8, but: %s", error.message ? error.message : "read");
		return;
	}
	/* the truths are texts of the database: only that nothing else is raised can be told in others */
	if (GetDatabaseEncoding() != PG_UTF8)
	{
		compare_sqlstate(&error);
		return;
	}
	document = truth_parse(input->at, decoding->document.length);
	if (error.sqlstate != 0)
		compare_errors(decoding, &error, document);
	else if (document == NULL)
		fuzz_finding("what is no JSON was read");
	else
		compare_values(decoding, document);
}

static void
read_columns(Decoding *decoding, FuzzInput *line)
{
	int count = Min((line->end - line->at) / 2, MOST_COLUMNS);

	decoding->columns = CreateTemplateTupleDesc(count);
	for (int i = 0; i < count; i++)
	{
		Oid type;
		int32 typmod;

		decoding->column_types[i] = types[(unsigned char) fuzz_choice(line) % lengthof(types)];
		decoding->column_paths[i] = paths[(unsigned char) fuzz_choice(line) % lengthof(paths)];
		truth_type(decoding->column_types[i], &type, &typmod);
		TupleDescInitEntry(decoding->columns, i + 1, "c", type, typmod, 0);
		decoding->nulls[i] = true;
	}
}

/* A decoder reads many documents; the one before, here the same, must leave nothing behind. */
static void
decode(void *argument)
{
	Decoding *decoding = argument;
	WalcuDecoder *decoder = decode_prepare(&decoding->options, decoding->columns);
	int64 before;

	for (int i = 0; i < decoding->columns->natts; i++)
		decode_want(decoder, i, decoding->column_paths[i]);
	decode_document(decoder, &decoding->document, decoding->values, decoding->nulls);
	before = decode_mismatches(decoder);
	memset(decoding->values, 0, sizeof(decoding->values));
	memset(decoding->nulls, true, sizeof(decoding->nulls));
	decode_document(decoder, &decoding->document, decoding->values, decoding->nulls);
	decoding->mismatches = decode_mismatches(decoder) - before;
}

static void
compare_values(const Decoding *decoding, const TruthValue *document)
{
	int mismatches = 0;

	for (int i = 0; i < decoding->columns->natts; i++)
	{
		TruthDatum truth = column_truth(decoding, i, document);

		if (truth.fit != TRUTH_FITS)
		{
			mismatches++;
			if (decoding->options.on_type_mismatch == WALCU_MISMATCH_ERROR)
				fuzz_finding("column %d (%s at %s) should not fit", i, decoding->column_types[i],
							 decoding->column_paths[i]);
		}
		compare_value(decoding, i, &truth);
	}
	if (mismatches != decoding->mismatches)
		fuzz_finding("%d values do not fit, and %d are counted", mismatches, (int) decoding->mismatches);
}

static void
compare_value(const Decoding *decoding, int column, const TruthDatum *truth)
{
	Form_pg_attribute attribute = TupleDescAttr(decoding->columns, column);
	const char *type = decoding->column_types[column];
	const char *path = decoding->column_paths[column];

	if (decoding->nulls[column] != truth->is_null)
		fuzz_finding("column %d (%s at %s) is NULL: %d", column, type, path, decoding->nulls[column]);
	if (!truth->is_null &&
		!datumIsEqual(decoding->values[column], truth->value, attribute->attbyval, attribute->attlen))
		fuzz_finding("column %d (%s at %s) is %s, not %s", column, type, path,
					 truth_output(attribute->atttypid, decoding->values[column]),
					 truth_output(attribute->atttypid, truth->value));
}

static void
compare_errors(const Decoding *decoding, const FuzzError *error, const TruthValue *document)
{
	if (document == NULL)
	{
		if (error->sqlstate != ERRCODE_PROTOCOL_VIOLATION)
			fuzz_finding("no JSON, but: %s", error->message);
		return;
	}
	for (int i = 0; i < decoding->columns->natts; i++)
	{
		TruthDatum truth = column_truth(decoding, i, document);
		int expected =
			truth.fit == TRUTH_UNSTORABLE ? ERRCODE_UNTRANSLATABLE_CHARACTER : ERRCODE_FDW_INVALID_DATA_TYPE;

		if (truth.fit != TRUTH_FITS && error->sqlstate == expected &&
			decoding->options.on_type_mismatch == WALCU_MISMATCH_ERROR)
			return;
	}
	fuzz_finding("there is no reason for: %s", error->message);
}

/* The errors that a document may be. */
static void
compare_sqlstate(const FuzzError *error)
{
	static const int expected[] = {
		0,
		ERRCODE_PROTOCOL_VIOLATION,
		ERRCODE_FDW_INVALID_DATA_TYPE,
		ERRCODE_UNTRANSLATABLE_CHARACTER,
	};

	for (int i = 0; i < lengthof(expected); i++)
	{
		if (error->sqlstate == expected[i])
			return;
	}
	fuzz_finding("it raised %s: %s", unpack_sql_state(error->sqlstate), error->message);
}

/* A column of an array type goes through arrays, too. */
static TruthDatum
column_truth(const Decoding *decoding, int column, const TruthValue *document)
{
	Form_pg_attribute attribute = TupleDescAttr(decoding->columns, column);
	const char *path = decoding->column_paths[column];
	List *elements = NIL;

	if (OidIsValid(get_element_type(attribute->atttypid)) && strcmp(path, ".") != 0 &&
		gather(document, path, &elements))
		return array_truth(elements, attribute->atttypid, attribute->atttypmod);
	return truth_datum(value_at(document, path), attribute->atttypid, attribute->atttypmod);
}

/* The first element that does not fit is what an error is about. */
static TruthDatum
array_truth(List *elements, Oid type, int32 typmod)
{
	TruthValue array = {.text = "[", .length = 1, .elements = elements};
	ListCell *lc;

	foreach(lc, elements)
	{
		TruthDatum element = truth_datum(lfirst(lc), get_element_type(type), typmod);

		if (element.fit != TRUTH_FITS)
			return element;
	}
	return truth_datum(&array, type, typmod);
}

/* Adds the values that a path leads to; tells whether an array is on its way. */
static bool
gather(const TruthValue *value, const char *path, List **elements)
{
	size_t length = strcspn(path, ".");
	ListCell *lc;

	if (value && value->text[0] == '{')
	{
		value = truth_member(value, pnstrdup(path, length));
		if (value && path[length] == '.')
			return gather(value, path + length + 1, elements);
		if (value && value->text[0] == '[')
			*elements = list_concat(*elements, value->elements);
		else if (value)
			*elements = lappend(*elements, (TruthValue *) value);
		return false;
	}
	if (value == NULL || value->text[0] != '[')
		return false;
	foreach(lc, value->elements)
	{
		if (((TruthValue *) lfirst(lc))->text[0] == '{')
			gather(lfirst(lc), path, elements);
	}
	return true;
}

/* The value that a path leads to, through objects; NULL when it leads nowhere. */
static const TruthValue *
value_at(const TruthValue *document, const char *path)
{
	const char *name = path;

	if (strcmp(path, ".") == 0)
		return document;
	while (document)
	{
		size_t length = strcspn(name, ".");

		document = truth_member(document, pnstrdup(name, length));
		if (name[length] == '\0')
			return document;
		name += length + 1;
	}
	return NULL;
}
