/*
 * fetch.c
 *	  Where the documents of a scan come from: which cursors are read, and from which the next is.
 *
 * The scan opens a fetch with what it wants and takes documents one at a time; how many requests that takes,
 * and how many of them are under way at once, is decided here.  A scan is a list of parts.  With an order
 * they are read one after the other, else several at once, each in a cursor of its own (cursor.c); and when
 * cursors are to spare, the range of _id that one has before it is divided with another, so that all end
 * together however unevenly documents lie.
 */
#include "postgres.h"

#include "fetch/fetch.h"

#include "base/compat.h"
#include "catalog/pg_type.h"
#include "fetch/page_reader.h"
#include "fetch/projection_check.h"
#include "fetch/refusal.h"
#include "fetch/reply_reader.h"
#include "fetch/seen_ids.h"
#include "http/http_error.h"
#include "http/no_jobs.h"
#include "http/redact.h"
#include "http/stats.h"
#include "utils/memutils.h"

/* Documents that are taken before the other cursors are looked at. */
#define LOOK_INTERVAL 16

struct WalcuFetch
{
	WalcuQuery query;       /* It has another strategy once a job came to nothing. */
	WalcuCursorGroup group; /* The cursors share this. */
	WalcuStats *stats;      /* Documents are counted here. */
	MemoryContext context;  /* It holds the fetch and its cursors. */
	List *parts;            /* The query is made of these parts (WalcuQueryPart). */
	int next_part;          /* This one is the first that has no cursor yet. */
	List *cursors;          /* These cursors are being read, in the order of their parts. */
	WalcuCursor *cursor;    /* The last document came from this one. */
	bool fell_back;         /* Pages are read instead of a job's results, and none was answered yet. */
	WalcuProjectionCheck projection; /* It says whether the fields come that are asked for. */
	WalcuOrderState order;           /* It says how the documents of the first cursor's part come. */
	int until_look;                  /* So many documents are taken before the cursors are looked at. */
	HTAB *seen; /* These documents of a list's parts have come (WalcuDigest of their _id); or NULL. */
};

static bool next_document(WalcuFetch *fetch, WalcuDocument *document);
static void prepare_keys(WalcuFetch *fetch);
static bool take_from_cursors(WalcuFetch *fetch, WalcuDocument *document);
static void look_at_cursors(WalcuFetch *fetch, bool before_wait);
static void settle_order(WalcuFetch *fetch, bool before_wait);
static void forgo_order(WalcuFetch *fetch);
static void return_parts(WalcuFetch *fetch);
static bool has_any_ended(const WalcuFetch *fetch);
static WalcuCursor *find_rejected(const WalcuFetch *fetch);
static void fall_back(WalcuFetch *fetch, WalcuCursor *rejected);
static const char *find_obstacle(const WalcuFetch *fetch);
static void read_pages_instead(WalcuFetch *fetch);
static void avoid_useless_job(WalcuFetch *fetch);
static WalcuStrategy choose_paging_strategy(const WalcuFetch *fetch);
static void remember_useless_job(WalcuFetch *fetch);
static void close_cursors(WalcuFetch *fetch);
static void close_cursor(WalcuFetch *fetch, WalcuCursor *cursor);
static void open_cursors(WalcuFetch *fetch);
static WalcuCursor *open_cursor(WalcuFetch *fetch, WalcuQueryPart *part);
static int count_cursors_at_once(WalcuFetch *fetch);
static bool divide_range(WalcuFetch *fetch);
static bool is_seen(WalcuFetch *fetch);

/* Open a fetch, and send its first requests.  query and tally must outlive it. */
WalcuFetch *
fetch_open(const WalcuQuery *query, WalcuTally *tally)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "walcu fetch", ALLOCSET_DEFAULT_SIZES);
	MemoryContext before = MemoryContextSwitchTo(context);
	WalcuFetch *fetch = palloc0(sizeof(WalcuFetch));

	fetch->query = *query;
	fetch->group.query = &fetch->query;
	fetch->group.tally = tally;
	fetch->group.share.cache = query->cache;
	fetch->group.may_be_rejected = query_may_be_refused(query);
	fetch->context = context;
	fetch->stats = stats_of(query->options);
	prepare_keys(fetch);
	avoid_useless_job(fetch);
	fetch->parts = refusal_parts(&fetch->query, tally);
	fetch->group.sorts_by_id = order_probe_knows_paging(query);
	projection_check_begin(&fetch->projection, &fetch->query);
	if (order_probe_is_vain(query))
		forgo_order(fetch);
	open_cursors(fetch);
	settle_order(fetch, false);
	MemoryContextSwitchTo(before);
	return fetch;
}

/*
 * The next document of those that are here; false when there is none, or no more (fetch_has_ended).  Its
 * bytes are good until the next call, and until anything else talks to the service.
 */
bool
fetch_next(WalcuFetch *fetch, WalcuDocument *document)
{
	bool volatile found;

	do
	{
		REDACT_TRY();
		{
			found = next_document(fetch, document);
			if (found && fetch->projection.missed)
				projection_check_document(&fetch->projection, &fetch->query, document);
		}
		REDACT_END(fetch->query.credential);
		if (!found)
			return false;
	} while (is_seen(fetch));
	fetch->group.tally->documents++;
	fetch->group.delivered++;
	fetch->stats->documents++;
	return true;
}

/* Wait until something has happened, at most limit milliseconds; serves interrupts. */
void
fetch_wait(WalcuFetch *fetch, double limit)
{
	REDACT_TRY();
	{
		look_at_cursors(fetch, true);
	}
	REDACT_END(fetch->query.credential);
	if (fetch->cursors)
		transfer_drive(fetch_transfer(fetch), limit);
}

/*
 * Take in what others' waiting has brought, as somebody else is about to wait; is there something for
 * fetch_next?
 */
bool
fetch_look(WalcuFetch *fetch)
{
	ListCell *lc;

	REDACT_TRY();
	{
		look_at_cursors(fetch, true);
	}
	REDACT_END(fetch->query.credential);
	/* that there is nothing more is news, too: a refused filter may leave nothing to ask for */
	if (fetch_has_ended(fetch))
		return true;
	if (order_state_holds(&fetch->order, &fetch->query))
		return fetch->order.pausing;
	foreach(lc, fetch->cursors)
	{
		if (cursor_has_news(lfirst(lc)) && !projection_check_holds(&fetch->projection, lfirst(lc)))
			return true;
	}
	return false;
}

/* Has something happened since fetch_look? */
bool
fetch_is_stirred(const WalcuFetch *fetch)
{
	const WalcuTransfer *transfer = fetch_transfer(fetch);

	return transfer == NULL || transfer_is_stirred(transfer) || cursor_is_any_stirred(fetch->cursors);
}

/* Is there nothing more to come? */
bool
fetch_has_ended(const WalcuFetch *fetch)
{
	return fetch->cursors == NIL && !fetch->order.pausing;
}

/* In which order documents come. */
WalcuOrderState *
fetch_order(WalcuFetch *fetch)
{
	return &fetch->order;
}

/* What is asked for, which may be less than it was at first. */
const WalcuQuery *
fetch_query(const WalcuFetch *fetch)
{
	return &fetch->query;
}

/* Which documents the last one is of, by what was asked for. */
WalcuPartNulls
fetch_part(const WalcuFetch *fetch)
{
	return fetch->cursor->part->nulls;
}

/* What the next document is waited for on; NULL at the end. */
WalcuTransfer *
fetch_transfer(const WalcuFetch *fetch)
{
	WalcuCursor *first = fetch->cursors ? linitial(fetch->cursors) : NULL;
	WalcuTransfer *other = first ? order_state_transfer(&fetch->order, first) : NULL;

	return (other || first == NULL) ? other : cursor_transfer(first);
}

/* Drop a fetch, at its end or before. */
void
fetch_close(WalcuFetch *fetch)
{
	close_cursors(fetch);
	MemoryContextDelete(fetch->context);
}

/* As fetch_next, but the parts of a list may repeat documents. */
static bool
next_document(WalcuFetch *fetch, WalcuDocument *document)
{
	if (fetch->until_look-- > 0 && fetch->cursor && cursor_take(fetch->cursor, document))
		return true;
	fetch->until_look = LOOK_INTERVAL;
	if (fetch->cursors)
		transfer_drive(fetch_transfer(fetch), 0);
	do
	{
		look_at_cursors(fetch, false);
		if (take_from_cursors(fetch, document))
			return true;
	} while (has_any_ended(fetch));
	return false;
}

/* A plan may have been made before it turned out that jobs come to nothing. */
static void
avoid_useless_job(WalcuFetch *fetch)
{
	const char *reason = no_jobs_reason(fetch->query.options);

	if (fetch->query.strategy != WALCU_BY_JOB || reason == NULL)
		return;
	tally_note_obstacle(fetch->group.tally, reason);
	fetch->query.strategy = choose_paging_strategy(fetch);
}

/* Keys are read as the texts that a filter has them as. */
static void
prepare_keys(WalcuFetch *fetch)
{
	List *keys = fetch->query.keys;
	TupleDesc columns;

	if (keys == NIL)
		return;
	columns = CreateTemplateTupleDesc(list_length(keys));
	for (int i = 0; i < list_length(keys); i++)
		TupleDescInitEntry(columns, i + 1, "key", JSONOID, -1, 0);
	compat_finish_descriptor(columns);
	fetch->group.keys = decode_prepare(fetch->query.options, columns);
	for (int i = 0; i < list_length(keys); i++)
		decode_want(fetch->group.keys, i, ((WalcuSortKey *) list_nth(keys, i))->operand->path);
}

/* The next document of those that are here, of the first cursor only where there is an order. */
static bool
take_from_cursors(WalcuFetch *fetch, WalcuDocument *document)
{
	ListCell *lc;

	if (order_state_holds(&fetch->order, &fetch->query))
		return false;
	foreach(lc, fetch->cursors)
	{
		WalcuCursor *cursor = lfirst(lc);

		while (cursor_has_news(cursor) && !projection_check_holds(&fetch->projection, cursor))
		{
			if (cursor_take(cursor, document))
			{
				fetch->cursor = cursor;
				return true;
			}
		}
		if (fetch->query.keys != NIL)
			break;
	}
	return false;
}

static bool
has_any_ended(const WalcuFetch *fetch)
{
	ListCell *lc;

	foreach(lc, fetch->cursors)
	{
		if (((WalcuCursor *) lfirst(lc))->ended)
			return true;
	}
	return false;
}

/* Take in what has arrived, close the cursors that have ended, and open others. */
static void
look_at_cursors(WalcuFetch *fetch, bool before_wait)
{
	WalcuCursor *first;
	WalcuCursor *rejected;
	ListCell *lc;

	foreach(lc, fetch->cursors)
		cursor_look(lfirst(lc), before_wait);
	first = fetch->cursors ? linitial(fetch->cursors) : NULL;
	if ((rejected = find_rejected(fetch)) != NULL)
		fall_back(fetch, rejected);
	else if (fetch->query.strategy == WALCU_BY_JOB && find_obstacle(fetch))
		read_pages_instead(fetch);
	else if (first && cursor_is_answered(first))
	{
		fetch->group.may_be_rejected = false;
		refusal_note_taken(&fetch->query);
		remember_useless_job(fetch);
	}
	foreach(lc, fetch->cursors)
	{
		WalcuCursor *cursor = lfirst(lc);

		if (!cursor->ended)
			continue;
		fetch->cursors = foreach_delete_current(fetch->cursors, lc);
		close_cursor(fetch, cursor);
		if (cursor == first && fetch->query.keys != NIL)
			order_state_end_part(&fetch->order,
								 fetch->cursors != NIL || fetch->next_part < list_length(fetch->parts));
	}
	open_cursors(fetch);
	settle_order(fetch, before_wait);
}

/* Finds out whether the service sends the fields asked for, and sorts; else begins again without that. */
static void
settle_order(WalcuFetch *fetch, bool before_wait)
{
	MemoryContext before = MemoryContextSwitchTo(fetch->context);

	if (projection_check_settle(&fetch->projection, &fetch->query, fetch->cursors))
		return_parts(fetch);
	if (order_state_settle(&fetch->order, &fetch->group, &fetch->cursors, before_wait))
	{
		return_parts(fetch);
		forgo_order(fetch);
	}
	open_cursors(fetch);
	MemoryContextSwitchTo(before);
}

/* Asks for no order.  Then the reader sorts, and passes over the documents before an offset afterwards. */
static void
forgo_order(WalcuFetch *fetch)
{
	fetch->query.unsorted = true;
	if (fetch->query.keys != NIL)
		fetch->query.skip = 0;
}

/* Closes the cursors, so that their parts are read again, before those that have none. */
static void
return_parts(WalcuFetch *fetch)
{
	List *parts = NIL;
	ListCell *lc;

	foreach(lc, fetch->cursors)
		parts = lappend(parts, ((WalcuCursor *) lfirst(lc))->part);
	fetch->parts = list_concat(parts, list_copy_tail(fetch->parts, fetch->next_part));
	fetch->next_part = 0;
	close_cursors(fetch);
}

/* A cursor whose filter the service did not take; NULL when there is none. */
static WalcuCursor *
find_rejected(const WalcuFetch *fetch)
{
	ListCell *lc;

	foreach(lc, fetch->cursors)
	{
		if (cursor_is_rejected(lfirst(lc)))
			return lfirst(lc);
	}
	return NULL;
}

/* The service did not take the filter: ask again without a part of it. */
static void
fall_back(WalcuFetch *fetch, WalcuCursor *rejected)
{
	MemoryContext before = MemoryContextSwitchTo(fetch->context);
	bool possible;

	/* they would come again */
	if (fetch->group.delivered > 0)
		http_error_check(cursor_transfer(rejected), fetch->query.credential);
	possible = refusal_take_back(&fetch->query, cursor_transfer(rejected), fetch->group.tally);
	close_cursors(fetch);
	if (fetch->query.unsplit || fetch->query.unsorted)
		forgo_order(fetch);
	fetch->group.may_be_rejected = query_may_be_refused(&fetch->query);
	fetch->parts = possible ? refusal_parts(&fetch->query, fetch->group.tally) : NIL;
	fetch->next_part = 0;
	MemoryContextSwitchTo(before);
}

/* How much of the filter the service took, for a fetch that asks for the like again. */
WalcuFilterExtent
fetch_extent(const WalcuFetch *fetch)
{
	return fetch->query.extent;
}

/* Why there are no results of a job to be had; NULL while there may be. */
static const char *
find_obstacle(const WalcuFetch *fetch)
{
	ListCell *lc;

	foreach(lc, fetch->cursors)
	{
		const char *obstacle = cursor_obstacle(lfirst(lc));

		if (obstacle)
			return obstacle;
	}
	return NULL;
}

/*
 * There are no results of a job to be had: read pages instead, of all parts that have not ended.  Of one of
 * several some documents may have been taken, but those are parts of a list (is_repeated).
 */
static void
read_pages_instead(WalcuFetch *fetch)
{
	MemoryContext before = MemoryContextSwitchTo(fetch->context);

	tally_note_obstacle(fetch->group.tally, find_obstacle(fetch));
	return_parts(fetch);
	fetch->query.strategy = choose_paging_strategy(fetch);
	fetch->fell_back = true;
	MemoryContextSwitchTo(before);
}

/* How pages are read in the place of a job's results. */
static WalcuStrategy
choose_paging_strategy(const WalcuFetch *fetch)
{
	return fetch->query.keys == NIL ? WALCU_BY_RANGES : WALCU_BY_PAGES;
}

/* Only where pages are to be had was it the job that was of no use, and not the service that was away. */
static void
remember_useless_job(WalcuFetch *fetch)
{
	if (fetch->fell_back)
		no_jobs_note(fetch->query.options, fetch->group.tally->no_job);
	fetch->fell_back = false;
}

static void
close_cursors(WalcuFetch *fetch)
{
	ListCell *lc;

	foreach(lc, fetch->cursors)
		close_cursor(fetch, lfirst(lc));
	list_free(fetch->cursors);
	fetch->cursors = NIL;
	order_state_drop(&fetch->order);
}

static void
close_cursor(WalcuFetch *fetch, WalcuCursor *cursor)
{
	if (cursor == fetch->cursor)
		fetch->cursor = NULL;
	if (cursor->ended && cursor->start && cursor->taken == 0)
		fetch->group.vain_ranges++;
	cursor_close(cursor);
}

/* Open cursors for parts that have none yet; when all have, divide ranges between more cursors. */
static void
open_cursors(WalcuFetch *fetch)
{
	int cursors = fetch->order.pausing ? 0 : count_cursors_at_once(fetch);
	MemoryContext before = MemoryContextSwitchTo(fetch->context);

	while (list_length(fetch->cursors) < cursors && fetch->next_part < list_length(fetch->parts))
	{
		WalcuQueryPart *part = list_nth(fetch->parts, fetch->next_part++);

		fetch->cursors = lappend(fetch->cursors, open_cursor(fetch, part));
	}
	while (fetch->cursors && list_length(fetch->cursors) < cursors && divide_range(fetch))
		;
	MemoryContextSwitchTo(before);
}

static WalcuCursor *
open_cursor(WalcuFetch *fetch, WalcuQueryPart *part)
{
	switch (fetch->query.strategy)
	{
		case WALCU_BY_ID:
			return reply_reader_open_document(&fetch->group, part);
		case WALCU_BY_JOB:
			return reply_reader_open_job(&fetch->group, part);
		default:
			return page_reader_open(&fetch->group, part, NULL, NULL);
	}
}

/* How many cursors may be read at once, of a query that ranges are made of when it turns out to be long. */
static int
count_cursors_at_once(WalcuFetch *fetch)
{
	const WalcuQuery *query = query_spread(&fetch->query, fetch->group.delivered);

	if (fetch->group.may_be_rejected && filter_is_doubtful(query_filters(query), query->options))
		return 1;
	if (query->strategy == WALCU_BY_RANGES || (query->strategy == WALCU_BY_JOB && query->keys == NIL))
		return Min(query->options->max_connections, query_wanted_pages(query, fetch->group.delivered));
	return query_wants_next_part(query, fetch->parts) ? 2 : 1;
}

/* Read half of what one of the cursors has before it with another; false when that is not worth a request. */
static bool
divide_range(WalcuFetch *fetch)
{
	WalcuCursor *added;

	/* before a page is whole, nobody knows whether there is another */
	if (fetch->query.strategy != WALCU_BY_RANGES || !query_is_keyed(&fetch->query) ||
		fetch->group.page_size == 0 || !fetch->group.sorts_by_id)
		return false;
	if ((added = page_reader_divide(&fetch->group, fetch->cursors)) == NULL)
		return false;
	fetch->cursors = lappend(fetch->cursors, added);
	fetch->group.tally->ranges++;
	return true;
}

/*
 * A service that ignores the filter sends every document with each part of a list.  Of what it
 * should send there are no more than fit the list, so that memory is bounded by the query's own.  And as long
 * as it may turn out not to sort, its first page may come again.
 */
static bool
is_seen(WalcuFetch *fetch)
{
	const StringInfo id = fetch->cursor->id;
	bool is_noted = fetch->cursor->part->of_list || page_reader_relies_on_sort(&fetch->group);

	if (fetch->query.strategy == WALCU_BY_ID || id->len == 0 || (fetch->seen == NULL && !is_noted))
		return false;
	if (fetch->seen == NULL)
		fetch->seen = seen_ids_create(fetch->context);
	return seen_ids_has(fetch->seen, id, is_noted);
}
