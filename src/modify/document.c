/*
 * document.c
 *	  A JSON document made of columns, each at its dotted path.
 *
 * modify.c sets what a row says; a new document is made of that alone, and one that is
 * replaced of that over what it was.  Columns that were flattened out of one object meet
 * in it again.
 */
#include "postgres.h"

#include "modify/document.h"

#include "base/compat.h"
#include "miscadmin.h"
#include "utils/json.h"

/* A member of the document. */
typedef struct BodyNode
{
	char *name;
	const char *column; /* that sets it, or NULL where others set its members */
	const char *text;   /* JSON, or NULL to leave it out */
	List *children;     /* of BodyNode */
} BodyNode;

struct WalcuDocumentDraft
{
	const WalcuOptions *options;
	BodyNode root;
};

static BodyNode *find_draft_child(const BodyNode *node, const char *name, size_t length);
static BodyNode *add_draft_child(BodyNode *node, const char *name, size_t length);
static const char *find_any_column(const BodyNode *node);
pg_noreturn static void raise_overlap(const WalcuDocumentDraft *body, const char *outer, const char *inner);
static void append_node(StringInfo text, const BodyNode *node, JsonbValue *old);
static void append_object(StringInfo text, const BodyNode *node, JsonbContainer *old);
static bool append_member_key(StringInfo text, bool first, const char *name);
static bool is_left_out(const BodyNode *node);

/* An empty document, in the current memory context. */
WalcuDocumentDraft *
document_create(const WalcuOptions *options)
{
	WalcuDocumentDraft *body = palloc0(sizeof(WalcuDocumentDraft));

	body->options = options;
	return body;
}

/*
 * Put a column's JSON text at a dotted path; "." is the whole document, and NULL leaves out what
 * is there.  Error: 42701 when another column that was set is the same place, within it, or around it.
 */
void
document_set(WalcuDocumentDraft *body, const char *path, const char *column, const char *text)
{
	BodyNode *node = &body->root;
	const char *name = path;

	while (strcmp(path, ".") != 0 && name)
	{
		const char *dot = strchr(name, '.');

		if (node->column)
			raise_overlap(body, node->column, column);
		node = add_draft_child(node, name, dot ? dot - name : strlen(name));
		name = dot ? dot + 1 : NULL;
	}
	if (node->column)
		raise_overlap(body, node->column, column);
	if (node->children != NIL)
		raise_overlap(body, column, find_any_column(node));
	node->column = column;
	node->text = text;
}

/* The document as JSON text: what was set, over the members of the given one, if any. */
char *
document_text(const WalcuDocumentDraft *body, Jsonb *document)
{
	StringInfoData text;

	initStringInfo(&text);
	if (body->root.column)
		appendStringInfoString(&text, body->root.text);
	else
		append_object(&text, &body->root, document ? &document->root : NULL);
	return text.data;
}

static BodyNode *
find_draft_child(const BodyNode *node, const char *name, size_t length)
{
	ListCell *lc;

	foreach(lc, node->children)
	{
		BodyNode *child = lfirst(lc);

		if (strlen(child->name) == length && memcmp(child->name, name, length) == 0)
			return child;
	}
	return NULL;
}

static BodyNode *
add_draft_child(BodyNode *node, const char *name, size_t length)
{
	BodyNode *child = find_draft_child(node, name, length);

	if (child == NULL)
	{
		child = palloc0(sizeof(BodyNode));
		child->name = pnstrdup(name, length);
		node->children = lappend(node->children, child);
	}
	return child;
}

/* A column that sets something within. */
static const char *
find_any_column(const BodyNode *node)
{
	while (node->column == NULL)
		node = linitial(node->children);
	return node->column;
}

static void
raise_overlap(const WalcuDocumentDraft *body, const char *outer, const char *inner)
{
	ereport(ERROR, errcode(ERRCODE_DUPLICATE_COLUMN),
			errmsg("columns \"%s\" and \"%s\" of resource \"%s\" cannot be written together", outer, inner,
				   body->options->resource),
			errdetail("They are the same place in the document, or one is within the other."));
}

/* A node's value, which stands where old stood; old may be NULL. */
static void
append_node(StringInfo text, const BodyNode *node, JsonbValue *old)
{
	if (node->column)
		appendStringInfoString(text, node->text);
	else if (old && old->type == jbvBinary && JsonContainerIsObject(old->val.binary.data))
		append_object(text, node, old->val.binary.data);
	else
		append_object(text, node, NULL);
}

static void
append_object(StringInfo text, const BodyNode *node, JsonbContainer *old)
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
			BodyNode *child = find_draft_child(node, key.val.string.val, key.val.string.len);
			Jsonb *json;

			JsonbIteratorNext(&iterator, &value, true);
			if (child)
				continue;
			first = append_member_key(text, first, pnstrdup(key.val.string.val, key.val.string.len));
			json = JsonbValueToJsonb(&value);
			JsonbToCString(text, &json->root, VARSIZE(json));
		}
	}
	foreach(lc, node->children)
	{
		BodyNode *child = lfirst(lc);
		JsonbValue *value =
			old ? getKeyJsonValueFromContainer(old, child->name, strlen(child->name), NULL) : NULL;

		if (is_left_out(child) && !(value && child->children != NIL))
			continue;
		first = append_member_key(text, first, child->name);
		append_node(text, child, value);
	}
	appendStringInfoChar(text, '}');
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

/* Is there nothing in it that is said? */
static bool
is_left_out(const BodyNode *node)
{
	ListCell *lc;

	if (node->column)
		return node->text == NULL;
	foreach(lc, node->children)
	{
		if (!is_left_out(lfirst(lc)))
			return false;
	}
	return true;
}
