/*
 * waiting_scan.c
 *	  The documents of a scan as the transaction has written them.
 *
 * With write_mode 'commit' the service does not know yet what the transaction has written.  scan.c shows
 * each document here before it makes a row of it: one that will be changed is changed, and one that will be
 * gone is left out.  At the end it asks for the others: those that are new, and those that the service has
 * not sent, as they match the conditions only once they are changed.  PostgreSQL checks each condition
 * again, so that a document may come from here that does not match.
 */
#include "postgres.h"

#include "exec/waiting_scan.h"

#include "fetch/seen_ids.h"
#include "fetch/waiting_writes.h"
#include "pushdown/filter.h"
#include "utils/memutils.h"

struct WalcuWaitingScan
{
	const WalcuOptions *options; /* The documents are of this table. */
	CommandId command;           /* The scan is shown what earlier commands have written. */
	List *ids;                   /* Something waits for these documents (of char *). */
	int next;                    /* This one is the next to be given at the end. */
	HTAB *seen;                  /* These have come. */
	bool has_filter;             /* The service may have left some out that are there. */
	int64 skip;                  /* So many rows are still to be passed over. */
	MemoryContext context;       /* It holds the document that was shown last. */
};

static bool show_document(WalcuWaitingScan *waiting, WalcuDocument *document);
static bool next_new_document(WalcuWaitingScan *waiting, WalcuDocument *document);
static bool find_missing(WalcuWaitingScan *waiting, WalcuQuery *query);
static bool is_all_here(WalcuWaitingScan *waiting, const WalcuQuery *query);
static bool note_shown(WalcuWaitingScan *waiting, const char *id);
static void add_dealer(const WalcuOptions *options, WalcuDocument *document);
static WalcuWaiting show_current(WalcuWaitingScan *waiting, const char *id, WalcuDocument *document);

/*
 * Returns what waits of the documents that a query asks for, in the current memory context; NULL when nothing
 * does.  What the service sorts and counts off is not what it will have, so that the query does not ask for
 * it any more: the reader sorts, and what was to be passed over is here.  Where all of one document is here,
 * nothing is asked for.
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
	waiting->has_filter = query->strategy != WALCU_BY_ID && (query->filters != NIL || query->search);
	waiting->context =
		AllocSetContextCreate(CurrentMemoryContext, "walcu waiting document", ALLOCSET_DEFAULT_SIZES);
	query->unsorted = query->unsplit = query->keys != NIL;
	waiting->skip = query->keys == NIL ? query->skip : 0;
	query->skip = 0;
	if (is_all_here(waiting, query))
		query->filters = list_make1(&filter_nothing);
	return waiting;
}

/*
 * Takes the next document that is here from a query's fetch, as the transaction has written it; waiting is
 * NULL where nothing waits.  At the end come those of which the service does not know, and, from another
 * fetch, those of which it does not know that they match.
 */
bool
waiting_scan_take(WalcuWaitingScan *waiting, WalcuFetch **fetch, const WalcuQuery *query, WalcuTally *tally,
				  WalcuDocument *document)
{
	WalcuQuery missing = *query;
	MemoryContext before;

	while (fetch_next(*fetch, document))
	{
		if (waiting == NULL || show_document(waiting, document))
			return true;
	}
	if (waiting == NULL || !fetch_has_ended(*fetch))
		return false;
	if (next_new_document(waiting, document))
		return true;
	before = MemoryContextSwitchTo(GetMemoryChunkContext(waiting));
	if (find_missing(waiting, &missing))
	{
		MemoryContextSwitchTo(MemoryContextGetParent(GetMemoryChunkContext(*fetch)));
		fetch_close(*fetch);
		*fetch = fetch_open(&missing, tally);
	}
	MemoryContextSwitchTo(before);
	return false;
}

/*
 * Makes of a document that the service has sent what it will be, good until the next one. Returns false when
 * it will be gone, or has come already.
 */
static bool
show_document(WalcuWaitingScan *waiting, WalcuDocument *document)
{
	WalcuWaiting kind = show_current(waiting, document->id, document);

	return kind == WALCU_WAITING_NONE ||
		   (note_shown(waiting, document->id) && kind != WALCU_WAITING_DELETION);
}

/* Finds the next document that the service does not have. Returns false when there are no more. */
static bool
next_new_document(WalcuWaitingScan *waiting, WalcuDocument *document)
{
	while (waiting->next < list_length(waiting->ids))
	{
		const char *id = list_nth(waiting->ids, waiting->next++);

		*document = (WalcuDocument){.id = id};
		if (show_current(waiting, id, document) == WALCU_WAITING_WHOLE && note_shown(waiting, id))
			return true;
	}
	return false;
}

/*
 * Tells whether a row is one of those that the service would have passed over.  It is taken out of the slot
 * then.
 */
bool
waiting_scan_passes_over(WalcuWaitingScan *waiting, TupleTableSlot *slot)
{
	if (waiting == NULL || waiting->skip == 0)
		return false;
	waiting->skip--;
	ExecClearTuple(slot);
	return true;
}

/*
 * Makes a query, of one that has ended, for the documents that it did not bring and that will be changed.
 * Returns false when there are none. The parts of the query are in the current memory context.
 */
static bool
find_missing(WalcuWaitingScan *waiting, WalcuQuery *query)
{
	List *literals = NIL;
	ListCell *lc;

	foreach(lc, waiting->has_filter ? waiting->ids : NIL)
	{
		WalcuDocument document = {.id = lfirst(lc)};
		StringInfoData id = {.data = lfirst(lc), .len = strlen(lfirst(lc))};

		if (!seen_ids_has(waiting->seen, &id, false) &&
			show_current(waiting, lfirst(lc), &document) == WALCU_WAITING_PATCH)
			literals = lappend(literals, filter_string(lfirst(lc)));
	}
	waiting->has_filter = false;
	if (literals == NIL)
		return false;
	query->filters = list_make1(filter_test("_id", "$in", filter_list(literals)));
	((WalcuFilter *) linitial(query->filters))->literals = literals;
	query->strategy = WALCU_BY_PAGES;
	query->search = NULL;
	query->parts = NIL;
	query->unsorted = query->unsplit = query->keys != NIL;
	query->skip = 0;
	query->extent = WALCU_FILTER_WHOLE;
	return true;
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
