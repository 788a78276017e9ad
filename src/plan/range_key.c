/*
 * range_key.c
 *	  Ranges of values that conditions of a scan ask for, with bounds of an outer row.
 *
 * A subquery for each day of a calendar has such conditions: created_at >= d AND created_at < d + '1 day'.
 * read_ahead_plan.c looks for them where a scan has no key, and range_set.c compares with what is found here:
 * by the functions of the operator's own family, so that ranges are those that PostgreSQL checks.
 */
#include "postgres.h"

#include "plan/range_key.h"

#include "access/nbtree.h"
#include "access/stratnum.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

static bool find_operator_family(WalcuRangeBound *bound);

/* Finds the bound in a condition.  Returns false for any other condition. */
bool
range_key_find(const Expr *clause, WalcuRangeBound *bound)
{
	const OpExpr *comparison = (const OpExpr *) clause;
	bool inner_is_left;

	memset(bound, 0, sizeof(WalcuRangeBound));
	if (!IsA(clause, OpExpr) || list_length(comparison->args) != 2 || !op_strict(comparison->opno))
		return false;
	inner_is_left = contain_var_clause(linitial(comparison->args));
	bound->inner = inner_is_left ? linitial(comparison->args) : lsecond(comparison->args);
	bound->bound = inner_is_left ? lsecond(comparison->args) : linitial(comparison->args);
	bound->op = inner_is_left ? comparison->opno : get_commutator(comparison->opno);
	bound->collation = comparison->inputcollid;
	return OidIsValid(bound->op) && find_operator_family(bound);
}

/* Finds the family of a bound's operator, which says what it compares, and how. */
static bool
find_operator_family(WalcuRangeBound *bound)
{
	int strategy;

	op_input_types(bound->op, &bound->type, &bound->of_bound);
	if (IsPolymorphicType(bound->type) || IsPolymorphicType(bound->of_bound))
		return false;
	bound->family = lookup_type_cache(bound->type, TYPECACHE_BTREE_OPFAMILY)->btree_opf;
	strategy = OidIsValid(bound->family) ? get_op_opfamily_strategy(bound->op, bound->family) : 0;
	bound->is_lower = strategy == BTGreaterStrategyNumber || strategy == BTGreaterEqualStrategyNumber;
	bound->is_open = strategy == BTGreaterStrategyNumber || strategy == BTLessStrategyNumber;
	return (bound->is_lower || strategy == BTLessStrategyNumber || strategy == BTLessEqualStrategyNumber) &&
		   OidIsValid(range_key_comparison(bound, bound->type, bound->type)) &&
		   OidIsValid(range_key_comparison(bound, bound->type, bound->of_bound)) &&
		   OidIsValid(range_key_comparison(bound, bound->of_bound, bound->of_bound));
}

/* Returns whether two bounds are those of one range. */
bool
range_key_make_range(const WalcuRangeBound *lower, const WalcuRangeBound *upper)
{
	return lower->is_lower && !upper->is_lower && equal(lower->inner, upper->inner) &&
		   lower->type == upper->type && lower->family == upper->family &&
		   lower->collation == upper->collation &&
		   OidIsValid(range_key_comparison(lower, upper->of_bound, lower->of_bound));
}

/* Finds the function that compares values of two types as a bound's operator does; InvalidOid for none. */
Oid
range_key_comparison(const WalcuRangeBound *bound, Oid left, Oid right)
{
	return get_opfamily_proc(bound->family, left, right, BTORDER_PROC);
}
