/*
 * path.h
 *	  Paths of a foreign table, with their strategies and costs.
 */
#ifndef WALCU_PATH_H
#define WALCU_PATH_H

#include "postgres.h"

#include "fetch/query.h"
#include "nodes/pathnodes.h"

/* What a path of a foreign table says of its scan, as path_details reads it. */
typedef struct WalcuPathDetails
{
	double requests;        /* The scan is expected to send so many. */
	double documents;       /* The service is expected to send so many. */
	List *order;            /* The service sorts by this, as sort_serialize writes it. */
	WalcuStrategy strategy; /* This is how documents are asked for. */
	bool all_rows;          /* The reader is likely to want every document. */
	bool skips;             /* The service passes over what the offset says. */
	Expr *keyed_by;         /* See WalcuPlan; the parameter has no number yet. */
} WalcuPathDetails;

extern void path_add_all(PlannerInfo *root, RelOptInfo *rel, Oid relid);
extern ForeignPath *path_with_keys(PlannerInfo *root, RelOptInfo *rel, double requests, double documents,
								   bool by_job, Expr *keyed_by);
extern ForeignPath *path_with_skip(const ForeignPath *path);
extern WalcuPathDetails path_details(const ForeignPath *path);
extern bool path_wants_all(const PlannerInfo *root);
extern WalcuStrategy path_strategy(const WalcuOptions *options, double documents);
extern WalcuStrategy path_paging_strategy(const WalcuOptions *options);
extern Cost path_document_cost(const RelOptInfo *rel);

#endif /* WALCU_PATH_H */
