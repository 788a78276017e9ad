/*
 * join_plan.h
 *	  The plan of a batched key join.
 */
#ifndef WALCU_JOIN_PLAN_H
#define WALCU_JOIN_PLAN_H

#include "postgres.h"

#include "nodes/extensible.h"
#include "plan/join_path.h"

/* The name that EXPLAIN shows. */
#define JOIN_NAME "Batched Key Join"

extern void join_plan_init(void);
extern Plan *join_plan_create(PlannerInfo *root, RelOptInfo *rel, CustomPath *path, List *tlist,
							  List *clauses, List *plans);
extern Node *join_plan_same(const Node *node, List *expressions);
extern List *join_plan_serialize(const WalcuJoinPlan *plan);
extern WalcuJoinPlan join_plan_of_scan(const CustomScan *scan);
extern Expr *join_plan_condition(const CustomScan *scan);
extern Expr *join_plan_outer_key(const CustomScan *scan);
extern Expr *join_plan_inner_key(const CustomScan *scan);
extern List *join_plan_quals(const CustomScan *scan);

#endif /* WALCU_JOIN_PLAN_H */
