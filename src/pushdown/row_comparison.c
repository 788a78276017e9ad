/*
 * row_comparison.c
 *	  A comparison of rows, spelled out as comparisons of their columns.
 *
 * (a, b) > (x, y) is how applications ask for the next page, and SQL defines it as a > x OR (a = x AND
 * b > y), with NULL wherever that is NULL.  pushdown.c translates the latter.
 */
#include "postgres.h"

#include "pushdown/row_comparison.h"

#include "access/stratnum.h"
#include "base/compat.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "utils/lsyscache.h"

static Expr *compare_column(const RowCompareExpr *rows, int column, int strategy);
static int find_strategy(const RowCompareExpr *rows, bool outcome);

/*
 * What is true where a comparison has the outcome, as far as that depends on so many of the first columns:
 * where these are not all, they may also be equal.  NULL when an operator that it takes does not exist.
 */
Expr *
row_comparison_spelled_out(const RowCompareExpr *rows, int count, bool outcome)
{
	int strategy = find_strategy(rows, outcome);
	bool is_less = strategy == BTLessStrategyNumber || strategy == BTLessEqualStrategyNumber;
	int strict = is_less ? BTLessStrategyNumber : BTGreaterStrategyNumber;
	int last = count < list_length(rows->opnos)
				   ? (is_less ? BTLessEqualStrategyNumber : BTGreaterEqualStrategyNumber)
				   : strategy;
	List *arms = NIL;
	List *equal = NIL;

	if (strategy == 0)
		return NULL;
	for (int i = 0; i < count; i++)
	{
		Expr *beyond = compare_column(rows, i, i == count - 1 ? last : strict);
		Expr *same = compare_column(rows, i, BTEqualStrategyNumber);

		if (beyond == NULL || same == NULL)
			return NULL;
		arms = lappend(arms, make_ands_explicit(lappend(list_copy(equal), beyond)));
		equal = lappend(equal, same);
	}
	return list_length(arms) == 1 ? linitial(arms) : make_orclause(arms);
}

/* One column of the left row, compared with that of the right one; NULL without an operator for that. */
static Expr *
compare_column(const RowCompareExpr *rows, int column, int strategy)
{
	Oid family = list_nth_oid(rows->opfamilies, column);
	int own_strategy;
	Oid left;
	Oid right;
	Oid opno;
	Expr *comparison;

	get_op_opfamily_properties(list_nth_oid(rows->opnos, column), family, false, &own_strategy, &left,
							   &right);
	opno = get_opfamily_member(family, left, right, strategy);
	if (!OidIsValid(opno))
		return NULL;
	comparison =
		make_opclause(opno, BOOLOID, false, list_nth(rows->largs, column), list_nth(rows->rargs, column),
					  InvalidOid, list_nth_oid(rows->inputcollids, column));
	set_opfuncid((OpExpr *) comparison);
	return comparison;
}

/* The strategy of the comparison that is true where this one has the outcome; 0 for none of order. */
static int
find_strategy(const RowCompareExpr *rows, bool outcome)
{
	static const int negations[] = {
		[BTLessStrategyNumber] = BTGreaterEqualStrategyNumber,
		[BTLessEqualStrategyNumber] = BTGreaterStrategyNumber,
		[BTGreaterEqualStrategyNumber] = BTLessStrategyNumber,
		[BTGreaterStrategyNumber] = BTLessEqualStrategyNumber,
	};
	int strategy = compat_row_strategy(rows);

	if (strategy < BTLessStrategyNumber || strategy > BTGreaterStrategyNumber)
		return 0;
	return outcome ? strategy : negations[strategy];
}
