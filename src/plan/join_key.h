/*
 * join_key.h
 *	  Which conditions of a join have keys by which the service can be asked for the inner side.
 */
#ifndef WALCU_JOIN_KEY_H
#define WALCU_JOIN_KEY_H

#include "postgres.h"

#include "nodes/pathnodes.h"
#include "plan/join_plan.h"

extern bool join_key_find(PlannerInfo *root, const RelOptInfo *outerrel, const RelOptInfo *innerrel,
						  const RestrictInfo *restriction, WalcuJoinPlan *plan, bool *takes_null);
extern bool join_key_find_in_scan(const Expr *clause, WalcuJoinPlan *plan);
extern Expr *join_key_condition(const WalcuJoinPlan *plan, Oid type, int number);
extern Expr *join_key_of_many(const WalcuJoinPlan *plan, int param);
extern Oid join_key_list_type(const WalcuJoinPlan *plan);

#endif /* WALCU_JOIN_KEY_H */
