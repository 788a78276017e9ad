/*
 * plan.h
 *	  The plan of a foreign scan, as a ForeignScan node carries it.
 */
#ifndef WALCU_PLAN_H
#define WALCU_PLAN_H

#include "postgres.h"

#include "fetch/query.h"
#include "nodes/pathnodes.h"
#include "nodes/plannodes.h"

/* What a ForeignScan node carries for its scan, as plan_of_scan reads it. */
typedef struct WalcuPlan
{
	WalcuStrategy strategy; /* This is how documents are asked for. */
	bool pushdown;          /* The conditions go into the request. */
	bool all_rows;          /* The reader is likely to want every document. */
	bool wants_all;         /* So is the query, of all that it reads. */
	bool is_missed;         /* Nobody has looked through the plan that it is in: missed_plans.c. */
	bool skips;             /* The service passes over what the offset says. */
	bool guessed;           /* How many documents come is a guess: see WalcuRelSize. */
	double wanted;          /* So many rows are likely to be wanted, where limit does not say it; or 0. */
	double requests;        /* The scan is expected to send so many. */
	double documents;       /* The service is expected to send so many. */
	double assumed;         /* See WalcuRelSize. */
	List *columns;          /* The query needs these, of int: attribute numbers. */
	List *order;            /* The service sorts by this, as sort_serialize writes it. */
	Expr *id;               /* This is the _id that is asked for, or NULL. */
	Expr *search;           /* This is the service's search text, or NULL. */
	Expr *limit;            /* The query ends after so many rows of the scan; NULL when it may not. */
	Expr *offset;           /* The query passes over so many rows before; or NULL. */
	Expr *key;              /* The keys of a batched join equal this part of a document; or NULL. */
	Expr *keyed_by;         /* It says key = ANY (keys), or key && keys; the join sets the parameter keys. */
} WalcuPlan;

extern ForeignScan *plan_scan(PlannerInfo *root, RelOptInfo *rel, Oid relid, ForeignPath *path, List *tlist,
							  List *clauses, Plan *outer_plan);
extern WalcuPlan plan_of_scan(const ForeignScan *scan);
extern List *plan_keyed_arguments(const Expr *keyed_by);

#endif /* WALCU_PLAN_H */
