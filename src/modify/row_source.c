/*
 * row_source.c
 *	  Where the rows of a statement that writes come from: could their plan see what is written?
 *
 * modify_table.c asks before the first row is written, and has all rows read first where this may be so.
 * The plan itself may read the service, or something that it refers to: a common table expression, a
 * subquery that is evaluated once or for each row, a function.
 */
#include "postgres.h"

#include "modify/row_source.h"

#include "foreign/fdwapi.h"
#include "nodes/nodeFuncs.h"
#include "plan/relinfo.h"
#include "utils/syscache.h"

static bool has_service_scan(PlanState *state, void *context);
static bool calls_user_function(const PlannedStmt *statement);

/* Tells whether a plan is a scan of ours alone. */
bool
row_source_is_scan(PlanState *state)
{
	return IsA(state, ForeignScanState) &&
		   ((ForeignScanState *) state)->fdwroutine->GetForeignRelSize == relinfo_set_size;
}

/*
 * Tells whether the rows of a node that writes may depend on what it has written already.  A scan page by
 * page, each after the last _id, does not come back to a document that was changed or deleted.
 */
bool
row_source_may_see_writes(ModifyTableState *node, WalcuPaging paging)
{
	PlanState *subplan = outerPlanState(node);

	if (row_source_is_shared(node))
		return true;
	if (node->operation != CMD_INSERT && row_source_is_scan(subplan) && paging == WALCU_PAGING_KEY)
		return planstate_tree_walker(subplan, has_service_scan, NULL);
	return has_service_scan(subplan, NULL);
}

/*
 * Tells whether a statement may read the service beside the plan of a node that writes, or call something
 * that does.
 */
bool
row_source_is_shared(ModifyTableState *node)
{
	const EState *estate = node->ps.state;
	ListCell *lc;

	if (calls_user_function(estate->es_plannedstmt))
		return true;
	/* among these are what the plan refers to without being above it, and the node itself within WITH */
	foreach(lc, estate->es_subplanstates)
	{
		PlanState *state = lfirst(lc);

		if (state && state != &node->ps && has_service_scan(state, NULL))
			return true;
	}
	return false;
}

/* A CustomScan may be one that counts documents, or another extension's way of running a plan. */
static bool
has_service_scan(PlanState *state, void *context)
{
	return row_source_is_scan(state) || IsA(state, CustomScanState) ||
		   planstate_tree_walker(state, has_service_scan, context);
}

/*
 * Tells whether a statement calls a function that initdb has not made.  Such a function may read anything;
 * the planner has noted it, so that the plan is made anew when the function is replaced.
 */
static bool
calls_user_function(const PlannedStmt *statement)
{
	ListCell *lc;

	foreach(lc, statement->invalItems)
	{
		if (lfirst_node(PlanInvalItem, lc)->cacheId == PROCOID)
			return true;
	}
	return false;
}
