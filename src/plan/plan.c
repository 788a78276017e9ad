/*
 * plan.c
 *	  The plan of a foreign scan: made from its path, and read back when it is run.
 *
 * The planner asks for it (FdwRoutine.GetForeignPlan) once it has chosen a path (path.c).  scan.c, and
 * direct_modify.c, which puts another plan in its place, read it.  Nobody else knows where in the node what
 * is.
 */
#include "postgres.h"

#include "plan/plan.h"

#include "base/compat.h"
#include "base/float_node.h"
#include "nodes/makefuncs.h"
#include "optimizer/paramassign.h"
#include "optimizer/planmain.h"
#include "optimizer/restrictinfo.h"
#include "plan/key_lookup.h"
#include "plan/limit.h"
#include "plan/missed_plans.h"
#include "plan/path.h"
#include "plan/relinfo.h"
#include "plan/used_columns.h"

/* fdw_private holds this of a WalcuPlan; plan_of_scan reads it. */
typedef enum ScanPrivateIndex
{
	SCAN_PRIVATE_STRATEGY,  /* This is an Integer. */
	SCAN_PRIVATE_PUSHDOWN,  /* This is a Boolean. */
	SCAN_PRIVATE_ALL_ROWS,  /* This is a Boolean. */
	SCAN_PRIVATE_SKIPS,     /* This is a Boolean. */
	SCAN_PRIVATE_GUESSED,   /* This is a Boolean. */
	SCAN_PRIVATE_WANTED,    /* This is a double. */
	SCAN_PRIVATE_REQUESTS,  /* This is a double. */
	SCAN_PRIVATE_DOCUMENTS, /* This is a double. */
	SCAN_PRIVATE_ASSUMED,   /* This is a double. */
	SCAN_PRIVATE_COLUMNS,   /* This is a list of int. */
	SCAN_PRIVATE_ORDER,     /* This is a list of int. */
	SCAN_PRIVATE_KEYED_BY,  /* This is an Expr as of when the plan was made, or NULL. */
	SCAN_PRIVATE_IS_MISSED, /* This is a Boolean. */
	SCAN_PRIVATE_WANTS_ALL  /* This is a Boolean. */
} ScanPrivateIndex;

/*
 * fdw_exprs holds this of a WalcuPlan; plan_of_scan reads it.  The planner goes on with these, to put
 * parameters in their places.  Any may be NULL.
 */
typedef enum ScanExprIndex
{
	SCAN_EXPR_ID,
	SCAN_EXPR_SEARCH,
	SCAN_EXPR_LIMIT,
	SCAN_EXPR_OFFSET,
	SCAN_EXPR_KEY
} ScanExprIndex;

static WalcuPlan make_scan_plan(PlannerInfo *root, RelOptInfo *rel, const ForeignPath *path, List *clauses);
static List *make_scan_private(const WalcuPlan *plan);
static List *make_scan_exprs(const WalcuPlan *plan);
static Expr *assign_key_parameter(PlannerInfo *root, const Expr *keyed_by);

/* FdwRoutine.GetForeignPlan */
ForeignScan *
plan_scan(PlannerInfo *root, RelOptInfo *rel, Oid relid, ForeignPath *path, List *tlist, List *clauses,
		  Plan *outer_plan)
{
	WalcuPlan plan = make_scan_plan(root, rel, path, clauses);

	plan.columns = used_columns(root, rel, relid);
	return make_foreignscan(tlist, extract_actual_clauses(clauses, false), rel->relid, make_scan_exprs(&plan),
							make_scan_private(&plan), NIL, NIL, outer_plan);
}

/* Reads back what plan_scan has put into a ForeignScan. */
WalcuPlan
plan_of_scan(const ForeignScan *scan)
{
	const List *private = scan->fdw_private;
	const List *exprs = scan->fdw_exprs;
	WalcuPlan plan = {
		.strategy = intVal(list_nth(private, SCAN_PRIVATE_STRATEGY)),
		.pushdown = boolVal(list_nth(private, SCAN_PRIVATE_PUSHDOWN)),
		.all_rows = boolVal(list_nth(private, SCAN_PRIVATE_ALL_ROWS)),
		.skips = boolVal(list_nth(private, SCAN_PRIVATE_SKIPS)),
		.guessed = boolVal(list_nth(private, SCAN_PRIVATE_GUESSED)),
		.is_missed = boolVal(list_nth(private, SCAN_PRIVATE_IS_MISSED)),
		.wants_all = boolVal(list_nth(private, SCAN_PRIVATE_WANTS_ALL)),
		.wanted = float_node_value(list_nth(private, SCAN_PRIVATE_WANTED)),
		.requests = float_node_value(list_nth(private, SCAN_PRIVATE_REQUESTS)),
		.documents = float_node_value(list_nth(private, SCAN_PRIVATE_DOCUMENTS)),
		.assumed = float_node_value(list_nth(private, SCAN_PRIVATE_ASSUMED)),
		.columns = list_nth(private, SCAN_PRIVATE_COLUMNS),
		.order = list_nth(private, SCAN_PRIVATE_ORDER),
		.id = list_nth(exprs, SCAN_EXPR_ID),
		.search = list_nth(exprs, SCAN_EXPR_SEARCH),
		.limit = list_nth(exprs, SCAN_EXPR_LIMIT),
		.offset = list_nth(exprs, SCAN_EXPR_OFFSET),
		.key = list_nth(exprs, SCAN_EXPR_KEY),
	};

	/* The key is that of fdw_exprs; the parameter is the join's own, and does not concern the planner. */
	if (plan.key)
	{
		plan.keyed_by = copyObject(list_nth(private, SCAN_PRIVATE_KEYED_BY));
		linitial(plan_keyed_arguments(plan.keyed_by)) = plan.key;
	}
	return plan;
}

/* Returns the arguments of a condition that is keyed_by in a plan: the key of a document, and the keys. */
List *
plan_keyed_arguments(const Expr *keyed_by)
{
	return IsA(keyed_by, ScalarArrayOpExpr) ? ((const ScalarArrayOpExpr *) keyed_by)->args
											: castNode(OpExpr, unconstify(Expr *, keyed_by))->args;
}

/* Makes the plan of a path and of the conditions that were chosen for it, of RestrictInfo. */
static WalcuPlan
make_scan_plan(PlannerInfo *root, RelOptInfo *rel, const ForeignPath *path, List *clauses)
{
	const WalcuRelInfo *info = relinfo_get(rel);
	WalcuPathDetails details = path_details(path);
	WalcuKeyLookup lookup = key_lookup_of_restrictions(&info->relation, clauses);
	WalcuPlan plan = {
		.strategy = details.strategy,
		.pushdown = info->relation.options->pushdown,
		.all_rows = path_wants_all(root) || details.all_rows,
		.wants_all = path_wants_all(root),
		.skips = details.skips,
		.guessed = info->size.guessed,
		.is_missed = missed_plans_note(),
		.requests = details.requests,
		.documents = details.documents,
		.assumed = info->size.assumed,
		.order = details.order,
		.id = lookup.id,
		.search = lookup.search,
	};

	if (plan.id)
	{
		plan.strategy = WALCU_BY_ID;
		plan.requests = plan.documents = 1;
	}
	/* a child that is read to its end may have more than enough for its parent */
	if ((!plan.all_rows || (!plan.wants_all && limit_is_of_parent(root, rel))) &&
		limit_ends_path(root, &path->path))
	{
		plan.limit = (Expr *) root->parse->limitCount;
		plan.offset = (Expr *) root->parse->limitOffset;
		plan.wanted = plan.limit ? 0 : Max(root->tuple_fraction, 0);
	}
	if (details.keyed_by)
	{
		plan.key = linitial(plan_keyed_arguments(details.keyed_by));
		plan.keyed_by = assign_key_parameter(root, details.keyed_by);
	}
	return plan;
}

/* Writes a part of the plan in the order of ScanPrivateIndex. */
static List *
make_scan_private(const WalcuPlan *plan)
{
	List *ways =
		list_make5(makeInteger(plan->strategy), makeBoolean(plan->pushdown), makeBoolean(plan->all_rows),
				   makeBoolean(plan->skips), makeBoolean(plan->guessed));
	List *numbers = list_make4(float_node_make(plan->wanted), float_node_make(plan->requests),
							   float_node_make(plan->documents), float_node_make(plan->assumed));
	List *others = list_make5(plan->columns, plan->order, plan->keyed_by, makeBoolean(plan->is_missed),
							  makeBoolean(plan->wants_all));

	return list_concat(list_concat(ways, numbers), others);
}

/* Writes the rest of the plan in the order of ScanExprIndex. */
static List *
make_scan_exprs(const WalcuPlan *plan)
{
	return list_make5(plan->id, plan->search, plan->limit, plan->offset, plan->key);
}

/* Copies the condition, with a parameter that is the plan's alone. */
static Expr *
assign_key_parameter(PlannerInfo *root, const Expr *keyed_by)
{
	Expr *condition = copyObject(unconstify(Expr *, keyed_by));
	const Param *keys = lsecond(plan_keyed_arguments(keyed_by));

	lsecond(plan_keyed_arguments(condition)) =
		generate_new_exec_param(root, keys->paramtype, keys->paramtypmod, keys->paramcollid);
	return condition;
}
