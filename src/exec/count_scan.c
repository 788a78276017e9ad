/*
 * count_scan.c
 *	  count(*) without the documents.
 *
 * The executor calls in here, for the plan that count_path.c has made: the documents of a whole table are
 * counted by offsets (count.c), in a custom scan that brings one row.
 */
#include "postgres.h"

#include "exec/count_scan.h"

#include "base/compat.h"
#include "executor/executor.h"
#include "fetch/count.h"
#include "fetch/own_writes.h"
#include "fetch/waiting_writes.h"
#include "miscadmin.h"
#include "nodes/extensible.h"
#include "plan/count_path.h"
#include "service/learned_size.h"

/* A count at work. */
typedef struct CountScan
{
	CustomScanState custom; /* PostgreSQL takes the struct for this, so it comes first. */
	WalcuCountPlan plan;    /* The planner has decided this. */
	WalcuQuery query;       /* It asks for all documents of the table. */
	WalcuTally tally;       /* It tells what the count took. */
	bool is_counted;        /* The documents were counted, and are not again. */
	WalcuOwnWrites *own;    /* It knows the documents that the session has inserted. */
	int64 documents;        /* So many were counted. */
	bool is_delivered;      /* The row was returned since the scan began, or began again. */
} CountScan;

static Node *create_count_state(CustomScan *plan);
static int64 count_shown_documents(CountScan *scan);
static void begin_count_scan(CustomScanState *node, EState *estate, int eflags);
static TupleTableSlot *exec_count_scan(CustomScanState *node);
static TupleTableSlot *fetch_counted_row(ScanState *node);
static bool recheck_counted_row(ScanState *node, TupleTableSlot *slot);
static void end_count_scan(CustomScanState *node);
static void rescan_count_scan(CustomScanState *node);
static void explain_count_scan(CustomScanState *node, List *ancestors, ExplainState *es);

static const CustomScanMethods count_scan_methods = {
	.CustomName = COUNT_SCAN_NAME,
	.CreateCustomScanState = create_count_state,
};

static const CustomExecMethods count_exec_methods = {
	.CustomName = COUNT_SCAN_NAME,
	.BeginCustomScan = begin_count_scan,
	.ExecCustomScan = exec_count_scan,
	.EndCustomScan = end_count_scan,
	.ReScanCustomScan = rescan_count_scan,
	.ExplainCustomScan = explain_count_scan,
};

/* _PG_init calls this, to make the node known to the planner, and to those who read plans. */
void
count_scan_init(void)
{
	RegisterCustomScanMethods(&count_scan_methods);
}

/* CustomScanMethods.CreateCustomScanState */
static Node *
create_count_state(CustomScan *plan)
{
	CountScan *scan = palloc0(sizeof(CountScan));

	NodeSetTag(scan, T_CustomScanState);
	scan->custom.methods = &count_exec_methods;
	return (Node *) scan;
}

/* CustomExecMethods.BeginCustomScan */
static void
begin_count_scan(CustomScanState *node, EState *estate, int eflags)
{
	CountScan *scan = (CountScan *) node;
	WalcuCountPlan plan = count_path_plan((const CustomScan *) node->ss.ps.plan);
	const WalcuOptions *options = option_for_table(plan.relid);
	Oid userid = OidIsValid(plan.userid) ? plan.userid : GetUserId();

	scan->query = (WalcuQuery){.options = options, .strategy = WALCU_BY_PAGES, .project = list_make1("_id")};
	scan->plan = plan;
	if (eflags & EXEC_FLAG_EXPLAIN_ONLY)
		return;
	scan->own = own_writes_read(options, estate->es_query_cxt);
	scan->query.credential = option_credential_header(userid, options->serverid);
}

/* CustomExecMethods.ExecCustomScan */
static TupleTableSlot *
exec_count_scan(CustomScanState *node)
{
	return ExecScan(&node->ss, fetch_counted_row, recheck_counted_row);
}

/* Brings the one row, which is counted once, however often it is asked for. */
static TupleTableSlot *
fetch_counted_row(ScanState *node)
{
	CountScan *scan = (CountScan *) node;
	TupleTableSlot *slot = node->ss_ScanTupleSlot;

	ExecClearTuple(slot);
	if (scan->is_delivered)
		return slot;
	if (!scan->is_counted)
		scan->documents = count_shown_documents(scan);
	scan->is_counted = true;
	scan->is_delivered = true;
	slot->tts_values[0] = Int64GetDatum(scan->documents);
	slot->tts_isnull[0] = false;
	return ExecStoreVirtualTuple(slot);
}

/*
 * Counts what the snapshot shows: all documents but those that the session has inserted since, and as they
 * will be with what waits for the commit.
 */
static int64
count_shown_documents(CountScan *scan)
{
	const Snapshot snapshot = scan->custom.ss.ps.state->es_snapshot;
	double documents;

	own_writes_settle(scan->query.options);
	documents = count_documents(&scan->query, &scan->tally, scan->plan.expected, 0).documents;
	learned_size_note(scan->query.options, documents, documents);
	return (int64) documents - own_writes_count_hidden(scan->own, snapshot) +
		   waiting_writes_count(scan->query.options, scan->query.credential, snapshot->curcid, &scan->tally);
}

/* No row can have been changed by others. */
static bool
recheck_counted_row(ScanState *node, TupleTableSlot *slot)
{
	return true;
}

/* CustomExecMethods.EndCustomScan: nothing is left open. */
static void
end_count_scan(CustomScanState *node)
{
}

/* CustomExecMethods.ReScanCustomScan */
static void
rescan_count_scan(CustomScanState *node)
{
	((CountScan *) node)->is_delivered = false;
	ExecScanReScan(&node->ss);
}

/* CustomExecMethods.ExplainCustomScan */
static void
explain_count_scan(CustomScanState *node, List *ancestors, ExplainState *es)
{
	CountScan *scan = (CountScan *) node;

	ExplainPropertyText("Strategy", "count by offsets", es);
	ExplainPropertyText("Request", query_first_request(&scan->query)->label.data, es);
	if (es->costs)
		ExplainPropertyFloat("Estimated Requests", NULL, scan->plan.requests, 0, es);
	if (es->analyze)
		tally_explain(&scan->tally, es);
}
