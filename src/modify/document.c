/*
 * document.c
 *	  A JSON document made of columns, each at its dotted path.
 *
 * row.c sets what a row says; a new document is made of that alone, and one that is
 * replaced of that over what it was.  Columns that were flattened out of one object meet
 * in it again.
 */
#include "postgres.h"

#include "modify/document.h"

#include "base/compat.h"
#include "json/path_tree.h"
#include "miscadmin.h"
#include "utils/json.h"

/* What a column says of a member.  Within a node without it, there are members that columns say. */
typedef struct DraftMember
{
	const char *column; /* This column sets the member. */
	const char *text;   /* This is its JSON; NULL leaves it out. */
} DraftMember;

struct WalcuDocumentDraft
{
	const WalcuOptions *options; /* These are the options of the table. */
	WalcuPathNode root;          /* The values are DraftMembers. */
};

static const char *find_any_column(const WalcuPathNode *node);
pg_noreturn static void raise_overlap(const WalcuDocumentDraft *body, const char *outer, const char *inner);
static void append_node(StringInfo text, const WalcuPathNode *node, JsonbValue *old);
static void append_object(StringInfo text, const WalcuPathNode *node, JsonbContainer *old);
static void append_json(StringInfo text, JsonbValue *value);
static bool append_member_key(StringInfo text, bool first, const char *name);
static bool is_left_out(const WalcuPathNode *node);

/* Makes an empty document, in the current memory context. */
WalcuDocumentDraft *
document_create(const WalcuOptions *options)
{
	WalcuDocumentDraft *body = palloc0(sizeof(WalcuDocumentDraft));

	body->options = options;
	return body;
}

/*
 * Puts a column's JSON text at a dotted path; "." is the whole document, and NULL leaves out what is there.
 * Error: 42701 when another column that was set is at the same place, within it, or around it.
 */
void
document_set(WalcuDocumentDraft *body, const char *path, const char *column, const char *text)
{
	WalcuPathNode *node = &body->root;
	const char *name = path;
	DraftMember *member;

	while (strcmp(path, ".") != 0 && name)
	{
		const char *dot = strchr(name, '.');

		if (node->value)
			raise_overlap(body, find_any_column(node), column);
		node = path_tree_add_child(node, name, dot ? dot - name : strlen(name));
		name = dot ? dot + 1 : NULL;
	}
	if (node->value)
		raise_overlap(body, find_any_column(node), column);
	if (node->children != NIL)
		raise_overlap(body, column, find_any_column(node));
	member = palloc(sizeof(DraftMember));
	member->column = column;
	member->text = text;
	node->value = member;
}

/* Returns the document as JSON text: what was set, over the members of the given document, if any. */
char *
document_text(const WalcuDocumentDraft *body, Jsonb *document)
{
	StringInfoData text;

	initStringInfo(&text);
	if (body->root.value)
		appendStringInfoString(&text, ((DraftMember *) body->root.value)->text);
	else
		append_object(&text, &body->root, document ? &document->root : NULL);
	return text.data;
}

/* Returns a column that sets the member, or something within it. */
static const char *
find_any_column(const WalcuPathNode *node)
{
	while (node->value == NULL)
		node = linitial(node->children);
	return ((DraftMember *) node->value)->column;
}

static void
raise_overlap(const WalcuDocumentDraft *body, const char *outer, const char *inner)
{
	ereport(ERROR, errcode(ERRCODE_DUPLICATE_COLUMN),
			errmsg("columns \"%s\" and \"%s\" of resource \"%s\" cannot be written together", outer, inner,
				   body->options->resource),
			errdetail("They are stored at the same place in the document, or one within the other."));
}

/*
 * Appends a node's value, which replaces old; old may be NULL.  What is null stays where it is to be left
 * out, and what is no object where nothing is put into it.
 */
static void
append_node(StringInfo text, const WalcuPathNode *node, JsonbValue *old)
{
	bool is_object = old && old->type == jbvBinary && JsonContainerIsObject(old->val.binary.data);

	if (old && !is_object && is_left_out(node))
		append_json(text, old);
	else if (node->value)
		appendStringInfoString(text, ((DraftMember *) node->value)->text);
	else if (is_object)
		append_object(text, node, old->val.binary.data);
	else
		append_object(text, node, NULL);
}

static void
append_object(StringInfo text, const WalcuPathNode *node, JsonbContainer *old)
{
	bool first = true;
	ListCell *lc;

	check_stack_depth();
	appendStringInfoChar(text, '{');
	if (old)
	{
		JsonbIterator *iterator = JsonbIteratorInit(old);
		JsonbValue key;
		JsonbValue value;

		JsonbIteratorNext(&iterator, &key, true);
		while (JsonbIteratorNext(&iterator, &key, true) == WJB_KEY)
		{
			WalcuPathNode *child = path_tree_find_child(node, key.val.string.val, key.val.string.len);

			JsonbIteratorNext(&iterator, &value, true);
			if (child)
				continue;
			first = append_member_key(text, first, pnstrdup(key.val.string.val, key.val.string.len));
			append_json(text, &value);
		}
	}
	foreach(lc, node->children)
	{
		WalcuPathNode *child = lfirst(lc);
		JsonbValue *value =
			old ? getKeyJsonValueFromContainer(old, child->name, child->name_length, NULL) : NULL;

		if (is_left_out(child) && !(value && (child->children != NIL || value->type == jbvNull)))
			continue;
		first = append_member_key(text, first, child->name);
		append_node(text, child, value);
	}
	appendStringInfoChar(text, '}');
}

static void
append_json(StringInfo text, JsonbValue *value)
{
	Jsonb *json = JsonbValueToJsonb(value);

	JsonbToCString(text, &json->root, VARSIZE(json));
}

static bool
append_member_key(StringInfo text, bool first, const char *name)
{
	if (!first)
		appendStringInfoChar(text, ',');
	escape_json(text, name);
	appendStringInfoChar(text, ':');
	return false;
}

/* Tells whether nothing is said of a member, or of any within it. */
static bool
is_left_out(const WalcuPathNode *node)
{
	ListCell *lc;

	if (node->value)
		return ((DraftMember *) node->value)->text == NULL;
	foreach(lc, node->children)
	{
		if (!is_left_out(lfirst(lc)))
			return false;
	}
	return true;
}
