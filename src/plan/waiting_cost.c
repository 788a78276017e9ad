/*
 * waiting_cost.c
 *	  What of a plan's cost is waiting for the service, and so no reason to compile its expressions.
 *
 * PostgreSQL compiles expressions (JIT) where a plan's cost is above jit_above_cost, as it takes cost for the
 * processor's work.  The cost of a foreign scan is nearly all latency: a table of 200 partitions with twenty
 * documents each is "expensive", and compiling what its scans compute took 80 seconds to spare nothing.  So
 * what is left of the cost without the waiting is compared with PostgreSQL's settings, when a statement
 * begins.
 */
#include "postgres.h"

#include "plan/waiting_cost.h"

#include "base/statement.h"
#include "executor/executor.h"
#include "jit/jit.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "plan/join_plan.h"
#include "plan/relinfo.h"

/* It adds up what the subqueries in a node's expressions wait. */
typedef struct SubqueryWaits
{
	const PlannedStmt *statement; /* They are subqueries of this. */
	double rows;                  /* The expressions are computed so many times. */
	double cost;                  /* This is the sum. */
} SubqueryWaits;

static ExecutorStart_hook_type next_executor_start;

static void start_uncompiled(QueryDesc *description, int eflags);
static int flags_worth_while(const PlannedStmt *statement);
static double sum_waits(const PlannedStmt *statement, Plan *plan);
static double sum_own_waits(const PlannedStmt *statement, Plan *plan);
static double sum_join_waits(const PlannedStmt *statement, CustomScan *join);
static double cost_without_rows(const Plan *plan);
static double sum_list_waits(const PlannedStmt *statement, List *plans);
static double sum_subquery_waits(const PlannedStmt *statement, Plan *plan);
static bool add_subquery(Node *node, void *context);

/* _PG_init calls this when the library is loaded. */
void
waiting_cost_init(void)
{
	next_executor_start = ExecutorStart_hook;
	ExecutorStart_hook = start_uncompiled;
}

/* ExecutorStart_hook */
static void
start_uncompiled(QueryDesc *description, int eflags)
{
	const PlannedStmt *statement = description->plannedstmt;
	int flags = statement->jitFlags;

	/* a parallel worker does what its leader has decided */
	if ((flags & PGJIT_PERFORM) && !IsParallelWorker() &&
		(flags = flags_worth_while(statement)) != statement->jitFlags)
		statement_own_plan(description)->jitFlags = flags;
	if (next_executor_start)
		next_executor_start(description, eflags);
	else
		standard_ExecutorStart(description, eflags);
}

/* Returns those of a statement's flags that PostgreSQL would set if nothing waited. */
static int
flags_worth_while(const PlannedStmt *statement)
{
	double waits = sum_waits(statement, statement->planTree);
	double cost = statement->planTree->total_cost - waits;
	int flags = statement->jitFlags;

	if (waits == 0)
		return flags;
	if (cost <= jit_above_cost)
		return PGJIT_NONE;
	if (cost <= jit_optimize_above_cost)
		flags &= ~PGJIT_OPT3;
	if (cost <= jit_inline_above_cost)
		flags &= ~PGJIT_INLINE;
	return flags;
}

/* Returns what of a plan's cost is waiting. */
static double
sum_waits(const PlannedStmt *statement, Plan *plan)
{
	double cost;

	if (plan == NULL)
		return 0;
	cost = sum_own_waits(statement, plan) + sum_subquery_waits(statement, plan);
	return Min(cost, plan->total_cost);
}

/* The same without the plan's subqueries. */
static double
sum_own_waits(const PlannedStmt *statement, Plan *plan)
{
	double outer = sum_waits(statement, plan->lefttree);
	double inner = sum_waits(statement, plan->righttree);

	switch (nodeTag(plan))
	{
		case T_ForeignScan:
			return relinfo_is_our_scan((ForeignScan *) plan) ? cost_without_rows(plan) : outer;
		case T_NestLoop:
			/* what Material holds is not waited for again */
			return outer + inner * (IsA(plan->righttree, Material) ? 1 : Max(plan->lefttree->plan_rows, 1));
		case T_Append:
			return sum_list_waits(statement, ((Append *) plan)->appendplans);
		case T_MergeAppend:
			return sum_list_waits(statement, ((MergeAppend *) plan)->mergeplans);
		case T_SubqueryScan:
			return sum_waits(statement, ((SubqueryScan *) plan)->subplan);
		case T_CustomScan:
			return join_plan_is_join(plan)
					   ? sum_join_waits(statement, (CustomScan *) plan)
					   : outer + sum_list_waits(statement, ((CustomScan *) plan)->custom_plans);
		default:
			return outer + inner;
	}
}

/* A batched key join reads its outer side, and what it costs beyond that is requests. */
static double
sum_join_waits(const PlannedStmt *statement, CustomScan *join)
{
	Plan *outer = linitial(join->custom_plans);

	return sum_waits(statement, outer) + Max(cost_without_rows(&join->scan.plan) - outer->total_cost, 0);
}

/* Returns a plan's cost without what its rows take when they are here. */
static double
cost_without_rows(const Plan *plan)
{
	return Max(plan->total_cost - plan->plan_rows * cpu_tuple_cost, 0);
}

static double
sum_list_waits(const PlannedStmt *statement, List *plans)
{
	double cost = 0;
	ListCell *lc;

	foreach(lc, plans)
		cost += sum_waits(statement, lfirst(lc));
	return cost;
}

/* The waits of a plan's initplans, and of subqueries in what it computes for each row. */
static double
sum_subquery_waits(const PlannedStmt *statement, Plan *plan)
{
	SubqueryWaits waits = {statement, 1};

	add_subquery((Node *) plan->initPlan, &waits);
	waits.rows = Max(plan->lefttree ? plan->lefttree->plan_rows : plan->plan_rows, 1);
	add_subquery((Node *) plan->targetlist, &waits);
	add_subquery((Node *) plan->qual, &waits);
	return waits.cost;
}

static bool
add_subquery(Node *node, void *context)
{
	SubqueryWaits *waits = context;

	if (node == NULL)
		return false;
	if (IsA(node, SubPlan))
	{
		SubPlan *subquery = (SubPlan *) node;
		Plan *plan = list_nth(waits->statement->subplans, subquery->plan_id - 1);

		waits->cost += sum_waits(waits->statement, plan) * (subquery->parParam != NIL ? waits->rows : 1);
	}
	return expression_tree_walker(node, add_subquery, context);
}
