/*
 * count_scan.c
 * 	  count(*) without the documents.
 *
 * The front door asks, once a query's aggregates are planned, whether there is a better way than to read
 * every _id. There is for count(*) alone, of a whole table: the documents are counted by offsets (count.c),
 * in a custom scan that brings one row.  With conditions there is none: the service may match more than they
 * accept, so that rows must be seen to be checked.
 */
#include "postgres.h"

#include "exec/count_scan.h"

#include "base/compat.h"
#include "command/explain.h"
#include "fetch/count.h"
#include "nodes/extensible.h"
#include "nodes/makefuncs.h"
#include "optimizer/optimizer.h"
#include "plan/plan.h"
#include "utils/fmgroids.h"

/* What a path and a plan have in custom_private. */
typedef enum PrivateMember
{
	PRIVATE_IDS,      /* of oid: the table, and who is asking; invalid for the current user */
	PRIVATE_EXPECTED, /* documents; 0 when that is not known */
	PRIVATE_REQUESTS  /* expected */
} PrivateMember;

typedef struct CountScan
{
	CustomScanState custom; /* must be first */
	WalcuQuery query;
	WalcuTally tally;
	double expected; /* documents; 0 when that is not known */
	double requests; /* expected */
	bool is_counted;
	int64 documents;
	bool is_delivered;
} CountScan;

static List *list_counts(const RelOptInfo *output);
static bool is_plain_count(Node *node);
static Plan *make_count_plan(PlannerInfo *root, RelOptInfo *rel, CustomPath *path, List *tlist, List *clauses,
							 List *custom_plans);
static Node *create_count_state(CustomScan *plan);
static void begin_count_scan(CustomScanState *node, EState *estate, int eflags);
static TupleTableSlot *exec_count_scan(CustomScanState *node);
static TupleTableSlot *fetch_counted_row(ScanState *node);
static bool recheck_counted_row(ScanState *node, TupleTableSlot *slot);
static void end_count_scan(CustomScanState *node);
static void rescan_count_scan(CustomScanState *node);
static void explain_count_scan(CustomScanState *node, List *ancestors, ExplainState *es);

static const CustomPathMethods path_methods = {
	.CustomName = "WalcuCount",
	.PlanCustomPath = make_count_plan,
};

static const CustomScanMethods scan_methods = {
	.CustomName = "WalcuCount",
	.CreateCustomScanState = create_count_state,
};

static const CustomExecMethods exec_methods = {
	.CustomName = "WalcuCount",
	.BeginCustomScan = begin_count_scan,
	.ExecCustomScan = exec_count_scan,
	.EndCustomScan = end_count_scan,
	.ReScanCustomScan = rescan_count_scan,
	.ExplainCustomScan = explain_count_scan,
};

/* Once a backend: make the plan's node known, for those who read plans. */
void
count_scan_init(void)
{
	RegisterCustomScanMethods(&scan_methods);
}

/* Add a path that counts a table's documents, if that is all that is asked. */
void
count_scan_upper_paths(PlannerInfo *root, RelOptInfo *input, RelOptInfo *output)
{
	const Query *query = root->parse;
	const WalcuOptions *options;
	bool is_known;
	double requests;
	CustomPath *path;

	if (input->reloptkind != RELOPT_BASEREL || IS_DUMMY_REL(input) || input->baserestrictinfo != NIL ||
		root->simple_rte_array[input->relid]->inh || !bms_is_empty(input->lateral_relids) ||
		query->groupClause != NIL || query->groupingSets != NIL || query->havingQual != NULL ||
		list_counts(output) == NIL)
		return;
	options = plan_relation(input)->options;
	if (!options->pushdown || options->fetch_mode != WALCU_FETCH_AUTO)
		return;
	is_known = plan_assumed(input) == 0;
	requests = count_requests(options, input->tuples, is_known);
	path = makeNode(CustomPath);
	path->path.pathtype = T_CustomScan;
	path->path.parent = output;
	path->path.pathtarget = output->reltarget;
	path->path.rows = 1;
	path->path.startup_cost = path->path.total_cost = requests * options->fdw_startup_cost;
	path->custom_private = list_make3(list_make2_oid(plan_relation(input)->relid, input->userid),
									  makeFloat(psprintf("%.0f", is_known ? input->tuples : 0)),
									  makeFloat(psprintf("%.0f", requests)));
	path->methods = &path_methods;
	add_path(output, &path->path);
}

/* The aggregates of a query's output, when all are count(*) and there is nothing else of a row; else NIL. */
static List *
list_counts(const RelOptInfo *output)
{
	List *parts =
		pull_var_clause((Node *) output->reltarget->exprs,
						PVC_INCLUDE_AGGREGATES | PVC_RECURSE_WINDOWFUNCS | PVC_INCLUDE_PLACEHOLDERS);
	ListCell *lc;

	foreach(lc, parts)
	{
		if (!is_plain_count(lfirst(lc)))
			return NIL;
	}
	return parts;
}

static bool
is_plain_count(Node *node)
{
	const Aggref *aggregate = (const Aggref *) node;

	return IsA(node, Aggref) && aggregate->aggfnoid == F_COUNT_ && aggregate->aggfilter == NULL &&
		   aggregate->agglevelsup == 0;
}

/* CustomPathMethods.PlanCustomPath */
static Plan *
make_count_plan(PlannerInfo *root, RelOptInfo *rel, CustomPath *path, List *tlist, List *clauses,
				List *custom_plans)
{
	CustomScan *scan = makeNode(CustomScan);
	Expr *count = linitial(list_counts(rel));

	scan->scan.plan.targetlist = tlist;
	/* the scan's row; all counts are equal, and the target list refers to it */
	scan->custom_scan_tlist = list_make1(makeTargetEntry(count, 1, NULL, false));
	scan->custom_private = path->custom_private;
	scan->methods = &scan_methods;
	return &scan->scan.plan;
}

/* CustomScanMethods.CreateCustomScanState */
static Node *
create_count_state(CustomScan *plan)
{
	CountScan *scan = palloc0(sizeof(CountScan));

	NodeSetTag(scan, T_CustomScanState);
	scan->custom.methods = &exec_methods;
	return (Node *) scan;
}

/* CustomExecMethods.BeginCustomScan */
static void
begin_count_scan(CustomScanState *node, EState *estate, int eflags)
{
	CountScan *scan = (CountScan *) node;
	const CustomScan *plan = (const CustomScan *) node->ss.ps.plan;
	List *ids = list_nth(plan->custom_private, PRIVATE_IDS);
	WalcuOptions *options = option_for_table(linitial_oid(ids));
	Oid userid = OidIsValid(lsecond_oid(ids)) ? lsecond_oid(ids) : GetUserId();

	scan->query = (WalcuQuery){.options = options, .strategy = WALCU_BY_PAGES, .project = list_make1("_id")};
	scan->expected = floatVal(list_nth(plan->custom_private, PRIVATE_EXPECTED));
	scan->requests = floatVal(list_nth(plan->custom_private, PRIVATE_REQUESTS));
	if (!(eflags & EXEC_FLAG_EXPLAIN_ONLY))
		scan->query.credential = option_credential_header(userid, options->serverid);
}

/* CustomExecMethods.ExecCustomScan */
static TupleTableSlot *
exec_count_scan(CustomScanState *node)
{
	return ExecScan(&node->ss, fetch_counted_row, recheck_counted_row);
}

/* The one row; counted once, however often it is asked for. */
static TupleTableSlot *
fetch_counted_row(ScanState *node)
{
	CountScan *scan = (CountScan *) node;
	TupleTableSlot *slot = node->ss_ScanTupleSlot;

	ExecClearTuple(slot);
	if (scan->is_delivered)
		return slot;
	if (!scan->is_counted)
		scan->documents = (int64) count_documents(&scan->query, &scan->tally, scan->expected, 0).documents;
	scan->is_counted = true;
	scan->is_delivered = true;
	slot->tts_values[0] = Int64GetDatum(scan->documents);
	slot->tts_isnull[0] = false;
	return ExecStoreVirtualTuple(slot);
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
		ExplainPropertyFloat("Estimated Requests", NULL, scan->requests, 0, es);
	if (es->analyze)
		explain_tally(&scan->tally, es);
}
