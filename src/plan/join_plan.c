/*
 * join_plan.c
 * 	  The plan of a batched key join: made from its path, and read back when it is run.
 *
 * The node has two plans below it: the outer one, which may be any, and a foreign scan of ours, which reads
 * the documents of the keys that it is told.  Its scan tuple is a row of the outer plan and one of the inner
 * plan side by side, so that each of its expressions is about one row.
 */
#include "postgres.h"

#include "plan/join_plan.h"

#include "catalog/pg_type.h"
#include "exec/join_exec.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/restrictinfo.h"
#include "utils/lsyscache.h"

static List *list_outputs(List *plans, List *output);
static Node *replace_by_row_vars(Node *node, void *row);

static const CustomScanMethods scan_methods = {JOIN_NAME, join_exec_create};

/* Let PostgreSQL find the methods of a plan that it has copied as text. */
void
join_plan_init(void)
{
	RegisterCustomScanMethods(&scan_methods);
}

/* CustomPathMethods.PlanCustomPath */
Plan *
join_plan_create(PlannerInfo *root, RelOptInfo *rel, CustomPath *path, List *tlist, List *clauses,
				 List *plans)
{
	CustomScan *scan = makeNode(CustomScan);
	List *row = list_outputs(plans, lfourth(path->custom_private));
	List *expressions = NIL;
	List *restrictions = lthird(path->custom_private);
	List *quals;
	List *filter = NIL;
	ListCell *lc;

	if (IS_OUTER_JOIN(linitial_int(linitial(linitial(path->custom_private)))))
		extract_actual_join_clauses(restrictions, rel->relids, &quals, &filter);
	else
		quals = extract_actual_clauses(restrictions, false);
	foreach(lc, row)
		expressions = lappend(expressions, ((TargetEntry *) lfirst(lc))->expr);
	scan->scan.plan.targetlist = tlist;
	scan->scan.plan.qual = (List *) replace_by_row_vars((Node *) filter, expressions);
	scan->flags = path->flags;
	scan->custom_plans = plans;
	scan->custom_scan_tlist = row;
	scan->custom_exprs =
		(List *) replace_by_row_vars((Node *) list_make2(lsecond(path->custom_private), quals), expressions);
	scan->custom_private = linitial(path->custom_private);
	scan->methods = &scan_methods;
	return &scan->scan.plan;
}

/* The same column or placeholder among others; NULL when there is none. */
Node *
join_plan_same(const Node *node, List *expressions)
{
	ListCell *lc;

	foreach(lc, expressions)
	{
		Node *other = lfirst(lc);

		if (nodeTag(node) != nodeTag(other))
			continue;
		if (IsA(node, Var) && ((const Var *) node)->varno == ((Var *) other)->varno &&
			((const Var *) node)->varattno == ((Var *) other)->varattno &&
			((const Var *) node)->varlevelsup == ((Var *) other)->varlevelsup)
			return other;
		if (IsA(node, PlaceHolderVar) &&
			((const PlaceHolderVar *) node)->phid == ((PlaceHolderVar *) other)->phid &&
			((const PlaceHolderVar *) node)->phlevelsup == ((PlaceHolderVar *) other)->phlevelsup)
			return other;
	}
	return NULL;
}

/* For a plan, as a list that it can hold. */
List *
join_plan_serialize(const WalcuJoinPlan *plan)
{
	List *numbers =
		list_make5_int(plan->type, plan->single_match, plan->by_id, plan->by_job, plan->first_batch);

	numbers = lappend_int(lappend_int(numbers, plan->keys_a_url), plan->of_array);
	return list_make3(
		numbers, list_make2_oid(plan->op, plan->collation),
		list_make4(makeFloat(psprintf("%.0f", plan->keys)), makeFloat(psprintf("%.0f", plan->keys_a_request)),
				   makeFloat(psprintf("%.0f", plan->requests)), makeFloat(psprintf("%g", plan->per_key))));
}

WalcuJoinPlan
join_plan_of_scan(const CustomScan *scan)
{
	List *integers = linitial(scan->custom_private);
	List *oids = lsecond(scan->custom_private);
	List *numbers = lthird(scan->custom_private);
	WalcuJoinPlan plan = {
		.type = linitial_int(integers),
		.single_match = lsecond_int(integers) != 0,
		.by_id = lthird_int(integers) != 0,
		.by_job = list_nth_int(integers, 3) != 0,
		.first_batch = list_nth_int(integers, 4),
		.keys_a_url = list_nth_int(integers, 5),
		.of_array = list_nth_int(integers, 6) != 0,
		.op = linitial_oid(oids),
		.collation = lsecond_oid(oids),
		.keys = floatVal(linitial(numbers)),
		.keys_a_request = floatVal(lsecond(numbers)),
		.requests = floatVal(lthird(numbers)),
		.per_key = floatVal(lfourth(numbers)),
	};

	return plan;
}

/* What the keys of two rows that match meet, as EXPLAIN shows it. */
Expr *
join_plan_condition(const CustomScan *scan)
{
	WalcuJoinPlan plan = join_plan_of_scan(scan);
	Expr *outer = join_plan_outer_key(scan);
	Expr *inner = join_plan_inner_key(scan);
	ScalarArrayOpExpr *condition;

	if (!plan.of_array)
		return make_opclause(plan.op, BOOLOID, false, outer, inner, InvalidOid, plan.collation);
	condition = makeNode(ScalarArrayOpExpr);
	condition->opno = get_commutator(plan.op);
	condition->useOr = true;
	condition->inputcollid = plan.collation;
	condition->args = list_make2(inner, outer);
	return (Expr *) condition;
}

Expr *
join_plan_outer_key(const CustomScan *scan)
{
	return linitial(linitial(scan->custom_exprs));
}

Expr *
join_plan_inner_key(const CustomScan *scan)
{
	return lsecond(linitial(scan->custom_exprs));
}

/* What else must hold for two rows to match. */
List *
join_plan_quals(const CustomScan *scan)
{
	return lsecond(scan->custom_exprs);
}

/*
 * The columns of both plans, of TargetEntry, as the plans above this one know them: one that this join may
 * make NULL is marked so in its output, and not below.  The output is that of when the path was made, as a
 * relation's own becomes that of the query in the end.
 */
static List *
list_outputs(List *plans, List *output)
{
	List *row = NIL;
	ListCell *lc;

	foreach(lc, plans)
	{
		ListCell *lc2;

		foreach(lc2, ((Plan *) lfirst(lc))->targetlist)
		{
			Node *column = (Node *) ((TargetEntry *) lfirst(lc2))->expr;
			Node *above = join_plan_same(column, output);

			row = lappend(row, makeTargetEntry((Expr *) copyObject(above ? above : column),
											   list_length(row) + 1, NULL, false));
		}
	}
	return row;
}

/* Expressions with the columns as the row, of Expr, has them. */
static Node *
replace_by_row_vars(Node *node, void *row)
{
	Node *same;

	if (node == NULL)
		return NULL;
	same = (IsA(node, Var) || IsA(node, PlaceHolderVar)) ? join_plan_same(node, row) : NULL;
	if (same)
		return copyObject(same);
	return expression_tree_mutator(node, replace_by_row_vars, row);
}
