/*
 * filter.c
 *	  The text of a filter: conditions on places of a document, joined by and or or.
 *
 * Conditions (render.c) make clauses, filter.c joins them, and source.c adds what it needs to
 * read page after page.  Only how filters are written is known here, not what they mean.
 */
#include "postgres.h"

#include "pushdown/filter.h"

#include "lib/stringinfo.h"
#include "utils/json.h"

WalcuClause clause_everything = {NULL, NULL, "{}"};
WalcuClause clause_nothing = {NULL, NULL, "{\"_id\":{\"$in\":[]}}"};

static WalcuClause *join(const char *operator, List * clauses);
static bool can_share_object(List *clauses);
static bool repeats(List *clauses, int position);
static void append_path(StringInfo filter, List *clauses, int position);

/* One operator, such as $gte, on one path; operand is JSON. */
WalcuClause *
clause_test(const char *path, const char *operator, const char * operand)
{
	WalcuClause *clause = palloc0(sizeof(WalcuClause));

	clause->path = path;
	clause->operator= operator;
	clause->text = operand;
	return clause;
}

/* One of the clauses holds. */
WalcuClause *
clause_or(List *clauses)
{
	List *arms = NIL;
	ListCell *lc;

	foreach(lc, clauses)
	{
		if (lfirst(lc) == &clause_everything)
			return &clause_everything;
		if (lfirst(lc) != &clause_nothing)
			arms = lappend(arms, lfirst(lc));
	}
	if (arms == NIL)
		return &clause_nothing;
	return list_length(arms) == 1 ? linitial(arms) : join("$or", arms);
}

/* All of the clauses hold. */
WalcuClause *
clause_and(List *clauses)
{
	List *arms = NIL;
	ListCell *lc;

	foreach(lc, clauses)
	{
		if (lfirst(lc) == &clause_nothing)
			return &clause_nothing;
		if (lfirst(lc) != &clause_everything)
			arms = lappend(arms, lfirst(lc));
	}
	if (arms == NIL)
		return &clause_everything;
	return list_length(arms) == 1 ? linitial(arms) : clause_test(NULL, NULL, clause_filter(arms));
}

/*
 * The filter object of clauses that all must hold; {} of none.  Those on different paths share an
 * object, which is shorter to send and to read.
 */
char *
clause_filter(List *clauses)
{
	StringInfoData filter;

	if (list_length(clauses) == 1 && ((WalcuClause *) linitial(clauses))->path == NULL)
		return pstrdup(((WalcuClause *) linitial(clauses))->text);
	if (!can_share_object(clauses))
		return pstrdup(join("$and", clauses)->text);
	initStringInfo(&filter);
	appendStringInfoChar(&filter, '{');
	for (int i = 0; i < list_length(clauses); i++)
	{
		if (!repeats(clauses, i))
			append_path(&filter, clauses, i);
	}
	appendStringInfoChar(&filter, '}');
	return filter.data;
}

/* Text as a JSON string. */
char *
clause_string(const char *text)
{
	StringInfoData json;

	initStringInfo(&json);
	escape_json(&json, text);
	return json.data;
}

/* JSON texts as a JSON array. */
char *
clause_list(List *texts)
{
	StringInfoData list;
	ListCell *lc;

	initStringInfo(&list);
	foreach(lc, texts)
		appendStringInfo(&list, "%c%s", list.len > 0 ? ',' : '[', (char *) lfirst(lc));
	appendStringInfoString(&list, list.len > 0 ? "]" : "[]");
	return list.data;
}

static WalcuClause *
join(const char *operator, List * clauses)
{
	List *filters = NIL;
	ListCell *lc;

	foreach(lc, clauses)
		filters = lappend(filters, clause_filter(list_make1(lfirst(lc))));
	return clause_test(NULL, NULL, psprintf("{\"%s\":%s}", operator, clause_list(filters)));
}

/* No two say the same operator of one path, and none is a filter of its own. */
static bool
can_share_object(List *clauses)
{
	for (int i = 0; i < list_length(clauses); i++)
	{
		const WalcuClause *clause = list_nth(clauses, i);

		if (clause->path == NULL)
			return false;
		for (int j = 0; j < i; j++)
		{
			const WalcuClause *other = list_nth(clauses, j);

			if (strcmp(other->path, clause->path) == 0 && strcmp(other->operator, clause->operator) == 0)
				return false;
		}
	}
	return true;
}

/* Has an earlier clause the same path? */
static bool
repeats(List *clauses, int position)
{
	const WalcuClause *clause = list_nth(clauses, position);

	for (int i = 0; i < position; i++)
	{
		if (strcmp(((WalcuClause *) list_nth(clauses, i))->path, clause->path) == 0)
			return true;
	}
	return false;
}

/* A path with all that is said of it; equality alone needs no operator. */
static void
append_path(StringInfo filter, List *clauses, int position)
{
	const WalcuClause *first = list_nth(clauses, position);
	const char *only = first->text;
	StringInfoData operators;

	initStringInfo(&operators);
	for (int i = position; i < list_length(clauses); i++)
	{
		const WalcuClause *clause = list_nth(clauses, i);

		if (strcmp(clause->path, first->path) != 0)
			continue;
		if (i > position || strcmp(clause->operator, "$eq") != 0)
			only = NULL;
		appendStringInfo(&operators, "%c\"%s\":%s", operators.len > 0 ? ',' : '{', clause->operator,
						 clause->text);
	}
	if (filter->len > 1)
		appendStringInfoChar(filter, ',');
	escape_json(filter, first->path);
	if (only)
		appendStringInfo(filter, ":%s", only);
	else
		appendStringInfo(filter, ":%s}", operators.data);
}
