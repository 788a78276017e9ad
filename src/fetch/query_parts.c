/*
 * query_parts.c
 *	  The sequences of requests whose documents, one after the other, are a scan's.
 *
 * Most scans are one stream.  An order that places NULLs elsewhere than the service does is
 * two, and a list too long for one URL is several.  No document is in two of them, unless the
 * service ignores the filter.
 */
#include "postgres.h"

#include "fetch/query_parts.h"

#include "http/request.h"
#include "pushdown/deparse.h"

static WalcuStream *make_stream(List *clauses, List *keys, WalcuStreamPart part);
static List *split_nulls(List *clauses, List *keys, WalcuClause *nulls);
static List *with_value(List *keys);
static WalcuClause *neither(WalcuClause *clause);
static List *fit(const WalcuStream *stream, size_t room);
static int list_to_split(const WalcuStream *stream, size_t room);
static int longest(List *clauses, bool splittable, List *keys);
static bool can_be_split(const WalcuClause *clause, List *keys);
static List *split_list(const WalcuStream *stream, int position, size_t room);
static WalcuStream *part_of_list(const WalcuStream *stream, int position, List *literals);
static WalcuStream *with_clause(const WalcuStream *stream, int position, WalcuClause *clause);
static List *reversed(List *list);
static List *replaced(List *clauses, int position, WalcuClause *clause);
static size_t filter_length(List *clauses);

/* The streams, of WalcuStream; room is how long a filter may be in a URL, in bytes. */
List *
stream_plan(const WalcuOptions *options, List *clauses, List *keys, size_t room)
{
	WalcuSortKey *first = keys ? linitial(keys) : NULL;
	List *parts;
	List *streams = NIL;
	ListCell *lc;

	if (first == NULL || order_agrees_on_nulls(options, first))
		parts = list_make1(make_stream(clauses, keys, WALCU_PART_ALL));
	else if (first->never_null && options->on_type_mismatch == WALCU_MISMATCH_ERROR)
		parts = list_make1(make_stream(clauses, with_value(keys), WALCU_PART_WITH_VALUE));
	else
		parts = split_nulls(clauses, keys, render_null(options, first->operand));
	foreach(lc, parts)
		streams = list_concat(streams, fit(lfirst(lc), room));
	return streams;
}

static WalcuStream *
make_stream(List *clauses, List *keys, WalcuStreamPart part)
{
	WalcuStream *stream = palloc(sizeof(WalcuStream));

	stream->clauses = clauses;
	stream->keys = keys;
	stream->part = part;
	stream->of_list = false;
	return stream;
}

static List *
split_nulls(List *clauses, List *keys, WalcuClause *nulls)
{
	WalcuStream *without =
		make_stream(lappend(list_copy(clauses), nulls), list_copy_tail(keys, 1), WALCU_PART_WITHOUT_VALUE);
	WalcuStream *with =
		make_stream(lappend(list_copy(clauses), neither(nulls)), with_value(keys), WALCU_PART_WITH_VALUE);

	/* without those that no condition lets through; but what does not fit the column stays out, too */
	if (((WalcuSortKey *) linitial(keys))->never_null)
		return list_make1(with);
	return ((WalcuSortKey *) linitial(keys))->nulls_first ? list_make2(without, with)
														  : list_make2(with, without);
}

/* The keys where the first is not null. */
static List *
with_value(List *keys)
{
	WalcuSortKey *first = palloc(sizeof(WalcuSortKey));

	*first = *(WalcuSortKey *) linitial(keys);
	first->nullable = false;
	return lcons(first, list_copy_tail(keys, 1));
}

/* What does not match the clause. */
static WalcuClause *
neither(WalcuClause *clause)
{
	if (clause->path && strcmp(clause->operator, "$eq") == 0)
		return clause_test(clause->path, "$ne", clause->text);
	return clause_test(NULL, NULL, psprintf("{\"$nor\":[%s]}", clause_filter(list_make1(clause))));
}

/*
 * Streams whose filters are short enough.  A list is split over several; of what cannot be
 * split, the longest is left out, as every condition is checked here anyway.
 */
static List *
fit(const WalcuStream *stream, size_t room)
{
	int position = list_to_split(stream, room);

	if (position >= 0)
		return split_list(stream, position, room);
	if (stream->clauses == NIL || filter_length(stream->clauses) <= room)
		return list_make1(unconstify(WalcuStream *, stream));
	return fit(with_clause(stream, longest(stream->clauses, false, stream->keys), NULL), room);
}

/*
 * Is a clause among those that documents are asked for with, as a whole or in parts, where there
 * is no order?
 */
bool
stream_keeps(List *clauses, const WalcuClause *clause, size_t room)
{
	ListCell *lc;

	foreach(lc, ((WalcuStream *) linitial(fit(make_stream(clauses, NIL, WALCU_PART_ALL), room)))->clauses)
	{
		const WalcuClause *kept = lfirst(lc);

		if (kept == clause || (clause->literals && kept->path && strcmp(kept->path, clause->path) == 0 &&
							   strcmp(kept->operator, clause->operator) == 0))
			return true;
	}
	return false;
}

/* The position of a list that has too many values for one request; -1 when there is none. */
static int
list_to_split(const WalcuStream *stream, size_t room)
{
	bool too_long = stream->clauses && filter_length(stream->clauses) > room;
	int position = too_long ? longest(stream->clauses, true, stream->keys) : -1;

	for (int i = 0; i < list_length(stream->clauses) && !too_long; i++)
	{
		const WalcuClause *clause = list_nth(stream->clauses, i);

		if (clause->most > 0 && list_length(clause->literals) > clause->most &&
			can_be_split(clause, stream->keys))
			position = i;
	}
	if (position >= 0 && filter_length(replaced(stream->clauses, position, NULL)) < room / 2)
		return position;
	return -1;
}

/* The position of the longest clause; -1 when there is none. */
static int
longest(List *clauses, bool splittable, List *keys)
{
	int position = -1;
	size_t length = 0;

	for (int i = 0; i < list_length(clauses); i++)
	{
		const WalcuClause *clause = list_nth(clauses, i);

		if ((!splittable || can_be_split(clause, keys)) && strlen(clause->text) >= length)
		{
			position = i;
			length = strlen(clause->text);
		}
	}
	return position;
}

/* Sorted documents stay sorted only when it is their sole key that is split, in its order. */
static bool
can_be_split(const WalcuClause *clause, List *keys)
{
	ListCell *lc;

	if (clause->literals == NIL)
		return false;
	if (keys == NIL)
		return true;
	if (strcmp(((WalcuSortKey *) linitial(keys))->operand->path, clause->path) != 0 ||
		strcmp(clause->path, "_id") != 0)
		return false;
	/* an escape sorts otherwise than the character it stands for */
	foreach(lc, clause->literals)
	{
		if (strchr(lfirst(lc), '\\') != NULL)
			return false;
	}
	return true;
}

static List *
split_list(const WalcuStream *stream, int position, size_t room)
{
	const WalcuClause *list = list_nth(stream->clauses, position);
	bool descending = stream->keys && ((WalcuSortKey *) linitial(stream->keys))->descending;
	size_t fixed = filter_length(replaced(stream->clauses, position, clause_test(list->path, "$in", "[]")));
	size_t length = fixed;
	List *literals = NIL;
	List *streams = NIL;

	for (int i = 0; i < list_length(list->literals); i++)
	{
		char *literal = list_nth(list->literals, i);
		size_t literal_length = request_encoded_length(literal) + request_encoded_length(",");

		if (literals != NIL &&
			(length + literal_length > room || (list->most > 0 && list_length(literals) >= list->most)))
		{
			streams = lappend(streams, part_of_list(stream, position, literals));
			literals = NIL;
			length = fixed;
		}
		literals = lappend(literals, literal);
		length += literal_length;
	}
	streams = lappend(streams, part_of_list(stream, position, literals));
	return descending ? reversed(streams) : streams;
}

/* The stream with some of a list's values only. */
static WalcuStream *
part_of_list(const WalcuStream *stream, int position, List *literals)
{
	const WalcuClause *list = list_nth(stream->clauses, position);
	WalcuStream *part = with_clause(stream, position, clause_test(list->path, "$in", clause_list(literals)));

	part->of_list = true;
	return part;
}

static List *
reversed(List *list)
{
	List *copy = NIL;
	ListCell *lc;

	foreach(lc, list)
		copy = lcons(lfirst(lc), copy);
	return copy;
}

/* The stream with another clause, or none, in a place. */
static WalcuStream *
with_clause(const WalcuStream *stream, int position, WalcuClause *clause)
{
	return make_stream(replaced(stream->clauses, position, clause), stream->keys, stream->part);
}

/* The clauses with another one, or none, in a place. */
static List *
replaced(List *clauses, int position, WalcuClause *clause)
{
	List *copy = NIL;

	for (int i = 0; i < list_length(clauses); i++)
	{
		WalcuClause *kept = (i == position) ? clause : list_nth(clauses, i);

		if (kept)
			copy = lappend(copy, kept);
	}
	return copy;
}

static size_t
filter_length(List *clauses)
{
	return clauses ? request_encoded_length(clause_filter(clauses)) : 0;
}
