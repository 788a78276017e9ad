/*
 * join_plan.c
 *	  The plan of a batched key join: made from its path, and read back when it is run.
 *
 * join_path.c writes what a path says here, and join_exec.c reads what the plan says.  The node has two
 * plans below it: the outer one, which may be any, and a foreign scan of ours, which reads the documents of
 * the keys that it is told.  Its scan tuple is a row of the outer plan and one of the inner plan side by
 * side, so that each of its expressions is about one row.
 */
#include "postgres.h"

#include "plan/join_plan.h"

#include "base/compat.h"
#include "base/float_node.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "optimizer/restrictinfo.h"
#include "utils/lsyscache.h"

/* A path's custom_private holds this; join_plan_create reads it. */
typedef enum JoinPathPrivateIndex
{
	JOIN_PATH_PRIVATE_PLAN,         /* This becomes the plan's custom_private. */
	JOIN_PATH_PRIVATE_OUTER_KEY,    /* This is an Expr, as of the outer relation. */
	JOIN_PATH_PRIVATE_INNER_KEY,    /* This is an Expr, as of the inner relation. */
	JOIN_PATH_PRIVATE_RESTRICTIONS, /* This is a list of what else must hold, of RestrictInfo. */
	JOIN_PATH_PRIVATE_OUTPUT        /* This is a list of the join's columns, of Expr. */
} JoinPathPrivateIndex;

/* A plan's custom_private holds this of a WalcuJoinPlan; read_join_private reads it. */
typedef enum JoinPrivateIndex
{
	JOIN_PRIVATE_TYPE,           /* This is an Integer. */
	JOIN_PRIVATE_SINGLE_MATCH,   /* This is a Boolean. */
	JOIN_PRIVATE_BY_ID,          /* This is a Boolean. */
	JOIN_PRIVATE_BY_JOB,         /* This is a Boolean. */
	JOIN_PRIVATE_OF_ARRAY,       /* This is a Boolean. */
	JOIN_PRIVATE_IN_ARRAY,       /* This is a Boolean. */
	JOIN_PRIVATE_FIRST_BATCH,    /* This is an Integer. */
	JOIN_PRIVATE_KEYS_A_URL,     /* This is an Integer. */
	JOIN_PRIVATE_OP,             /* This is a list of one Oid. */
	JOIN_PRIVATE_COLLATION,      /* This is a list of one Oid. */
	JOIN_PRIVATE_KEYS,           /* This is a double. */
	JOIN_PRIVATE_KEYS_A_REQUEST, /* This is a double. */
	JOIN_PRIVATE_PER_KEY,        /* This is a double. */
	JOIN_PRIVATE_REQUESTS        /* This is a double. */
} JoinPrivateIndex;

/* A plan's custom_exprs holds this of a WalcuJoinPlan; join_plan_of_scan reads it. */
typedef enum JoinExprIndex
{
	JOIN_EXPR_OUTER_KEY,
	JOIN_EXPR_INNER_KEY,
	JOIN_EXPR_KEY_QUALS,
	JOIN_EXPR_QUALS
} JoinExprIndex;

static List *make_join_private(const WalcuJoinPlan *plan);
static WalcuJoinPlan read_join_private(const List *private);
static List *take_key_quals(PlannerInfo *root, List **quals, Relids outer);
static List *add_null_test(List *tests, Expr *clause, Relids outer);
static List *list_outputs(List *plans, List *output);
static Node *replace_by_row_vars(Node *node, void *row);

/* Writes what a path has for its plan, in the order of JoinPathPrivateIndex. */
List *
join_plan_path_private(const WalcuJoinPlan *plan, List *restrictions, List *output)
{
	return list_make5(make_join_private(plan), plan->outer_key, plan->inner_key, restrictions, output);
}

/* CustomPathMethods.PlanCustomPath */
Plan *
join_plan_create(PlannerInfo *root, RelOptInfo *rel, CustomPath *path, List *tlist, List *clauses,
				 List *plans)
{
	CustomScan *scan = makeNode(CustomScan);
	List *private = list_nth(path->custom_private, JOIN_PATH_PRIVATE_PLAN);
	List *restrictions = list_nth(path->custom_private, JOIN_PATH_PRIVATE_RESTRICTIONS);
	List *row = list_outputs(plans, list_nth(path->custom_private, JOIN_PATH_PRIVATE_OUTPUT));
	List *expressions = NIL;
	Relids outer = ((Path *) linitial(path->custom_paths))->parent->relids;
	List *key_quals;
	List *quals;
	List *filter = NIL;
	List *exprs;
	ListCell *lc;

	if (IS_OUTER_JOIN(read_join_private(private).type))
		extract_actual_join_clauses(restrictions, rel->relids, &quals, &filter);
	else
		quals = extract_actual_clauses(restrictions, false);
	foreach(lc, row)
		expressions = lappend(expressions, ((TargetEntry *) lfirst(lc))->expr);
	key_quals = take_key_quals(root, &quals, outer);
	/* in the order of JoinExprIndex */
	exprs = list_make4(list_nth(path->custom_private, JOIN_PATH_PRIVATE_OUTER_KEY),
					   list_nth(path->custom_private, JOIN_PATH_PRIVATE_INNER_KEY), key_quals, quals);
	scan->scan.plan.targetlist = tlist;
	scan->scan.plan.qual = (List *) replace_by_row_vars((Node *) filter, expressions);
	scan->flags = path->flags;
	scan->custom_plans = plans;
	scan->custom_scan_tlist = row;
	scan->custom_exprs = (List *) replace_by_row_vars((Node *) exprs, expressions);
	scan->custom_private = private;
	scan->methods = GetCustomScanMethods(JOIN_PLAN_NAME, false);
	return &scan->scan.plan;
}

/*
 * Returns whether a condition of the join can be checked before a row of the outer side is joined.  A
 * volatile one is computed for each pair of rows, as in other joins.
 */
bool
join_plan_is_key_qual(PlannerInfo *root, Expr *clause, Relids outer)
{
	return bms_is_subset(pull_varnos(root, (Node *) clause), outer) &&
		   !contain_volatile_functions((Node *) clause);
}

/*
 * Takes from the conditions those that tell of an outer row alone that nothing matches it, and adds what
 * follows from the others: a column that one of them compares is not NULL.
 */
static List *
take_key_quals(PlannerInfo *root, List **quals, Relids outer)
{
	List *taken = NIL;
	List *tests = NIL;
	List *left = NIL;
	ListCell *lc;

	foreach(lc, *quals)
	{
		if (join_plan_is_key_qual(root, lfirst(lc), outer))
			taken = lappend(taken, lfirst(lc));
		else
		{
			left = lappend(left, lfirst(lc));
			tests = add_null_test(tests, lfirst(lc), outer);
		}
	}
	*quals = left;
	return list_concat(tests, taken);
}

/* Adds that a column of the outer side is not NULL, where a clause compares it with a strict operator. */
static List *
add_null_test(List *tests, Expr *clause, Relids outer)
{
	ListCell *lc;

	if (!IsA(clause, OpExpr) || !op_strict(((OpExpr *) clause)->opno))
		return tests;
	foreach(lc, ((OpExpr *) clause)->args)
	{
		Var *column = (Var *) strip_implicit_coercions(lfirst(lc));
		NullTest *test;

		if (!IsA(column, Var) || column->varlevelsup > 0 || !bms_is_member(column->varno, outer) ||
			type_is_rowtype(column->vartype))
			continue;
		test = makeNode(NullTest);
		test->arg = (Expr *) column;
		test->nulltesttype = IS_NOT_NULL;
		test->location = -1;
		tests = list_append_unique(tests, test);
	}
	return tests;
}

/* Returns whether a plan is a batched key join. */
bool
join_plan_is_join(const Plan *plan)
{
	return IsA(plan, CustomScan) &&
		   strcmp(((const CustomScan *) plan)->methods->CustomName, JOIN_PLAN_NAME) == 0;
}

/* Finds the same column or placeholder among others; NULL when there is none. */
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

/* Writes what a plan carries, in the order of JoinPrivateIndex. */
static List *
make_join_private(const WalcuJoinPlan *plan)
{
	List *flags =
		list_make5(makeBoolean(plan->single_match), makeBoolean(plan->by_id), makeBoolean(plan->by_job),
				   makeBoolean(plan->of_array), makeBoolean(plan->in_array));
	List *comparison = list_make2(list_make1_oid(plan->op), list_make1_oid(plan->collation));
	List *counts = list_make2(makeInteger(plan->first_batch), makeInteger(plan->keys_a_url));
	List *estimates = list_make4(float_node_make(plan->keys), float_node_make(plan->keys_a_request),
								 float_node_make(plan->per_key), float_node_make(plan->requests));

	flags = lcons(makeInteger(plan->type), flags);
	return list_concat(list_concat(list_concat(flags, counts), comparison), estimates);
}

/* Reads back what make_join_private has written. */
static WalcuJoinPlan
read_join_private(const List *private)
{
	return (WalcuJoinPlan){
		.type = intVal(list_nth(private, JOIN_PRIVATE_TYPE)),
		.single_match = boolVal(list_nth(private, JOIN_PRIVATE_SINGLE_MATCH)),
		.by_id = boolVal(list_nth(private, JOIN_PRIVATE_BY_ID)),
		.by_job = boolVal(list_nth(private, JOIN_PRIVATE_BY_JOB)),
		.of_array = boolVal(list_nth(private, JOIN_PRIVATE_OF_ARRAY)),
		.in_array = boolVal(list_nth(private, JOIN_PRIVATE_IN_ARRAY)),
		.first_batch = intVal(list_nth(private, JOIN_PRIVATE_FIRST_BATCH)),
		.keys_a_url = intVal(list_nth(private, JOIN_PRIVATE_KEYS_A_URL)),
		.op = linitial_oid(list_nth(private, JOIN_PRIVATE_OP)),
		.collation = linitial_oid(list_nth(private, JOIN_PRIVATE_COLLATION)),
		.keys = float_node_value(list_nth(private, JOIN_PRIVATE_KEYS)),
		.keys_a_request = float_node_value(list_nth(private, JOIN_PRIVATE_KEYS_A_REQUEST)),
		.per_key = float_node_value(list_nth(private, JOIN_PRIVATE_PER_KEY)),
		.requests = float_node_value(list_nth(private, JOIN_PRIVATE_REQUESTS)),
	};
}

/* Reads back what join_plan_create has put into a CustomScan. */
WalcuJoinPlan
join_plan_of_scan(const CustomScan *scan)
{
	WalcuJoinPlan plan = read_join_private(scan->custom_private);

	plan.outer_key = list_nth(scan->custom_exprs, JOIN_EXPR_OUTER_KEY);
	plan.inner_key = list_nth(scan->custom_exprs, JOIN_EXPR_INNER_KEY);
	plan.key_quals = list_nth(scan->custom_exprs, JOIN_EXPR_KEY_QUALS);
	plan.quals = list_nth(scan->custom_exprs, JOIN_EXPR_QUALS);
	return plan;
}

/* Makes the condition that the keys of two matching rows meet, as EXPLAIN shows it. */
Expr *
join_plan_condition(const WalcuJoinPlan *plan)
{
	ScalarArrayOpExpr *condition;

	if (!plan->of_array && !plan->in_array)
		return make_opclause(plan->op, BOOLOID, false, plan->outer_key, plan->inner_key, InvalidOid,
							 plan->collation);
	condition = makeNode(ScalarArrayOpExpr);
	condition->opno = plan->in_array ? plan->op : get_commutator(plan->op);
	condition->useOr = true;
	condition->inputcollid = plan->collation;
	condition->args = plan->in_array ? list_make2(plan->outer_key, plan->inner_key)
									 : list_make2(plan->inner_key, plan->outer_key);
	return (Expr *) condition;
}

/*
 * Lists the columns of both plans, of TargetEntry, as the plans above this one know them: one that this join
 * may make NULL is marked so in its output, and not below.  The output is that of when the path was made, as
 * a relation's own becomes that of the query in the end.
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

/* Copies expressions, with their columns as the row, of Expr, has them. */
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
