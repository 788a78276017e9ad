/*
 * join_explain.c
 *	  What EXPLAIN shows of the plan of a batched key join.
 *
 * join_exec.c calls in here, and adds what it has counted.  The scan of the inner side, a foreign scan of its
 * own, tells of requests and documents.
 */
#include "postgres.h"

#include "exec/join_explain.h"

#include "nodes/makefuncs.h"
#include "utils/builtins.h"
#include "utils/ruleutils.h"

static const char *get_join_type_name(JoinType type);
static void show_join_expression(CustomScanState *node, List *ancestors, ExplainState *es, const char *label,
								 Expr *expression);

/* Adds what the planner has decided to the output of EXPLAIN. */
void
join_explain(CustomScanState *node, const WalcuJoinPlan *plan, List *ancestors, ExplainState *es)
{
	ExplainPropertyText("Join Type", get_join_type_name(plan->type), es);
	show_join_expression(node, ancestors, es, "Key", join_plan_condition(plan));
	if (plan->key_quals != NIL)
		show_join_expression(node, ancestors, es, "Key Filter", make_ands_explicit(plan->key_quals));
	if (plan->quals != NIL)
		show_join_expression(node, ancestors, es, "Join Filter", make_ands_explicit(plan->quals));
	if (es->costs)
	{
		ExplainPropertyFloat("Estimated Keys", NULL, plan->keys, 0, es);
		ExplainPropertyFloat("Keys per Request", NULL, plan->keys_a_request, 0, es);
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
show_join_expression(CustomScanState *node, List *ancestors, ExplainState *es, const char *label,
					 Expr *expression)
{
	List *context = set_deparse_context_plan(es->deparse_cxt, node->ss.ps.plan, ancestors);

	ExplainPropertyText(label, deparse_expression((Node *) expression, context, true, false), es);
}
