/*
 * query_parts.c
 *	  The sequences of requests whose documents, one after the other, are a scan's.
 *
 * Most scans are one part.  An order that places NULLs elsewhere than the service does is
 * two, and a list too long for one URL is several.  No document is in two of them, unless the
 * service ignores the filter.
 */
#include "postgres.h"

#include "fetch/query_parts.h"

#include "http/request.h"
#include "miscadmin.h"
#include "pushdown/deparse_null.h"

static WalcuQueryPart *make_part(List *filters, List *keys, WalcuPartNulls nulls);
static List *split_nulls(List *filters, List *keys, WalcuFilter *nulls);
static WalcuFilter *find_uneven(List *by_nulls, List *filters, size_t room);
static List *make_keys_with_value(List *keys);
static WalcuFilter *negate_filter(WalcuFilter *filter);
static List *fit_in_urls(const WalcuQueryPart *part, size_t room);
static int find_list_to_split(const WalcuQueryPart *part, size_t room);
static int find_longest(const WalcuQueryPart *part, bool splittable);
static bool can_be_split(const WalcuFilter *filter, List *keys);
static List *split_list(const WalcuQueryPart *part, int position, size_t room);
static WalcuQueryPart *make_part_of_list(const WalcuQueryPart *part, int position, List *literals);
static WalcuQueryPart *replace_part_filter(const WalcuQueryPart *part, int position, WalcuFilter *filter);
static List *reverse_list(List *list);
static List *replace_filter(List *filters, int position, WalcuFilter *filter);
static size_t measure_filters(List *filters);

/* The parts, of WalcuQueryPart; room is how long a filter may be in a URL, in bytes. */
List *
query_parts_plan(const WalcuOptions *options, List *filters, List *keys, size_t room)
{
	WalcuSortKey *first = keys ? linitial(keys) : NULL;
	List *by_nulls;
	WalcuFilter *uneven;
	List *parts = NIL;
	ListCell *lc;

	if (first == NULL || sort_agrees_on_nulls(options, first))
		by_nulls = list_make1(make_part(filters, keys, WALCU_PART_ALL));
	else if (first->never_null && options->on_type_mismatch == WALCU_MISMATCH_ERROR)
		by_nulls = list_make1(make_part(filters, make_keys_with_value(keys), WALCU_PART_WITH_VALUE));
	else
		by_nulls = split_nulls(filters, keys, deparse_null(options, first->operand));
	if ((uneven = find_uneven(by_nulls, filters, room)) != NULL)
		return query_parts_plan(options, list_delete_ptr(list_copy(filters), uneven), keys, room);
	foreach(lc, by_nulls)
		parts = list_concat(parts, fit_in_urls(lfirst(lc), room));
	return parts;
}

static WalcuQueryPart *
make_part(List *filters, List *keys, WalcuPartNulls nulls)
{
	WalcuQueryPart *part = palloc(sizeof(WalcuQueryPart));

	part->filters = filters;
	part->keys = keys;
	part->nulls = nulls;
	part->null_test = NULL;
	part->of_list = false;
	return part;
}

static List *
split_nulls(List *filters, List *keys, WalcuFilter *nulls)
{
	WalcuQueryPart *without =
		make_part(lappend(list_copy(filters), nulls), list_copy_tail(keys, 1), WALCU_PART_WITHOUT_VALUE);
	WalcuQueryPart *with = make_part(lappend(list_copy(filters), negate_filter(nulls)),
									 make_keys_with_value(keys), WALCU_PART_WITH_VALUE);

	without->null_test = nulls;
	with->null_test = llast(with->filters);
	/* without those that no condition lets through; but what does not fit the column stays out, too */
	if (((WalcuSortKey *) linitial(keys))->never_null)
		return list_make1(with);
	return ((WalcuSortKey *) linitial(keys))->nulls_first ? list_make2(without, with)
														  : list_make2(with, without);
}

/*
 * A clause that would be left out of one part, and not of the other: each has another order, and another
 * length without it.  It is left out of both.  Once documents of the first part were taken, it is too late
 * for the service to refuse what only the second one asks for; and the first is read without it anyway.
 */
static WalcuFilter *
find_uneven(List *by_nulls, List *filters, size_t room)
{
	List *first;
	List *last;
	ListCell *lc;

	if (list_length(by_nulls) == 1)
		return NULL;
	first = fit_in_urls(linitial(by_nulls), room);
	last = fit_in_urls(llast(by_nulls), room);
	foreach(lc, filters)
	{
		if (query_parts_keep(first, lfirst(lc)) != query_parts_keep(last, lfirst(lc)))
			return lfirst(lc);
	}
	return NULL;
}

/* The keys where the first is not null. */
static List *
make_keys_with_value(List *keys)
{
	WalcuSortKey *first = palloc(sizeof(WalcuSortKey));

	*first = *(WalcuSortKey *) linitial(keys);
	first->nullable = false;
	return lcons(first, list_copy_tail(keys, 1));
}

/* What does not match the clause. */
static WalcuFilter *
negate_filter(WalcuFilter *filter)
{
	if (filter->path && strcmp(filter->op, "$eq") == 0)
		return filter_test(filter->path, "$ne", filter->text);
	return filter_test(NULL, NULL, psprintf("{\"$nor\":[%s]}", filter_text(list_make1(filter))));
}

/*
 * Parts whose filters are short enough.  A list is split over several; of what cannot be
 * split, the longest is left out, as every condition is checked here anyway.
 */
static List *
fit_in_urls(const WalcuQueryPart *part, size_t room)
{
	int position = find_list_to_split(part, room);

	if (position >= 0)
		return split_list(part, position, room);
	position = find_longest(part, false);
	if (position < 0 || measure_filters(part->filters) <= room)
		return list_make1(unconstify(WalcuQueryPart *, part));
	return fit_in_urls(replace_part_filter(part, position, NULL), room);
}

/* Tells whether parts ask for a filter, as a whole or in pieces. */
bool
query_parts_keep(List *parts, const WalcuFilter *filter)
{
	ListCell *lc;

	foreach(lc, ((WalcuQueryPart *) linitial(parts))->filters)
	{
		const WalcuFilter *kept = lfirst(lc);

		if (kept == filter || (filter->literals && kept->path && strcmp(kept->path, filter->path) == 0 &&
							   strcmp(kept->op, filter->op) == 0))
			return true;
	}
	return false;
}

/* The position of a list that has too many values for one request; -1 when there is none. */
static int
find_list_to_split(const WalcuQueryPart *part, size_t room)
{
	bool too_long = part->filters && measure_filters(part->filters) > room;
	int position = too_long ? find_longest(part, true) : -1;

	for (int i = 0; i < list_length(part->filters) && !too_long; i++)
	{
		const WalcuFilter *filter = list_nth(part->filters, i);

		if (filter->most > 0 && list_length(filter->literals) > filter->most &&
			can_be_split(filter, part->keys))
			position = i;
	}
	if (position >= 0 && measure_filters(replace_filter(part->filters, position, NULL)) < room / 2)
		return position;
	return -1;
}

/* The position of the longest clause, apart from what makes the part one; -1 when there is none. */
static int
find_longest(const WalcuQueryPart *part, bool splittable)
{
	int position = -1;
	size_t length = 0;

	for (int i = 0; i < list_length(part->filters); i++)
	{
		const WalcuFilter *filter = list_nth(part->filters, i);

		if (filter != part->null_test && (!splittable || can_be_split(filter, part->keys)) &&
			strlen(filter->text) >= length)
		{
			position = i;
			length = strlen(filter->text);
		}
	}
	return position;
}

/* Sorted documents stay sorted only when it is their sole key that is split, in its order. */
static bool
can_be_split(const WalcuFilter *filter, List *keys)
{
	ListCell *lc;

	if (filter->literals == NIL)
		return false;
	if (keys == NIL)
		return true;
	if (strcmp(((WalcuSortKey *) linitial(keys))->operand->path, filter->path) != 0 ||
		strcmp(filter->path, "_id") != 0)
		return false;
	/* an escape sorts otherwise than the character it stands for */
	foreach(lc, filter->literals)
	{
		CHECK_FOR_INTERRUPTS();
		if (strchr(lfirst(lc), '\\') != NULL)
			return false;
	}
	return true;
}

static List *
split_list(const WalcuQueryPart *part, int position, size_t room)
{
	const WalcuFilter *list = list_nth(part->filters, position);
	bool descending = part->keys && ((WalcuSortKey *) linitial(part->keys))->descending;
	size_t fixed =
		measure_filters(replace_filter(part->filters, position, filter_test(list->path, "$in", "[]")));
	size_t separator_length = request_encoded_length(",");
	size_t length = fixed;
	List *literals = NIL;
	List *parts = NIL;

	for (int i = 0; i < list_length(list->literals); i++)
	{
		char *literal = list_nth(list->literals, i);
		size_t literal_length = request_encoded_length(literal) + separator_length;

		if (literals != NIL &&
			(length + literal_length > room || (list->most > 0 && list_length(literals) >= list->most)))
		{
			parts = lappend(parts, make_part_of_list(part, position, literals));
			literals = NIL;
			length = fixed;
		}
		literals = lappend(literals, literal);
		length += literal_length;
	}
	parts = lappend(parts, make_part_of_list(part, position, literals));
	return descending ? reverse_list(parts) : parts;
}

/* The part with some of a list's values only. */
static WalcuQueryPart *
make_part_of_list(const WalcuQueryPart *part, int position, List *literals)
{
	const WalcuFilter *list = list_nth(part->filters, position);
	WalcuQueryPart *of_list =
		replace_part_filter(part, position, filter_test(list->path, "$in", filter_list(literals)));

	of_list->of_list = true;
	return of_list;
}

static List *
reverse_list(List *list)
{
	List *copy = NIL;
	ListCell *lc;

	foreach(lc, list)
		copy = lcons(lfirst(lc), copy);
	return copy;
}

/* The part with another clause, or none, in a place. */
static WalcuQueryPart *
replace_part_filter(const WalcuQueryPart *part, int position, WalcuFilter *filter)
{
	WalcuQueryPart *replaced =
		make_part(replace_filter(part->filters, position, filter), part->keys, part->nulls);

	replaced->null_test = part->null_test;
	return replaced;
}

/* The clauses with another one, or none, in a place. */
static List *
replace_filter(List *filters, int position, WalcuFilter *filter)
{
	List *copy = NIL;

	for (int i = 0; i < list_length(filters); i++)
	{
		WalcuFilter *kept = (i == position) ? filter : list_nth(filters, i);

		if (kept)
			copy = lappend(copy, kept);
	}
	return copy;
}

static size_t
measure_filters(List *filters)
{
	return filters ? request_encoded_length(filter_text(filters)) : 0;
}
