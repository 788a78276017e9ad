/*
 * relsize.h
 *	  How many documents there are, and how many of them a scan gets.
 */
#ifndef WALCU_RELSIZE_H
#define WALCU_RELSIZE_H

#include "postgres.h"

#include "nodes/pathnodes.h"
#include "fetch/query.h"
#include "pushdown/document_path.h"

/* RelOptInfo.tuples says this of a table that was never analyzed. */
#define RELSIZE_UNKNOWN (-1)

/* How many documents a scan gets. */
typedef struct WalcuRelSize
{
	double documents; /* The service is expected to send so many for a scan without parameters. */
	double assumed;   /* The resource is assumed to have so many; 0 when somebody has counted them. */
	bool guessed;     /* Nothing is known of values in a column that a condition is on. */
} WalcuRelSize;

extern List *relsize_conditions(const WalcuRelation *relation, List *restrictions);
extern char *relsize_credential(const RelOptInfo *rel, const WalcuOptions *options);
extern bool relsize_filter(PlannerInfo *root, RelOptInfo *rel, const WalcuRelation *relation,
						   WalcuQuery *query);
extern List *relsize_clauses(List *restrictions);
extern WalcuRelSize relsize_of_scan(PlannerInfo *root, RelOptInfo *rel, const WalcuRelation *relation,
									const List *conditions, Expr *search);
extern WalcuRelSize relsize_of_document(PlannerInfo *root, RelOptInfo *rel, const WalcuOptions *options);
extern double relsize_documents(const RelOptInfo *rel, const WalcuOptions *options);
extern double relsize_of_pushed(PlannerInfo *root, RelOptInfo *rel, const WalcuRelation *relation,
								List *restrictions, const List *conditions);

#endif /* WALCU_RELSIZE_H */
