/*
 * scan_limit.c
 *	  How many rows a LIMIT or an OFFSET says when a query is run.
 *
 * scan.c sizes its first request by it.
 */
#include "postgres.h"

#include "exec/scan_limit.h"

#include "executor/executor.h"

/* Evaluates LIMIT or OFFSET; 0 for NULL, and for what EXPLAIN cannot know. */
int64
scan_limit_count(ForeignScanState *node, ExprState *expression, WalcuPushdownUse use)
{
	bool is_null = true;
	Datum value = (Datum) 0;

	if (expression && !(use == WALCU_PUSHDOWN_SHOWN && pushdown_needs_execution(expression->expr)))
		value = ExecEvalExprSwitchContext(expression, node->ss.ps.ps_ExprContext, &is_null);
	return is_null ? 0 : DatumGetInt64(value);
}

/* Evaluates an OFFSET, which must not be negative. */
int64
scan_limit_offset(ForeignScanState *node, ExprState *expression, WalcuPushdownUse use)
{
	int64 count = scan_limit_count(node, expression, use);

	if (count < 0)
		ereport(ERROR, errcode(ERRCODE_INVALID_ROW_COUNT_IN_RESULT_OFFSET_CLAUSE),
				errmsg("OFFSET must not be negative"));
	return count;
}
