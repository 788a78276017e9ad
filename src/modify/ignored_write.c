/*
 * ignored_write.c
 *	  What the service has not kept of what was written.
 *
 * A service may drop fields that it does not know, and say that all is well.  Its reply has the document as
 * it is now.  row.c says which column has set which place, a "set", and writer.c asks here whether that came
 * back.  same_value.c tells whether two values mean the same.
 *
 * Where the reply does not tell, as it has no document, or one that cannot be read, nothing is said.
 */
#include "postgres.h"

#include "modify/ignored_write.h"

#include "base/text.h"
#include "catalog/pg_collation.h"
#include "json/skim.h"
#include "json/split.h"
#include "miscadmin.h"
#include "modify/document_members.h"
#include "modify/same_value.h"
#include "modify/write_log.h"
#include "modify/write_reply.h"
#include "service/columns.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"
#include "utils/memutils.h"

/* So many places and columns are named. */
#define NAMED 20

/* A place that a write has set. */
typedef struct SetPlace
{
	char *column;      /* This column has set it. */
	bool is_json;      /* The column's values are JSON. */
	List *keys;        /* These (of text *) lead to it. */
	JsonbValue *value; /* This was set; NULL where it was removed. */
} SetPlace;

static void begin_set(StringInfo sets, const WalcuSetColumn *column);
static void end_set(StringInfo sets, const char *value, int length);
static bool read_reply(StringInfo reply, WalcuDocument *document);
static List *read_sets(const char *sets);
static SetPlace *read_set(JsonbContainer *set);
static bool is_overwritten(const SetPlace *place, List *later);
static Jsonb *read_places(const WalcuOptions *options, const WalcuDocument *document, const char *sets,
						  List **places);
static bool note_place(WalcuIgnoredWrites *ignored, Jsonb *document, const SetPlace *place);
static bool note_value(WalcuIgnoredWrites *ignored, const char *path, const JsonbValue *sent,
					   const JsonbValue *got);
static bool note_members(WalcuIgnoredWrites *ignored, const char *path, JsonbContainer *sent,
						 JsonbContainer *got);
static void note_path(WalcuIgnoredWrites *ignored, const char *path, bool is_missing);
static char *make_dotted_path(List *keys);
static List *add_name(List *names, const char *name);
static char *quote_names(List *names);

/*
 * Adds that a column has set a place to a value, which is JSON; NULL for one that was removed.  The separator
 * of the path is "/" for a pointer, which begins with it, or ".".
 */
void
ignored_write_add_set(StringInfo sets, const WalcuSetColumn *column, const char *path, char separator,
					  const char *value)
{
	const char *key = separator == '/' ? path + 1 : path;

	begin_set(sets, column);
	while (key)
	{
		const char *end = strchr(key, separator);

		escape_json(sets, end ? pnstrdup(key, end - key) : key);
		if (end)
			appendStringInfoChar(sets, ',');
		key = end ? end + 1 : NULL;
	}
	end_set(sets, value, value ? strlen(value) : 0);
}

/* Adds that a column has set the members of a whole document, but for those that the service sets itself. */
void
ignored_write_add_members(StringInfo sets, const WalcuSetColumn *column, const char *document)
{
	char *text = pstrdup(document);
	WalcuSkimmer skimmer = {.end = text + strlen(text)};
	WalcuSkimMember member = {.end = text};

	while (skim_next_member(&skimmer, &member))
	{
		if (columns_is_set_by_service(pnstrdup(member.key + 1, member.key_length - 2)))
			continue;
		begin_set(sets, column);
		appendBinaryStringInfo(sets, member.key, member.key_length);
		end_set(sets, member.value, member.end - member.value);
	}
}

static void
begin_set(StringInfo sets, const WalcuSetColumn *column)
{
	appendStringInfoString(sets, sets->len > 0 ? ",[" : "[");
	escape_json(sets, column->name);
	appendStringInfo(sets, ",%s,[", column->is_json ? "true" : "false");
}

static void
end_set(StringInfo sets, const char *value, int length)
{
	appendStringInfo(sets, value ? "],%.*s]" : "]]", length, value);
}

/* Returns what was set as a JSON array; NULL for nothing. */
char *
ignored_write_sets_text(StringInfo sets)
{
	return sets->len > 0 ? psprintf("[%s]", sets->data) : NULL;
}

/*
 * Notes what of a document's sets is not in the reply.  Returns false if all is.  What cannot be read of the
 * reply is taken as kept, which is noted, too.
 */
bool
ignored_write_note(WalcuIgnoredWrites *ignored, const char *sets, StringInfo reply, const char *id)
{
	MemoryContext before = MemoryContextSwitchTo(
		AllocSetContextCreate(CurrentMemoryContext, "walcu ignored write", ALLOCSET_DEFAULT_SIZES));
	MemoryContext own = CurrentMemoryContext;
	WalcuDocument document = {0};
	bool is_ignored = false;
	List *places = NIL;
	Jsonb *members =
		read_reply(reply, &document) ? read_places(ignored->options, &document, sets, &places) : NULL;

	ignored->is_unread |= members == NULL;
	for (int i = 0; members && i < list_length(places); i++)
	{
		const SetPlace *place = list_nth(places, i);

		if (!is_overwritten(place, list_copy_tail(places, i + 1)) && note_place(ignored, members, place))
		{
			is_ignored = true;
			MemoryContextSwitchTo(ignored->context);
			ignored->columns = add_name(ignored->columns, place->column);
			MemoryContextSwitchTo(own);
		}
	}
	if (is_ignored && ignored->count++ < NAMED)
	{
		MemoryContextSwitchTo(ignored->context);
		ignored->documents =
			lappend(ignored->documents,
					id ? psprintf("%s/%s", ignored->options->resource, text_shown(id, TEXT_OF_ID))
					   : psprintf("one of \"%s\" whose _id is not known", ignored->options->resource));
	}
	MemoryContextSwitchTo(before);
	MemoryContextDelete(own);
	return is_ignored;
}

/* Returns the error that tells of what was noted, in the current memory context. */
ErrorData *
ignored_write_make_error(const WalcuIgnoredWrites *ignored)
{
	MemoryContext before = CurrentMemoryContext;
	ErrorData *volatile error = NULL;

	PG_TRY();
	{
		ignored_write_raise(ignored, ERROR);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(before);
		error = CopyErrorData();
		FlushErrorState();
	}
	PG_END_TRY();
	return error;
}

/* Tells of what was noted, as a warning or an error. */
void
ignored_write_raise(const WalcuIgnoredWrites *ignored, int level)
{
	StringInfoData detail;

	if (ignored->count == 0)
		ereport(level, errcode(WALCU_WARNING_IGNORED_WRITE),
				errmsg("a document of resource \"%s\" cannot be compared with what was written",
					   ignored->options->resource),
				errdetail("It has a value that jsonb, or the encoding of this database, does not take."));
	initStringInfo(&detail);
	if (ignored->missing != NIL)
		appendStringInfo(&detail, "%s did not come back.", quote_names(ignored->missing));
	if (ignored->changed != NIL)
		appendStringInfo(&detail, "%s%s came back as something else.", detail.len > 0 ? " " : "",
						 quote_names(ignored->changed));
	if (level < ERROR)
	{
		appendStringInfo(&detail,
						 ignored->count == 1 ? " That is so of one document: "
											 : " That is so of " INT64_FORMAT " documents: ",
						 ignored->count);
		write_log_append_list(&detail, ignored->documents, ignored->count);
	}
	ereport(level, errcode(WALCU_WARNING_IGNORED_WRITE),
			errmsg_plural("the service did not keep what was written to column %s of resource \"%s\"",
						  "the service did not keep what was written to columns %s of resource \"%s\"",
						  (unsigned long) list_length(ignored->columns), quote_names(ignored->columns),
						  ignored->options->resource),
			errdetail("%s", detail.data),
			level < ERROR
				? errhint("What else was written stands. The option on_ignored_write may make this "
						  "an error, or ignore it.")
				: errhint("What else was written stands, also of the same documents. Set the option "
						  "on_ignored_write to 'warning' to go on."));
}

/* Reads the document of a reply.  Returns false when there is none, or it does not tell what was written. */
static bool
read_reply(StringInfo reply, WalcuDocument *document)
{
	WalcuSplitter splitter = {0};
	WalcuSpan span;

	if (split_next(&splitter, reply->data, 0, reply->len, &span) != WALCU_SPLIT_DOCUMENT ||
		span.id_length == 0)
		return false;
	document->data = reply->data + span.start;
	document->length = (int) span.length;
	document->id = "";
	return write_reply_tells(document);
}

/* Returns the places (of SetPlace *) that sets name. */
static List *
read_sets(const char *sets)
{
	Jsonb *array = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(sets)));
	List *places = NIL;

	for (uint32 i = 0; i < JB_ROOT_COUNT(array); i++)
		places = lappend(places, read_set(getIthJsonbValueFromContainer(&array->root, i)->val.binary.data));
	return places;
}

static SetPlace *
read_set(JsonbContainer *set)
{
	SetPlace *place = palloc(sizeof(SetPlace));
	JsonbValue *column = getIthJsonbValueFromContainer(set, 0);
	JsonbContainer *keys = getIthJsonbValueFromContainer(set, 2)->val.binary.data;

	place->column = pnstrdup(column->val.string.val, column->val.string.len);
	place->is_json = getIthJsonbValueFromContainer(set, 1)->val.boolean;
	place->keys = NIL;
	for (uint32 i = 0; i < JsonContainerSize(keys); i++)
	{
		JsonbValue *key = getIthJsonbValueFromContainer(keys, i);

		place->keys =
			lappend(place->keys, cstring_to_text_with_len(key->val.string.val, key->val.string.len));
	}
	place->value = getIthJsonbValueFromContainer(set, 3);
	return place;
}

/* Tells whether a later set is at the place, within it, or around it: then that one says what is there. */
static bool
is_overwritten(const SetPlace *place, List *later)
{
	ListCell *lc;

	foreach(lc, later)
	{
		List *keys = ((SetPlace *) lfirst(lc))->keys;
		int common = Min(list_length(keys), list_length(place->keys));
		int same = 0;

		while (same < common && DatumGetBool(DirectFunctionCall2Coll(
									texteq, C_COLLATION_OID, PointerGetDatum(list_nth(keys, same)),
									PointerGetDatum(list_nth(place->keys, same)))))
			same++;
		if (same == common)
			return true;
	}
	return false;
}

/*
 * Reads the places (of SetPlace *) that sets name, and returns the members of a document in which they are;
 * NULL when one or the other has what jsonb does not take.
 */
static Jsonb *
read_places(const WalcuOptions *options, const WalcuDocument *document, const char *sets, List **places)
{
	MemoryContext before = CurrentMemoryContext;
	List *keys = NIL;
	Jsonb *volatile members = NULL;
	ListCell *lc;

	PG_TRY();
	{
		*places = read_sets(sets);
		foreach(lc, *places)
			keys = lappend(keys, ((SetPlace *) lfirst(lc))->keys);
		members = document_members_read(options, document, keys);
	}
	PG_CATCH();
	{
		int category = ERRCODE_TO_CATEGORY(geterrcode());

		MemoryContextSwitchTo(before);
		if (category != ERRCODE_DATA_EXCEPTION && category != ERRCODE_PROGRAM_LIMIT_EXCEEDED)
			PG_RE_THROW();
		FlushErrorState();
	}
	PG_END_TRY();
	return members;
}

/* Notes what was not kept of a place.  Returns false if all was. */
static bool
note_place(WalcuIgnoredWrites *ignored, Jsonb *document, const SetPlace *place)
{
	JsonbValue *found = document_members_find(document, place->keys, list_length(place->keys));
	char *path = make_dotted_path(place->keys);

	if (place->value == NULL && same_value_is_nothing(found))
		return false;
	/* a column of another type is not to become an array */
	if (place->value == NULL || (!place->is_json && same_value_is_wrapped(place->value, found)))
	{
		note_path(ignored, path, false);
		return true;
	}
	return note_value(ignored, path, place->value, found);
}

/* Notes what was not kept of a value, of an object by its members.  Returns false if all was. */
static bool
note_value(WalcuIgnoredWrites *ignored, const char *path, const JsonbValue *sent, const JsonbValue *got)
{
	check_stack_depth();
	if (same_value_is_kept(sent, got))
		return false;
	if (sent->type == jbvBinary && JsonContainerIsObject(sent->val.binary.data) &&
		document_members_is_object(got))
		return note_members(ignored, path, sent->val.binary.data, got->val.binary.data);
	note_path(ignored, path, same_value_is_nothing(got));
	return true;
}

static bool
note_members(WalcuIgnoredWrites *ignored, const char *path, JsonbContainer *sent, JsonbContainer *got)
{
	JsonbIterator *iterator = JsonbIteratorInit(sent);
	JsonbIteratorToken token;
	JsonbValue key;
	JsonbValue value;
	bool is_ignored = false;

	while ((token = JsonbIteratorNext(&iterator, &key, true)) != WJB_DONE)
	{
		if (token != WJB_KEY)
			continue;
		JsonbIteratorNext(&iterator, &value, true);
		is_ignored |=
			note_value(ignored, psprintf("%s.%.*s", path, key.val.string.len, key.val.string.val), &value,
					   getKeyJsonValueFromContainer(got, key.val.string.val, key.val.string.len, NULL));
	}
	return is_ignored;
}

static void
note_path(WalcuIgnoredWrites *ignored, const char *path, bool is_missing)
{
	MemoryContext before = MemoryContextSwitchTo(ignored->context);

	if (is_missing)
		ignored->missing = add_name(ignored->missing, path);
	else
		ignored->changed = add_name(ignored->changed, path);
	MemoryContextSwitchTo(before);
}

static char *
make_dotted_path(List *keys)
{
	StringInfoData path;
	ListCell *lc;

	initStringInfo(&path);
	foreach(lc, keys)
		appendStringInfo(&path, "%s%s", path.len > 0 ? "." : "", text_to_cstring(lfirst(lc)));
	return path.data;
}

/* Adds a name that is not among the others, as long as there are few. */
static List *
add_name(List *names, const char *name)
{
	ListCell *lc;

	foreach(lc, names)
	{
		if (strcmp(lfirst(lc), name) == 0)
			return names;
	}
	return list_length(names) < NAMED ? lappend(names, pstrdup(name)) : names;
}

static char *
quote_names(List *names)
{
	StringInfoData text;
	ListCell *lc;

	initStringInfo(&text);
	foreach(lc, names)
		appendStringInfo(&text, "%s\"%s\"", text.len > 0 ? ", " : "", text_shown(lfirst(lc), TEXT_OF_ID));
	return text.data;
}
