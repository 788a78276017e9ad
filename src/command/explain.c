/*
 * explain.c
 *	  What EXPLAIN shows of a foreign scan: strategy, request, and what it took.
 *
 * The request shown is built by the same code that builds the one sent.  It never has
 * credentials in it.
 */
#include "postgres.h"

#include "command/explain.h"

#include "base/compat.h"
#include "exec/join_exec.h"
#include "exec/scan.h"
#include "nodes/makefuncs.h"
#include "plan/join_plan.h"
#include "utils/builtins.h"
#include "utils/ruleutils.h"

static const char *get_join_type_name(JoinType type);
static void show_expression(CustomScanState *node, List *ancestors, ExplainState *es, const char *label,
							Expr *expression);
static void show_local_conditions(ForeignScanState *node, ExplainState *es);
static char *deparse_shown_expression(ForeignScanState *node, ExplainState *es, Expr *expression);
static char *get_constant_text(Expr *expression);

/* FdwRoutine.ExplainForeignScan */
void
explain_scan(ForeignScanState *node, ExplainState *es)
{
	WalcuScan *scan = node->fdw_state;
	WalcuQuery query;

	if (scan->query.id == NULL)
		scan->query.id = get_constant_text(scan->plan.id);
	/* the keys of a batched join are many, and others each time */
	if (scan->tally.requests + scan->tally.reused == 0 || scan->keyed)
		scan_set_filter(node, WALCU_PUSHDOWN_SHOWN);
	query = scan->query;
	/* what only an execution knows is shown as an expression */
	if (query.search == NULL)
		query.search = get_constant_text(scan->plan.search);
	if (query.search == NULL && scan->plan.search)
		query.search = psprintf("{%s}", deparse_shown_expression(node, es, scan->plan.search));
	ExplainPropertyText("Strategy", query_strategy_name(&query), es);
	ExplainPropertyText("Request", query_first_request(&query)->label.data, es);
	if (scan->plan.id && query.id == NULL)
		ExplainPropertyText("Id", deparse_shown_expression(node, es, scan->plan.id), es);
	show_local_conditions(node, es);
	if (es->costs)
	{
		ExplainPropertyFloat("Estimated Requests", NULL, scan->plan.requests, 0, es);
		if (scan->plan.assumed > 0)
			ExplainPropertyText(
				"Assumed Documents",
				psprintf("%.0f, as they were never counted (see ANALYZE)", scan->plan.assumed), es);
	}
	if (es->analyze)
		explain_tally(&scan->tally, es);
}

/* CustomExecMethods.ExplainCustomScan; the scan of the inner side tells of requests and documents. */
void
explain_join(CustomScanState *node, List *ancestors, ExplainState *es)
{
	WalcuJoinState *join = (WalcuJoinState *) node;
	CustomScan *scan = (CustomScan *) node->ss.ps.plan;
	List *quals = join_plan_quals(scan);

	ExplainPropertyText("Join Type", get_join_type_name(join->plan.type), es);
	show_expression(node, ancestors, es, "Key", join_plan_condition(scan));
	if (quals != NIL)
		show_expression(node, ancestors, es, "Join Filter", make_ands_explicit(quals));
	if (es->costs)
	{
		ExplainPropertyFloat("Estimated Keys", NULL, join->plan.keys, 0, es);
		ExplainPropertyFloat("Keys per Request", NULL, join->plan.keys_a_request, 0, es);
	}
	if (es->analyze)
	{
		ExplainPropertyInteger("Keys", NULL, join->keys, es);
		ExplainPropertyInteger("Batches", NULL, join->batches, es);
	}
}

static const char *
get_join_type_name(JoinType type)
{
	switch (type)
	{
		case JOIN_LEFT:
			return "Left";
		case JOIN_SEMI:
			return "Semi";
		case JOIN_ANTI:
			return "Anti";
		default:
			return "Inner";
	}
}

static void
show_expression(CustomScanState *node, List *ancestors, ExplainState *es, const char *label, Expr *expression)
{
	List *context = set_deparse_context_plan(es->deparse_cxt, node->ss.ps.plan, ancestors);

	ExplainPropertyText(label, deparse_expression((Node *) expression, context, true, false), es);
}

/* The conditions that PostgreSQL alone checks, each with the reason. */
static void
show_local_conditions(ForeignScanState *node, ExplainState *es)
{
	WalcuScan *scan = node->fdw_state;
	ListCell *lc;

	foreach(lc, scan->filtered)
	{
		const WalcuPushdownCondition *entry = lfirst(lc);

		if (entry->reason)
			ExplainPropertyText(
				"Local because",
				psprintf("%s: %s", entry->reason, deparse_shown_expression(node, es, entry->expression)), es);
	}
}

/* What it took. */
void
explain_tally(const WalcuTally *tally, ExplainState *es)
{
	ExplainPropertyInteger("Requests", NULL, tally->requests, es);
	if (tally->reused > 0)
		ExplainPropertyInteger("Reused Replies", NULL, tally->reused, es);
	ExplainPropertyInteger("Documents", NULL, tally->documents, es);
	ExplainPropertyInteger("Bytes", NULL, tally->bytes, es);
	if (tally->retries > 0)
		ExplainPropertyInteger("Retries", NULL, tally->retries, es);
	if (tally->ranges > 0)
		ExplainPropertyInteger("Ranges", NULL, tally->ranges + 1, es);
	if (tally->no_job[0] != '\0')
		ExplainPropertyText("Pages because", tally->no_job, es);
	if (tally->rejected > 0)
		ExplainPropertyInteger("Rejected Filters", NULL, tally->rejected, es);
}

static char *
deparse_shown_expression(ForeignScanState *node, ExplainState *es, Expr *expression)
{
	List *context = set_deparse_context_plan(es->deparse_cxt, node->ss.ps.plan, NIL);

	return deparse_expression((Node *) expression, context, false, false);
}

/* The text of a constant; NULL for any other expression, and for none. */
static char *
get_constant_text(Expr *expression)
{
	if (expression == NULL || !IsA(expression, Const) || ((Const *) expression)->constisnull)
		return NULL;
	return TextDatumGetCString(((Const *) expression)->constvalue);
}
