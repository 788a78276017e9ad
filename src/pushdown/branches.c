/*
 * branches.c
 *	  A condition on CASE, COALESCE or NULLIF, spelled out branch by branch.
 *
 * CASE WHEN a THEN x ELSE y END = v has an outcome where a is true and x = v has it, or where a is not true
 * and y = v has it.  pushdown.c translates what is spelled out like that, and leaves out of each branch what
 * the service cannot compute.  COALESCE and NULLIF are cases in other words.
 */
#include "postgres.h"

#include "pushdown/branches.h"

#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"

/* A condition is spelled out in so many branches at most, those of cases within cases counted. */
#define MOST_BRANCHES 40

/* One branch. */
typedef struct Branch
{
	List *conditions; /* It is taken where all of these are true. */
	Expr *result;     /* This is its value. */
} Branch;

/* What stands in the place of a node. */
typedef struct Replacement
{
	const Node *node;
	Expr *substitute;
} Replacement;

static bool find_cases(Node *node, List **cases);
static int count_branches(const Node *cases);
static List *list_branches(Node *cases);
static List *list_case_branches(const CaseExpr *cases);
static List *list_coalesce_branches(const CoalesceExpr *coalesce);
static List *list_nullif_branches(const NullIfExpr *nullif);
static Expr *test_truth(Expr *condition, BoolTestType type);
static Expr *fill_in_case(const CaseExpr *cases, Expr *condition);
static Node *replace_test_value(Node *node, void *value);
static Node *replace_node(Node *node, void *replacement);
static Expr *join_branch(const Branch *branch, Expr *condition, bool outcome);

/*
 * What is true where a condition has the outcome, without the first case that it has in it; NULL when it has
 * none that depends on the row, or too many.
 */
Expr *
branches_spelled_out(const WalcuRelation *relation, Expr *condition, bool outcome)
{
	List *cases = NIL;
	List *arms = NIL;
	int count = 1;
	ListCell *lc;

	find_cases((Node *) condition, &cases);
	if (cases == NIL || document_path_is_value(relation, linitial(cases)) ||
		contain_volatile_functions((Node *) condition))
		return NULL;
	foreach(lc, cases)
	{
		count *= count_branches(lfirst(lc));
		if (count > MOST_BRANCHES)
			return NULL;
	}
	foreach(lc, list_branches(linitial(cases)))
	{
		const Branch *branch = lfirst(lc);
		Replacement replacement = {linitial(cases), branch->result};
		Expr *filled = (Expr *) replace_node((Node *) condition, &replacement);

		arms = lappend(arms, join_branch(branch, filled, outcome));
	}
	return make_orclause(arms);
}

/* The cases in a condition on the way to its values, those without before those within. */
static bool
find_cases(Node *node, List **cases)
{
	if (node == NULL)
		return false;
	switch (nodeTag(node))
	{
		case T_CaseExpr:
		case T_CoalesceExpr:
		case T_NullIfExpr:
			*cases = lappend(*cases, node);
			break;
		case T_OpExpr:
		case T_DistinctExpr:
		case T_ScalarArrayOpExpr:
		case T_FuncExpr:
		case T_NullTest:
		case T_RelabelType:
		case T_CollateExpr:
		case T_CoerceViaIO:
			break;
		default:
			return false;
	}
	return expression_tree_walker(node, find_cases, cases);
}

static int
count_branches(const Node *cases)
{
	switch (nodeTag(cases))
	{
		case T_CaseExpr:
			return list_length(((const CaseExpr *) cases)->args) + 1;
		case T_CoalesceExpr:
			return list_length(((const CoalesceExpr *) cases)->args);
		default:
			return 2;
	}
}

static List *
list_branches(Node *cases)
{
	switch (nodeTag(cases))
	{
		case T_CaseExpr:
			return list_case_branches((CaseExpr *) cases);
		case T_CoalesceExpr:
			return list_coalesce_branches((CoalesceExpr *) cases);
		default:
			return list_nullif_branches((NullIfExpr *) cases);
	}
}

static List *
list_case_branches(const CaseExpr *cases)
{
	List *branches = NIL;
	List *not_before = NIL;
	Branch *otherwise = palloc0(sizeof(Branch));
	ListCell *lc;

	foreach(lc, cases->args)
	{
		const CaseWhen *when = lfirst_node(CaseWhen, lc);
		Expr *condition = fill_in_case(cases, when->expr);
		Branch *branch = palloc0(sizeof(Branch));

		branch->conditions = lappend(list_copy(not_before), condition);
		branch->result = when->result;
		branches = lappend(branches, branch);
		not_before = lappend(not_before, test_truth(condition, IS_NOT_TRUE));
	}
	otherwise->conditions = not_before;
	otherwise->result = cases->defresult;
	return lappend(branches, otherwise);
}

static List *
list_coalesce_branches(const CoalesceExpr *coalesce)
{
	List *branches = NIL;
	List *not_before = NIL;
	ListCell *lc;

	foreach(lc, coalesce->args)
	{
		Branch *branch = palloc0(sizeof(Branch));
		NullTest *null = makeNode(NullTest);

		branch->conditions = list_copy(not_before);
		branch->result = lfirst(lc);
		branches = lappend(branches, branch);
		null->arg = lfirst(lc);
		null->nulltesttype = IS_NULL;
		null->location = -1;
		not_before = lappend(not_before, null);
	}
	return branches;
}

static List *
list_nullif_branches(const NullIfExpr *nullif)
{
	OpExpr *equal = copyObject((OpExpr *) unconstify(NullIfExpr *, nullif));
	Branch *same = palloc0(sizeof(Branch));
	Branch *other = palloc0(sizeof(Branch));

	NodeSetTag(equal, T_OpExpr);
	equal->opresulttype = BOOLOID;
	same->conditions = list_make1(equal);
	same->result = (Expr *) makeNullConst(nullif->opresulttype, -1, nullif->opcollid);
	other->conditions = list_make1(test_truth((Expr *) equal, IS_NOT_TRUE));
	other->result = linitial(nullif->args);
	return list_make2(same, other);
}

static Expr *
test_truth(Expr *condition, BoolTestType type)
{
	BooleanTest *test = makeNode(BooleanTest);

	test->arg = condition;
	test->booltesttype = type;
	test->location = -1;
	return (Expr *) test;
}

/* The condition of a branch, with what CASE x WHEN compares in its place. */
static Expr *
fill_in_case(const CaseExpr *cases, Expr *condition)
{
	return cases->arg ? (Expr *) replace_test_value((Node *) condition, cases->arg) : condition;
}

static Node *
replace_test_value(Node *node, void *value)
{
	if (node == NULL)
		return NULL;
	if (IsA(node, CaseTestExpr))
		return value;
	/* it has values of its own */
	if (IsA(node, CaseExpr))
		return node;
	return expression_tree_mutator(node, replace_test_value, value);
}

static Node *
replace_node(Node *node, void *replacement)
{
	Replacement *given = replacement;

	if (node == NULL)
		return NULL;
	if (node == given->node)
		return (Node *) given->substitute;
	return expression_tree_mutator(node, replace_node, replacement);
}

/* The branch is taken, and then the condition has the outcome. */
static Expr *
join_branch(const Branch *branch, Expr *condition, bool outcome)
{
	Expr *wanted = outcome ? condition : make_notclause(condition);

	return make_ands_explicit(lappend(list_copy(branch->conditions), wanted));
}
