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

/* It is how long a clause is that may be left out. */
typedef struct ClauseLength
{
	int position;       /* It stands there among the clauses of its part. */
	size_t text;        /* Its text has so many bytes; the longest ones are left out first. */
	size_t least;       /* It takes up so many bytes of a URL at least, however it is written. */
	bool is_splittable; /* It is a list that several requests can share. */
} ClauseLength;

static WalcuQueryPart *make_part(List *filters, List *keys, WalcuPartNulls nulls);
static List *split_nulls(List *filters, List *keys, WalcuFilter *nulls);
static WalcuFilter *find_uneven(List *by_nulls, List *filters, size_t room);
static List *make_keys_with_value(List *keys);
static WalcuFilter *negate_filter(WalcuFilter *filter);
static List *fit_in_urls(const WalcuQueryPart *part, size_t room);
static const WalcuQueryPart *drop_hopeless(const WalcuQueryPart *part, size_t room);
static int sort_by_length(const WalcuQueryPart *part, ClauseLength *clauses);
static int compare_lengths(const void *a, const void *b);
static List *fit_one_by_one(const WalcuQueryPart *part, size_t room);
static int find_list_to_split(const WalcuQueryPart *part, bool is_short);
static int find_longest(const WalcuQueryPart *part, bool splittable, int besides);
static bool can_be_split(const WalcuFilter *filter, List *keys);
static List *split_list(const WalcuQueryPart *part, int position, size_t room);
static WalcuQueryPart *make_part_of_list(const WalcuQueryPart *part, int position, List *literals);
static WalcuQueryPart *replace_part_filter(const WalcuQueryPart *part, int position, WalcuFilter *filter);
static WalcuQueryPart *drop_part_filters(const WalcuQueryPart *part, const Bitmapset *positions);
static WalcuQueryPart *set_part_filters(const WalcuQueryPart *part, List *filters);
static List *reverse_list(List *list);
static List *replace_filter(List *filters, int position, WalcuFilter *filter);
static bool exceeds_room(List *filters, size_t room);
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
 * Parts whose filters are short enough.  The longest list is split over several, once all else takes up less
 * than half of the room; of what is not split, the longest is left out, as every condition is checked here
 * anyway.
 */
static List *
fit_in_urls(const WalcuQueryPart *part, size_t room)
{
	return fit_one_by_one(drop_hopeless(part, room), room);
}

/*
 * The part without clauses that fit_one_by_one would leave out in any case, as what is left with them is too
 * long even if nothing but operators and operands were written: where there are thousands, each of them is
 * looked at once here.
 */
static const WalcuQueryPart *
drop_hopeless(const WalcuQueryPart *part, size_t room)
{
	ClauseLength *clauses = palloc(Max(list_length(part->filters), 1) * sizeof(ClauseLength));
	int count = sort_by_length(part, clauses);
	Bitmapset *dropped = NULL;
	size_t length = 0;
	int list = 0;

	for (int i = 0; i < count; i++)
		length += clauses[i].least;
	while (list < count && !clauses[list].is_splittable)
		list++;
	for (int i = 0; i < count && length > room; i++)
	{
		if (i == list)
			continue;
		if (list < count && length - clauses[list].least < room / 2)
			break;
		dropped = bms_add_member(dropped, clauses[i].position);
		length -= clauses[i].least;
	}
	pfree(clauses);
	return dropped ? drop_part_filters(part, dropped) : part;
}

/* Measures the clauses that may be left out, and sorts them, the longest first.  Returns their number. */
static int
sort_by_length(const WalcuQueryPart *part, ClauseLength *clauses)
{
	int count = 0;
	ListCell *lc;

	foreach(lc, part->filters)
	{
		const WalcuFilter *filter = lfirst(lc);
		ClauseLength *clause = &clauses[count];

		CHECK_FOR_INTERRUPTS();
		if (filter == part->null_test)
			continue;
		clause->position = foreach_current_index(lc);
		clause->text = strlen(filter->text);
		/* with the operator's and the clause's own punctuation */
		clause->least = request_encoded_length(filter->text);
		if (filter->path && strcmp(filter->op, "$eq") != 0)
			clause->least += request_encoded_length(filter->op) + request_encoded_length("\"\":");
		clause->is_splittable = can_be_split(filter, part->keys);
		count++;
	}
	qsort(clauses, count, sizeof(ClauseLength), compare_lengths);
	return count;
}

/* Of those of one length, the last is left out first. */
static int
compare_lengths(const void *a, const void *b)
{
	const ClauseLength *left = a;
	const ClauseLength *right = b;

	if (left->text != right->text)
		return left->text > right->text ? -1 : 1;
	return right->position - left->position;
}

/* What fit_in_urls does, for clauses that do not take up much more than the room. */
static List *
fit_one_by_one(const WalcuQueryPart *part, size_t room)
{
	bool is_short = !exceeds_room(part->filters, room);
	int list = find_list_to_split(part, is_short);
	int longest;

	if (list >= 0 && room > 1 && !exceeds_room(replace_filter(part->filters, list, NULL), room / 2 - 1))
		return split_list(part, list, room);
	longest = find_longest(part, false, list);
	/* where what makes the part one leaves no room for it */
	if (longest < 0)
		longest = list;
	if (longest < 0 || is_short)
		return list_make1(unconstify(WalcuQueryPart *, part));
	return fit_one_by_one(replace_part_filter(part, longest, NULL), room);
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
find_list_to_split(const WalcuQueryPart *part, bool is_short)
{
	int position = -1;
	ListCell *lc;

	if (!is_short)
		return find_longest(part, true, -1);
	foreach(lc, part->filters)
	{
		const WalcuFilter *filter = lfirst(lc);

		if (filter->most > 0 && list_length(filter->literals) > filter->most &&
			can_be_split(filter, part->keys))
			position = foreach_current_index(lc);
	}
	return position;
}

/*
 * The position of the longest clause, apart from what makes the part one, and from that at another position;
 * -1 when there is none.
 */
static int
find_longest(const WalcuQueryPart *part, bool splittable, int besides)
{
	int position = -1;
	size_t length = 0;
	ListCell *lc;

	foreach(lc, part->filters)
	{
		const WalcuFilter *filter = lfirst(lc);

		if (filter != part->null_test && foreach_current_index(lc) != besides &&
			(!splittable || can_be_split(filter, part->keys)) && strlen(filter->text) >= length)
		{
			position = foreach_current_index(lc);
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
	return set_part_filters(part, replace_filter(part->filters, position, filter));
}

/* The part without the clauses at some positions. */
static WalcuQueryPart *
drop_part_filters(const WalcuQueryPart *part, const Bitmapset *positions)
{
	List *filters = NIL;
	ListCell *lc;

	foreach(lc, part->filters)
	{
		if (!bms_is_member(foreach_current_index(lc), positions))
			filters = lappend(filters, lfirst(lc));
	}
	return set_part_filters(part, filters);
}

/* The part with other clauses, among which what makes it one still is. */
static WalcuQueryPart *
set_part_filters(const WalcuQueryPart *part, List *filters)
{
	WalcuQueryPart *changed = make_part(filters, part->keys, part->nulls);

	changed->null_test = part->null_test;
	return changed;
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

/* Are clauses longer than the room?  A list of a million values is not written to find that out. */
static bool
exceeds_room(List *filters, size_t room)
{
	size_t least = 0;
	ListCell *lc;

	foreach(lc, filters)
	{
		CHECK_FOR_INTERRUPTS();
		least += strlen(((WalcuFilter *) lfirst(lc))->text);
		if (least > room)
			return true;
	}
	return measure_filters(filters) > room;
}

static size_t
measure_filters(List *filters)
{
	return filters ? request_encoded_length(filter_text(filters)) : 0;
}
