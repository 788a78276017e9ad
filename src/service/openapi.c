/*
 * openapi.c
 *	  Read the service's OpenAPI document: its resources and their typed fields.
 *
 * IMPORT FOREIGN SCHEMA calls this with the live document, or with the copy that is
 * installed with the extension.  What a schema says, in whichever words, is schema.c's to find out; what may
 * be of several types becomes a free-form field.  Beyond types, only words for people are kept.
 */
#include "postgres.h"

#include <jansson.h>

#include "service/openapi.h"

#include "base/compat.h"
#include "base/hint.h"
#include "base/reset_callback.h"
#include "base/text.h"
#include "base/url.h"
#include "base/utf8.h"
#include "miscadmin.h"
#include "service/installed_file.h"
#include "service/schema.h"
#include "utils/memutils.h"

/* A resource may have so many fields; schemas that contain themselves would have any number of them. */
#define MAX_FIELDS 100000

/* Fields of all resources. */
#define MAX_ALL_FIELDS 1000000

/* Commas, colons and opening brackets: a value has two at least, and jansson takes 200 bytes for it. */
#define MAX_SIGNS 1000000

/* api/lib/schema.js writes this where the service's description shows but one of the values. */
#define ENUMERATION_NOTE "One of several values"

/* The resource that is being read. */
typedef struct Reader
{
	WalcuSchemaReader *schemas; /* They are the description's. */
	const char *resource;       /* This is the name of the resource. */
	int fields;                 /* So many fields were read, members of objects counted. */
	int *all_fields;            /* So many were read of all resources. */
} Reader;

/* What the parser has not been given yet. */
typedef struct Feed
{
	const char *text;
	size_t left;
	int signs; /* so many were given */
} Feed;

static List *read_installed_resources(const char *name, int levels);
static json_t *load_document(MemoryContext context, const char *text, size_t length);
static size_t feed_parser(void *buffer, size_t size, void *arg);
static void release_document(void *document);
static json_t *make_scratch_list(MemoryContext context);
static void raise_not_usable(const char *reason);
static WalcuResource *read_resource(Reader reader, const char *path, json_t *operations, int levels);
static json_t *find_list_schema(const WalcuSchemaReader *schemas, json_t *operations);
static WalcuSchema find_document_schema(WalcuSchemaReader *schemas, const char *path, json_t *operations);
static bool has_item_path(const WalcuSchemaReader *schemas, const char *path);
static List *read_fields(Reader *reader, WalcuSchema schema, int levels);
static WalcuField *read_field(Reader *reader, char *name, json_t *schema, int levels);
static void read_words(const WalcuSchemaReader *schemas, json_t *schema, WalcuField *field);
static WalcuFieldKind classify_schema(WalcuSchema schema);
static bool is_free_in_practice(const char *name);
static char *convert_server_text(const char *utf8);

/*
 * Returns the resources (of WalcuResource) of an OpenAPI document in UTF-8, in its order.  Members of
 * objects are read so many levels deep.  Error: HV00Q when the text is not such a document, or has no
 * resource.
 */
List *
openapi_resources(const char *text, size_t length, int levels)
{
	MemoryContext scratch =
		AllocSetContextCreate(CurrentMemoryContext, "walcu openapi", ALLOCSET_SMALL_SIZES);
	json_t *document = load_document(scratch, text, length);
	json_t *paths = json_object_get(document, "paths");
	int all_fields = 0;
	WalcuSchemaReader schemas = {.document = document, .made = make_scratch_list(scratch)};
	Reader reader = {.schemas = &schemas, .all_fields = &all_fields};
	List *resources = NIL;
	const char *path;
	json_t *operations;

	if (schema_text(document, "openapi") == NULL || !json_is_object(paths))
		raise_not_usable("It is not an OpenAPI document: \"openapi\" or \"paths\" is missing.");
	json_object_foreach(paths, path, operations)
	{
		WalcuResource *resource = read_resource(reader, path, operations, levels);

		if (resource)
			resources = lappend(resources, resource);
	}
	if (resources == NIL)
		raise_not_usable("None of its paths answers GET with an array of objects.");
	MemoryContextDelete(scratch);
	return resources;
}

/* The same of the document that is installed with the extension.  Error: 58P01 when it is missing. */
List *
openapi_bundled_resources(int levels)
{
	return read_installed_resources("openapi.json", levels);
}

/* The same of the resources that the service has and its description lacks, as far as they are known. */
List *
openapi_undescribed_resources(int levels)
{
	return read_installed_resources("undescribed.json", levels);
}

static List *
read_installed_resources(const char *name, int levels)
{
	StringInfo text = installed_file_read(name);
	List *resources = openapi_resources(text->data, text->len, levels);

	pfree(text->data);
	return resources;
}

/* Returns a resource of a description; NULL when it does not have it. */
const WalcuResource *
openapi_find_resource(List *resources, const char *name)
{
	ListCell *lc;

	foreach(lc, resources)
	{
		const WalcuResource *resource = lfirst(lc);

		if (strcmp(resource->name, name) == 0)
			return resource;
	}
	return NULL;
}

/*
 * Raises an error for the first of these names (char *) that no resource has.  Error: HV00R, with a hint at
 * the nearest name.
 */
void
openapi_require_names(List *resources, List *names)
{
	List *valid = NIL;
	ListCell *lc;

	foreach(lc, resources)
		valid = lappend(valid, ((WalcuResource *) lfirst(lc))->name);
	foreach(lc, names)
	{
		const char *name = lfirst(lc);

		if (!text_in_list(valid, name))
			ereport(ERROR, errcode(ERRCODE_FDW_TABLE_NOT_FOUND),
					errmsg("the service has no resource \"%s\"", name),
					errhint("%s", hint_name("resource", name, valid)));
	}
}

/* Returns the field that has a name of so many bytes; NULL when there is none. */
const WalcuField *
openapi_find_field(List *fields, const char *name, size_t length)
{
	ListCell *lc;

	foreach(lc, fields)
	{
		const WalcuField *field = lfirst(lc);

		if (strncmp(field->name, name, length) == 0 && field->name[length] == '\0')
			return field;
	}
	return NULL;
}

/*
 * Returns the field that a dotted path through single objects leads to; NULL when there is none.  Then
 * below_free tells whether the path goes on below one that may have anything.
 */
const WalcuField *
openapi_find_place(List *fields, const char *path, bool *below_free)
{
	*below_free = false;
	for (const char *name = path;; name++)
	{
		size_t length = strcspn(name, ".");
		const WalcuField *found = openapi_find_field(fields, name, length);

		name += length;
		if (found == NULL || *name == '\0')
			return found;
		*below_free = found->kind == WALCU_FIELD_FREE || found->array || found->fields == NIL;
		if (*below_free)
			return NULL;
		fields = found->fields;
	}
}

/* Parses a document, which is freed with the memory context. */
static json_t *
load_document(MemoryContext context, const char *text, size_t length)
{
	MemoryContextCallback *callback = reset_callback_add(context, release_document, NULL);
	json_error_t error;
	Feed feed = {.text = text, .left = length};
	/* bounds such as 2^64 are no reason to refuse the document */
	json_t *document =
		json_load_callback(feed_parser, &feed, JSON_DECODE_INT_AS_REAL | JSON_ALLOW_NUL, &error);

	if (document == NULL)
		CHECK_FOR_INTERRUPTS();
	if (feed.signs > MAX_SIGNS)
	{
		json_decref(document);
		schema_raise_too_large(psprintf("It has more than %d values.", MAX_SIGNS / 2));
	}
	/* what jansson says of it may end in half a character */
	if (document == NULL)
		raise_not_usable(
			psprintf("It is not JSON: there is an error in line %d, column %d.", error.line, error.column));
	callback->arg = document;
	return document;
}

/*
 * A piece of the text for the parser, which is stopped when the text is too much, or somebody wants to
 * cancel.
 */
static size_t
feed_parser(void *buffer, size_t size, void *arg)
{
	Feed *feed = arg;
	size_t length = Min(size, feed->left);

	if (QueryCancelPending || ProcDiePending || feed->signs > MAX_SIGNS)
		return (size_t) -1;
	memcpy(buffer, feed->text, length);
	for (size_t i = 0; i < length; i++)
		feed->signs += strchr(",:[{", feed->text[i]) != NULL;
	feed->text += length;
	feed->left -= length;
	return length;
}

static void
release_document(void *document)
{
	json_decref(document);
}

/* Returns an empty list for what is made of the document, which is freed with the memory context. */
static json_t *
make_scratch_list(MemoryContext context)
{
	MemoryContextCallback *callback = reset_callback_add(context, release_document, NULL);
	json_t *list = json_array();

	if (list == NULL)
		ereport(ERROR, errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory"));
	callback->arg = list;
	return list;
}

static void
raise_not_usable(const char *reason)
{
	ereport(ERROR, errcode(ERRCODE_FDW_SCHEMA_NOT_FOUND),
			errmsg("the description of the service cannot be used"), errdetail("%s", reason));
}

/* Returns the resource of a path /name whose GET answers a list of documents; NULL for other paths. */
static WalcuResource *
read_resource(Reader reader, const char *path, json_t *operations, int levels)
{
	WalcuResource *resource;
	WalcuSchema schema;

	if (path[0] != '/' || !url_is_plain_segment(path + 1))
		return NULL;
	schema = find_document_schema(reader.schemas, path, operations);
	if (classify_schema(schema) != WALCU_FIELD_OBJECT)
		return NULL;

	reader.resource = path + 1;
	resource = palloc0(sizeof(WalcuResource));
	resource->name = convert_server_text(path + 1);
	resource->fields = read_fields(&reader, schema, levels);
	return resource;
}

/*
 * What a path's documents are: the elements of the list that GET answers, also where it may answer something
 * else besides.  Some descriptions tell of one document where the service answers a list of them: it has an
 * _id, and there is a path for one by its id.
 */
static WalcuSchema
find_document_schema(WalcuSchemaReader *schemas, const char *path, json_t *operations)
{
	WalcuSchema none = {0};
	WalcuSchema list =
		schema_read(schemas, find_list_schema(schemas, schema_follow_reference(schemas, operations)));

	if (list.types & SCHEMA_ARRAY)
		return list.items ? schema_read(schemas, list.items) : none;
	return (json_object_get(list.properties, "_id") && has_item_path(schemas, path)) ? list : none;
}

/* The schema of what GET answers as JSON; NULL when it does not. */
static json_t *
find_list_schema(const WalcuSchemaReader *schemas, json_t *operations)
{
	static const char *const way[] = {"get", "responses", "200", "content"};
	json_t *value = operations;
	const char *media_type;
	json_t *content;

	for (int i = 0; i < lengthof(way); i++)
		value = schema_member(schemas, value, way[i]);
	json_object_foreach(value, media_type, content)
	{
		if (text_contains(media_type, "json"))
			return json_object_get(schema_follow_reference(schemas, content), "schema");
	}
	return NULL;
}

/* Tells whether there is a path such as /name/{id}. */
static bool
has_item_path(const WalcuSchemaReader *schemas, const char *path)
{
	size_t length = strlen(path);
	const char *other;
	json_t *operations;

	json_object_foreach(json_object_get(schemas->document, "paths"), other, operations)
	{
		if (strncmp(other, path, length) == 0 && strncmp(other + length, "/{", 2) == 0 &&
			strchr(other + length + 1, '/') == NULL)
			return true;
	}
	return false;
}

static List *
read_fields(Reader *reader, WalcuSchema schema, int levels)
{
	List *fields = NIL;
	const char *name;
	json_t *property;

	json_object_foreach(schema.properties, name, property)
	{
		char *server_name;

		CHECK_FOR_INTERRUPTS();
		if (++*reader->all_fields > MAX_ALL_FIELDS)
			schema_raise_too_large(psprintf("It has more than %d fields.", MAX_ALL_FIELDS));
		if (++reader->fields > MAX_FIELDS)
			ereport(ERROR, errcode(ERRCODE_TOO_MANY_COLUMNS),
					errmsg("resource \"%s\" would have more than %d columns", reader->resource, MAX_FIELDS),
					errhint("Lower the option flatten."));
		/* no dotted path leads to such a member */
		if (name[0] == '\0' || strchr(name, '.') != NULL)
			continue;
		server_name = convert_server_text(name);
		if (server_name == NULL)
			ereport(NOTICE,
					errmsg("field \"%s\" of resource \"%s\" is left out",
						   utf8_to_server_escaped(name, strlen(name)), reader->resource),
					errdetail("Its name has a character that the encoding %s does not have.",
							  GetDatabaseEncodingName()));
		else
			fields = lappend(fields, read_field(reader, server_name, property, levels));
	}
	return fields;
}

static WalcuField *
read_field(Reader *reader, char *name, json_t *schema, int levels)
{
	WalcuField *field = palloc0(sizeof(WalcuField));
	WalcuSchema said = schema_read(reader->schemas, schema);

	field->name = name;
	read_words(reader->schemas, schema, field);
	field->array = (said.types & ~SCHEMA_NULL) == SCHEMA_ARRAY;
	if (field->array)
		said = said.items ? schema_read(reader->schemas, said.items) : (WalcuSchema){0};
	field->kind = classify_schema(said);
	if (is_free_in_practice(name))
		field->kind = WALCU_FIELD_FREE;
	else if (field->kind == WALCU_FIELD_OBJECT && levels > 0)
		field->fields = read_fields(reader, said, levels - 1);
	return field;
}

/* Reads what a schema, or that of its elements, says to people: its description, and texts that it lists. */
static void
read_words(const WalcuSchemaReader *schemas, json_t *schema, WalcuField *field)
{
	json_t *said = schema_follow_reference(schemas, schema);
	json_t *items = schema_member(schemas, said, "items");
	json_t *values = json_object_get(said, "enum");
	const char *note = schema_text(said, "description");
	size_t i;
	json_t *value;

	if (note == NULL)
		note = schema_text(items, "description");
	if (values == NULL)
		values = json_object_get(items, "enum");
	field->note = note ? convert_server_text(note) : NULL;
	json_array_foreach(values, i, value)
	{
		char *text = json_is_string(value) ? convert_server_text(json_string_value(value)) : NULL;

		if (text)
			field->values = lappend(field->values, text);
	}
}

/* Is one of few texts at the place of a field?  The installed description says so in these words. */
bool
openapi_is_enumeration(const WalcuField *field)
{
	return field->values != NIL ||
		   (field->note && strncmp(field->note, ENUMERATION_NOTE, strlen(ENUMERATION_NOTE)) == 0);
}

/* What may be of several types, or of any, is free. */
static WalcuFieldKind
classify_schema(WalcuSchema schema)
{
	const char *format = schema.format ? schema.format : "";

	switch (schema.types & ~SCHEMA_NULL)
	{
		case SCHEMA_STRING:
			return (strcmp(format, "date-time") == 0 || strcmp(format, "date") == 0) ? WALCU_FIELD_DATE
																					 : WALCU_FIELD_STRING;
		case SCHEMA_NUMBER:
			return WALCU_FIELD_NUMBER;
		case SCHEMA_BOOLEAN:
			return WALCU_FIELD_BOOLEAN;
		case SCHEMA_OBJECT:
			return schema.properties ? WALCU_FIELD_OBJECT : WALCU_FIELD_FREE;
		default:
			return WALCU_FIELD_FREE;
	}
}

/* Tells whether a field is 'string' in the description, but in fact may hold an object, too. */
static bool
is_free_in_practice(const char *name)
{
	size_t length = strlen(name);

	return strcmp(name, "custom") == 0 || (length > 8 && strcmp(name + length - 8, "_customs") == 0);
}

/* A copy in the database's encoding; NULL when that lacks a character. */
static char *
convert_server_text(const char *utf8)
{
	StringInfoData text;

	initStringInfo(&text);
	return utf8_to_server(utf8, strlen(utf8), &text) ? text.data : NULL;
}
