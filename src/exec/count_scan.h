/*
 * count_scan.h
 *	  count(*) without the documents.
 */
#ifndef WALCU_COUNT_SCAN_H
#define WALCU_COUNT_SCAN_H

#include "postgres.h"

#include "nodes/pathnodes.h"

extern void count_scan_init(void);
extern void count_scan_upper_paths(PlannerInfo *root, RelOptInfo *input, RelOptInfo *output);

#endif /* WALCU_COUNT_SCAN_H */
