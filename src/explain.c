/*
 * explain.c
 *	  What EXPLAIN shows of a foreign scan: strategy, request, and what it took.
 *
 * The request shown is built by the same code that builds the one sent.  It never has
 * credentials in it.
 */
#include "postgres.h"

#include "explain.h"

#include "compat.h"
#include "scan.h"
#include "utils/builtins.h"
#include "utils/ruleutils.h"

static char *expression_shown(ForeignScanState *node, ExplainState *es, Expr *expression);
static char *constant_text(Expr *expression);

/* FdwRoutine.ExplainForeignScan */
void
explain_scan(ForeignScanState *node, ExplainState *es)
{
	WalcuScan *scan = node->fdw_state;
	WalcuQuery query = scan->query;

	/* what only an execution knows is shown as an expression */
	if (query.id == NULL)
		query.id = constant_text(scan->plan.id);
	if (query.search == NULL)
		query.search = constant_text(scan->plan.search);
	if (query.search == NULL && scan->plan.search)
		query.search = psprintf("{%s}", expression_shown(node, es, scan->plan.search));
	ExplainPropertyText("Strategy", source_strategy_name(&query), es);
	ExplainPropertyText("Request", source_first_request(&query)->label.data, es);
	if (scan->plan.id && query.id == NULL)
		ExplainPropertyText("Id", expression_shown(node, es, scan->plan.id), es);
	if (es->costs)
		ExplainPropertyFloat("Estimated Requests", NULL, scan->plan.requests, 0, es);
	if (es->analyze)
	{
		ExplainPropertyInteger("Requests", NULL, scan->tally.requests, es);
		ExplainPropertyInteger("Documents", NULL, scan->tally.documents, es);
		ExplainPropertyInteger("Bytes", NULL, scan->tally.bytes, es);
	}
}

static char *
expression_shown(ForeignScanState *node, ExplainState *es, Expr *expression)
{
	List *context = set_deparse_context_plan(es->deparse_cxt, node->ss.ps.plan, NIL);

	return deparse_expression((Node *) expression, context, false, false);
}

/* The text of a constant; NULL for any other expression, and for none. */
static char *
constant_text(Expr *expression)
{
	if (expression == NULL || !IsA(expression, Const) || ((Const *) expression)->constisnull)
		return NULL;
	return TextDatumGetCString(((Const *) expression)->constvalue);
}
