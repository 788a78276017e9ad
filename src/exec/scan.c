/*
 * scan.c
 *	  A foreign scan at work: begin, next row, again, end.
 *
 * The executor calls in here.  A scan takes documents from its fetch, decodes
 * the wanted fields, and leaves every condition to the executor.
 */
#include "postgres.h"

#include "exec/scan.h"

#include "base/compat.h"
#include "base/url.h"
#include "exec/row_order.h"
#include "exec/scan_limit.h"
#include "executor/executor.h"
#include "fetch/seen_ids.h"
#include "fetch/waiting_writes.h"
#include "plan/path.h"
#include "service/learned_size.h"
#include "service/learned_sort.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/rel.h"

/* A wait is broken off after so many milliseconds, to tell of progress. */
#define LONGEST_WAIT 1000

/* That a resource has as few documents as these, at least, is not worth a note. */
#define SIZE_WORTH_NOTING 100

static const WalcuOptions *read_planned_options(Oid relid, bool pushdown);
static void expect_repeats(ForeignScanState *node, int eflags);
static void forgive_search(WalcuScan *scan);
static void note_never_null(WalcuScan *scan);
static bool take_document(WalcuScan *scan, WalcuDocument *document);
static void expect_shifts(ForeignScanState *node);
static TupleTableSlot *next_row(ForeignScanState *node);
static TupleTableSlot *next_sent_row(ForeignScanState *node);
static void evaluate_values(ForeignScanState *node);
static bool is_sure_of_no_match(List *clauses);
static List *make_current_filters(ForeignScanState *node, WalcuPushdownUse use);
static char *evaluate_text(ForeignScanState *node, ExprState *expression);
static void begin_progress(WalcuScan *scan);
static void close_fetch(WalcuScan *scan);
static void drop_waiting(WalcuScan *scan);
static void note_size(WalcuScan *scan);
static void begin_document(WalcuScan *scan, const WalcuDocument *document);
static bool has_come_before(WalcuScan *scan, const WalcuDocument *document);
static bool store_row(WalcuScan *scan, TupleTableSlot *slot);
static bool give_sorted(WalcuScan *scan, TupleTableSlot *slot);

/* FdwRoutine.BeginForeignScan */
void
scan_begin(ForeignScanState *node, int eflags)
{
	Relation relation = node->ss.ss_currentRelation;
	WalcuScan *scan = palloc0(sizeof(WalcuScan));
	const ForeignScan *plan = (ForeignScan *) node->ss.ps.plan;
	const WalcuOptions *options;
	WalcuRelation relation_of_scan;

	scan->plan = plan_of_scan(plan);
	options = read_planned_options(RelationGetRelid(relation), scan->plan.pushdown);
	relation_of_scan = (WalcuRelation){plan->scan.scanrelid, RelationGetRelid(relation), options};
	scan->strategy = scan->plan.strategy;
	scan->context = CurrentMemoryContext;
	scan->query.options = options;
	scan->query.all_rows = scan->plan.all_rows;
	node->fdw_state = scan;
	scan->rows = scan_rows_prepare(options, relation, scan->plan.columns);
	scan->query.unsorted = learned_sort(options) == WALCU_SORT_IGNORED;
	scan->query.keys = sort_deserialize(&relation_of_scan, scan->plan.order);
	scan->value_context = AllocSetContextCreate(CurrentMemoryContext, "walcu values", ALLOCSET_SMALL_SIZES);
	scan->filtered = pushdown_conditions(&relation_of_scan, node->ss.ps.plan->qual);
	forgive_search(scan);
	note_never_null(scan);
	pushdown_prepare(scan->filtered, (PlanState *) node);
	if (scan->plan.keyed_by)
		scan->keyed = pushdown_conditions(&relation_of_scan, list_make1(scan->plan.keyed_by));
	pushdown_prepare(scan->keyed, (PlanState *) node);
	scan->limit = ExecInitExpr(scan->plan.limit, (PlanState *) node);
	scan->offset = ExecInitExpr(scan->plan.offset, (PlanState *) node);
	scan->sibling = sibling_scans_add(node, &scan->plan, options);
	if (eflags & EXEC_FLAG_EXPLAIN_ONLY)
		return;

	scan->order_check = order_check_create(RelationGetDescr(relation), scan->query.keys);
	scan->sort = local_sort_create(RelationGetDescr(relation), scan->query.keys);
	expect_repeats(node, eflags);
	scan->query.credential = option_credential_header(compat_scan_userid(node), options->serverid);
	scan->own_writes = own_writes_read(options, node->ss.ps.state->es_query_cxt);
	scan->snapshot = node->ss.ps.state->es_snapshot;
	scan->rows->context =
		AllocSetContextCreate(CurrentMemoryContext, "walcu row", ALLOCSET_START_SMALL_SIZES);
	scan->id = ExecInitExpr(scan->plan.id, (PlanState *) node);
	scan->search = ExecInitExpr(scan->plan.search, (PlanState *) node);
}

/*
 * FdwRoutine.IterateForeignScan.  In a scan that Append runs beside others, an empty slot means that nothing
 * is here, unless the scan has ended.
 */
TupleTableSlot *
scan_iterate(ForeignScanState *node)
{
	WalcuScan *scan = node->fdw_state;
	TupleTableSlot *slot;

	do
		slot = next_row(node);
	while (scan->waiting && !TupIsNull(slot) && waiting_scan_passes_over(scan->waiting));
	if (!TupIsNull(slot))
		scan_places_note_row(scan->places);
	return slot;
}

/* Gives the next row: one that waits for the commit, or one that the service sends. */
static TupleTableSlot *
next_row(ForeignScanState *node)
{
	WalcuScan *scan = node->fdw_state;
	TupleTableSlot *slot = node->ss.ss_ScanTupleSlot;

	for (;;)
	{
		WalcuNextRow next = scan->among ? waiting_order_next(scan->among, slot) : WALCU_NEXT_IS_UNKNOWN;

		if (next != WALCU_NEXT_IS_UNKNOWN)
			return next == WALCU_NEXT_IS_HERE ? slot : ExecClearTuple(slot);
		next_sent_row(node);
		if (scan->among == NULL || (TupIsNull(slot) && !scan->ended))
			return slot;
		waiting_order_put_sent(scan->among, slot);
	}
}

/* Gives the next row that the service sends. */
static TupleTableSlot *
next_sent_row(ForeignScanState *node)
{
	WalcuScan *scan = node->fdw_state;
	TupleTableSlot *slot = node->ss.ss_ScanTupleSlot;
	WalcuDocument document;

	ExecClearTuple(slot);
	if (scan->sort && local_sort_next(scan->sort, slot))
		return slot;
	scan_open(node);
	if (scan->fetch == NULL)
		return slot;
	for (;;)
	{
		if (store_row(scan, slot))
		{
			if (waiting_scan_comes_first(scan->waiting))
				waiting_order_put(scan->among, slot);
			else if (scan->sort == NULL || row_order_keeps(scan->order_check, scan->sort, scan->fetch, slot))
				return slot;
		}
		else if (take_document(scan, &document))
			begin_document(scan, &document);
		else if (fetch_order(scan->fetch)->pausing || fetch_has_ended(scan->fetch))
		{
			if (give_sorted(scan, slot))
				return slot;
			if (scan->ended)
				return slot;
		}
		/* Append waits for all of its scans together (async.c) */
		else if (node->ss.ps.async_capable)
			return slot;
		else
			fetch_wait(scan->fetch, LONGEST_WAIT);
	}
}

/* Takes the next document of a scan that is here. */
static bool
take_document(WalcuScan *scan, WalcuDocument *document)
{
	bool found = waiting_scan_take(scan->waiting, &scan->fetch, &scan->query, &scan->tally, document);

	progress_note(&scan->progress, &scan->tally);
	return found;
}

/* FdwRoutine.ReScanForeignScan */
void
scan_rescan(ForeignScanState *node)
{
	WalcuScan *scan = node->fdw_state;

	/* one that changes documents itself (direct_modify.c) has no rows to begin again with */
	if (((ForeignScan *) node->ss.ps.plan)->operation != CMD_SELECT)
		return;
	close_fetch(scan);
	drop_waiting(scan);
	reply_cache_expect(scan->query.cache);
	if (scan->order_check)
		order_check_restart(scan->order_check);
	scan_places_note_restart(scan->places);
	scan->is_prepared = false;
	scan->ended = false;
}

/* FdwRoutine.EndForeignScan */
void
scan_end(ForeignScanState *node)
{
	WalcuScan *scan = node->fdw_state;
	int64 mismatches;

	/* nothing was begun when an error came first */
	if (scan == NULL)
		return;
	close_fetch(scan);
	drop_waiting(scan);
	mismatches = document_rows_mismatches(scan->rows->documents);
	if (mismatches > 0)
		ereport(WARNING, errcode(ERRCODE_FDW_INVALID_DATA_TYPE),
				errmsg_plural(
					"read " INT64_FORMAT " value of resource \"%s\" that does not fit its column as NULL",
					"read " INT64_FORMAT " values of resource \"%s\" that do not fit their columns as NULL",
					(unsigned long) mismatches, mismatches, scan->query.options->resource),
				errhint("Set the option on_type_mismatch to 'error' to see the first one."));
}

/* Returns the settings in force, but for pushdown, which is as it was when the plan was made. */
static const WalcuOptions *
read_planned_options(Oid relid, bool pushdown)
{
	WalcuOptions *options = option_for_table(relid);

	options->pushdown = pushdown;
	return options;
}

/* Keeps replies for a scan that runs again, be it with other values, and may need what another one had. */
static void
expect_repeats(ForeignScanState *node, int eflags)
{
	WalcuScan *scan = node->fdw_state;

	scan->query.cache = reply_cache_get(node->ss.ps.state, scan->query.options);
	if ((eflags & EXEC_FLAG_REWIND) || node->ss.ps.plan->allParam != NULL)
		reply_cache_expect(scan->query.cache);
}

/* Forgives the search that it has no filter, as it is a parameter of its own. */
static void
forgive_search(WalcuScan *scan)
{
	ListCell *lc;

	foreach(lc, scan->filtered)
	{
		WalcuPushdownCondition *entry = lfirst(lc);
		OpExpr *operation = (OpExpr *) entry->expression;

		if (scan->plan.search && IsA(operation, OpExpr) && list_member(operation->args, scan->plan.search))
			entry->reason = NULL;
	}
}

/* Notes for which keys no condition lets NULL through, so that such rows need not be asked for. */
static void
note_never_null(WalcuScan *scan)
{
	ListCell *lc;

	foreach(lc, scan->query.keys)
	{
		WalcuSortKey *key = lfirst(lc);

		key->never_null = pushdown_rejects_null(scan->filtered, key->column);
	}
}

/* Sends the first requests of an execution, unless it did so; the scan has ended when no row can match. */
void
scan_open(ForeignScanState *node)
{
	WalcuScan *scan = node->fdw_state;
	WalcuQuery query;
	MemoryContext before;

	if (scan->fetch || scan->ended)
		return;
	/* a batched join has made the values that they are made of */
	if (!scan->is_prepared)
		evaluate_values(node);
	scan->is_prepared = false;
	if (scan->ended)
		return;
	before = MemoryContextSwitchTo(scan->value_context);
	begin_progress(scan);
	own_writes_settle(scan->query.options);
	query = scan->query;
	query.is_merged = scan_places_are_merged(scan->places);
	scan->waiting = waiting_scan_open(&query, scan->snapshot->curcid);
	scan->among = waiting_scan_comes_first(scan->waiting)
					  ? waiting_order_create(RelationGetDescr(node->ss.ss_currentRelation), scan->query.keys)
					  : NULL;
	MemoryContextSwitchTo(scan->context);
	expect_shifts(node);
	scan->read_before = scan->tally.documents;
	scan->fetch = fetch_open(&query, &scan->tally);
	if (scan->sibling)
		scan->sibling->is_open = true;
	scan_places_note_begin(scan->places, node->ss.ps.async_capable);
	MemoryContextSwitchTo(before);
}

/*
 * Where pages are counted off, a document that the statement inserts in front of them shifts those that have
 * come into the next one.  Then they are remembered.
 */
static void
expect_shifts(ForeignScanState *node)
{
	WalcuScan *scan = node->fdw_state;
	const PlannedStmt *statement = node->ss.ps.state->es_plannedstmt;

	if (scan->query.options->paging == WALCU_PAGING_KEY ||
		(statement->commandType == CMD_SELECT && !statement->hasModifyingCTE))
		return;
	if (scan->seen)
		hash_destroy(scan->seen);
	scan->seen = seen_ids_create(scan->context);
}

/* Evaluates this execution's values; the scan has ended when they are such that no row can match. */
static void
evaluate_values(ForeignScanState *node)
{
	WalcuScan *scan = node->fdw_state;
	WalcuQuery *query = &scan->query;

	MemoryContextReset(scan->value_context);
	/* EXPLAIN looks at them, too, when no others come in their place */
	query->id = query->search = NULL;
	query->filters = query->parts = NIL;
	scan->has_filter = false;
	if ((scan->id && (query->id = evaluate_text(node, scan->id)) == NULL) ||
		(scan->search && (query->search = evaluate_text(node, scan->search)) == NULL))
	{
		scan->ended = true;
		return;
	}
	scan_set_filter(node, WALCU_PUSHDOWN_SENT);
	scan->ended = is_sure_of_no_match(scan->query.filters);
}

/* Puts what the conditions say now, and how much is wanted, into the query. */
void
scan_set_filter(ForeignScanState *node, WalcuPushdownUse use)
{
	WalcuScan *scan = node->fdw_state;
	WalcuQuery *query = &scan->query;
	MemoryContext before = MemoryContextSwitchTo(scan->value_context);

	query->project = sibling_scans_fields(scan->sibling, scan->rows->project);
	/* what waits may name elements of a list by their places in all of it */
	if (query->options->array && use == WALCU_PUSHDOWN_SENT &&
		waiting_writes_ids(query->options, scan->snapshot->curcid) != NIL)
		query->project = NIL;
	query->filters = make_current_filters(node, use);
	query->parts = NIL;
	/* an id that cannot stand in a path is in the filter, as every condition is */
	query->strategy = (query->id && !url_is_plain_segment(query->id)) ? WALCU_BY_PAGES : scan->strategy;
	query->skip = scan->plan.skips ? scan_limit_offset(node, scan->offset, use) : 0;
	/* how many rows the list of a document has is not known */
	query->wanted = (query->options->array == NULL && pushdown_is_complete(scan->filtered))
						? scan_wanted_rows(node, use)
						: 0;
	if (use == WALCU_PUSHDOWN_SENT)
		query->wanted = scan_places_share(scan->places, query->wanted, query->options->fetch_size);
	scan->has_filter = true;
	MemoryContextSwitchTo(before);
}

static bool
is_sure_of_no_match(List *clauses)
{
	return clauses != NIL && linitial(clauses) == &filter_nothing;
}

/* Makes the clauses of the conditions and, in a batched join's scan, of the keys, which come last. */
static List *
make_current_filters(ForeignScanState *node, WalcuPushdownUse use)
{
	WalcuScan *scan = node->fdw_state;
	const WalcuOptions *options = scan->query.options;
	List *clauses = pushdown_clauses(options, scan->filtered, node->ss.ps.ps_ExprContext, use);
	List *keys = pushdown_clauses(options, scan->keyed, node->ss.ps.ps_ExprContext, use);

	if (is_sure_of_no_match(clauses) || is_sure_of_no_match(keys))
		return list_make1(&filter_nothing);
	scan->key_filter = keys ? linitial(keys) : NULL;
	if (keys)
		((WalcuFilter *) linitial(keys))->most = scan->keys_a_request;
	return list_concat(clauses, keys);
}

/*
 * Takes from a batched join the keys, an array, by which the scan asks for documents when it begins again,
 * how many of them a request has at most, and whether a background job brings the documents.  The scan must
 * have been told to begin again (scan_rescan).
 */
WalcuKeysUse
scan_set_keys(ForeignScanState *node, Datum keys, int keys_a_request, bool by_job)
{
	WalcuScan *scan = node->fdw_state;
	const Param *parameter = lsecond(plan_keyed_arguments(scan->plan.keyed_by));
	ParamExecData *value = &node->ss.ps.state->es_param_exec_vals[parameter->paramid];

	value->execPlan = NULL;
	value->value = keys;
	value->isnull = false;
	return scan_ask_keyed(node, keys_a_request, by_job);
}

/* Does the same where the condition that leads to the documents (keyed) has its values already. */
WalcuKeysUse
scan_ask_keyed(ForeignScanState *node, int keys_a_request, bool by_job)
{
	WalcuScan *scan = node->fdw_state;
	MemoryContext before;

	scan->keys_a_request = keys_a_request;
	scan->strategy = by_job ? WALCU_BY_JOB : path_paging_strategy(scan->query.options);
	evaluate_values(node);
	scan->is_prepared = true;
	if (scan->ended)
		return WALCU_KEYS_ASKED;
	if (scan->key_filter == NULL)
		return WALCU_KEYS_UNKNOWN;
	before = MemoryContextSwitchTo(scan->value_context);
	scan->query.parts = query_split_parts(&scan->query, scan->query.filters);
	MemoryContextSwitchTo(before);
	return query_parts_keep(scan->query.parts, scan->key_filter) ? WALCU_KEYS_ASKED : WALCU_KEYS_TOO_LONG;
}

/* Counts how many rows the query needs of the scan; 0 when it does not say. */
double
scan_wanted_rows(ForeignScanState *node, WalcuPushdownUse use)
{
	WalcuScan *scan = node->fdw_state;
	double limit = scan->limit ? scan_limit_count(node, scan->limit, use) : scan->plan.wanted;

	return (limit > 0 && !scan->plan.skips) ? limit + scan_limit_offset(node, scan->offset, use) : limit;
}

/* Evaluates a text expression; NULL for SQL's NULL. */
static char *
evaluate_text(ForeignScanState *node, ExprState *expression)
{
	WalcuScan *scan = node->fdw_state;
	bool is_null;
	Datum value = ExecEvalExprSwitchContext(expression, node->ss.ps.ps_ExprContext, &is_null);

	return is_null ? NULL : MemoryContextStrdup(scan->value_context, TextDatumGetCString(value));
}

/* Begins to tell of progress, with what one execution is expected to read; later ones add to the first. */
static void
begin_progress(WalcuScan *scan)
{
	double expected = scan->plan.guessed ? scan->query.wanted : scan->plan.documents;

	if (scan->query.wanted > 0)
		expected = Min(expected, scan->query.wanted);
	if (scan->tally.requests + scan->tally.reused == 0)
		progress_begin(&scan->progress, scan->query.options, expected);
	else
		scan->progress.expected = 0;
}

static void
close_fetch(WalcuScan *scan)
{
	if (scan->sort)
		local_sort_clear(scan->sort);
	document_rows_end(scan->rows->documents);
	/* another execution need not find out again what the service does not take */
	if (scan->fetch)
	{
		if (scan->waiting == NULL)
			note_size(scan);
		scan->query.extent = fetch_extent(scan->fetch);
		fetch_close(scan->fetch);
	}
	scan->fetch = NULL;
	if (scan->sibling)
		scan->sibling->is_open = false;
	scan_places_note_end(scan->places);
	scan->ended = true;
}

/* Forgets what waits of the documents that an execution asked for. */
static void
drop_waiting(WalcuScan *scan)
{
	if (scan->among)
		waiting_order_clear(scan->among);
	scan->among = NULL;
	scan->waiting = NULL;
}

/*
 * Tells the planner how many documents the resource has: those that were read, where nothing was left out,
 * else so many at least.
 */
static void
note_size(WalcuScan *scan)
{
	const WalcuQuery *query = fetch_query(scan->fetch);
	int64 documents = scan->tally.documents - scan->read_before;
	bool is_all = fetch_has_ended(scan->fetch) && query_filters(query) == NIL && query->search == NULL &&
				  query->strategy != WALCU_BY_ID && query->skip == 0;

	if (is_all)
		learned_size_note(query->options, documents, documents);
	else if (documents > SIZE_WORTH_NOTING)
		learned_size_note(query->options, documents, LEARNED_SIZE_OPEN);
}

/* Begins with a document, unless it should not have been sent. */
static void
begin_document(WalcuScan *scan, const WalcuDocument *document)
{
	if (!own_writes_hide(scan->own_writes, document->id, scan->snapshot) && !has_come_before(scan, document))
		document_rows_begin(scan->rows->documents, document, scan->query.credential);
}

static bool
has_come_before(WalcuScan *scan, const WalcuDocument *document)
{
	StringInfoData id = {.data = unconstify(char *, document->id), .len = strlen(document->id)};

	return scan->seen && seen_ids_has(scan->seen, &id, true);
}

/* Makes the next row of the current document.  Returns false when it has no more, or should have none. */
static bool
store_row(WalcuScan *scan, TupleTableSlot *slot)
{
	if (!scan_rows_next(scan->rows, scan->query.search, slot))
		return false;
	if (!waiting_scan_has_parts(scan->waiting) || row_order_is_of_part(scan->fetch, scan->query.keys, slot))
		return true;
	/* nor is any other row of the document */
	document_rows_end(scan->rows->documents);
	ExecClearTuple(slot);
	return false;
}

/* Gives the first of the rows that waited for a part's, or the scan's, end; false when there are none. */
static bool
give_sorted(WalcuScan *scan, TupleTableSlot *slot)
{
	/* what is passed over of rows that wait, too, scan_iterate passes over */
	int64 skip = scan->waiting ? 0 : scan->query.skip;

	ExecClearTuple(slot);
	if (scan->sort)
	{
		local_sort_finish(scan->sort);
		/* there is an offset only where one part has all documents */
		for (int64 i = 0; fetch_query(scan->fetch)->unsorted && i < skip; i++)
		{
			if (!local_sort_next(scan->sort, slot))
				break;
			ExecClearTuple(slot);
		}
		if (local_sort_next(scan->sort, slot))
			return true;
	}
	if (fetch_has_ended(scan->fetch))
	{
		close_fetch(scan);
		reply_cache_leave(scan->query.cache);
	}
	else
		fetch_order(scan->fetch)->pausing = false;
	return false;
}
