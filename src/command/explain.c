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
#include "exec/scan.h"
#include "http/no_jobs.h"
#include "utils/builtins.h"
#include "utils/ruleutils.h"

static void show_useless_jobs(const WalcuScan *scan, ExplainState *es);
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
	/*
	 * the keys of a batched join are many, and others each time; and the last execution may have needed no
	 * filter
	 */
	if (scan->tally.requests + scan->tally.reused == 0 || scan->keyed || !scan->has_filter)
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
	show_useless_jobs(scan, es);
	if (es->analyze)
		tally_explain(&scan->tally, es);
}

/* Why a long scan was planned without a job: an earlier one of this session came to nothing. */
static void
show_useless_jobs(const WalcuScan *scan, ExplainState *es)
{
	const WalcuOptions *options = scan->query.options;
	const char *reason = no_jobs_reason(options);
	bool is_paged = scan->plan.strategy == WALCU_BY_PAGES || scan->plan.strategy == WALCU_BY_RANGES;

	if (reason && is_paged && options->fetch_mode == WALCU_FETCH_AUTO && scan->plan.all_rows &&
		scan->plan.documents > options->job_threshold)
		ExplainPropertyText("Pages because", reason, es);
}

/* The conditions that PostgreSQL alone checks, each with the reason. */
static void
show_local_conditions(ForeignScanState *node, ExplainState *es)
{
	WalcuScan *scan = node->fdw_state;
	List *reasons = NIL;
	ListCell *lc;

	foreach(lc, scan->filtered)
	{
		const WalcuPushdownCondition *entry = lfirst(lc);

		if (entry->reason)
			reasons = lappend(reasons, psprintf("%s: %s", entry->reason,
												deparse_shown_expression(node, es, entry->expression)));
	}
	/* a line for each is easier to read; the other formats have no two members of one name */
	if (es->format != EXPLAIN_FORMAT_TEXT && reasons != NIL)
		ExplainPropertyList("Local because", reasons, es);
	else
	{
		foreach(lc, reasons)
			ExplainPropertyText("Local because", lfirst(lc), es);
	}
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
