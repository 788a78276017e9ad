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
#include "modify/document_members.h"
#include "modify/json_patch.h"
#include "modify/member_tree.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

/* A patch, kept for when the document is read. */
typedef struct KeptPatch
{
	const WalcuOptions *options; /* These are the options of the table. */
	char *leaf_patch;            /* This is the patch, which names leaves. */
} KeptPatch;

/* An operation of a patch. */
typedef struct Operation
{
	List *keys;        /* These (of text *) lead to the place. */
	JsonbValue *value; /* This is set there; NULL to remove what is there. */
} Operation;

static char *make_difference(void *arg, const WalcuDocument *document);
static List *name_members(List *operations);
static bool has_member_name(List *names, const text *wanted);
static List *list_places(List *operations);
static List *make_places(List *names);
static char *apply_operations(Jsonb *members, List *operations);
static Jsonb *read_jsonb(const char *text);
static List *read_operations(const char *leaf_patch);
static Operation *read_operation(JsonbContainer *operation);
static List *split_pointer(const char *pointer, int length);
static JsonbValue *get_member_value(JsonbContainer *object, const char *name);

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

	json_patch_members(patch, old, read_jsonb(apply_operations(old, operations)));
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

/* Tells whether a patch that names leaves changes a member of the document with one of these names. */
bool
patched_document_changes(const char *leaf_patch, List *names)
{
	List *changed = name_members(read_operations(leaf_patch));
	ListCell *lc;

	foreach(lc, names)
	{
		if (has_member_name(changed, cstring_to_text(lfirst(lc))))
			return true;
	}
	return false;
}

/* Has a write, if it is refused or has no body, read its document and make the patch of that. */
void
patched_document_on_refusal(WalcuWrite *write, const char *leaf_patch)
{
	KeptPatch *kept = MemoryContextAlloc(write->context, sizeof(KeptPatch));

	kept->options = write->options;
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

/* Returns the names (of text *) of the members of a document that operations change, each once. */
static List *
name_members(List *operations)
{
	List *names = NIL;
	ListCell *lc;

	foreach(lc, operations)
	{
		text *name = linitial(((Operation *) lfirst(lc))->keys);

		if (!has_member_name(names, name))
			names = lappend(names, name);
	}
	return names;
}

static bool
has_member_name(List *names, const text *wanted)
{
	ListCell *lc;

	foreach(lc, names)
	{
		const text *other = lfirst(lc);

		if (VARSIZE_ANY(other) == VARSIZE_ANY(wanted) && memcmp(other, wanted, VARSIZE_ANY(wanted)) == 0)
			return true;
	}
	return false;
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

/* Returns what operations make of members, as JSON. */
static char *
apply_operations(Jsonb *members, List *operations)
{
	WalcuMemberTree *tree = member_tree_create(members);
	ListCell *lc;

	foreach(lc, operations)
	{
		const Operation *operation = lfirst(lc);

		if (operation->value)
			member_tree_set(tree, operation->keys, operation->value);
		else
			member_tree_remove(tree, operation->keys);
	}
	return member_tree_text(tree);
}

static Jsonb *
read_jsonb(const char *text)
{
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(text)));
}

/* Returns the operations (of Operation) of a patch. */
static List *
read_operations(const char *leaf_patch)
{
	Jsonb *patch = read_jsonb(leaf_patch);
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

	read->keys = split_pointer(path->val.string.val, path->val.string.len);
	read->value = get_member_value(operation, "value");
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
