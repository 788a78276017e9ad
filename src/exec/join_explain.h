/*
 * join_explain.h
 *	  What EXPLAIN shows of the plan of a batched key join.
 */
#ifndef WALCU_JOIN_EXPLAIN_H
#define WALCU_JOIN_EXPLAIN_H

#include "postgres.h"

#include "base/compat.h"
#include "nodes/execnodes.h"
#include "plan/join_plan.h"

extern void join_explain(CustomScanState *node, const WalcuJoinPlan *plan, List *ancestors, ExplainState *es);

#endif /* WALCU_JOIN_EXPLAIN_H */
