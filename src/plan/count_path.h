/*
 * count_path.h
 *	  Planning of count(*) without the documents.
 */
#ifndef WALCU_COUNT_PATH_H
#define WALCU_COUNT_PATH_H

#include "postgres.h"

#include "nodes/pathnodes.h"
#include "nodes/plannodes.h"

/* EXPLAIN shows this name, by which the node's methods are found, too. */
#define COUNT_SCAN_NAME "WalcuCount"

/* What a CustomScan node carries for its count, as count_path_plan reads it. */
typedef struct WalcuCountPlan
{
	Oid relid;       /* The documents of this table are counted. */
	Oid userid;      /* This user asks; invalid for the current one. */
	double expected; /* The table is expected to have so many; 0 when that is not known. */
	double requests; /* The count is expected to send so many. */
} WalcuCountPlan;

extern void count_path_add(PlannerInfo *root, RelOptInfo *input, RelOptInfo *output);
extern WalcuCountPlan count_path_plan(const CustomScan *scan);

#endif /* WALCU_COUNT_PATH_H */
