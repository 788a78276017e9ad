/*
 * fuzz_openapi.c
 *	  Does the reader of the service's description say what jsonb says of the same text?
 *
 * The first line says how many levels of members are read.  Whatever the text is, the reader answers, or
 * raises that it cannot be used.  Where no reference is in the text, nor another way to say a schema in other
 * words (t/722_descriptions.pl has a table of them), each field that it found is looked up.
 */
#include "postgres.h"

#include "fuzz.h"
#include "mb/pg_wchar.h"
#include "service/openapi.h"
#include "truth.h"

typedef struct Reading
{
	const char *text;
	size_t length;
	int levels;
	List *resources;
} Reading;

static void read_description(void *argument);
static bool has_other_words(const char *text);
static void compare_resource(const TruthValue *document, const WalcuResource *resource, int levels);
static void compare_fields(const TruthValue *schema, const List *fields, int levels);
static void compare_field(const TruthValue *schema, const WalcuField *field, int levels);
static int count_columns(const TruthValue *properties);
static const TruthValue *member_at(const TruthValue *value, const char *const *way, int steps);
static const TruthValue *json_schema(const TruthValue *content);
static bool is_string(const TruthValue *value, const char *text);

void
fuzz_openapi(FuzzInput *input)
{
	FuzzInput line = fuzz_line(input);
	Reading reading = {.levels = Max(fuzz_choice(&line), 0) % 8};
	FuzzError error;
	const TruthValue *document;
	ListCell *lc;

	reading.length = input->end - input->at;
	reading.text = fuzz_copy(input->at, reading.length, 0);
	error = fuzz_call(read_description, &reading);
	if (error.sqlstate != 0)
	{
		if (error.sqlstate != ERRCODE_FDW_SCHEMA_NOT_FOUND && error.sqlstate != ERRCODE_TOO_MANY_COLUMNS)
			fuzz_finding("it raised %s: %s", unpack_sql_state(error.sqlstate), error.message);
		return;
	}
	document = truth_parse(reading.text, reading.length);
	if (document == NULL)
		fuzz_finding("it reads what is no JSON to PostgreSQL");
	if (has_other_words(pnstrdup(reading.text, reading.length)))
		return;
	foreach(lc, reading.resources)
		compare_resource(document, lfirst(lc), reading.levels);
}

static void
read_description(void *argument)
{
	Reading *reading = argument;

	reading->resources = openapi_resources(reading->text, reading->length, reading->levels);
}

static bool
has_other_words(const char *text)
{
	static const char *const words[] = {"ref", "allOf", "oneOf", "anyOf", "enum", "const", "\\"};

	for (int i = 0; i < lengthof(words); i++)
	{
		if (strstr(text, words[i]) != NULL)
			return true;
	}
	return false;
}

static void
compare_resource(const TruthValue *document, const WalcuResource *resource, int levels)
{
	const char *const way[] = {"paths",  psprintf("/%s", resource->name), "get", "responses", "200",
							   "content"};
	const TruthValue *schema = json_schema(member_at(document, way, lengthof(way)));

	if (schema == NULL)
		fuzz_finding("resource %s answers nothing", resource->name);
	/* one document may be described in the place of a list, and a list of types may say so, too */
	if (!is_string(truth_member(schema, "type"), "array"))
		return;
	compare_fields(truth_member(schema, "items"), resource->fields, levels);
}

static void
compare_fields(const TruthValue *schema, const List *fields, int levels)
{
	const TruthValue *properties = schema ? truth_member(schema, "properties") : NULL;
	int count = properties ? count_columns(properties) : 0;
	ListCell *lc;

	if (count != list_length(fields))
		fuzz_finding("%d fields instead of %d", list_length(fields), count);
	foreach(lc, fields)
	{
		const WalcuField *field = lfirst(lc);
		const TruthValue *property = truth_member(properties, field->name);

		if (property == NULL)
			fuzz_finding("there is no field %s", field->name);
		compare_field(property, field, levels);
	}
}

static void
compare_field(const TruthValue *schema, const WalcuField *field, int levels)
{
	static const char *const types[] = {
		[WALCU_FIELD_STRING] = "string", [WALCU_FIELD_NUMBER] = "number", [WALCU_FIELD_BOOLEAN] = "boolean",
		[WALCU_FIELD_DATE] = "string",   [WALCU_FIELD_OBJECT] = NULL,     [WALCU_FIELD_FREE] = NULL,
	};
	const TruthValue *type = truth_member(schema, "type");
	const TruthValue *format;

	/* a type that is not said is concluded, and a list of them united */
	if (type == NULL || type->text[0] != '"')
		return;
	if (field->array != is_string(type, "array"))
		fuzz_finding("field %s is an array: %d", field->name, field->array);
	if (field->array)
		schema = truth_member(schema, "items");
	type = schema ? truth_member(schema, "type") : NULL;
	if (type == NULL || type->text[0] != '"')
		return;
	format = schema ? truth_member(schema, "format") : NULL;
	if (types[field->kind] && !is_string(type, types[field->kind]) &&
		!(field->kind == WALCU_FIELD_NUMBER && is_string(type, "integer")))
		fuzz_finding("field %s is no %s", field->name, types[field->kind]);
	if ((field->kind == WALCU_FIELD_DATE) !=
			(is_string(type, "string") && (is_string(format, "date") || is_string(format, "date-time"))) &&
		field->kind != WALCU_FIELD_FREE)
		fuzz_finding("field %s is a date: %d", field->name, field->kind == WALCU_FIELD_DATE);
	if (field->kind == WALCU_FIELD_OBJECT && levels > 0)
		compare_fields(schema, field->fields, levels - 1);
}

/* Members with names that a path can lead to; equal ones are one. */
static int
count_columns(const TruthValue *properties)
{
	List *names = NIL;
	ListCell *lc;

	foreach(lc, properties->members)
	{
		const TruthMember *member = lfirst(lc);
		char *name = truth_string(member->key, member->key_length);

		if (name && name[0] != '\0' && strchr(name, '.') == NULL)
			names = list_append_unique(names, makeString(name));
	}
	return list_length(names);
}

static const TruthValue *
member_at(const TruthValue *value, const char *const *way, int steps)
{
	for (int i = 0; value && i < steps; i++)
		value = truth_member(value, way[i]);
	return value;
}

/* The schema of the first media type that is JSON; they are of any case. */
static const TruthValue *
json_schema(const TruthValue *content)
{
	ListCell *lc;

	foreach(lc, content ? content->members : NIL)
	{
		const TruthMember *member = lfirst(lc);
		char *name = truth_string(member->key, member->key_length);

		if (name && strcasestr(name, "json") != NULL)
			return truth_member(truth_member(content, name), "schema");
	}
	return NULL;
}

static bool
is_string(const TruthValue *value, const char *text)
{
	char *string = value ? truth_string(value->text, value->length) : NULL;

	return string && strcmp(string, text) == 0;
}
