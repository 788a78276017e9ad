/*
 * schema.c
 *	  A JSON schema of the service's description, in whichever words it is said.
 *
 * Generators of descriptions say one thing in many ways: a field that may be null is an alternative of two
 * (oneOf, anyOf), a list of types or a word beside them (nullable), and what several schemas share stands in
 * parts (allOf) or elsewhere ($ref).  Here all of them become what openapi.c asks for: the type, the format,
 * the members and the elements.  Parts are merged.  Alternatives are united, without those that are null: of
 * one type they have all members of any, and of several types the value may be anything.  What restricts
 * values only is ignored.
 */
#include "postgres.h"

#include "service/schema.h"

#include "miscadmin.h"

/* References to references are followed so many times. */
#define MAX_HOPS 32

/* Schemas stand in one another so many times. */
#define MAX_DEPTH 64

/* What a description may ask for, in schemas and members: a few lines of it can ask for any number. */
#define MAX_STEPS 4000000

/* The schemas that are being read, from the innermost one. */
typedef struct SchemaWay
{
	json_t *schema;
	const struct SchemaWay *outer;
	int depth; /* so many are around it */
} SchemaWay;

/* How the schemas of one place in several objects, or arrays, become one. */
typedef struct SchemaJoin
{
	const char *word; /* It stands before them: "allOf" or "anyOf". */
	bool is_union;    /* They are alternatives. */
} SchemaJoin;

static const SchemaJoin all_of = {"allOf", false};
static const SchemaJoin any_of = {"anyOf", true};

static WalcuSchema resolve_schema(WalcuSchemaReader *reader, json_t *schema, const SchemaWay *outer);
static bool is_on_way(const SchemaWay *way, const json_t *schema);
static WalcuSchema read_own_words(json_t *schema);
static int read_types(json_t *type);
static int find_type(const char *name);
static int find_types_of_values(json_t *schema);
static int find_type_of_value(const json_t *value);
static WalcuSchema resolve_parts(WalcuSchemaReader *reader, json_t *parts, const SchemaWay *way);
static WalcuSchema resolve_alternatives(WalcuSchemaReader *reader, json_t *alternatives,
										const SchemaWay *way);
static WalcuSchema merge_schemas(WalcuSchemaReader *reader, WalcuSchema one, WalcuSchema other);
static WalcuSchema unite_schemas(WalcuSchemaReader *reader, WalcuSchema one, WalcuSchema other);
static const char *unite_formats(const char *one, const char *other);
static bool is_date_format(const char *format);
static json_t *join_members(WalcuSchemaReader *reader, json_t *one, json_t *other, const SchemaJoin *join);
static json_t *join_places(WalcuSchemaReader *reader, json_t *one, json_t *other, const SchemaJoin *join);
static json_t *keep_made(WalcuSchemaReader *reader, json_t *made);
static void count_step(WalcuSchemaReader *reader);
static json_t *follow_pointer(json_t *document, const char *pointer);
static char *unescape_token(char *token);

/* Returns what a schema says; what cannot be understood says nothing.  Error: 54000 for too many schemas. */
WalcuSchema
schema_read(WalcuSchemaReader *reader, json_t *schema)
{
	return resolve_schema(reader, schema, NULL);
}

/* Returns a member of an object, or what it refers to; NULL when there is none. */
json_t *
schema_member(const WalcuSchemaReader *reader, json_t *object, const char *name)
{
	return schema_follow_reference(reader, json_object_get(object, name));
}

/* Returns what a reference within the document leads to; NULL when it leads nowhere, or round in a circle. */
json_t *
schema_follow_reference(const WalcuSchemaReader *reader, json_t *value)
{
	for (int hops = 0; hops < MAX_HOPS; hops++)
	{
		const char *reference = schema_text(value, "$ref");

		if (reference == NULL)
			return value;
		value = strncmp(reference, "#/", 2) == 0 ? follow_pointer(reader->document, reference + 2) : NULL;
	}
	return NULL;
}

/* Returns the text of a member; NULL when it is none. */
const char *
schema_text(json_t *object, const char *name)
{
	return json_string_value(json_object_get(object, name));
}

/* Error 54000: the description cannot be read within reason. */
void
schema_raise_too_large(const char *detail)
{
	ereport(ERROR, errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
			errmsg("the description of the service is too large"), errdetail("%s", detail));
}

/* A schema that contains itself says nothing more there. */
static WalcuSchema
resolve_schema(WalcuSchemaReader *reader, json_t *schema, const SchemaWay *outer)
{
	SchemaWay way = {schema, outer, outer ? outer->depth + 1 : 0};
	WalcuSchema result = {0};
	const char *reference = schema_text(schema, "$ref");

	check_stack_depth();
	count_step(reader);
	if (!json_is_object(schema) || way.depth > MAX_DEPTH || is_on_way(outer, schema))
		return result;
	result = read_own_words(schema);
	if (reference && strncmp(reference, "#/", 2) == 0)
	{
		json_t *target = follow_pointer(reader->document, reference + 2);

		result = merge_schemas(reader, result, resolve_schema(reader, target, &way));
	}
	result = merge_schemas(reader, result, resolve_parts(reader, json_object_get(schema, "allOf"), &way));
	result =
		merge_schemas(reader, result, resolve_alternatives(reader, json_object_get(schema, "oneOf"), &way));
	return merge_schemas(reader, result,
						 resolve_alternatives(reader, json_object_get(schema, "anyOf"), &way));
}

static bool
is_on_way(const SchemaWay *way, const json_t *schema)
{
	for (; way; way = way->outer)
	{
		if (way->schema == schema)
			return true;
	}
	return false;
}

/* Reads what a schema says itself.  Who tells members, or elements, tells the type. */
static WalcuSchema
read_own_words(json_t *schema)
{
	json_t *properties = json_object_get(schema, "properties");
	json_t *items = json_object_get(schema, "items");
	WalcuSchema result = {
		.types = read_types(json_object_get(schema, "type")),
		.format = schema_text(schema, "format"),
		.properties = json_object_size(properties) > 0 ? properties : NULL,
		.items = items,
	};

	if (result.types == 0)
		result.types = find_types_of_values(schema);
	if (result.types == 0 && result.properties)
		result.types = SCHEMA_OBJECT;
	if (result.types == 0 && result.items)
		result.types = SCHEMA_ARRAY;
	return result;
}

/* Reads a type, or a list of them. */
static int
read_types(json_t *type)
{
	int types = find_type(json_string_value(type));
	size_t i;
	json_t *element;

	json_array_foreach(type, i, element) types |= find_type(json_string_value(element));
	return types;
}

static int
find_type(const char *name)
{
	static const struct
	{
		const char *name;
		int type;
	} types[] = {
		{"string", SCHEMA_STRING},   {"number", SCHEMA_NUMBER}, {"integer", SCHEMA_NUMBER},
		{"boolean", SCHEMA_BOOLEAN}, {"object", SCHEMA_OBJECT}, {"array", SCHEMA_ARRAY},
		{"null", SCHEMA_NULL},
	};

	for (int i = 0; name && i < lengthof(types); i++)
	{
		if (strcmp(types[i].name, name) == 0)
			return types[i].type;
	}
	return 0;
}

/* Finds the types of the values that a schema lists (enum), or of the only one (const). */
static int
find_types_of_values(json_t *schema)
{
	int types = find_type_of_value(json_object_get(schema, "const"));
	size_t i;
	json_t *value;

	json_array_foreach(json_object_get(schema, "enum"), i, value) types |= find_type_of_value(value);
	return types;
}

static int
find_type_of_value(const json_t *value)
{
	if (value == NULL)
		return 0;
	switch (json_typeof(value))
	{
		case JSON_STRING:
			return SCHEMA_STRING;
		case JSON_INTEGER:
		case JSON_REAL:
			return SCHEMA_NUMBER;
		case JSON_TRUE:
		case JSON_FALSE:
			return SCHEMA_BOOLEAN;
		case JSON_OBJECT:
			return SCHEMA_OBJECT;
		case JSON_ARRAY:
			return SCHEMA_ARRAY;
		default:
			return SCHEMA_NULL;
	}
}

/* All parts hold. */
static WalcuSchema
resolve_parts(WalcuSchemaReader *reader, json_t *parts, const SchemaWay *way)
{
	WalcuSchema result = {0};
	size_t i;
	json_t *part;

	json_array_foreach(parts, i, part) result =
		merge_schemas(reader, result, resolve_schema(reader, part, way));
	return result;
}

/*
 * One of the alternatives holds.  Null is none that matters, as any column may be NULL; nor is one that never
 * holds (false), or that is the schema around it.
 */
static WalcuSchema
resolve_alternatives(WalcuSchemaReader *reader, json_t *alternatives, const SchemaWay *way)
{
	WalcuSchema result = {0};
	bool is_first = true;
	size_t i;
	json_t *alternative;

	json_array_foreach(alternatives, i, alternative)
	{
		WalcuSchema resolved = resolve_schema(reader, alternative, way);

		if (resolved.types == SCHEMA_NULL || json_is_false(alternative) ||
			is_on_way(way, schema_follow_reference(reader, alternative)))
			continue;
		if (resolved.types == 0)
			resolved.types = SCHEMA_ANY;
		result = is_first ? resolved : unite_schemas(reader, result, resolved);
		is_first = false;
	}
	return result;
}

/* Both hold.  Of types that exclude one another either may be the mistake. */
static WalcuSchema
merge_schemas(WalcuSchemaReader *reader, WalcuSchema one, WalcuSchema other)
{
	int common = one.types & other.types;
	WalcuSchema result = {
		.types = one.types == 0     ? other.types
				 : other.types == 0 ? one.types
									: common,
		.format = one.format ? one.format : other.format,
		.properties = join_members(reader, one.properties, other.properties, &all_of),
		.items = join_places(reader, one.items, other.items, &all_of),
	};

	if (result.types == 0 && one.types != 0)
		result.types = SCHEMA_ANY;
	return result;
}

/* One of both holds.  Elements of any type may stand in an array whose schema does not tell theirs. */
static WalcuSchema
unite_schemas(WalcuSchemaReader *reader, WalcuSchema one, WalcuSchema other)
{
	bool has_untold = ((one.types & SCHEMA_ARRAY) && one.items == NULL) ||
					  ((other.types & SCHEMA_ARRAY) && other.items == NULL);

	return (WalcuSchema){
		.types = one.types | other.types,
		.format = unite_formats(one.format, other.format),
		.properties = join_members(reader, one.properties, other.properties, &any_of),
		.items = has_untold ? NULL : join_places(reader, one.items, other.items, &any_of),
	};
}

/* Returns the format that both have, of dates either; NULL when a string may be without. */
static const char *
unite_formats(const char *one, const char *other)
{
	if (one == NULL || other == NULL)
		return NULL;
	return (strcmp(one, other) == 0 || (is_date_format(one) && is_date_format(other))) ? one : NULL;
}

static bool
is_date_format(const char *format)
{
	return strcmp(format, "date") == 0 || strcmp(format, "date-time") == 0;
}

/* Returns the members of both, in their order. */
static json_t *
join_members(WalcuSchemaReader *reader, json_t *one, json_t *other, const SchemaJoin *join)
{
	json_t *both;
	const char *name;
	json_t *member;

	if (one == NULL || other == NULL || one == other)
		return one ? one : other;
	both = keep_made(reader, json_copy(one));
	reader->steps += json_object_size(one);
	json_object_foreach(other, name, member)
	{
		count_step(reader);
		if (json_object_set(both, name, join_places(reader, json_object_get(one, name), member, join)) != 0)
			keep_made(reader, NULL);
	}
	return both;
}

/* Returns the schema of a place that has one in both, or in one of them. */
static json_t *
join_places(WalcuSchemaReader *reader, json_t *one, json_t *other, const SchemaJoin *join)
{
	if (one == NULL || other == NULL || one == other)
		return one ? one : other;
	count_step(reader);
	return keep_made(reader, json_pack("{s:[O,O]}", join->word, one, other));
}

/* Lets a schema live as long as the description; NULL is for want of memory. */
static json_t *
keep_made(WalcuSchemaReader *reader, json_t *made)
{
	if (made == NULL || json_array_append_new(reader->made, made) != 0)
		ereport(ERROR, errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory"));
	return made;
}

static void
count_step(WalcuSchemaReader *reader)
{
	CHECK_FOR_INTERRUPTS();
	if (++reader->steps > MAX_STEPS)
		schema_raise_too_large(psprintf("Its schemas refer to more than %d others.", MAX_STEPS));
}

/* Returns what a JSON pointer without its first slash leads to. */
static json_t *
follow_pointer(json_t *document, const char *pointer)
{
	char *copy = pstrdup(pointer);
	char *rest = NULL;

	for (char *token = strtok_r(copy, "/", &rest); token; token = strtok_r(NULL, "/", &rest))
		document = json_object_get(document, unescape_token(token));
	pfree(copy);
	return document;
}

/* Decodes a token of a JSON pointer in place: ~1 stands for a slash, and ~0 for a tilde. */
static char *
unescape_token(char *token)
{
	char *to = token;

	for (const char *from = token; *from; from++)
	{
		if (from[0] == '~' && (from[1] == '0' || from[1] == '1'))
			*to++ = (*++from == '1') ? '/' : '~';
		else
			*to++ = *from;
	}
	*to = '\0';
	return token;
}
