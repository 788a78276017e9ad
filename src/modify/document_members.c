/*
 * document_members.c
 *	  The members of a document that have certain names, as jsonb.
 *
 * What a write is about is read from a document here, and nothing else, as other members may have what jsonb
 * cannot.
 */
#include "postgres.h"

#include "modify/document_members.h"

#include "base/utf8.h"
#include "json/convert.h"
#include "json/skim.h"
#include "json/transcode.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

static void append_members(StringInfo text, char *object, char *end, List *places, int depth);
static void append_value(StringInfo text, const WalcuSkimMember *member, List *within, int depth);
static List *find_places(List *places, int depth, const WalcuSkimMember *member);
static bool is_named(List *names, const WalcuSkimMember *member);

/*
 * Returns an object of the members of a document in which places are (lists of text *, which are the keys
 * that lead there).  Of a member that cannot be jsonb, where all places are within it, it has the members
 * alone that places are in.  Error: 22P05 when these cannot be jsonb, either, or have a character that the
 * database's encoding does not have.
 */
Jsonb *
document_members_read(const WalcuOptions *options, const WalcuDocument *document, List *places)
{
	WalcuJson members = {.type = JSON_TOKEN_OBJECT_START, .suspect = true};
	StringInfoData text;

	initStringInfo(&text);
	append_members(&text, document->data, document->data + document->length, places, 0);
	members.text = text.data;
	members.length = text.len;
	if (!utf8_is_server_encoding() && !transcode_to_server(&members))
		ereport(
			ERROR, errcode(ERRCODE_UNTRANSLATABLE_CHARACTER),
			errmsg("document \"%s\" of resource \"%s\" cannot be changed", document->id, options->resource),
			errdetail("It has a character that the encoding %s does not have where it is to be changed.",
					  GetDatabaseEncodingName()));
	if (!convert_is_storable(&members))
		ereport(
			ERROR, errcode(ERRCODE_UNTRANSLATABLE_CHARACTER),
			errmsg("document \"%s\" of resource \"%s\" cannot be changed", document->id, options->resource),
			errdetail(
				"Where it is to be changed, it holds \\u0000, half of a surrogate pair, or a number out of "
				"range, which PostgreSQL cannot store."),
			errhint("Set that to another value first: it can be replaced as a whole by its own column, or by "
					"walcu_fdw_request()."));
	return DatumGetJsonbP(
		DirectFunctionCall1(jsonb_in, CStringGetDatum(pnstrdup(members.text, members.length))));
}

/*
 * Appends an object of those members of an object, which ends before end, in which places are.  Depth is that
 * of the object in the document.
 */
static void
append_members(StringInfo text, char *object, char *end, List *places, int depth)
{
	WalcuSkimmer skimmer = {.end = end};
	WalcuSkimMember member = {.end = object};
	bool is_first = true;

	appendStringInfoChar(text, '{');
	while (skim_next_member(&skimmer, &member))
	{
		List *within = find_places(places, depth, &member);

		if (within == NIL)
			continue;
		appendStringInfo(text, "%s%.*s:", is_first ? "" : ",", member.key_length, member.key);
		append_value(text, &member, within, depth + 1);
		is_first = false;
	}
	appendStringInfoChar(text, '}');
}

/* Appends the value of a member, or what is needed of it. */
static void
append_value(StringInfo text, const WalcuSkimMember *member, List *within, int depth)
{
	int length = member->end - member->value;
	WalcuJson json = {
		.type = JSON_TOKEN_OBJECT_START, .text = member->value, .length = length, .suspect = true};
	bool is_within = true;
	ListCell *lc;

	foreach(lc, within)
		is_within &= list_length(lfirst(lc)) > depth;
	/* what a patch sets whole, below the members of a free form, it needs as it is */
	if (depth == 1 && is_within && *member->value == '{' && !convert_is_storable(&json))
		append_members(text, member->value, member->end, within, depth);
	else
		appendBinaryStringInfo(text, member->value, length);
}

/* Returns those of the places that lead to, or into, a member. */
static List *
find_places(List *places, int depth, const WalcuSkimMember *member)
{
	List *found = NIL;
	ListCell *lc;

	foreach(lc, places)
	{
		if (is_named(list_make1(list_nth(lfirst(lc), depth)), member))
			found = lappend(found, lfirst(lc));
	}
	return found;
}

/*
 * Returns a document as JSON, in UTF-8, with other members, an object as JSON, in the place of those that
 * have these names (of text *).
 */
char *
document_members_replace(const WalcuDocument *document, List *names, const char *members)
{
	WalcuSkimmer skimmer = {.end = document->data + document->length};
	WalcuSkimMember member = {.end = document->data};
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfoChar(&text, '{');
	while (skim_next_member(&skimmer, &member))
	{
		if (!is_named(names, &member))
			appendStringInfo(&text, "%s%.*s", text.len > 1 ? "," : "", (int) (member.end - member.key),
							 member.key);
	}
	if (strcmp(members, "{}") != 0)
		appendStringInfo(&text, "%s%s", text.len > 1 ? "," : "", utf8_require(members) + 1);
	else
		appendStringInfoChar(&text, '}');
	return text.data;
}

/* Tells whether a member has one of these names.  Documents may write its key with escapes. */
static bool
is_named(List *names, const WalcuSkimMember *member)
{
	WalcuJson json = {.type = JSON_TOKEN_STRING, .text = member->key, .length = member->key_length};
	const char *key;
	int key_length;
	ListCell *lc;

	if (!utf8_is_server_encoding())
		transcode_unescape(&json);
	if (!convert_string(&json, &key, &key_length))
		return false;
	foreach(lc, names)
	{
		const text *name = lfirst(lc);
		const char *utf8 = VARDATA_ANY(name);
		int utf8_length = VARSIZE_ANY_EXHDR(name);

		if (!utf8_is_server_encoding())
		{
			utf8 = utf8_from_server(text_to_cstring(name));
			utf8_length = utf8 ? strlen(utf8) : -1;
		}
		if (utf8_length == key_length && memcmp(utf8, key, key_length) == 0)
			return true;
	}
	return false;
}

/* Returns the value to which the first keys lead, through objects alone; NULL when there is none. */
JsonbValue *
document_members_find(Jsonb *document, List *keys, int count)
{
	JsonbContainer *object = &document->root;
	JsonbValue *value = NULL;

	for (int i = 0; i < count; i++)
	{
		const text *key = list_nth(keys, i);

		if (i > 0 && !document_members_is_object(value))
			return NULL;
		if (i > 0)
			object = value->val.binary.data;
		value = getKeyJsonValueFromContainer(object, VARDATA_ANY(key), VARSIZE_ANY_EXHDR(key), NULL);
		if (value == NULL)
			return NULL;
	}
	return value;
}

bool
document_members_is_object(const JsonbValue *value)
{
	return value && value->type == jbvBinary && JsonContainerIsObject(value->val.binary.data);
}
