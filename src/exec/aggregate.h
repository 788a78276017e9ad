/*
 * aggregate.h
 *	  count(*) without the documents.
 */
#ifndef WALCU_AGGREGATE_H
#define WALCU_AGGREGATE_H

#include "postgres.h"

#include "nodes/pathnodes.h"

extern void aggregate_init(void);
extern void aggregate_upper_paths(PlannerInfo *root, RelOptInfo *input, RelOptInfo *output);

#endif /* WALCU_AGGREGATE_H */
