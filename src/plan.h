/*
 * plan.h
 *	  Sizes, costs and paths of a foreign table, and the plan a scan gets.
 */
#ifndef WALCU_PLAN_H
#define WALCU_PLAN_H

#include "postgres.h"

#include "nodes/pathnodes.h"
#include "nodes/plannodes.h"
#include "source.h"

/* What a ForeignScan node carries for its scan. */
typedef struct WalcuPlan
{
	WalcuStrategy strategy;
	bool all_rows;   /* see WalcuQuery */
	double requests; /* expected */
	List *columns;   /* of int: attribute numbers the query needs */
	Expr *id;        /* the _id asked for, or NULL */
	Expr *search;    /* the service's search text, or NULL */
} WalcuPlan;

extern void plan_rel_size(PlannerInfo *root, RelOptInfo *rel, Oid relid);
extern void plan_paths(PlannerInfo *root, RelOptInfo *rel, Oid relid);
extern ForeignScan *plan_scan(PlannerInfo *root, RelOptInfo *rel, Oid relid, ForeignPath *path, List *tlist,
							  List *clauses, Plan *outer_plan);
extern WalcuPlan plan_of_scan(const ForeignScan *scan);

#endif /* WALCU_PLAN_H */
