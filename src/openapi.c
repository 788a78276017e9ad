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

#include "openapi.h"

#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "storage/fd.h"
#include "utils/palloc.h"

/* Schemas within schemas, and references to references, that are followed. */
#define MAX_DEPTH 32

static json_t *load_document(const char *text, size_t length);
static void release_document(void *document);
static void raise_not_usable(const char *reason) pg_attribute_noreturn();
static WalcuResource *read_resource(json_t *document, const char *path, json_t *operations);
static List *read_fields(json_t *document, json_t *schema, int depth);
static WalcuField *read_field(json_t *document, const char *name, json_t *schema, int depth);
static WalcuFieldKind kind_of_schema(json_t *schema);
static bool is_free_in_practice(const char *name);
static json_t *follow(json_t *document, json_t *schema);
static json_t *follow_pointer(json_t *document, const char *pointer);
static const char *text_member(json_t *object, const char *name);
static char *server_text(const char *utf8);

/*
 * The resources of an OpenAPI document in UTF-8, of WalcuResource, in its order.  Error HV00J
 * when the text is no such document or has no resource.
 */
List *
openapi_resources(const char *text, size_t length)
{
	json_t *document = load_document(text, length);
	json_t *paths = json_object_get(document, "paths");
	List *resources = NIL;
	const char *path;
	json_t *operations;

	if (text_member(document, "openapi") == NULL || !json_is_object(paths))
		raise_not_usable("It is not an OpenAPI document: \"openapi\" or \"paths\" is missing.");
	json_object_foreach(paths, path, operations)
	{
		WalcuResource *resource = read_resource(document, path, operations);

		if (resource)
			resources = lappend(resources, resource);
	}
	if (resources == NIL)
		raise_not_usable("No path of it answers GET with an array of objects.");
	return resources;
}

/* The document that is installed with the extension. */
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

/* The parsed document goes with the current memory context. */
static json_t *
load_document(const char *text, size_t length)
{
	MemoryContextCallback *callback = palloc0(sizeof(MemoryContextCallback));
	json_error_t error;
	json_t *document = json_loadb(text, length, 0, &error);

	if (document == NULL)
		raise_not_usable(psprintf("It is not JSON: %s at byte %d.", server_text(error.text), error.position));
	callback->func = release_document;
	callback->arg = document;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, callback);
	return document;
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

/* The resource of a path /name whose GET answers a list of documents; else NULL. */
static WalcuResource *
read_resource(json_t *document, const char *path, json_t *operations)
{
	WalcuResource *resource;
	json_t *schema = NULL;
	json_t *items;

	if (path[0] != '/' || path[1] == '\0' || strpbrk(path + 1, "/{") != NULL)
		return NULL;
	(void) json_unpack(operations, "{s:{s:{s:{s:{s:{s:o}}}}}}", "get", "responses", "200", "content",
					   "application/json", "schema", &schema);
	schema = follow(document, schema);
	if (schema == NULL ||
		strcmp(text_member(schema, "type") ? text_member(schema, "type") : "", "array") != 0)
		return NULL;
	items = follow(document, json_object_get(schema, "items"));
	if (kind_of_schema(items) != WALCU_FIELD_OBJECT)
		return NULL;

	resource = palloc0(sizeof(WalcuResource));
	resource->name = server_text(path + 1);
	resource->fields = read_fields(document, items, 0);
	return resource;
}

static List *
read_fields(json_t *document, json_t *schema, int depth)
{
	List *fields = NIL;
	const char *name;
	json_t *member;

	json_object_foreach(json_object_get(schema, "properties"), name, member)
	{
		/* no path leads to such a member */
		if (name[0] != '\0' && strchr(name, '.') == NULL)
			fields = lappend(fields, read_field(document, name, member, depth));
	}
	return fields;
}

static WalcuField *
read_field(json_t *document, const char *name, json_t *schema, int depth)
{
	WalcuField *field = palloc0(sizeof(WalcuField));
	const char *type;

	field->name = server_text(name);
	schema = follow(document, schema);
	type = text_member(schema, "type");
	if (type && strcmp(type, "array") == 0)
	{
		field->kind = kind_of_schema(follow(document, json_object_get(schema, "items")));
		field->array = (field->kind != WALCU_FIELD_OBJECT && field->kind != WALCU_FIELD_FREE);
		if (!field->array)
			field->kind = WALCU_FIELD_FREE;
	}
	else
		field->kind = kind_of_schema(schema);
	if (is_free_in_practice(name) || depth >= MAX_DEPTH)
	{
		field->kind = WALCU_FIELD_FREE;
		field->array = false;
	}
	if (field->kind == WALCU_FIELD_OBJECT)
		field->fields = read_fields(document, schema, depth + 1);
	return field;
}

static WalcuFieldKind
kind_of_schema(json_t *schema)
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
	const char *type = text_member(schema, "type");
	const char *format = text_member(schema, "format");

	for (int i = 0; type && i < lengthof(kinds); i++)
	{
		if (strcmp(type, kinds[i].type) == 0 &&
			(kinds[i].format == NULL || (format && strcmp(format, kinds[i].format) == 0)))
			return kinds[i].kind;
	}
	return json_object_size(json_object_get(schema, "properties")) > 0 ? WALCU_FIELD_OBJECT
																	   : WALCU_FIELD_FREE;
}

/* 'string' in the description, but strings, objects or nothing in life. */
static bool
is_free_in_practice(const char *name)
{
	size_t length = strlen(name);

	return strcmp(name, "custom") == 0 || (length > 8 && strcmp(name + length - 8, "_customs") == 0);
}

/* The schema that a reference leads to; NULL when it leads nowhere or too far. */
static json_t *
follow(json_t *document, json_t *schema)
{
	for (int hops = 0; hops < MAX_DEPTH; hops++)
	{
		const char *reference = text_member(schema, "$ref");

		if (reference == NULL)
			return schema;
		schema = strncmp(reference, "#/", 2) == 0 ? follow_pointer(document, reference + 2) : NULL;
	}
	return NULL;
}

/* A JSON pointer without its first slash; names of schemas need no escapes. */
static json_t *
follow_pointer(json_t *document, const char *pointer)
{
	char *copy = pstrdup(pointer);
	char *rest = NULL;

	for (char *name = strtok_r(copy, "/", &rest); name; name = strtok_r(NULL, "/", &rest))
		document = json_object_get(document, name);
	return document;
}

static const char *
text_member(json_t *object, const char *name)
{
	return json_string_value(json_object_get(object, name));
}

static char *
server_text(const char *utf8)
{
	return pstrdup(pg_any_to_server(utf8, strlen(utf8), PG_UTF8));
}
