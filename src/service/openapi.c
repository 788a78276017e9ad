/*
 * openapi.c
 *	  Read the service's OpenAPI document: its resources and their typed fields.
 *
 * IMPORT FOREIGN SCHEMA calls this with the live document, or with the copy that is
 * installed with the extension.  What the document says beyond types is ignored,
 * and what it says in ways not known here becomes a free-form field.
 */
#include "postgres.h"

#include <jansson.h>

#include "service/openapi.h"

#include "base/compat.h"
#include "base/reset_callback.h"
#include "base/text.h"
#include "base/url.h"
#include "base/utf8.h"
#include "miscadmin.h"
#include "storage/fd.h"
#include "utils/memutils.h"

/* References to references are followed so many times. */
#define MAX_HOPS 32

/* A resource may have so many fields; schemas that contain themselves would have any number of them. */
#define MAX_FIELDS 100000

/* Fields of all resources. */
#define MAX_ALL_FIELDS 1000000

/* Commas, colons and opening brackets: a value has two at least, and jansson takes 200 bytes for it. */
#define MAX_SIGNS 1000000

/* The resource that is being read. */
typedef struct Reader
{
	json_t *document;     /* This is the whole description. */
	const char *resource; /* This is the name of the resource. */
	int fields;           /* So many fields were read, members of objects counted. */
	int *all_fields;      /* So many were read of all resources. */
} Reader;

/* What the parser has not been given yet. */
typedef struct Feed
{
	const char *text;
	size_t left;
	int signs; /* so many were given */
} Feed;

static json_t *load_document(MemoryContext context, const char *text, size_t length);
static size_t feed_parser(void *buffer, size_t size, void *arg);
pg_noreturn static void raise_too_large(void);
static void release_document(void *document);
static void raise_not_usable(const char *reason);
static WalcuResource *read_resource(Reader reader, const char *path, json_t *operations, int levels);
static json_t *find_list_schema(json_t *document, json_t *operations);
static List *read_fields(Reader *reader, json_t *schema, int levels);
static WalcuField *read_field(Reader *reader, char *name, json_t *schema, int levels);
static WalcuFieldKind classify_schema(json_t *schema);
static bool is_free_in_practice(const char *name);
static json_t *get_member(json_t *document, json_t *object, const char *name);
static json_t *follow_reference(json_t *document, json_t *value);
static json_t *follow_pointer(json_t *document, const char *pointer);
static char *unescape_token(char *token);
static const char *get_text(json_t *object, const char *name);
static bool has_text(json_t *object, const char *name, const char *text);
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
	Reader reader = {.document = document, .all_fields = &all_fields};
	List *resources = NIL;
	const char *path;
	json_t *operations;

	if (get_text(document, "openapi") == NULL || !json_is_object(paths))
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

/* Reads the document that is installed with the extension. */
StringInfo
openapi_bundled(void)
{
	char share[MAXPGPATH];
	char *path;
	FILE *file;
	StringInfo text = makeStringInfo();
	char buffer[8192];
	size_t count;

	get_share_path(my_exec_path, share);
	path = psprintf("%s/walcu_fdw/openapi.json", share);
	file = AllocateFile(path, PG_BINARY_R);
	if (file == NULL)
		ereport(ERROR, errcode_for_file_access(), errmsg("could not open file \"%s\": %m", path),
				errhint("Install the extension again."));
	while ((count = fread(buffer, 1, sizeof(buffer), file)) > 0)
		appendBinaryStringInfo(text, buffer, (int) count);
	if (ferror(file))
		ereport(ERROR, errcode_for_file_access(), errmsg("could not read file \"%s\": %m", path));
	FreeFile(file);
	return text;
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
		raise_too_large();
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

	if (InterruptPending || feed->signs > MAX_SIGNS)
		return (size_t) -1;
	memcpy(buffer, feed->text, length);
	for (size_t i = 0; i < length; i++)
		feed->signs += strchr(",:[{", feed->text[i]) != NULL;
	feed->text += length;
	feed->left -= length;
	return length;
}

static void
raise_too_large(void)
{
	ereport(ERROR, errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
			errmsg("the description of the service is too large"),
			errdetail("It has more than %d values.", MAX_SIGNS / 2));
}

static void
release_document(void *document)
{
	json_decref(document);
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
	json_t *schema;
	json_t *document = reader.document;

	if (path[0] != '/' || !url_is_plain_segment(path + 1))
		return NULL;
	schema = find_list_schema(document, follow_reference(document, operations));
	if (!has_text(schema, "type", "array"))
		return NULL;
	schema = get_member(document, schema, "items");
	if (classify_schema(schema) != WALCU_FIELD_OBJECT)
		return NULL;

	reader.resource = path + 1;
	resource = palloc0(sizeof(WalcuResource));
	resource->name = convert_server_text(path + 1);
	resource->fields = read_fields(&reader, schema, levels);
	return resource;
}

/* The schema of what GET answers as JSON; NULL when it does not. */
static json_t *
find_list_schema(json_t *document, json_t *operations)
{
	static const char *const way[] = {"get", "responses", "200", "content"};
	json_t *value = operations;
	const char *media_type;
	json_t *content;

	for (int i = 0; i < lengthof(way); i++)
		value = get_member(document, value, way[i]);
	json_object_foreach(value, media_type, content)
	{
		if (text_contains(media_type, "json"))
			return get_member(document, content, "schema");
	}
	return NULL;
}

static List *
read_fields(Reader *reader, json_t *schema, int levels)
{
	List *fields = NIL;
	const char *name;
	json_t *property;

	json_object_foreach(json_object_get(schema, "properties"), name, property)
	{
		char *server_name;

		CHECK_FOR_INTERRUPTS();
		if (++*reader->all_fields > MAX_ALL_FIELDS)
			raise_too_large();
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
			fields = lappend(fields, read_field(reader, server_name,
												follow_reference(reader->document, property), levels));
	}
	return fields;
}

static WalcuField *
read_field(Reader *reader, char *name, json_t *schema, int levels)
{
	WalcuField *field = palloc0(sizeof(WalcuField));

	field->name = name;
	field->array = has_text(schema, "type", "array");
	if (field->array)
		schema = get_member(reader->document, schema, "items");
	field->kind = classify_schema(schema);
	if (is_free_in_practice(name))
		field->kind = WALCU_FIELD_FREE;
	else if (field->kind == WALCU_FIELD_OBJECT && levels > 0)
		field->fields = read_fields(reader, schema, levels - 1);
	return field;
}

static WalcuFieldKind
classify_schema(json_t *schema)
{
	static const struct
	{
		const char *type;
		const char *format; /* NULL for any */
		WalcuFieldKind kind;
	} kinds[] = {
		{"string", "date-time", WALCU_FIELD_DATE}, {"string", "date", WALCU_FIELD_DATE},
		{"string", NULL, WALCU_FIELD_STRING},      {"number", NULL, WALCU_FIELD_NUMBER},
		{"integer", NULL, WALCU_FIELD_NUMBER},     {"boolean", NULL, WALCU_FIELD_BOOLEAN},
	};
	const char *type = get_text(schema, "type");
	const char *format = get_text(schema, "format");

	for (int i = 0; type && i < lengthof(kinds); i++)
	{
		if (strcmp(type, kinds[i].type) == 0 &&
			(kinds[i].format == NULL || (format && strcmp(format, kinds[i].format) == 0)))
			return kinds[i].kind;
	}
	return json_object_size(json_object_get(schema, "properties")) > 0 ? WALCU_FIELD_OBJECT
																	   : WALCU_FIELD_FREE;
}

/* Tells whether a field is 'string' in the description, but in fact may hold an object, too. */
static bool
is_free_in_practice(const char *name)
{
	size_t length = strlen(name);

	return strcmp(name, "custom") == 0 || (length > 8 && strcmp(name + length - 8, "_customs") == 0);
}

/* Returns a member of an object, or what it refers to; NULL when there is none. */
static json_t *
get_member(json_t *document, json_t *object, const char *name)
{
	return follow_reference(document, json_object_get(object, name));
}

/* Returns what a reference within the document leads to; NULL when it leads nowhere, or round in a circle. */
static json_t *
follow_reference(json_t *document, json_t *value)
{
	for (int hops = 0; hops < MAX_HOPS; hops++)
	{
		const char *reference = get_text(value, "$ref");

		if (reference == NULL)
			return value;
		value = strncmp(reference, "#/", 2) == 0 ? follow_pointer(document, reference + 2) : NULL;
	}
	return NULL;
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

static const char *
get_text(json_t *object, const char *name)
{
	return json_string_value(json_object_get(object, name));
}

static bool
has_text(json_t *object, const char *name, const char *text)
{
	const char *value = get_text(object, name);

	return value && strcmp(value, text) == 0;
}

/* A copy in the database's encoding; NULL when that lacks a character. */
static char *
convert_server_text(const char *utf8)
{
	StringInfoData text;

	initStringInfo(&text);
	return utf8_to_server(utf8, strlen(utf8), &text) ? text.data : NULL;
}
