/*
 * join_key.c
 *	  Which conditions of a join have keys by which the service can be asked for the inner side.
 *
 * join_path.c asks about each condition of a join: an equality of both sides, or of one side and an element
 * of an array of the other.  read_ahead_plan.c asks about a scan's conditions on values of an outer row.
 */
#include "postgres.h"

#include "plan/join_key.h"

#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

static bool find_equality_sides(PlannerInfo *root, const RelOptInfo *outerrel, const RelOptInfo *innerrel,
								const RestrictInfo *restriction, WalcuJoinPlan *plan, bool *takes_null);
static OpExpr *find_equality_or_nulls(const Expr *clause);
static bool find_array_sides(PlannerInfo *root, const RelOptInfo *outerrel, const RelOptInfo *innerrel,
							 const RestrictInfo *restriction, WalcuJoinPlan *plan);
static bool is_of_side(PlannerInfo *root, Node *expression, const RelOptInfo *side);
static bool is_hashed_any(const Expr *clause);
static bool is_element(const Expr *clause);
static bool is_in_outer_array(const Expr *clause);
static bool is_own_equality(const ScalarArrayOpExpr *equality);
static Param *make_keys_parameter(const Expr *outer_key, Oid type, int number);
static Expr *make_equals_any(const WalcuJoinPlan *plan, Param *keys);

/*
 * Finds what a condition of a join says of a key of each side, and puts both keys, and how they are compared,
 * into the plan.  takes_null is set where the condition takes NULL for NULL, too.  Returns false for a
 * condition that has no keys.
 */
bool
join_key_find(PlannerInfo *root, const RelOptInfo *outerrel, const RelOptInfo *innerrel,
			  const RestrictInfo *restriction, WalcuJoinPlan *plan, bool *takes_null)
{
	*takes_null = false;
	return (find_equality_sides(root, outerrel, innerrel, restriction, plan, takes_null) ||
			find_array_sides(root, outerrel, innerrel, restriction, plan)) &&
		   OidIsValid(plan->op) && op_strict(plan->op);
}

/* Finds the sides of an equality of both relations that can be hashed; false for any other clause. */
static bool
find_equality_sides(PlannerInfo *root, const RelOptInfo *outerrel, const RelOptInfo *innerrel,
					const RestrictInfo *restriction, WalcuJoinPlan *plan, bool *takes_null)
{
	OpExpr *equality = (OpExpr *) restriction->clause;
	bool outer_is_left;

	if (IsA(equality, BoolExpr))
	{
		equality = find_equality_or_nulls((Expr *) equality);
		*takes_null = equality != NULL;
	}
	else if (!restriction->can_join || !OidIsValid(restriction->hashjoinoperator))
		return false;
	if (equality == NULL)
		return false;
	outer_is_left = is_of_side(root, linitial(equality->args), outerrel);
	if (!is_of_side(root, lsecond(equality->args), outer_is_left ? innerrel : outerrel) ||
		(!outer_is_left && !is_of_side(root, linitial(equality->args), innerrel)))
		return false;
	plan->outer_key = outer_is_left ? linitial(equality->args) : lsecond(equality->args);
	plan->inner_key = outer_is_left ? lsecond(equality->args) : linitial(equality->args);
	plan->op = outer_is_left ? equality->opno : get_commutator(equality->opno);
	plan->collation = equality->inputcollid;
	return true;
}

/*
 * Finds the equality in a = b OR (a IS NULL AND b IS NULL), as Power Query joins tables.  Where one of the
 * sides is never NULL, as an _id, it is all that the condition says.
 */
static OpExpr *
find_equality_or_nulls(const Expr *clause)
{
	List *arms = is_orclause(clause) ? ((BoolExpr *) clause)->args : NIL;
	OpExpr *equality;
	BoolExpr *nulls;
	ListCell *lc;

	if (list_length(arms) != 2)
		return NULL;
	equality = IsA(linitial(arms), OpExpr) ? linitial(arms) : lsecond(arms);
	nulls = IsA(linitial(arms), OpExpr) ? lsecond(arms) : linitial(arms);
	if (!IsA(equality, OpExpr) || list_length(equality->args) != 2 || !is_andclause(nulls) ||
		!op_hashjoinable(equality->opno, exprType(linitial(equality->args))) ||
		contain_volatile_functions((Node *) equality) || list_length(nulls->args) != 2)
		return NULL;
	foreach(lc, nulls->args)
	{
		const NullTest *test = lfirst(lc);

		if (!IsA(test, NullTest) || test->nulltesttype != IS_NULL || test->argisrow ||
			!equal(test->arg, list_nth(equality->args, foreach_current_index(lc))))
			return NULL;
	}
	return equality;
}

/* Finds the sides of a value that equals any element of an array of the other side. */
static bool
find_array_sides(PlannerInfo *root, const RelOptInfo *outerrel, const RelOptInfo *innerrel,
				 const RestrictInfo *restriction, WalcuJoinPlan *plan)
{
	const ScalarArrayOpExpr *equality = (const ScalarArrayOpExpr *) restriction->clause;
	Node *value;
	Node *array;

	if (!is_hashed_any(restriction->clause) || contain_volatile_functions((Node *) restriction->clause))
		return false;
	value = linitial(equality->args);
	array = lsecond(equality->args);
	plan->of_array = is_of_side(root, array, outerrel) && is_of_side(root, value, innerrel);
	plan->in_array =
		is_of_side(root, array, innerrel) && is_of_side(root, value, outerrel) && is_own_equality(equality);
	plan->outer_key = (Expr *) (plan->of_array ? array : value);
	plan->inner_key = (Expr *) (plan->of_array ? value : array);
	plan->op = plan->of_array ? get_commutator(equality->opno) : equality->opno;
	plan->collation = equality->inputcollid;
	return plan->of_array || plan->in_array;
}

/* Returns whether an expression is made of columns of a side of the join, and of no others. */
static bool
is_of_side(PlannerInfo *root, Node *expression, const RelOptInfo *side)
{
	Relids relids = pull_varnos(root, expression);

	return !bms_is_empty(relids) && bms_is_subset(relids, side->relids);
}

/* Returns whether a value that can be hashed equals any element of an array. */
static bool
is_hashed_any(const Expr *clause)
{
	const ScalarArrayOpExpr *equality = (const ScalarArrayOpExpr *) clause;

	return IsA(clause, ScalarArrayOpExpr) && equality->useOr &&
		   op_hashjoinable(equality->opno, exprType(linitial(equality->args)));
}

/* Returns whether a condition is of a value that is an element of an array, so that && says it of many. */
static bool
is_element(const Expr *clause)
{
	return is_hashed_any(clause) && is_own_equality((const ScalarArrayOpExpr *) clause) &&
		   op_strict(((const ScalarArrayOpExpr *) clause)->opno);
}

/*
 * Returns whether a condition is of a value that equals any element of an array that is not of the same row,
 * and the other way round, too.
 */
static bool
is_in_outer_array(const Expr *clause)
{
	const ScalarArrayOpExpr *equality = (const ScalarArrayOpExpr *) clause;

	return is_hashed_any(clause) && op_strict(equality->opno) && OidIsValid(get_commutator(equality->opno)) &&
		   !contain_var_clause(lsecond(equality->args)) &&
		   OidIsValid(get_element_type(getBaseType(exprType(lsecond(equality->args)))));
}

/* Returns whether a value is compared with the elements of an array as && compares those of two arrays. */
static bool
is_own_equality(const ScalarArrayOpExpr *equality)
{
	Oid type = get_element_type(exprType(lsecond(equality->args)));

	return OidIsValid(type) && type == exprType(linitial(equality->args)) &&
		   lookup_type_cache(type, TYPECACHE_EQ_OPR)->eq_opr == equality->opno;
}

/*
 * Makes the condition that an inner row has one of many keys: inner key = ANY (keys), or inner key && keys.
 * The keys are in the parameter of a number, in an array of a type.  Returns NULL where types or operators
 * lack what that takes.
 */
Expr *
join_key_condition(const WalcuJoinPlan *plan, Oid type, int number)
{
	Param *keys = make_keys_parameter(plan->outer_key, type, number);
	Expr *overlap;

	if (!plan->in_array)
		return make_equals_any(plan, keys);
	overlap = make_opclause(OID_ARRAY_OVERLAP_OP, BOOLOID, false, plan->inner_key, (Expr *) keys, InvalidOid,
							plan->collation);
	set_opfuncid((OpExpr *) overlap);
	return overlap;
}

static Param *
make_keys_parameter(const Expr *outer_key, Oid type, int number)
{
	Param *keys = makeNode(Param);

	keys->paramkind = PARAM_EXEC;
	keys->paramid = number;
	keys->paramtype = type;
	keys->paramtypmod = -1;
	keys->paramcollid = exprCollation((const Node *) outer_key);
	keys->location = -1;
	return keys;
}

/* Makes inner key = ANY (keys); NULL where the operator has no commutator, or the keys have no array type. */
static Expr *
make_equals_any(const WalcuJoinPlan *plan, Param *keys)
{
	ScalarArrayOpExpr *condition = makeNode(ScalarArrayOpExpr);

	condition->opno = get_commutator(plan->op);
	if (!OidIsValid(keys->paramtype) || !OidIsValid(condition->opno))
		return NULL;
	condition->opfuncid = get_opcode(condition->opno);
	condition->useOr = true;
	condition->inputcollid = plan->collation;
	condition->args = list_make2(plan->inner_key, keys);
	condition->location = -1;
	return (Expr *) condition;
}

/*
 * Finds the two sides of a condition of a scan that is executed for one outer row after another, and how they
 * are compared: an equality, whose outer side is the one that is not about the scan's own row, or an outer
 * value that is an element of an array of that row, or the other way round.  Returns false for any other
 * condition.
 */
bool
join_key_find_in_scan(const Expr *clause, WalcuJoinPlan *key)
{
	const OpExpr *equality = (const OpExpr *) clause;
	bool outer_is_left = true;
	const List *sides;

	memset(key, 0, sizeof(WalcuJoinPlan));
	if (is_in_outer_array(clause))
	{
		outer_is_left = false;
		key->of_array = true;
		key->op = get_commutator(((const ScalarArrayOpExpr *) clause)->opno);
		key->collation = ((const ScalarArrayOpExpr *) clause)->inputcollid;
		sides = ((const ScalarArrayOpExpr *) clause)->args;
	}
	else if (is_element(clause))
	{
		key->in_array = true;
		key->op = ((const ScalarArrayOpExpr *) clause)->opno;
		key->collation = ((const ScalarArrayOpExpr *) clause)->inputcollid;
		sides = ((const ScalarArrayOpExpr *) clause)->args;
	}
	else if (IsA(clause, OpExpr) && list_length(equality->args) == 2 && op_strict(equality->opno) &&
			 op_hashjoinable(equality->opno, exprType(linitial(equality->args))))
	{
		outer_is_left = !contain_var_clause(linitial(equality->args));
		key->op = outer_is_left ? equality->opno : get_commutator(equality->opno);
		key->collation = equality->inputcollid;
		sides = equality->args;
	}
	else
		return false;
	key->outer_key = outer_is_left ? linitial(sides) : lsecond(sides);
	key->inner_key = outer_is_left ? lsecond(sides) : linitial(sides);
	return true;
}

/* Makes the condition that such a scan's row has one of the keys in a parameter; NULL where there is none. */
Expr *
join_key_of_many(const WalcuJoinPlan *key, int param)
{
	return join_key_condition(key, join_key_list_type(key), param);
}

/* Finds the type of an array of such a scan's keys; InvalidOid where there is none. */
Oid
join_key_list_type(const WalcuJoinPlan *key)
{
	Oid type = getBaseType(exprType((Node *) key->outer_key));

	return key->of_array ? type : get_array_type(type);
}
