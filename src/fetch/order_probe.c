/*
 * order_probe.c
 *	  Does the service sort as it is asked to?
 *
 * Rows in the right order prove nothing where few are read: max() and ORDER BY with LIMIT 1 read one, and a
 * service that ignores `sort` would have them be any.  So before the first row of an order is given, fetch.c
 * has the service asked for the very reverse of the order.  Both orders end in _id, so that they begin with
 * different documents wherever two match; a service that ignores `sort` begins with the same one twice.
 *
 * A session asks that once for a resource (learned_sort.c), beside the first page where few rows are wanted,
 * and otherwise only when a page does not bring all documents: what is here as a whole can be sorted here.
 * Of scans that begin together, as those below a Merge Append do, the first one asks.  What becomes of a
 * probe is never an error.  Documents may change between two replies; so what looks like a
 * service that does not sort is looked at again.
 */
#include "postgres.h"

#include "fetch/order_probe.h"

#include "base/reset_callback.h"
#include "fetch/page_reader.h"
#include "http/connection.h"
#include "http/retry.h"
#include "lib/ilist.h"
#include "service/learned_sort.h"
#include "utils/memutils.h"

/* After so many looks at documents that change, the service is believed. */
#define MOST_LOOKS 3

/* So many documents tell whether there is more than one, and, behind an offset, in which order they are. */
#define DOCUMENTS_OF_END 2

/* Where max_requests leaves less than this, a probe could make a statement fail. */
#define LEAST_REQUESTS_LEFT 2

/* The documents at the two ends of an order. */
typedef enum OrderEnd
{
	END_LAST, /* The reverse order begins with these. */
	END_FIRST /* These are asked for when it is looked again; before, the first page has them. */
} OrderEnd;

struct WalcuOrderProbe
{
	MemoryContext context;      /* It holds the probe and its pages. */
	WalcuCursorGroup *group;    /* The probe belongs to the same fetch as these cursors. */
	const WalcuQueryPart *part; /* It is about the order of this part. */
	WalcuPage *ends[2];         /* These were asked for, by OrderEnd; or NULL. */
	int looks;                  /* So many times it was asked. */
	dlist_node node;            /* It is one of those that have asked. */
};

/* The probes that have asked. */
static dlist_head asking = DLIST_STATIC_INIT(asking);

static WalcuLearnedSort get_learned_order(List *keys);
static WalcuOrderProbe *create_probe(WalcuCursorGroup *group, const WalcuQueryPart *part);
static WalcuOrder look_at_probe(WalcuOrderProbe *probe, WalcuCursor *cursor, bool before_wait);
static bool is_asked_already(const WalcuOrderProbe *probe);
static void ask_for_ends(WalcuOrderProbe *probe);
static void begin_asking(WalcuOrderProbe *probe);
static void end_asking(void *probe);
static void ask_for_end(WalcuOrderProbe *probe, OrderEnd end, const WalcuAttempt *attempt);
static bool are_ends_here(WalcuOrderProbe *probe, bool before_wait);
static bool has_failed_end(const WalcuOrderProbe *probe);
static WalcuOrder judge_order(WalcuOrderProbe *probe, const WalcuCursor *cursor);
static WalcuOrder judge_equal_ends(WalcuOrderProbe *probe, const WalcuCursor *cursor, List *first,
								   List *last);
static WalcuOrder look_again(WalcuOrderProbe *probe);
static List *list_page_ids(WalcuPage *page);
static List *list_first_id(const WalcuCursor *cursor);

/*
 * Tells what is known of the order of a cursor's documents, none of which has been taken, and sends a probe,
 * made in the current memory context, when that is needed.  before_wait tells that the caller is about to
 * wait for more.
 */
WalcuOrder
order_probe_find(WalcuOrderProbe **probe, WalcuCursorGroup *group, WalcuCursor *cursor, bool before_wait)
{
	const WalcuQuery *query = group->query;
	List *keys = cursor->part->keys;
	WalcuLearnedSort known;

	/* what comes in one reply, or in none that is sorted, is sorted here */
	if (query->strategy == WALCU_BY_JOB || query->strategy == WALCU_BY_ID || query->unsorted)
		return WALCU_ORDER_ANY;
	known = learned_sort(query->options);
	if (known == WALCU_SORT_IGNORED)
		return WALCU_ORDER_IGNORED;
	/* all of them are equal, and their pages do not rely on an order that is not known (page_reader.c) */
	if (keys == NIL || known >= get_learned_order(keys))
		return WALCU_ORDER_SORTED;
	if (cursor->page->broken)
		cursor->reader->request_again(cursor);
	if (*probe == NULL)
		*probe = create_probe(group, cursor->part);
	return look_at_probe(*probe, cursor, before_wait);
}

/* Tells whether the service is known to sort by _id, so that a page can follow another by it. */
bool
order_probe_knows_paging(const WalcuQuery *query)
{
	WalcuLearnedSort known = learned_sort(query->options);

	return known == WALCU_SORT_BY_ID || known == WALCU_SORT_BY_ANY_KEYS;
}

/*
 * Tells whether there is no use in asking for an order: the service is known not to sort, or it is not known
 * and the scan, without an order of its own, begins behind an offset, from where pages by offset can go on.
 */
bool
order_probe_is_vain(const WalcuQuery *query)
{
	return learned_sort(query->options) == WALCU_SORT_IGNORED ||
		   (query->skip > 0 && query->keys == NIL && !order_probe_knows_paging(query));
}

/* Notes that documents that were asked for in an order have come in another one. */
void
order_probe_note_disorder(const WalcuQuery *query)
{
	/* a job may sort otherwise than a list */
	if ((query->strategy == WALCU_BY_PAGES || query->strategy == WALCU_BY_RANGES) && !query->unsorted &&
		learned_sort(query->options) != WALCU_SORT_IGNORED)
		learned_sort_note_ignored(
			query->options, psprintf("Documents of resource \"%s\" did not arrive in the requested order.",
									 query->options->resource));
}

/* Returns what is learnt when documents come in the order of some keys. */
static WalcuLearnedSort
get_learned_order(List *keys)
{
	return sort_is_by_id(keys) ? WALCU_SORT_BY_ID : WALCU_SORT_BY_ANY_KEYS;
}

/*
 * Makes a probe for a part, in the current memory context.  It is sent at once where few rows are likely to
 * be wanted, so that it costs no time, unless one was in vain before.
 */
static WalcuOrderProbe *
create_probe(WalcuCursorGroup *group, const WalcuQueryPart *part)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "walcu order probe", ALLOCSET_SMALL_SIZES);
	WalcuOrderProbe *probe = MemoryContextAllocZero(context, sizeof(WalcuOrderProbe));

	probe->context = context;
	probe->group = group;
	probe->part = part;
	if (!group->query->all_rows && !learned_sort_probe_is_idle(group->query->options) &&
		!is_asked_already(probe))
		ask_for_ends(probe);
	return probe;
}

/* Tells whether another probe, if it is answered, tells what this one would. */
static bool
is_asked_already(const WalcuOrderProbe *probe)
{
	dlist_iter iter;

	dlist_foreach(iter, &asking)
	{
		const WalcuOrderProbe *other = dlist_container(WalcuOrderProbe, node, iter.cur);

		if (learned_sort_is_shared(probe->group->query->options, other->group->query->options) &&
			get_learned_order(other->part->keys) >= get_learned_order(probe->part->keys))
			return true;
	}
	return false;
}

/* Takes in what has arrived, and judges by it. */
static WalcuOrder
look_at_probe(WalcuOrderProbe *probe, WalcuCursor *cursor, bool before_wait)
{
	const WalcuPage *page = cursor->page;
	const WalcuOptions *options = probe->group->query->options;
	/* those before an offset are not here */
	bool is_complete = page->whole && !page_reader_has_more(cursor) &&
					   (page->documents == 0 || probe->group->query->skip == 0);

	if (is_complete && (page->documents < 2 || probe->looks == 0))
	{
		if (probe->looks > 0)
			learned_sort_note_idle_probe(options);
		return WALCU_ORDER_ANY;
	}
	if (probe->looks == 0 && page->whole)
	{
		if (connection_requests_left(options) < LEAST_REQUESTS_LEFT)
			return WALCU_ORDER_SORTED;
		ask_for_ends(probe);
	}
	if (probe->looks == 0)
		return WALCU_ORDER_OPEN;
	if (!are_ends_here(probe, before_wait))
		return WALCU_ORDER_OPEN;
	if (has_failed_end(probe))
		return is_complete ? WALCU_ORDER_ANY : WALCU_ORDER_SORTED;
	if (page->documents == 0)
		return WALCU_ORDER_OPEN;
	return judge_order(probe, cursor);
}

/* What is waited for; NULL when all of it is here. */
WalcuTransfer *
order_probe_transfer(const WalcuOrderProbe *probe)
{
	for (int i = 0; i < lengthof(probe->ends); i++)
	{
		const WalcuPage *page = probe->ends[i];

		if (page && !page->whole && !page->obstacle)
			return page->transfer;
	}
	return NULL;
}

/* Drops a probe, whether it was answered or not. */
void
order_probe_release(WalcuOrderProbe *probe)
{
	MemoryContextDelete(probe->context);
}

/* Asks for the last documents, and once that was in doubt for the first, at the same time. */
static void
ask_for_ends(WalcuOrderProbe *probe)
{
	for (int i = 0; i < lengthof(probe->ends); i++)
	{
		if (probe->ends[i])
			page_release(probe->ends[i]);
		probe->ends[i] = NULL;
	}
	ask_for_end(probe, END_LAST, NULL);
	if (probe->looks > 0)
		ask_for_end(probe, END_FIRST, NULL);
	else
		begin_asking(probe);
	probe->looks++;
}

static void
begin_asking(WalcuOrderProbe *probe)
{
	reset_callback_add(probe->context, end_asking, probe);
	dlist_push_head(&asking, &probe->node);
}

static void
end_asking(void *probe)
{
	dlist_delete(&((WalcuOrderProbe *) probe)->node);
}

static void
ask_for_end(WalcuOrderProbe *probe, OrderEnd end, const WalcuAttempt *attempt)
{
	const WalcuQuery *query = probe->group->query;
	MemoryContext context = AllocSetContextCreate(probe->context, "walcu page", ALLOCSET_SMALL_SIZES);
	MemoryContext before = MemoryContextSwitchTo(context);

	probe->ends[end] =
		page_start(context, query->options, query->credential,
				   query_end(query, probe->part, end == END_LAST, DOCUMENTS_OF_END), attempt, NULL);
	MemoryContextSwitchTo(before);
	probe->ends[end]->may_be_useless = true;
	probe->group->tally->requests++;
	probe->group->tally->probes++;
	probe->group->tally->retries += attempt != NULL;
}

/* Takes in what has arrived.  Returns whether all of it is here, or one will not come. */
static bool
are_ends_here(WalcuOrderProbe *probe, bool before_wait)
{
	for (int i = 0; i < lengthof(probe->ends); i++)
	{
		WalcuPage *page = probe->ends[i];

		if (page == NULL)
			continue;
		page_look(page, before_wait);
		if (page->broken)
		{
			WalcuAttempt attempt = retry_attempt(page->transfer);

			ask_for_end(probe, i, &attempt);
			page_release(page);
		}
	}
	return order_probe_transfer(probe) == NULL || has_failed_end(probe);
}

static bool
has_failed_end(const WalcuOrderProbe *probe)
{
	for (int i = 0; i < lengthof(probe->ends); i++)
	{
		if (probe->ends[i] && probe->ends[i]->obstacle)
			return true;
	}
	return false;
}

/* Compares how an order and its reverse begin. */
static WalcuOrder
judge_order(WalcuOrderProbe *probe, const WalcuCursor *cursor)
{
	const WalcuQuery *query = probe->group->query;
	List *last = list_page_ids(probe->ends[END_LAST]);
	List *first = probe->ends[END_FIRST] ? list_page_ids(probe->ends[END_FIRST]) : list_first_id(cursor);

	if (first == NIL || last == NIL)
		return look_again(probe);
	/* without an _id, there is nothing to tell documents by */
	if (((char *) linitial(first))[0] == '\0' || ((char *) linitial(last))[0] == '\0')
		return WALCU_ORDER_SORTED;
	if (strcmp(linitial(first), linitial(last)) == 0)
		return judge_equal_ends(probe, cursor, first, last);
	learned_sort_note(query->options, get_learned_order(probe->part->keys));
	return WALCU_ORDER_SORTED;
}

/*
 * An order and its reverse begin with the same document.  It is the only one, or, behind an offset, the one
 * in the middle, or they were not made of the same documents; or the service does not sort.
 */
static WalcuOrder
judge_equal_ends(WalcuOrderProbe *probe, const WalcuCursor *cursor, List *first, List *last)
{
	const WalcuQuery *query = probe->group->query;
	bool is_only = query->skip == 0 && list_length(last) == 1 &&
				   probe->ends[END_LAST]->transfer->head.has_more != WALCU_MORE_YES;

	if (is_only && cursor->page->transfer->head.has_more != WALCU_MORE_YES)
	{
		learned_sort_note_idle_probe(query->options);
		return WALCU_ORDER_ANY;
	}
	if (is_only || probe->ends[END_FIRST] == NULL || list_length(first) != list_length(last) ||
		strcmp(llast(first), llast(last)) != 0)
		return look_again(probe);
	learned_sort_note_ignored(
		query->options,
		psprintf("Resource \"%s\" begins with the same document in an order and in its reverse.",
				 query->options->resource));
	return WALCU_ORDER_IGNORED;
}

static WalcuOrder
look_again(WalcuOrderProbe *probe)
{
	if (probe->looks >= MOST_LOOKS)
		return WALCU_ORDER_SORTED;
	ask_for_ends(probe);
	return WALCU_ORDER_OPEN;
}

static List *
list_page_ids(WalcuPage *page)
{
	StringInfo id = makeStringInfo();
	WalcuDocument document;
	List *ids = NIL;

	while (page_take(page, &document, id))
		ids = lappend(ids, pstrdup(id->data));
	return ids;
}

static List *
list_first_id(const WalcuCursor *cursor)
{
	StringInfo id = makeStringInfo();

	return page_id(cursor->page, 0, id) ? list_make1(id->data) : NIL;
}
