/*
 * scan.c
 *	  A foreign scan at work: begin, next row, again, end.
 *
 * The executor calls in here.  A scan takes documents from its source, decodes
 * the wanted fields, and leaves every condition to the executor.
 */
#include "postgres.h"

#include "scan.h"

#include "compat.h"
#include "executor/executor.h"
#include "project.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/rel.h"

static void prepare_columns(WalcuScan *scan, Relation relation);
static bool open_source(ForeignScanState *node);
static char *text_value(ForeignScanState *node, ExprState *expression);
static void close_source(WalcuScan *scan);
static void store_row(WalcuScan *scan, const WalcuDocument *document, TupleTableSlot *slot);

/* FdwRoutine.BeginForeignScan */
void
scan_begin(ForeignScanState *node, int eflags)
{
	Relation relation = node->ss.ss_currentRelation;
	WalcuScan *scan = palloc0(sizeof(WalcuScan));
	WalcuOptions *options = option_for_table(RelationGetRelid(relation));

	scan->plan = plan_of_scan((ForeignScan *) node->ss.ps.plan);
	scan->context = CurrentMemoryContext;
	scan->query.options = options;
	scan->query.strategy = scan->plan.strategy;
	scan->query.all_rows = scan->plan.all_rows;
	node->fdw_state = scan;
	prepare_columns(scan, relation);
	if (eflags & EXEC_FLAG_EXPLAIN_ONLY)
		return;

	scan->query.credential = option_credential_header(compat_scan_userid(node), options->serverid);
	scan->tuple_context = AllocSetContextCreate(CurrentMemoryContext, "walcu row", ALLOCSET_DEFAULT_SIZES);
	scan->id = ExecInitExpr(scan->plan.id, (PlanState *) node);
	scan->search = ExecInitExpr(scan->plan.search, (PlanState *) node);
}

/* FdwRoutine.IterateForeignScan */
TupleTableSlot *
scan_iterate(ForeignScanState *node)
{
	WalcuScan *scan = node->fdw_state;
	TupleTableSlot *slot = node->ss.ss_ScanTupleSlot;
	WalcuDocument document;

	ExecClearTuple(slot);
	if (scan->source == NULL && (scan->ended || !open_source(node)))
		return slot;
	if (source_next(scan->source, &document))
		store_row(scan, &document, slot);
	else
		close_source(scan);
	return slot;
}

/* FdwRoutine.ReScanForeignScan */
void
scan_rescan(ForeignScanState *node)
{
	WalcuScan *scan = node->fdw_state;

	close_source(scan);
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
	close_source(scan);
	mismatches = decode_mismatches(scan->decoder);
	if (mismatches > 0)
		ereport(WARNING, errcode(ERRCODE_FDW_INVALID_DATA_TYPE),
				errmsg_plural(
					"read " INT64_FORMAT " value of resource \"%s\" that does not fit its column as NULL",
					"read " INT64_FORMAT " values of resource \"%s\" that do not fit their columns as NULL",
					(unsigned long) mismatches, mismatches, scan->query.options->resource),
				errhint("Set the option on_type_mismatch to 'error' to see the first one."));
}

/* Tell the decoder which fields the query needs, and the service which to send. */
static void
prepare_columns(WalcuScan *scan, Relation relation)
{
	TupleDesc descriptor = RelationGetDescr(relation);
	List *paths = NIL;
	ListCell *lc;

	scan->decoder = decode_prepare(scan->query.options, descriptor);
	foreach(lc, scan->plan.columns)
	{
		int column = lfirst_int(lc) - 1;
		WalcuColumn *option = option_for_column(RelationGetRelid(relation), column + 1);

		if (option->parameter)
			scan->search_columns = lappend_int(scan->search_columns, column);
		else
		{
			decode_want(scan->decoder, column, option->path);
			paths = lappend(paths, option->path);
		}
	}
	scan->query.project = project_fields(paths);
}

/* Evaluate this execution's values; false when they are such that no row can match. */
static bool
open_source(ForeignScanState *node)
{
	WalcuScan *scan = node->fdw_state;
	MemoryContext before;

	if ((scan->id && (scan->query.id = text_value(node, scan->id)) == NULL) ||
		(scan->search && (scan->query.search = text_value(node, scan->search)) == NULL))
	{
		scan->ended = true;
		return false;
	}
	before = MemoryContextSwitchTo(scan->context);
	scan->source = source_open(&scan->query, &scan->tally);
	MemoryContextSwitchTo(before);
	return true;
}

/* The value of a text expression in the scan's context; NULL for SQL's NULL. */
static char *
text_value(ForeignScanState *node, ExprState *expression)
{
	WalcuScan *scan = node->fdw_state;
	bool is_null;
	Datum value = ExecEvalExprSwitchContext(expression, node->ss.ps.ps_ExprContext, &is_null);

	return is_null ? NULL : MemoryContextStrdup(scan->context, TextDatumGetCString(value));
}

static void
close_source(WalcuScan *scan)
{
	if (scan->source)
		source_close(scan->source);
	scan->source = NULL;
	scan->ended = true;
}

static void
store_row(WalcuScan *scan, const WalcuDocument *document, TupleTableSlot *slot)
{
	MemoryContext before;
	ListCell *lc;

	MemoryContextReset(scan->tuple_context);
	before = MemoryContextSwitchTo(scan->tuple_context);
	memset(slot->tts_isnull, true, slot->tts_tupleDescriptor->natts * sizeof(bool));
	decode_document(scan->decoder, document, slot->tts_values, slot->tts_isnull);
	foreach(lc, scan->search_columns)
	{
		if (scan->query.search == NULL)
			continue;
		slot->tts_values[lfirst_int(lc)] = CStringGetTextDatum(scan->query.search);
		slot->tts_isnull[lfirst_int(lc)] = false;
	}
	MemoryContextSwitchTo(before);
	ExecStoreVirtualTuple(slot);
}
