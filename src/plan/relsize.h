/*
 * relsize.h
 *	  How many documents there are, and how many of them a scan gets.
 */
#ifndef WALCU_RELSIZE_H
#define WALCU_RELSIZE_H

#include "postgres.h"

#include "nodes/pathnodes.h"
#include "pushdown/document_path.h"

typedef struct WalcuRelSize
{
	double documents; /* expected to be sent for a scan without parameters */
	double assumed;   /* documents of the resource, which nobody has counted; 0 when somebody has */
} WalcuRelSize;

extern WalcuRelSize relsize_of_scan(PlannerInfo *root, RelOptInfo *rel, const WalcuRelation *relation,
									Expr *search);
extern double relsize_of_pushed(PlannerInfo *root, RelOptInfo *rel, const WalcuRelation *relation,
								List *restrictions);

#endif /* WALCU_RELSIZE_H */
