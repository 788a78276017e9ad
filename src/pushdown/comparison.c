/*
 * comparison.c
 *	  An SQL comparison of two expressions, by its place in the order of a type.
 *
 * Those who restate a condition in other words read the operator that it has, and make one that it has not.
 */
#include "postgres.h"

#include "pushdown/comparison.h"

#include "access/stratnum.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

static Oid get_family(Oid type);

/* Makes a comparison of two expressions of a type that PostgreSQL has in itself. */
Expr *
comparison_make(Oid type, int strategy, Expr *left, Expr *right, Oid collation)
{
	Oid opno = get_opfamily_member(get_family(type), type, type, strategy);
	Expr *comparison = make_opclause(opno, BOOLOID, false, left, right, InvalidOid, collation);

	set_opfuncid((OpExpr *) comparison);
	return comparison;
}

/* Returns the strategy of an operator in the order of a type, <> being = negated; 0 for none. */
int
comparison_strategy(Oid opno, Oid type, bool *is_negated)
{
	Oid family = get_family(type);
	Oid negator = get_negator(opno);
	int strategy = OidIsValid(family) ? get_op_opfamily_strategy(opno, family) : 0;

	*is_negated = strategy == 0 && OidIsValid(family) && OidIsValid(negator) &&
				  get_op_opfamily_strategy(negator, family) == BTEqualStrategyNumber;
	return *is_negated ? BTEqualStrategyNumber : strategy;
}

static Oid
get_family(Oid type)
{
	return lookup_type_cache(type, TYPECACHE_BTREE_OPFAMILY)->btree_opf;
}

/* The strategy of the comparison whose sides are exchanged. */
int
comparison_turn(int strategy)
{
	return BTLessStrategyNumber + BTGreaterStrategyNumber - strategy;
}

/* The strategy of the comparison that is true where this one, of order, is false. */
int
comparison_negate(int strategy)
{
	switch (strategy)
	{
		case BTLessStrategyNumber:
			return BTGreaterEqualStrategyNumber;
		case BTLessEqualStrategyNumber:
			return BTGreaterStrategyNumber;
		case BTGreaterEqualStrategyNumber:
			return BTLessStrategyNumber;
		default:
			return BTLessEqualStrategyNumber;
	}
}
