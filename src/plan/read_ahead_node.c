/*
 * read_ahead_node.c
 *	  Nodes that read ahead, put into finished plans.
 *
 * read_ahead_plan.c says where one is of use, and for which scans.  It is a CustomScan with the node that it
 * takes rows from as its outer plan, and its own expressions are about such a row (INDEX_VAR).  As the
 * planner is done with the plan, what it notes of parameters is copied from the node below.
 */
#include "postgres.h"

#include "plan/read_ahead_node.h"

#include "nodes/extensible.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "plan/join_plan.h"
#include "plan/plan.h"
#include "plan/relinfo.h"

/* A node's custom_private holds this of a WalcuReadAheadPlan; read_ahead_node_plan reads it. */
typedef enum ReadAheadPrivateIndex
{
	READ_AHEAD_PRIVATE_PARAMS,
	READ_AHEAD_PRIVATE_SCANS,
	READ_AHEAD_PRIVATE_QUALS,
	READ_AHEAD_PRIVATE_KEY_PARAMS,
	READ_AHEAD_PRIVATE_FIRST_KEYS
} ReadAheadPrivateIndex;

/* It gathers what a node computes subqueries from. */
typedef struct SubquerySearch
{
	List *found;       /* These are the subqueries, of WalcuNodeSubquery. */
	bool below;        /* What is looked at is computed for rows of the node below. */
	bool is_forbidden; /* There is one whose values appear elsewhere in the target list. */
} SubquerySearch;

/* It gathers what is taken from a node's row. */
typedef struct RowColumns
{
	List *columns; /* These become the row, of Expr. */
} RowColumns;

static bool find_subqueries(Node *node, void *context);
static bool computes_own_rows(const Plan *plan);
static bool may_lose_conditions(const Plan *plan);
static CustomScan *make_node(WalcuPlanSearch *search, Plan *child, const WalcuReadAheadPlan *plan);
static List *take_conditions(Plan *node, List *subqueries);
static bool has_subquery(Node *node, void *subqueries);
static Node *use_child_columns(Node *node, void *context);
static Node *use_row_columns(Node *node, void *context);
static List *list_row_targets(const RowColumns *row);
static Var *make_row_var(Index varno, AttrNumber column, const Node *value);
static bool has_side_effects(Plan *plan);
static bool gets_rows_with_side_effects(Plan *plan);
static bool any_has_side_effects(List *plans);

/* Lists the correlated subqueries in a node's target list and conditions for which rows can be read ahead. */
List *
read_ahead_node_subqueries(Plan *plan)
{
	SubquerySearch search = {.below = (IsA(plan, Result) || IsA(plan, ProjectSet)) && plan->lefttree};

	if (!search.below && !computes_own_rows(plan))
		return NIL;
	find_subqueries((Node *) plan->targetlist, &search);
	if (search.below || may_lose_conditions(plan))
		find_subqueries((Node *) plan->qual, &search);
	if (search.found == NIL || search.is_forbidden ||
		(search.below ? has_side_effects(plan->lefttree) : gets_rows_with_side_effects(plan)))
		return NIL;
	return search.found;
}

static bool
find_subqueries(Node *node, void *context)
{
	SubquerySearch *search = context;
	bool before = search->below;

	if (node == NULL)
		return false;
	if (IsA(node, SubPlan))
	{
		SubPlan *subquery = (SubPlan *) node;
		WalcuNodeSubquery *entry = palloc(sizeof(WalcuNodeSubquery));

		*entry = (WalcuNodeSubquery){subquery, search->below};
		search->is_forbidden |= subquery->subLinkType == MULTIEXPR_SUBLINK;
		if (subquery->parParam != NIL)
			search->found = lappend(search->found, entry);
	}
	/* what is aggregated is computed for each row of the group */
	search->below |= IsA(node, Aggref) || IsA(node, WindowFunc);
	expression_tree_walker(node, find_subqueries, search);
	search->below = before;
	return false;
}

/* Returns whether a node can leave what it computes for its rows to one above it. */
static bool
computes_own_rows(const Plan *plan)
{
	switch (nodeTag(plan))
	{
		case T_SeqScan:
		case T_SampleScan:
		case T_IndexScan:
		case T_IndexOnlyScan:
		case T_BitmapHeapScan:
		case T_TidScan:
		case T_TidRangeScan:
		case T_SubqueryScan:
		case T_FunctionScan:
		case T_ValuesScan:
		case T_TableFuncScan:
		case T_CteScan:
		case T_WorkTableScan:
		case T_NestLoop:
		case T_MergeJoin:
		case T_HashJoin:
		case T_Agg:
		case T_WindowAgg:
			return true;
		case T_ForeignScan:
			return ((const ForeignScan *) plan)->operation == CMD_SELECT;
		case T_CustomScan:
			return join_plan_is_join(plan);
		default:
			return false;
	}
}

/*
 * Returns whether a node works as well when some of its conditions are checked above it.  A window has
 * conditions that end it, and a scan of ours may ask for no more rows than are wanted of those that pass.
 */
static bool
may_lose_conditions(const Plan *plan)
{
	WalcuPlan scan;

	if (IsA(plan, WindowAgg) || plan->qual == NIL)
		return false;
	if (!IsA(plan, ForeignScan) || !relinfo_is_our_scan((const ForeignScan *) plan))
		return true;
	scan = plan_of_scan((const ForeignScan *) plan);
	return scan.limit == NULL && scan.wanted == 0;
}

/* Puts a node above another one, for what takes its rows as they are. */
Plan *
read_ahead_node_below(WalcuPlanSearch *search, Plan *child, WalcuReadAheadPlan *plan)
{
	CustomScan *node;
	ListCell *lc;

	plan->keys = (List *) use_child_columns((Node *) plan->keys, NULL);
	node = make_node(search, child, plan);
	foreach(lc, child->targetlist)
	{
		TargetEntry *entry = lfirst(lc);
		TargetEntry *copy = flatCopyTargetEntry(entry);

		copy->expr = (Expr *) make_row_var(INDEX_VAR, entry->resno, (Node *) entry->expr);
		node->scan.plan.targetlist = lappend(node->scan.plan.targetlist, copy);
		node->custom_scan_tlist =
			lappend(node->custom_scan_tlist,
					makeTargetEntry((Expr *) make_row_var(OUTER_VAR, entry->resno, (Node *) entry->expr),
									entry->resno, entry->resname, false));
	}
	return &node->scan.plan;
}

/*
 * Puts a node above another one that has subqueries, and moves there what that computes: its target list,
 * and its conditions from the first on that has one of them, so that the order in which they are checked
 * stays.
 */
Plan *
read_ahead_node_above(WalcuPlanSearch *search, Plan *child, List *subqueries, WalcuReadAheadPlan *plan)
{
	RowColumns row = {NIL};
	List *targets = child->targetlist;
	List *conditions = take_conditions(child, subqueries);
	CustomScan *node;

	plan->keys = (List *) use_row_columns((Node *) plan->keys, &row);
	node = make_node(search, child, plan);
	node->scan.plan.targetlist = (List *) use_row_columns((Node *) targets, &row);
	node->scan.plan.qual = (List *) use_row_columns((Node *) conditions, &row);
	child->targetlist = list_row_targets(&row);
	for (int i = 1; i <= list_length(row.columns); i++)
	{
		Node *column = list_nth(row.columns, i - 1);

		node->custom_scan_tlist =
			lappend(node->custom_scan_tlist,
					makeTargetEntry((Expr *) make_row_var(OUTER_VAR, i, column), i, NULL, false));
	}
	return &node->scan.plan;
}

static CustomScan *
make_node(WalcuPlanSearch *search, Plan *child, const WalcuReadAheadPlan *plan)
{
	CustomScan *node = makeNode(CustomScan);
	List *params = NIL;
	int param = -1;

	while ((param = bms_next_member(plan->params, param)) >= 0)
		params = lappend_int(params, param);
	node->scan.plan.startup_cost = child->startup_cost;
	node->scan.plan.total_cost = child->total_cost;
	node->scan.plan.plan_rows = child->plan_rows;
	node->scan.plan.plan_width = child->plan_width;
	node->scan.plan.plan_node_id = ++search->last_node;
	node->scan.plan.extParam = bms_copy(child->extParam);
	node->scan.plan.allParam = bms_copy(child->allParam);
	node->scan.plan.lefttree = child;
	/* the node waits for a row, as no Append does for those of a scan that is asynchronous */
	child->async_capable = false;
	/* in the order of ReadAheadPrivateIndex */
	node->custom_private =
		list_make5(params, plan->scans, plan->quals, plan->key_params, list_make1_int(search->wanted));
	node->custom_exprs = plan->keys;
	node->methods = GetCustomScanMethods(READ_AHEAD_NAME, false);
	return node;
}

/* Reads back what make_node has put into a node. */
WalcuReadAheadPlan
read_ahead_node_plan(const CustomScan *node)
{
	WalcuReadAheadPlan plan = {
		.scans = list_nth(node->custom_private, READ_AHEAD_PRIVATE_SCANS),
		.quals = list_nth(node->custom_private, READ_AHEAD_PRIVATE_QUALS),
		.key_params = list_nth(node->custom_private, READ_AHEAD_PRIVATE_KEY_PARAMS),
		.keys = node->custom_exprs,
		.first_keys = linitial_int(list_nth(node->custom_private, READ_AHEAD_PRIVATE_FIRST_KEYS)),
	};
	ListCell *lc;

	foreach(lc, (List *) list_nth(node->custom_private, READ_AHEAD_PRIVATE_PARAMS))
		plan.params = bms_add_member(plan.params, lfirst_int(lc));
	return plan;
}

/* Takes a node's conditions from the first on that has one of the subqueries. */
static List *
take_conditions(Plan *node, List *subqueries)
{
	List *taken = NIL;
	List *left = NIL;
	ListCell *lc;

	foreach(lc, node->qual)
	{
		if (taken != NIL || has_subquery(lfirst(lc), subqueries))
			taken = lappend(taken, lfirst(lc));
		else
			left = lappend(left, lfirst(lc));
	}
	node->qual = left;
	return taken;
}

static bool
has_subquery(Node *node, void *subqueries)
{
	if (node == NULL)
		return false;
	if (IsA(node, SubPlan) && list_member_ptr(subqueries, node))
		return true;
	return expression_tree_walker(node, has_subquery, subqueries);
}

/* Copies expressions over rows of the node below, as the new node in between has them. */
static Node *
use_child_columns(Node *node, void *context)
{
	if (node == NULL)
		return NULL;
	if (IsA(node, Var) && ((Var *) node)->varno == OUTER_VAR)
		return (Node *) make_row_var(INDEX_VAR, ((Var *) node)->varattno, node);
	return expression_tree_mutator(node, use_child_columns, context);
}

/* Copies expressions of a node as one above it has them, with what they take from the node's row. */
static Node *
use_row_columns(Node *node, void *context)
{
	RowColumns *row = context;
	int place = 1;
	ListCell *lc;

	if (node == NULL)
		return NULL;
	if (!IsA(node, Var) && !IsA(node, Aggref) && !IsA(node, GroupingFunc) && !IsA(node, WindowFunc))
		return expression_tree_mutator(node, use_row_columns, context);
	foreach(lc, row->columns)
	{
		if (equal(node, lfirst(lc)))
			break;
		place++;
	}
	if (lc == NULL)
		row->columns = lappend(row->columns, node);
	return (Node *) make_row_var(INDEX_VAR, place, node);
}

static List *
list_row_targets(const RowColumns *row)
{
	List *targets = NIL;
	ListCell *lc;

	foreach(lc, row->columns)
		targets =
			lappend(targets, makeTargetEntry(copyObject(lfirst(lc)), list_length(targets) + 1, NULL, false));
	return targets;
}

static Var *
make_row_var(Index varno, AttrNumber column, const Node *value)
{
	return makeVar(varno, column, exprType(value), exprTypmod(value), exprCollation(value), 0);
}

/* Returns whether rows may be taken from a plan before they are wanted. */
bool
read_ahead_node_is_safe(Plan *plan)
{
	return !has_side_effects(plan);
}

/* Returns whether a plan changes or locks rows, or calls volatile functions. */
static bool
has_side_effects(Plan *plan)
{
	return plan &&
		   (contain_volatile_functions((Node *) plan->targetlist) || gets_rows_with_side_effects(plan));
}

/* Returns whether a plan does so before it makes rows of what it got. */
static bool
gets_rows_with_side_effects(Plan *plan)
{
	if (contain_volatile_functions((Node *) plan->qual) || has_side_effects(plan->lefttree) ||
		has_side_effects(plan->righttree))
		return true;
	switch (nodeTag(plan))
	{
		case T_ModifyTable:
		case T_LockRows:
			return true;
		case T_ForeignScan:
			return ((ForeignScan *) plan)->operation != CMD_SELECT;
		case T_FunctionScan:
			return contain_volatile_functions((Node *) ((FunctionScan *) plan)->functions);
		case T_ValuesScan:
			return contain_volatile_functions((Node *) ((ValuesScan *) plan)->values_lists);
		case T_Append:
			return any_has_side_effects(((Append *) plan)->appendplans);
		case T_MergeAppend:
			return any_has_side_effects(((MergeAppend *) plan)->mergeplans);
		case T_SubqueryScan:
			return has_side_effects(((SubqueryScan *) plan)->subplan);
		case T_CustomScan:
			return any_has_side_effects(((CustomScan *) plan)->custom_plans);
		default:
			return false;
	}
}

static bool
any_has_side_effects(List *plans)
{
	ListCell *lc;

	foreach(lc, plans)
	{
		if (has_side_effects(lfirst(lc)))
			return true;
	}
	return false;
}
