/*
 * count_path.c
 *	  Planning of count(*) without the documents.
 *
 * upper_paths.c asks, once a query's aggregates are planned, whether there is a better way than to read
 * every _id.  There is for count(*) alone, of a whole table: a custom scan of one row (count_scan.c) counts
 * the documents by offsets.  With conditions there is none: the service may match more than they accept, so
 * that rows must be seen to be checked.
 */
#include "postgres.h"

#include <math.h>

#include "plan/count_path.h"

#include "base/float_node.h"
#include "fetch/count.h"
#include "nodes/extensible.h"
#include "nodes/makefuncs.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "plan/relinfo.h"
#include "utils/fmgroids.h"

/* custom_private of a path, and of its plan, holds a WalcuCountPlan so; count_path_plan reads it. */
typedef enum CountPrivateIndex
{
	COUNT_PRIVATE_TABLE,    /* This is a list of one Oid. */
	COUNT_PRIVATE_USER,     /* This is a list of one Oid. */
	COUNT_PRIVATE_EXPECTED, /* This is a double. */
	COUNT_PRIVATE_REQUESTS  /* This is a double. */
} CountPrivateIndex;

static bool is_whole_table(const PlannerInfo *root, RelOptInfo *input);
static List *make_count_private(const WalcuCountPlan *plan);
static List *list_counts(const RelOptInfo *output);
static bool is_plain_count(Node *node);
static Plan *make_count_plan(PlannerInfo *root, RelOptInfo *rel, CustomPath *path, List *tlist, List *clauses,
							 List *custom_plans);

static const CustomPathMethods count_path_methods = {
	.CustomName = COUNT_SCAN_NAME,
	.PlanCustomPath = make_count_plan,
};

/* Add a path that counts a table's documents, if that is all that is asked. */
void
count_path_add(PlannerInfo *root, RelOptInfo *input, RelOptInfo *output)
{
	const WalcuOptions *options;
	bool is_known;
	WalcuCountPlan plan;
	CustomPath *path;

	if (!is_whole_table(root, input) || list_counts(output) == NIL)
		return;
	options = relinfo_options(input);
	/* documents can be counted, the elements of their lists cannot */
	if (!options->pushdown || options->fetch_mode != WALCU_FETCH_AUTO || options->array)
		return;
	is_known = relinfo_get(input)->size.assumed == 0;
	plan = (WalcuCountPlan){
		.relid = relinfo_relation(input)->relid,
		.userid = input->userid,
		.expected = is_known ? rint(input->tuples) : 0,
		.requests = count_requests(options, input->tuples, is_known),
	};
	path = makeNode(CustomPath);
	path->path.pathtype = T_CustomScan;
	path->path.parent = output;
	path->path.pathtarget = output->reltarget;
	path->path.rows = 1;
	path->path.startup_cost = path->path.total_cost = plan.requests * options->fdw_startup_cost;
	path->custom_private = make_count_private(&plan);
	path->methods = &count_path_methods;
	add_path(output, &path->path);
}

/* Reads back what count_path_add has put into the path, and so into its plan. */
WalcuCountPlan
count_path_plan(const CustomScan *scan)
{
	const List *private = scan->custom_private;

	return (WalcuCountPlan){
		.relid = linitial_oid(list_nth(private, COUNT_PRIVATE_TABLE)),
		.userid = linitial_oid(list_nth(private, COUNT_PRIVATE_USER)),
		.expected = float_node_value(list_nth(private, COUNT_PRIVATE_EXPECTED)),
		.requests = float_node_value(list_nth(private, COUNT_PRIVATE_REQUESTS)),
	};
}

/* Writes what a plan carries, in the order of CountPrivateIndex. */
static List *
make_count_private(const WalcuCountPlan *plan)
{
	return list_make4(list_make1_oid(plan->relid), list_make1_oid(plan->userid),
					  float_node_make(plan->expected), float_node_make(plan->requests));
}

/* Returns whether a query makes one group of all rows of a table, without a condition. */
static bool
is_whole_table(const PlannerInfo *root, RelOptInfo *input)
{
	const Query *query = root->parse;

	return relinfo_is_ours(input) && !IS_DUMMY_REL(input) && input->baserestrictinfo == NIL &&
		   bms_is_empty(input->lateral_relids) && query->groupClause == NIL && query->groupingSets == NIL &&
		   query->havingQual == NULL;
}

/* Lists the aggregates of a query's output, when all are count(*) and nothing else is of a row; else NIL. */
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
	/* All counts are equal, so that one is the scan's row, to which the target list refers. */
	scan->custom_scan_tlist = list_make1(makeTargetEntry(count, 1, NULL, false));
	scan->custom_private = path->custom_private;
	scan->methods = GetCustomScanMethods(COUNT_SCAN_NAME, false);
	return &scan->scan.plan;
}
