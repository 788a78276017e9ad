/*
 * waiting_scan.c
 *	  The documents of a scan as the transaction has written them.
 *
 * With write_mode 'commit' the service does not know yet what the transaction has written.  scan.c shows
 * each document here before it makes a row of it: one that will be changed is changed, and one that will be
 * gone is left out.  At the end it asks for the others: those that are new, and those that the service has
 * not sent, as they may match the conditions only once they are changed.  PostgreSQL checks each condition
 * again, so that a document may come from here that does not match.
 *
 * A document matches the filter after a change as before it, and stands at the same place, where the change
 * is of other members than the filter and the order are about: that one is not asked for.
 *
 * Where the service sorts, what waits is read first (waiting_order.c), so that a LIMIT ends the scan as early
 * as ever; unless it is so much that all may as well be read, and sorted here.
 *
 * What a text in the service's own query language finds, only the service knows: then what it sends is shown
 * as it will be, and there are no others.
 */
#include "postgres.h"

#include "exec/waiting_scan.h"

#include "fetch/seen_ids.h"
#include "fetch/waiting_writes.h"
#include "pushdown/filter.h"
#include "utils/memutils.h"

/* So many of the service's documents that wait, which one request brings, are read before those it sorts. */
#define MOST_FIRST 50

struct WalcuWaitingScan
{
	const WalcuOptions *options; /* The documents are of this table. */
	CommandId command;           /* The scan is shown what earlier commands have written. */
	List *ids;                   /* Something waits for these documents (of char *). */
	int next;                    /* This one is the next to be given at the end. */
	HTAB *seen;                  /* These have come. */
	bool has_filter;             /* The service may have left some out that are there. */
	List *members;               /* The query is about these members of documents (of char *), */
	bool tells_members;          /* and about no others. */
	bool is_searched;            /* The service alone knows which documents match. */
	bool comes_first;            /* What waits is read before what the service sorts, */
	bool has_come;               /* and that was done. */
	bool is_asking;              /* The documents that come now were asked for by their ids. */
	WalcuQuery sorted;           /* This is asked for then. */
	int64 skip;                  /* So many rows are still to be passed over. */
	MemoryContext context;       /* It holds the document that was shown last. */
};

static bool show_document(WalcuWaitingScan *waiting, WalcuDocument *document);
static bool next_new_document(WalcuWaitingScan *waiting, WalcuDocument *document);
static void open_order(WalcuWaitingScan *waiting, WalcuQuery *query);
static void open_next_fetch(WalcuWaitingScan *waiting, WalcuFetch **fetch, const WalcuQuery *query,
							WalcuTally *tally);
static void list_members(WalcuWaitingScan *waiting, const WalcuQuery *query);
static List *list_moved(WalcuWaitingScan *waiting);
static bool is_moved(const WalcuWaitingScan *waiting, const char *id);
static void ask_for(WalcuQuery *query, List *ids);
static void sort_as_written(WalcuQuery *query);
static bool is_all_here(WalcuWaitingScan *waiting, const WalcuQuery *query);
static bool note_shown(WalcuWaitingScan *waiting, const char *id);
static void add_dealer(const WalcuOptions *options, WalcuDocument *document);
static WalcuWaiting show_current(WalcuWaitingScan *waiting, const char *id, WalcuDocument *document);

/*
 * Returns what waits of the documents that a query asks for, in the current memory context; NULL when nothing
 * does.  What the service sorts and counts off is not what it will have.  So what waits is asked for first,
 * or the query does not ask for an order any more, and the reader sorts; and what was to be passed over is
 * here.  Where all of one document is here, nothing is asked for.
 */
WalcuWaitingScan *
waiting_scan_open(WalcuQuery *query, CommandId command)
{
	List *ids = NIL;
	WalcuWaitingScan *waiting;

	if (query->strategy != WALCU_BY_ID)
		ids = waiting_writes_ids(query->options, command);
	else
	{
		WalcuDocument document = {.id = query->id};

		if (waiting_writes_show(query->options, query->id, command, &document) != WALCU_WAITING_NONE)
			ids = list_make1(pstrdup(query->id));
	}
	if (ids == NIL)
		return NULL;
	waiting = palloc0(sizeof(WalcuWaitingScan));
	waiting->options = query->options;
	waiting->command = command;
	waiting->ids = ids;
	waiting->seen = seen_ids_create(CurrentMemoryContext);
	waiting->is_searched = query->search != NULL;
	waiting->has_filter = query->strategy != WALCU_BY_ID && query->filters != NIL && !waiting->is_searched;
	waiting->context =
		AllocSetContextCreate(CurrentMemoryContext, "walcu waiting document", ALLOCSET_DEFAULT_SIZES);
	waiting->skip = query->skip;
	query->skip = 0;
	list_members(waiting, query);
	if (is_all_here(waiting, query))
		query->filters = list_make1(&filter_nothing);
	else if (query->keys != NIL && !waiting->is_searched)
		open_order(waiting, query);
	return waiting;
}

/* Has what waits come before what the service sorts, or nothing be sorted by it. */
static void
open_order(WalcuWaitingScan *waiting, WalcuQuery *query)
{
	List *moved = list_moved(waiting);

	waiting->comes_first = query_asks_for_order(query) && list_length(moved) <= MOST_FIRST;
	if (!waiting->comes_first)
	{
		sort_as_written(query);
		return;
	}
	waiting->sorted = *query;
	/* of what the service sends, so many may have come before, or be gone */
	if (query->wanted > 0)
		waiting->sorted.wanted += Min(list_length(waiting->ids), MOST_FIRST);
	ask_for(query, moved);
	waiting->is_asking = true;
	query->keys = NIL;
}

/*
 * Takes the next document that is here from a query's fetch, as the transaction has written it; waiting is
 * NULL where nothing waits.  At the end come those of which the service does not know, and, from another
 * fetch, those of which it does not know that they match; or all of these come first.
 */
bool
waiting_scan_take(WalcuWaitingScan *waiting, WalcuFetch **fetch, const WalcuQuery *query, WalcuTally *tally,
				  WalcuDocument *document)
{
	while (fetch_next(*fetch, document))
	{
		if (waiting == NULL || show_document(waiting, document))
			return true;
	}
	if (waiting == NULL || waiting->has_come || !fetch_has_ended(*fetch))
		return false;
	if (next_new_document(waiting, document))
		return true;
	open_next_fetch(waiting, fetch, query, tally);
	return false;
}

/* Opens the fetch that comes after one which has ended, if there is one. */
static void
open_next_fetch(WalcuWaitingScan *waiting, WalcuFetch **fetch, const WalcuQuery *query, WalcuTally *tally)
{
	MemoryContext before = MemoryContextSwitchTo(GetMemoryChunkContext(waiting));
	WalcuQuery next = waiting->comes_first ? waiting->sorted : *query;
	List *missing = waiting->has_filter && !waiting->comes_first ? list_moved(waiting) : NIL;

	waiting->has_come = waiting->comes_first;
	waiting->has_filter = false;
	waiting->is_asking = missing != NIL;
	if (missing != NIL)
		ask_for(&next, missing);
	if (missing != NIL || waiting->comes_first)
	{
		MemoryContextSwitchTo(MemoryContextGetParent(GetMemoryChunkContext(*fetch)));
		fetch_close(*fetch);
		*fetch = fetch_open(&next, tally);
	}
	MemoryContextSwitchTo(before);
}

/* Tells whether the documents that come now wait, and are to be put among those that the service sorts. */
bool
waiting_scan_comes_first(const WalcuWaitingScan *waiting)
{
	return waiting && waiting->comes_first && !waiting->has_come;
}

/* Tells whether the service sends what has a value apart from what has none, as it is asked to. */
bool
waiting_scan_has_parts(const WalcuWaitingScan *waiting)
{
	return waiting == NULL || waiting->has_come || waiting->is_searched;
}

/*
 * Makes of a document that the service has sent what it will be, good until the next one. Returns false when
 * it will be gone, or has come already.
 */
static bool
show_document(WalcuWaitingScan *waiting, WalcuDocument *document)
{
	WalcuWaiting kind = show_current(waiting, document->id, document);

	if (kind == WALCU_WAITING_NONE)
		return !waiting->is_asking;
	if (waiting->has_come && (kind != WALCU_WAITING_PATCH || is_moved(waiting, document->id)))
		return false;
	return note_shown(waiting, document->id) && kind != WALCU_WAITING_DELETION;
}

/* Finds the next document that the service does not have. Returns false when there are no more. */
static bool
next_new_document(WalcuWaitingScan *waiting, WalcuDocument *document)
{
	while (!waiting->is_searched && waiting->next < list_length(waiting->ids))
	{
		const char *id = list_nth(waiting->ids, waiting->next++);

		*document = (WalcuDocument){.id = id};
		if (show_current(waiting, id, document) == WALCU_WAITING_WHOLE && note_shown(waiting, id))
			return true;
	}
	return false;
}

/* Tells whether the next row is one of those that the service would have passed over. */
bool
waiting_scan_passes_over(WalcuWaitingScan *waiting)
{
	return waiting->skip > 0 && waiting->skip-- > 0;
}

/* Lists the members of documents that the service looks at for a query. */
static void
list_members(WalcuWaitingScan *waiting, const WalcuQuery *query)
{
	ListCell *lc;

	waiting->tells_members = filter_members(query->filters, &waiting->members);
	foreach(lc, query->keys)
	{
		const char *path = ((WalcuSortKey *) lfirst(lc))->operand->path;

		waiting->members = lappend(waiting->members, pnstrdup(path, strcspn(path, ".")));
	}
}

/* Returns the ids (of char *) of documents that have not come, and that a change may move to the query. */
static List *
list_moved(WalcuWaitingScan *waiting)
{
	List *moved = NIL;
	ListCell *lc;

	foreach(lc, waiting->ids)
	{
		WalcuDocument document = {.id = lfirst(lc)};
		StringInfoData id = {.data = lfirst(lc), .len = strlen(lfirst(lc))};

		CHECK_FOR_INTERRUPTS();
		if (!seen_ids_has(waiting->seen, &id, false) &&
			show_current(waiting, lfirst(lc), &document) == WALCU_WAITING_PATCH &&
			is_moved(waiting, lfirst(lc)))
			moved = lappend(moved, lfirst(lc));
	}
	return moved;
}

/* Tells whether what waits for a document changes what the service looks at for the query. */
static bool
is_moved(const WalcuWaitingScan *waiting, const char *id)
{
	MemoryContext before = MemoryContextSwitchTo(waiting->context);
	bool moved = !waiting->tells_members ||
				 waiting_writes_change(waiting->options, id, waiting->command, waiting->members);

	MemoryContextSwitchTo(before);
	return moved;
}

/* Makes of a query one for documents with these ids (of char *), in the current memory context. */
static void
ask_for(WalcuQuery *query, List *ids)
{
	List *literals = NIL;
	ListCell *lc;

	foreach(lc, ids)
		literals = lappend(literals, filter_string(lfirst(lc)));
	if (literals == NIL)
		query->filters = list_make1(&filter_nothing);
	else
	{
		query->filters = list_make1(filter_test("_id", "$in", filter_list(literals)));
		((WalcuFilter *) linitial(query->filters))->literals = literals;
	}
	query->strategy = WALCU_BY_PAGES;
	query->parts = NIL;
	query->extent = WALCU_FILTER_WHOLE;
	query->skip = 0;
	/* a LIMIT is about the rows of the whole scan */
	query->wanted = 0;
	query->all_rows = true;
	sort_as_written(query);
}

/* Has a query ask for no order, as the reader sorts. */
static void
sort_as_written(WalcuQuery *query)
{
	query->unsorted = query->unsplit = query->is_as_written = query->keys != NIL;
}

/* Tells whether a query is for one document of which the service knows no more. */
static bool
is_all_here(WalcuWaitingScan *waiting, const WalcuQuery *query)
{
	WalcuDocument document = {.id = query->id};

	return query->strategy == WALCU_BY_ID &&
		   show_current(waiting, query->id, &document) != WALCU_WAITING_PATCH;
}

/* Notes that a document has come; returns false when it had before. */
static bool
note_shown(WalcuWaitingScan *waiting, const char *id)
{
	StringInfoData name = {.data = unconstify(char *, id), .len = strlen(id)};

	return !seen_ids_has(waiting->seen, &name, true);
}

static WalcuWaiting
show_current(WalcuWaitingScan *waiting, const char *id, WalcuDocument *document)
{
	MemoryContext before;
	WalcuWaiting kind;

	MemoryContextReset(waiting->context);
	before = MemoryContextSwitchTo(waiting->context);
	kind = waiting_writes_show(waiting->options, id, waiting->command, document);
	if (kind == WALCU_WAITING_WHOLE)
		add_dealer(waiting->options, document);
	MemoryContextSwitchTo(before);
	return kind;
}

/* The service sets the dealer of a new document.  Where one is there already, that comes last, and counts. */
static void
add_dealer(const WalcuOptions *options, WalcuDocument *document)
{
	const char *rest = strchr(document->data, '{') + 1;

	document->data = psprintf("{\"dealer_id\":%s%s%s", filter_string(options->dealer_id),
							  strchr(rest, '"') ? "," : "", rest);
	document->length = strlen(document->data);
}
