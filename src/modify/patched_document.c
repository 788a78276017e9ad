/*
 * patched_document.c
 *	  What a patch makes of a document as it is, and the patch for the service that leads there.
 *
 * A row does not tell whether the object around a nested column is there, is a string, or what else is in
 * it.  Services differ in what they make of a patch then: they make the object, refuse, or throw.  The
 * document tells, and so writer.c reads it where a patch has to go deeper than the service can, or was
 * refused, and has the patch made anew here.  Values go where PostgreSQL would put them: what is no object on
 * the way becomes one, and what is not there needs not be removed.
 *
 * Only the members of the document that the patch names are looked at, as others may have what jsonb cannot.
 */
#include "postgres.h"

#include "modify/patched_document.h"

#include "base/utf8.h"
#include "catalog/pg_type.h"
#include "modify/document_members.h"
#include "modify/json_patch.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"

/* A patch, kept for when the document is read. */
typedef struct KeptPatch
{
	const WalcuOptions *options; /* These are the options of the table. */
	char *leaf_patch;            /* This is the patch, which names leaves. */
} KeptPatch;

/* An operation of a patch. */
typedef struct Operation
{
	List *keys;   /* These (of text *) lead to the place. */
	Jsonb *value; /* This is set there; NULL to remove what is there. */
} Operation;

static char *make_difference(void *arg, const WalcuDocument *document);
static List *name_members(List *operations);
static List *list_places(List *operations);
static List *make_places(List *names);
static Jsonb *apply_operations(Jsonb *members, List *operations);
static List *read_operations(const char *leaf_patch);
static Operation *read_operation(JsonbContainer *operation);
static List *split_pointer(const char *pointer, int length);
static JsonbValue *get_member_value(JsonbContainer *object, const char *name);
static Jsonb *apply_operation(Jsonb *document, const Operation *operation);
static Datum make_path_array(List *keys, int count);
static Jsonb *set_place(Jsonb *document, List *keys, int count, Jsonb *value);

/*
 * Returns the patch for the service that makes of a document what a patch that names leaves does; NULL when
 * that changes nothing.  Error: 22P05 when the members that it changes cannot be jsonb, or have a character
 * that the database's encoding does not have.
 */
char *
patched_document_difference(const WalcuOptions *options, const char *leaf_patch,
							const WalcuDocument *document)
{
	List *operations = read_operations(leaf_patch);
	Jsonb *old = document_members_read(options, document, list_places(operations));
	WalcuJsonPatch *patch = json_patch_create(options, false);

	json_patch_members(patch, old, apply_operations(old, operations));
	return patch->count > 0 ? json_patch_text(patch) : NULL;
}

/*
 * Returns what a patch that names leaves makes of a document, as JSON, in UTF-8.  Error: that of
 * patched_document_difference.
 */
char *
patched_document_text(const WalcuOptions *options, const char *leaf_patch, const WalcuDocument *document)
{
	List *operations = read_operations(leaf_patch);
	List *names = name_members(operations);
	Jsonb *old = document_members_read(options, document, make_places(names));

	return document_members_replace(document, names, apply_operations(old, operations));
}

/* Does the same for a document that is a text of the server's encoding. */
char *
patched_document_whole(const WalcuOptions *options, const char *id, const char *text, const char *leaf_patch)
{
	char *utf8 = pstrdup(utf8_require(text));
	WalcuDocument document = {.data = utf8, .length = strlen(utf8), .id = id};
	StringInfoData whole;

	utf8 = patched_document_text(options, leaf_patch, &document);
	initStringInfo(&whole);
	if (!utf8_to_server(utf8, strlen(utf8), &whole))
		elog(ERROR, "a document that was made here cannot be converted");
	return whole.data;
}

/* Has a write, if it is refused or has no body, read its document and make the patch of that. */
void
patched_document_on_refusal(WalcuWrite *write, const WalcuOptions *options, const char *leaf_patch)
{
	KeptPatch *kept = MemoryContextAlloc(write->context, sizeof(KeptPatch));

	kept->options = options;
	kept->leaf_patch = MemoryContextStrdup(write->context, leaf_patch);
	write_set_remake(write, make_difference, kept);
}

/* WalcuRemake */
static char *
make_difference(void *arg, const WalcuDocument *document)
{
	const KeptPatch *kept = arg;

	return patched_document_difference(kept->options, kept->leaf_patch, document);
}

/* Returns the names (of text *) of the members of a document that operations change. */
static List *
name_members(List *operations)
{
	List *names = NIL;
	ListCell *lc;

	foreach(lc, operations)
		names = lappend(names, linitial(((Operation *) lfirst(lc))->keys));
	return names;
}

/* Returns the places (lists of text *) of operations. */
static List *
list_places(List *operations)
{
	List *places = NIL;
	ListCell *lc;

	foreach(lc, operations)
		places = lappend(places, ((Operation *) lfirst(lc))->keys);
	return places;
}

/* Returns places (lists of text *) that are members, as a whole, with these names (of text *). */
static List *
make_places(List *names)
{
	List *places = NIL;
	ListCell *lc;

	foreach(lc, names)
		places = lappend(places, list_make1(lfirst(lc)));
	return places;
}

static Jsonb *
apply_operations(Jsonb *members, List *operations)
{
	ListCell *lc;

	foreach(lc, operations)
		members = apply_operation(members, lfirst(lc));
	return members;
}

/* Returns the operations (of Operation) of a patch. */
static List *
read_operations(const char *leaf_patch)
{
	Jsonb *patch = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(leaf_patch)));
	List *operations = NIL;

	for (uint32 i = 0; i < JB_ROOT_COUNT(patch); i++)
		operations = lappend(operations,
							 read_operation(getIthJsonbValueFromContainer(&patch->root, i)->val.binary.data));
	return operations;
}

static Operation *
read_operation(JsonbContainer *operation)
{
	Operation *read = palloc0(sizeof(Operation));
	JsonbValue *path = get_member_value(operation, "path");
	JsonbValue *value = get_member_value(operation, "value");

	read->keys = split_pointer(path->val.string.val, path->val.string.len);
	read->value = value ? JsonbValueToJsonb(value) : NULL;
	return read;
}

/* Returns the keys (of text *) of a pointer, in which none is escaped. */
static List *
split_pointer(const char *pointer, int length)
{
	const char *end = pointer + length;
	List *keys = NIL;

	while (pointer < end)
	{
		const char *key = ++pointer;

		while (pointer < end && *pointer != '/')
			pointer++;
		keys = lappend(keys, cstring_to_text_with_len(key, pointer - key));
	}
	return keys;
}

static JsonbValue *
get_member_value(JsonbContainer *object, const char *name)
{
	return getKeyJsonValueFromContainer(object, name, strlen(name), NULL);
}

/* Returns the document after an operation. */
static Jsonb *
apply_operation(Jsonb *document, const Operation *operation)
{
	int count = list_length(operation->keys);
	Jsonb *empty = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum("{}")));
	JsonbValue *place;

	if (operation->value)
	{
		for (int i = 1; i < count; i++)
		{
			if (!document_members_is_object(document_members_find(document, operation->keys, i)))
				document = set_place(document, operation->keys, i, empty);
		}
		return set_place(document, operation->keys, count, operation->value);
	}
	place = document_members_find(document, operation->keys, count);
	if (place == NULL)
		return document;
	return DatumGetJsonbP(DirectFunctionCall2(jsonb_delete_path, JsonbPGetDatum(document),
											  make_path_array(operation->keys, count)));
}

static Datum
make_path_array(List *keys, int count)
{
	Datum *elements = palloc(count * sizeof(Datum));

	for (int i = 0; i < count; i++)
		elements[i] = PointerGetDatum(list_nth(keys, i));
	return PointerGetDatum(construct_array(elements, count, TEXTOID, -1, false, TYPALIGN_INT));
}

static Jsonb *
set_place(Jsonb *document, List *keys, int count, Jsonb *value)
{
	return DatumGetJsonbP(DirectFunctionCall4(jsonb_set, JsonbPGetDatum(document),
											  make_path_array(keys, count), JsonbPGetDatum(value),
											  BoolGetDatum(true)));
}
