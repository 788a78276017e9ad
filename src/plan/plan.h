/*
 * plan.h
 *	  Sizes, costs and paths of a foreign table, and the plan a scan gets.
 */
#ifndef WALCU_PLAN_H
#define WALCU_PLAN_H

#include "postgres.h"

#include "fetch/query.h"
#include "nodes/pathnodes.h"
#include "nodes/plannodes.h"

/* What a ForeignScan node carries for its scan. */
typedef struct WalcuPlan
{
	WalcuStrategy strategy;
	bool pushdown;    /* the conditions go into the request */
	bool all_rows;    /* see WalcuQuery */
	bool skips;       /* the service passes over what the offset says */
	double wanted;    /* see WalcuQuery; what limit and offset do not say */
	double requests;  /* expected */
	double documents; /* expected to be sent */
	double assumed;   /* documents of the resource, which nobody has counted; 0 when somebody has */
	List *columns;    /* of int: attribute numbers the query needs */
	List *order;      /* as sort_serialize makes it */
	Expr *id;         /* the _id asked for, or NULL */
	Expr *search;     /* the service's search text, or NULL */
	Expr *limit;      /* of the query, when it is that of the scan, too; or NULL */
	Expr *offset;
	Expr *key;                   /* the place that keys equal, or NULL */
	ScalarArrayOpExpr *keyed_by; /* key = ANY (keys), where a batched join sets the parameter keys */
} WalcuPlan;

extern void plan_rel_size(PlannerInfo *root, RelOptInfo *rel, Oid relid);
extern void plan_paths(PlannerInfo *root, RelOptInfo *rel, Oid relid);
extern ForeignScan *plan_scan(PlannerInfo *root, RelOptInfo *rel, Oid relid, ForeignPath *path, List *tlist,
							  List *clauses, Plan *outer_plan);
extern const WalcuRelation *plan_relation(const RelOptInfo *rel);
extern double plan_assumed(const RelOptInfo *rel);
extern bool plan_has_limit(PlannerInfo *root, const RelOptInfo *rel, const Path *path);
extern ForeignPath *plan_skipping_path(const ForeignPath *path);
extern WalcuStrategy plan_strategy(const WalcuOptions *options, double documents);
extern WalcuStrategy plan_paging_strategy(const WalcuOptions *options);
extern bool plan_is_by_id(const RelOptInfo *rel);
extern double plan_documents(const RelOptInfo *rel);
extern Cost plan_document_cost(const RelOptInfo *rel);
extern ForeignPath *plan_keyed_path(PlannerInfo *root, RelOptInfo *rel, double requests, double documents,
									bool by_job, ScalarArrayOpExpr *keyed_by);
extern WalcuPlan plan_of_scan(const ForeignScan *scan);

#endif /* WALCU_PLAN_H */
