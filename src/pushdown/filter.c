/*
 * filter.c
 *	  The text of a filter: conditions on places of a document, joined by and or or.
 *
 * Conditions (deparse.c) make clauses, pushdown.c joins them, and page_reader.c adds what it needs to
 * read page after page.  Only how filters are written is known here, not what they mean.
 */
#include "postgres.h"

#include "pushdown/filter.h"

#include "base/utf8.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/json.h"

/* So many conditions share an object at most. */
#define SHARED_MOST 1000

WalcuFilter filter_everything = {NULL, NULL, "{}"};
WalcuFilter filter_nothing = {NULL, NULL, "{\"_id\":{\"$in\":[]}}"};

static WalcuFilter *join_filters(const char *op, List *filters);
static WalcuFilter *set_trusted(WalcuFilter *joined, List *arms, WalcuFilter *(*join)(List *filters));
static bool is_all_trusted(List *filters);
static List *list_trusted(List *filters);
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

/* One of the clauses holds. */
WalcuFilter *
filter_or(List *filters)
{
	List *arms = NIL;
	ListCell *lc;

	foreach(lc, filters)
	{
		if (lfirst(lc) == &filter_everything)
			return &filter_everything;
		if (lfirst(lc) != &filter_nothing)
			arms = lappend(arms, lfirst(lc));
	}
	if (arms == NIL)
		return &filter_nothing;
	return list_length(arms) == 1 ? linitial(arms) : set_trusted(join_filters("$or", arms), arms, filter_or);
}

/* All of the clauses hold. */
WalcuFilter *
filter_and(List *filters)
{
	List *arms = NIL;
	ListCell *lc;

	foreach(lc, filters)
	{
		if (lfirst(lc) == &filter_nothing)
			return &filter_nothing;
		if (lfirst(lc) != &filter_everything)
			arms = lappend(arms, lfirst(lc));
	}
	if (arms == NIL)
		return &filter_everything;
	return list_length(arms) == 1 ? linitial(arms)
								  : set_trusted(filter_test(NULL, NULL, filter_text(arms)), arms, filter_and);
}

/*
 * What is left of filters that all must hold, without what the service may refuse: the same list, when it
 * refuses nothing of it.
 */
List *
filter_trusted(List *filters)
{
	List *trusted = NIL;
	ListCell *lc;

	if (is_all_trusted(filters))
		return filters;
	foreach(lc, list_trusted(filters))
	{
		if (lfirst(lc) != &filter_everything)
			trusted = lappend(trusted, lfirst(lc));
	}
	return trusted;
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
	return filter.data;
}

/* Text as a JSON string. */
char *
filter_string(const char *text)
{
	StringInfoData json;
	char *string;

	/* a list has as many of them as it has keys, and a buffer is larger than most keys */
	initStringInfo(&json);
	escape_json(&json, text);
	string = pnstrdup(json.data, json.len);
	pfree(json.data);
	return string;
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
	return list.data;
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

/* Note what is left of a filter that was joined of arms, where the service may refuse one of them. */
static WalcuFilter *
set_trusted(WalcuFilter *joined, List *arms, WalcuFilter *(*join)(List *filters))
{
	if (!is_all_trusted(arms))
		joined->trusted = join(list_trusted(arms));
	return joined;
}

static bool
is_all_trusted(List *filters)
{
	ListCell *lc;

	foreach(lc, filters)
	{
		if (((WalcuFilter *) lfirst(lc))->trusted)
			return false;
	}
	return true;
}

static List *
list_trusted(List *filters)
{
	List *trusted = NIL;
	ListCell *lc;

	foreach(lc, filters)
	{
		WalcuFilter *filter = lfirst(lc);

		trusted = lappend(trusted, filter->trusted ? filter->trusted : filter);
	}
	return trusted;
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
}
