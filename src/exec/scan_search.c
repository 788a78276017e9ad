/*
 * scan_search.c
 *	  Which scans of ours one Append or Merge Append of a statement reads.
 *
 * scan_group.c asks once for each execution of a statement, when the first of its scans begins.  A scan
 * stands in a group when it is a child of the node, or below a child that has to read some of the scan to
 * tell its first row: an aggregate, a sort, a join.  A node knows its children, and no child its parent, so
 * that the whole tree is looked through from its root.
 */
#include "postgres.h"

#include "exec/scan_search.h"

#include "exec/key_rows.h"
#include "exec/scan.h"
#include "foreign/fdwapi.h"
#include "nodes/nodeFuncs.h"

/* It goes through the nodes of a statement. */
typedef struct GroupSearch
{
	Bitmapset *constants; /* These parameters keep their values as long as the statement runs. */
	bool reads_all;       /* What is above reads what is looked at to its end. */
} GroupSearch;

static bool find_groups(PlanState *node, void *context);
static void note_constants(const PlanState *node, GroupSearch *search);
static bool reads_input_to_end(const PlanState *node, bool before);
static void add_group(PlanState *node, PlanState **children, int count, bool reads_all);
static void add_scans(WalcuScanGroup *group, PlanState *node, int child);
static void add_both_sides(WalcuScanGroup *group, PlanState *node, int child);
static void add_scan(WalcuScanGroup *group, ForeignScanState *node, int child);
static void add_scans_of_append(WalcuScanGroup *group, const AppendState *node, int child);
static void add_scans_of_merge(WalcuScanGroup *group, const MergeAppendState *node, int child);
static bool wants_all(const WalcuScanGroup *group);

/*
 * Gives each scan its places, in the current memory context.  Returns the parameters that keep their values
 * as long as the statement runs: those of subqueries that are computed once.
 */
Bitmapset *
scan_search_groups(PlanState *root)
{
	GroupSearch search = {NULL, false};

	find_groups(root, &search);
	return search.constants;
}

static bool
find_groups(PlanState *node, void *context)
{
	GroupSearch *search = context;
	bool before = search->reads_all;

	/* what is above a subquery says nothing of how much is read of it */
	if (list_member_ptr(node->state->es_subplanstates, node))
		search->reads_all = false;
	note_constants(node, search);
	if (IsA(node, AppendState))
		add_group(node, ((AppendState *) node)->appendplans, ((AppendState *) node)->as_nplans,
				  search->reads_all);
	else if (IsA(node, MergeAppendState))
		add_group(node, ((MergeAppendState *) node)->mergeplans, ((MergeAppendState *) node)->ms_nplans,
				  search->reads_all);
	search->reads_all = reads_input_to_end(node, search->reads_all);
	planstate_tree_walker(node, find_groups, search);
	search->reads_all = before;
	return false;
}

/* A subquery that looks at no row further out is computed once. */
static void
note_constants(const PlanState *node, GroupSearch *search)
{
	ListCell *lc;

	foreach(lc, node->initPlan)
	{
		const SubPlanState *subquery = lfirst(lc);
		ListCell *param;

		if (!bms_is_empty(subquery->planstate->plan->extParam))
			continue;
		foreach(param, subquery->subplan->setParam)
			search->constants = bms_add_member(search->constants, lfirst_int(param));
	}
}

/* Returns whether a node, once it is executed, reads all that is below it, however much is read of it. */
static bool
reads_input_to_end(const PlanState *node, bool before)
{
	switch (nodeTag(node))
	{
		case T_SortState:
		case T_HashState:
		case T_ModifyTableState:
			return true;
		case T_AggState:
			return before || ((const Agg *) node->plan)->aggstrategy != AGG_SORTED;
		case T_LimitState:
			return false;
		default:
			return before;
	}
}

static void
add_group(PlanState *node, PlanState **children, int count, bool reads_all)
{
	WalcuScanGroup *group = palloc0(sizeof(WalcuScanGroup));

	group->node = node;
	group->children = children;
	group->child_count = count;
	group->is_merge = IsA(node, MergeAppendState);
	group->execution = 1;
	group->limit = -1;
	for (int i = 0; i < count; i++)
		add_scans(group, children[i], i);
	group->wants_all = reads_all || wants_all(group);
}

/* Adds the scans of which a node needs something before it can give its first row. */
static void
add_scans(WalcuScanGroup *group, PlanState *node, int child)
{
	switch (nodeTag(node))
	{
		case T_ForeignScanState:
			add_scan(group, (ForeignScanState *) node, child);
			break;
		case T_SortState:
		case T_IncrementalSortState:
		case T_AggState:
		case T_GroupState:
		case T_UniqueState:
		case T_WindowAggState:
		case T_MaterialState:
		case T_HashState:
		case T_LimitState:
		case T_ProjectSetState:
			add_scans(group, outerPlanState(node), child);
			break;
		case T_ResultState:
			/* with a condition of its own, it may need nothing */
			if (outerPlanState(node) && ((ResultState *) node)->resconstantqual == NULL)
				add_scans(group, outerPlanState(node), child);
			break;
		case T_SubqueryScanState:
			add_scans(group, ((SubqueryScanState *) node)->subplan, child);
			break;
		case T_NestLoopState:
		case T_MergeJoinState:
		case T_HashJoinState:
			add_both_sides(group, node, child);
			break;
		case T_CustomScanState:
			/* ours read ahead, or read the first of two sides */
			if (outerPlanState(node))
				add_scans(group, outerPlanState(node), child);
			else if (((CustomScanState *) node)->custom_ps != NIL)
				add_scans(group, linitial(((CustomScanState *) node)->custom_ps), child);
			break;
		case T_AppendState:
			add_scans_of_append(group, (AppendState *) node, child);
			break;
		case T_MergeAppendState:
			add_scans_of_merge(group, (MergeAppendState *) node, child);
			break;
		default:
			break;
	}
}

/* The inner side is read unless the outer one has no rows; one that depends on the row cannot begin early. */
static void
add_both_sides(WalcuScanGroup *group, PlanState *node, int child)
{
	add_scans(group, outerPlanState(node), child);
	add_scans(group, innerPlanState(node), child);
}

static void
add_scan(WalcuScanGroup *group, ForeignScanState *node, int child)
{
	WalcuScan *scan = node->fdw_state;
	WalcuScanPlace *place;

	if (node->fdwroutine == NULL || node->fdwroutine->ReScanForeignScan != key_rows_rescan ||
		((const ForeignScan *) node->ss.ps.plan)->operation != CMD_SELECT || scan == NULL)
		return;
	place = palloc0(sizeof(WalcuScanPlace));
	place->group = group;
	place->scan = node;
	place->child = child;
	place->is_child = group->children[child] == &node->ss.ps;
	place->position = list_length(group->places);
	group->scan_count += place->is_child;
	group->places = lappend(group->places, place);
	scan->places = lappend(scan->places, place);
}

/* Of one within another, the first child is needed; it begins the others itself. */
static void
add_scans_of_append(WalcuScanGroup *group, const AppendState *node, int child)
{
	if (node->as_prune_state == NULL && node->as_nplans > 0)
		add_scans(group, node->appendplans[0], child);
}

static void
add_scans_of_merge(WalcuScanGroup *group, const MergeAppendState *node, int child)
{
	if (node->ms_prune_state)
		return;
	for (int i = 0; i < node->ms_nplans; i++)
		add_scans(group, node->mergeplans[i], child);
}

/* Returns whether the planner took it that all rows are wanted, of the scans that are there. */
static bool
wants_all(const WalcuScanGroup *group)
{
	ListCell *lc;

	foreach(lc, group->places)
	{
		const WalcuScanPlace *place = lfirst(lc);

		if (!((const WalcuScan *) place->scan->fdw_state)->plan.wants_all)
			return false;
	}
	return true;
}
