/*
 * member_tree.c
 *	  The members of a document while a patch changes them.
 *
 * patched_document.c applies the operations of a patch here.  jsonb_set makes the whole value anew for each
 * of them, and what waits for a commit may be a thousand.  So an object is taken apart once, when the first
 * operation goes into it, and all is put together at the end.
 */
#include "postgres.h"

#include "modify/member_tree.h"

#include "base/digest.h"
#include "miscadmin.h"
#include "modify/document_members.h"
#include "utils/hsearch.h"

/* A value in the tree. */
typedef struct Member
{
	JsonbValue key;   /* This is its name in the object that it is in. */
	JsonbValue value; /* This is the value, if it is not taken apart, */
	bool is_open;     /* but it is, */
	List *members;    /* and these are its members (of Member), in the order in which they came. */
	bool is_gone;     /* Nothing is here any more. */
} Member;

/* A member is found by the object that it is in, and its name. */
typedef struct MemberKey
{
	const Member *object;
	WalcuDigest name;
} MemberKey;

typedef struct MemberEntry
{
	MemberKey key;
	Member *member;
} MemberEntry;

struct WalcuMemberTree
{
	Member root;
	HTAB *members; /* These are the members (MemberEntry) of what has been taken apart. */
};

static void open_member(WalcuMemberTree *tree, Member *member);
static bool has_members(const Member *member);
static Member *add_member(WalcuMemberTree *tree, Member *object, const JsonbValue *name,
						  const JsonbValue *value);
static Member *find_member(WalcuMemberTree *tree, Member *object, const JsonbValue *name);
static MemberKey make_member_key(const Member *object, const JsonbValue *name);
static JsonbValue make_name(const text *key);
static void append_member(StringInfo text, const Member *object);
static void append_leaf(StringInfo text, const JsonbValue *value);

/* Returns the tree of an object, which has to stay as it is, in the current memory context. */
WalcuMemberTree *
member_tree_create(Jsonb *object)
{
	HASHCTL control = {
		.keysize = sizeof(MemberKey), .entrysize = sizeof(MemberEntry), .hcxt = CurrentMemoryContext};
	WalcuMemberTree *tree = palloc0(sizeof(WalcuMemberTree));

	tree->members = hash_create("walcu members", 64, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	tree->root.value.type = jbvBinary;
	tree->root.value.val.binary.data = &object->root;
	tree->root.value.val.binary.len = VARSIZE(object) - VARHDRSZ;
	open_member(tree, &tree->root);
	return tree;
}

/* Sets the place to which keys (of text *) lead.  What is no object on the way becomes one. */
void
member_tree_set(WalcuMemberTree *tree, List *keys, JsonbValue *value)
{
	Member *object = &tree->root;
	JsonbValue name;
	ListCell *lc;

	foreach(lc, keys)
	{
		name = make_name(lfirst(lc));
		if (lnext(keys, lc) != NULL)
		{
			Member *member = find_member(tree, object, &name);

			if (member == NULL || !has_members(member))
			{
				member = add_member(tree, object, &name, NULL);
				member->is_open = true;
			}
			open_member(tree, member);
			object = member;
		}
	}
	add_member(tree, object, &name, value);
}

/* Removes what is at the place to which keys (of text *) lead, if objects alone lead to anything. */
void
member_tree_remove(WalcuMemberTree *tree, List *keys)
{
	Member *member = &tree->root;
	ListCell *lc;

	foreach(lc, keys)
	{
		JsonbValue name = make_name(lfirst(lc));

		if (!has_members(member))
			return;
		open_member(tree, member);
		member = find_member(tree, member, &name);
		if (member == NULL)
			return;
	}
	member->is_gone = true;
}

/* Returns what the tree is now, as JSON, in the current memory context. */
char *
member_tree_text(WalcuMemberTree *tree)
{
	StringInfoData text;

	initStringInfo(&text);
	append_member(&text, &tree->root);
	return text.data;
}

/* Takes an object apart, if it is not yet. */
static void
open_member(WalcuMemberTree *tree, Member *member)
{
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue name;
	JsonbValue value;

	if (member->is_open)
		return;
	member->is_open = true;
	iterator = JsonbIteratorInit(member->value.val.binary.data);
	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			name = value;
		else if (token == WJB_VALUE)
			add_member(tree, member, &name, &value);
	}
}

static bool
has_members(const Member *member)
{
	return member->is_open || document_members_is_object(&member->value);
}

/* Adds a member to an object that is taken apart, in the place of one of the same name. */
static Member *
add_member(WalcuMemberTree *tree, Member *object, const JsonbValue *name, const JsonbValue *value)
{
	MemberKey key = make_member_key(object, name);
	Member *member = palloc0(sizeof(Member));
	MemberEntry *entry;
	bool found;

	member->key = *name;
	if (value)
		member->value = *value;
	entry = hash_search(tree->members, &key, HASH_ENTER, &found);
	if (found)
		entry->member->is_gone = true;
	entry->member = member;
	object->members = lappend(object->members, member);
	return member;
}

/* Returns a member of an object that is taken apart; NULL when there is none. */
static Member *
find_member(WalcuMemberTree *tree, Member *object, const JsonbValue *name)
{
	MemberKey key = make_member_key(object, name);
	MemberEntry *entry = hash_search(tree->members, &key, HASH_FIND, NULL);

	return entry && !entry->member->is_gone ? entry->member : NULL;
}

static MemberKey
make_member_key(const Member *object, const JsonbValue *name)
{
	MemberKey key = {.object = object, .name = digest_of(name->val.string.val, name->val.string.len)};

	return key;
}

static JsonbValue
make_name(const text *key)
{
	JsonbValue name = {.type = jbvString};

	name.val.string.val = VARDATA_ANY(key);
	name.val.string.len = VARSIZE_ANY_EXHDR(key);
	return name;
}

/* A patch may lead as deep as a jsonb goes. */
static void
append_member(StringInfo text, const Member *object)
{
	bool is_first = true;
	ListCell *lc;

	check_stack_depth();
	if (!object->is_open)
	{
		append_leaf(text, &object->value);
		return;
	}
	appendStringInfoChar(text, '{');
	foreach(lc, object->members)
	{
		const Member *member = lfirst(lc);

		if (member->is_gone)
			continue;
		if (!is_first)
			appendStringInfoChar(text, ',');
		append_leaf(text, &member->key);
		appendStringInfoChar(text, ':');
		append_member(text, member);
		is_first = false;
	}
	appendStringInfoChar(text, '}');
}

static void
append_leaf(StringInfo text, const JsonbValue *value)
{
	JsonbValue copy = *value;

	if (value->type == jbvBinary)
		JsonbToCString(text, value->val.binary.data, value->val.binary.len);
	else
	{
		Jsonb *scalar = JsonbValueToJsonb(&copy);

		JsonbToCString(text, &scalar->root, VARSIZE(scalar));
		pfree(scalar);
	}
}
