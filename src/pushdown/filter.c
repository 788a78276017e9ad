/*
 * filter.c
 *	  The text of a filter: conditions on places of a document, joined by and or or.
 *
 * Conditions (deparse.c) make clauses, pushdown.c joins them, and page_reader.c adds what it needs to
 * read page after page.  Only how filters are written is known here, not what they mean.
 */
#include "postgres.h"

#include "pushdown/filter.h"

#include "base/text.h"
#include "base/utf8.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "service/learned.h"
#include "utils/json.h"

/* So many conditions share an object at most. */
#define SHARED_MOST 1000

WalcuFilter filter_everything = {NULL, NULL, "{}"};
WalcuFilter filter_nothing = {NULL, NULL, "{\"_id\":{\"$in\":[]}}"};

static WalcuFilter *join_filters(const char *op, List *filters);
static List *wrap_arms(const char *list, List *arms);
static bool has_to_be_there(const WalcuFilter *filter);
static WalcuFilter *note_arms(WalcuFilter *joined, const char *op, List *arms);
static List *keep_described(List *arms);
static bool has_undescribed(List *filters);
static bool is_about(List *filters, const char *path);
static const char *find_any_path(const WalcuFilter *filter);
static bool has_texts(const WalcuFilter *filter, const WalcuOptions *options);
static WalcuFilter *reduce_filter(WalcuFilter *filter, WalcuFilterExtent extent, const WalcuOptions *options);
static WalcuFilter *reduce_test(WalcuFilter *filter, WalcuFilterExtent extent, const WalcuOptions *options);
static bool can_share_object(List *filters);
static bool repeats_path(List *filters, int position);
static void append_path(StringInfo filter, List *filters, int position);

/* One operator, such as $gte, on one path; operand is JSON. */
WalcuFilter *
filter_test(const char *path, const char *op, const char *operand)
{
	WalcuFilter *filter = palloc0(sizeof(WalcuFilter));

	filter->path = path;
	filter->op = op;
	filter->text = operand;
	return filter;
}

/*
 * One of the clauses holds.  A service that takes no notice of an arm would send less than it should, so that
 * arms are of places that the description has, or all of one place.
 */
WalcuFilter *
filter_or(List *filters)
{
	List *arms = NIL;
	ListCell *lc;

	foreach(lc, filters)
	{
		CHECK_FOR_INTERRUPTS();
		if (lfirst(lc) == &filter_everything || ((WalcuFilter *) lfirst(lc))->stray)
			return &filter_everything;
		if (lfirst(lc) != &filter_nothing)
			arms = lappend(arms, lfirst(lc));
	}
	if (arms == NIL)
		return &filter_nothing;
	if (list_length(arms) == 1)
		return linitial(arms);
	if (has_undescribed(arms) && !is_about(arms, find_any_path(linitial(arms))))
		arms = keep_described(arms);
	if (list_member_ptr(arms, &filter_everything))
		return &filter_everything;
	return note_arms(join_filters("$or", arms), "$or", arms);
}

/* All of the clauses hold. */
WalcuFilter *
filter_and(List *filters)
{
	List *arms = NIL;
	ListCell *lc;

	foreach(lc, filters)
	{
		CHECK_FOR_INTERRUPTS();
		if (lfirst(lc) == &filter_nothing)
			return &filter_nothing;
		if (lfirst(lc) != &filter_everything && !((WalcuFilter *) lfirst(lc))->stray)
			arms = lappend(arms, lfirst(lc));
	}
	if (arms == NIL)
		return &filter_everything;
	if (list_length(arms) == 1)
		return linitial(arms);
	return note_arms(filter_test(NULL, NULL, filter_text(arms)), "$and", arms);
}

/*
 * A document has an element, in the list at a path, that meets a filter, whose own paths begin at the
 * element.  What a test says that some value meets, it may say of any element by the path through the list;
 * one that a missing value meets has to be said of one element.
 */
WalcuFilter *
filter_of_element(const char *list, WalcuFilter *filter)
{
	WalcuFilter *wrapped;

	if (filter == &filter_everything || filter == &filter_nothing)
		return filter;
	if (filter->arms)
		return strcmp(filter->op, "$or") == 0 ? filter_or(wrap_arms(list, filter->arms))
											  : filter_and(wrap_arms(list, filter->arms));
	if (filter->path == NULL)
		return &filter_everything;
	wrapped = palloc(sizeof(WalcuFilter));
	*wrapped = *filter;
	if (has_to_be_there(filter))
	{
		wrapped->path = psprintf("%s.%s", list, filter->path);
		if (filter->ids_only)
			wrapped->ids_only = filter_of_element(list, filter->ids_only);
		return wrapped;
	}
	/* what is learned of the ids of a place could not be told from that of another one in the list */
	if (filter->ids_only)
		return &filter_everything;
	wrapped->literals = NIL;
	wrapped->path = list;
	wrapped->op = "$elemMatch";
	wrapped->text = filter_text(list_make1(filter));
	return wrapped;
}

static List *
wrap_arms(const char *list, List *arms)
{
	List *wrapped = NIL;
	ListCell *lc;

	foreach(lc, arms)
	{
		CHECK_FOR_INTERRUPTS();
		wrapped = lappend(wrapped, filter_of_element(list, lfirst(lc)));
	}
	return wrapped;
}

/* Tells whether a test is met by a value that is there, and by nothing else. */
static bool
has_to_be_there(const WalcuFilter *filter)
{
	static const char *const operators[] = {"$eq", "$in", "$gt", "$gte", "$lt", "$lte", "$regex", "$type"};

	for (int i = 0; i < lengthof(operators); i++)
	{
		if (strcmp(filter->op, operators[i]) == 0)
			return strstr(filter->text, "null") == NULL;
	}
	return false;
}

/*
 * What is left of filters that all must hold, where not all of them are asked for, or the session has learned
 * which places hold ObjectIds: the same list when that is all, and a list of filter_nothing when no document
 * can match.
 */
List *
filter_reduced(List *filters, WalcuFilterExtent extent, const WalcuOptions *options)
{
	List *reduced = NIL;
	bool is_same = true;
	ListCell *lc;

	foreach(lc, filters)
	{
		WalcuFilter *filter = reduce_filter(lfirst(lc), extent, options);

		CHECK_FOR_INTERRUPTS();
		if (filter == &filter_nothing)
			return list_make1(filter);
		is_same &= filter == lfirst(lc);
		if (filter != &filter_everything)
			reduced = lappend(reduced, filter);
	}
	return is_same ? filters : reduced;
}

/* The places that may hold ObjectIds, and are compared with texts that are none (char *). */
List *
filter_suspects(List *filters, const WalcuOptions *options)
{
	List *paths = NIL;
	ListCell *lc;

	foreach(lc, filters)
	{
		const WalcuFilter *filter = lfirst(lc);

		CHECK_FOR_INTERRUPTS();
		if (filter->arms)
			paths = list_concat(paths, filter_suspects(filter->arms, options));
		else if (has_texts(filter, options))
			paths = lappend(paths, unconstify(char *, filter->path));
	}
	return paths;
}

/* May the service refuse one of the tests, for all that is known of their places? */
bool
filter_is_doubtful(List *filters, const WalcuOptions *options)
{
	return has_undescribed(filters) || filter_suspects(filters, options) != NIL;
}

/*
 * Adds the names (of char *) of the members of a document that filters test.  Returns false when one of the
 * filters does not tell.
 */
bool
filter_members(List *filters, List **names)
{
	ListCell *lc;

	foreach(lc, filters)
	{
		const WalcuFilter *filter = lfirst(lc);
		size_t length = filter->path ? strcspn(filter->path, ".") : 0;

		CHECK_FOR_INTERRUPTS();
		if (filter->arms ? !filter_members(filter->arms, names) : length == 0)
			return false;
		if (filter->arms == NIL)
			*names = lappend(*names, pnstrdup(filter->path, length));
	}
	return true;
}

/* What filters test, without the values. */
char *
filter_shape(List *filters)
{
	StringInfoData shape;
	ListCell *lc;

	initStringInfo(&shape);
	foreach(lc, filters)
	{
		const WalcuFilter *filter = lfirst(lc);

		CHECK_FOR_INTERRUPTS();
		if (shape.len > 0)
			appendStringInfoString(&shape, ", ");
		if (filter->arms)
			appendStringInfoString(&shape, filter_shape(filter->arms));
		else if (filter->path)
			appendStringInfo(&shape, "\"%s\" (%s)", filter->path, filter->op);
		else
			appendStringInfoString(&shape, "NULL");
	}
	return shape.data;
}

/*
 * The filter object of clauses that all must hold; {} of none.  Those on different paths share an
 * object, which is shorter to send and to read.
 */
char *
filter_text(List *filters)
{
	StringInfoData filter;

	if (list_length(filters) == 1 && ((WalcuFilter *) linitial(filters))->path == NULL)
		return pstrdup(((WalcuFilter *) linitial(filters))->text);
	if (!can_share_object(filters))
		return pstrdup(join_filters("$and", filters)->text);
	initStringInfo(&filter);
	appendStringInfoChar(&filter, '{');
	for (int i = 0; i < list_length(filters); i++)
	{
		if (!repeats_path(filters, i))
			append_path(&filter, filters, i);
	}
	appendStringInfoChar(&filter, '}');
	return text_take(&filter);
}

/* Text as a JSON string. */
char *
filter_string(const char *text)
{
	StringInfoData json;

	initStringInfo(&json);
	escape_json(&json, text);
	return text_take(&json);
}

/* A text that is in UTF-8, as the service's ids are, as a JSON string. */
char *
filter_utf8_string(const char *text)
{
	char *json = filter_string(text);

	return utf8_is_server_encoding() ? json : utf8_to_server_escaped(json, strlen(json));
}

/* JSON texts as a JSON array. */
char *
filter_list(List *texts)
{
	StringInfoData list;
	ListCell *lc;

	initStringInfo(&list);
	foreach(lc, texts)
	{
		CHECK_FOR_INTERRUPTS();
		appendStringInfoChar(&list, list.len > 0 ? ',' : '[');
		appendStringInfoString(&list, lfirst(lc));
	}
	appendStringInfoString(&list, list.len > 0 ? "]" : "[]");
	return text_take(&list);
}

static WalcuFilter *
join_filters(const char *op, List *filters)
{
	List *texts = NIL;
	ListCell *lc;

	foreach(lc, filters)
	{
		CHECK_FOR_INTERRUPTS();
		texts = lappend(texts, filter_text(list_make1(lfirst(lc))));
	}
	return filter_test(NULL, NULL, psprintf("{\"%s\":%s}", op, filter_list(texts)));
}

/* Keep what a filter was joined of, for those who ask for a part of it. */
static WalcuFilter *
note_arms(WalcuFilter *joined, const char *op, List *arms)
{
	joined->op = op;
	joined->arms = arms;
	return joined;
}

/* The arms of an OR, each without what the service may take no notice of: then more match it. */
static List *
keep_described(List *arms)
{
	List *described = NIL;
	ListCell *lc;

	foreach(lc, arms)
	{
		WalcuFilter *arm = lfirst(lc);

		CHECK_FOR_INTERRUPTS();
		if (has_undescribed(list_make1(arm)))
			arm = arm->arms && strcmp(arm->op, "$and") == 0 ? filter_and(keep_described(arm->arms))
															: &filter_everything;
		described = lappend(described, arm);
	}
	return described;
}

/* Is one of the tests, at whatever depth, of a place that the description lacks? */
static bool
has_undescribed(List *filters)
{
	ListCell *lc;

	foreach(lc, filters)
	{
		const WalcuFilter *filter = lfirst(lc);

		CHECK_FOR_INTERRUPTS();
		if (filter->undescribed || has_undescribed(filter->arms))
			return true;
	}
	return false;
}

/* Are all tests of one place? */
static bool
is_about(List *filters, const char *path)
{
	ListCell *lc;

	foreach(lc, filters)
	{
		const WalcuFilter *filter = lfirst(lc);

		CHECK_FOR_INTERRUPTS();
		if (filter->arms ? !is_about(filter->arms, path)
						 : filter->path == NULL || strcmp(filter->path, path) != 0)
			return false;
	}
	return true;
}

/* The place of a filter's first test; that of a whole filter made elsewhere is not known. */
static const char *
find_any_path(const WalcuFilter *filter)
{
	while (filter->arms)
		filter = linitial(filter->arms);
	return filter->path ? filter->path : "";
}

static WalcuFilter *
reduce_filter(WalcuFilter *filter, WalcuFilterExtent extent, const WalcuOptions *options)
{
	List *arms = NIL;
	bool is_same = true;
	ListCell *lc;

	check_stack_depth();
	if (extent == WALCU_FILTER_NONE)
		return &filter_everything;
	if (filter->arms == NIL)
		return reduce_test(filter, extent, options);
	foreach(lc, filter->arms)
	{
		CHECK_FOR_INTERRUPTS();
		arms = lappend(arms, reduce_filter(lfirst(lc), extent, options));
		is_same &= llast(arms) == lfirst(lc);
	}
	if (is_same)
		return filter;
	return strcmp(filter->op, "$or") == 0 ? filter_or(arms) : filter_and(arms);
}

static WalcuFilter *
reduce_test(WalcuFilter *filter, WalcuFilterExtent extent, const WalcuOptions *options)
{
	if (filter->ids_only && learned_tells(WALCU_LEARNED_OBJECTIDS, options, filter->path))
		return reduce_test(filter->ids_only, extent, options);
	if (extent == WALCU_FILTER_WITHOUT_TEXTS && has_texts(filter, options))
		return &filter_everything;
	if (extent == WALCU_FILTER_DESCRIBED && (filter->undescribed || has_texts(filter, options)))
		return &filter_everything;
	return filter;
}

/* May the place hold ObjectIds, though it is compared with texts that are none? */
static bool
has_texts(const WalcuFilter *filter, const WalcuOptions *options)
{
	return filter->ids_only && !learned_tells(WALCU_LEARNED_TEXTS, options, filter->path);
}

/* Tells whether no two say the same operator of one path, and none is a filter of its own. */
static bool
can_share_object(List *filters)
{
	/* each is compared with all others, so that very many are written one by one */
	if (list_length(filters) > SHARED_MOST)
		return false;
	for (int i = 0; i < list_length(filters); i++)
	{
		const WalcuFilter *filter = list_nth(filters, i);

		if (filter->path == NULL)
			return false;
		for (int j = 0; j < i; j++)
		{
			const WalcuFilter *other = list_nth(filters, j);

			if (strcmp(other->path, filter->path) == 0 && strcmp(other->op, filter->op) == 0)
				return false;
		}
	}
	return true;
}

/* Has an earlier clause the same path? */
static bool
repeats_path(List *filters, int position)
{
	const WalcuFilter *filter = list_nth(filters, position);

	for (int i = 0; i < position; i++)
	{
		if (strcmp(((WalcuFilter *) list_nth(filters, i))->path, filter->path) == 0)
			return true;
	}
	return false;
}

/* A path with all that is said of it; equality alone needs no operator. */
static void
append_path(StringInfo filter, List *filters, int position)
{
	const WalcuFilter *first = list_nth(filters, position);
	const char *only = first->text;
	StringInfoData operators;

	initStringInfo(&operators);
	for (int i = position; i < list_length(filters); i++)
	{
		const WalcuFilter *filter = list_nth(filters, i);

		if (strcmp(filter->path, first->path) != 0)
			continue;
		if (i > position || strcmp(filter->op, "$eq") != 0)
			only = NULL;
		appendStringInfo(&operators, "%c\"%s\":%s", operators.len > 0 ? ',' : '{', filter->op, filter->text);
	}
	if (filter->len > 1)
		appendStringInfoChar(filter, ',');
	escape_json(filter, first->path);
	if (only)
		appendStringInfo(filter, ":%s", only);
	else
		appendStringInfo(filter, ":%s}", operators.data);
	pfree(operators.data);
}
