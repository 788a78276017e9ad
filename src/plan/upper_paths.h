/*
 * upper_paths.h
 *	  What a query does with the rows of a foreign table that the service can do.
 */
#ifndef WALCU_UPPER_PATHS_H
#define WALCU_UPPER_PATHS_H

#include "postgres.h"

#include "nodes/pathnodes.h"

extern void upper_paths_add(PlannerInfo *root, UpperRelationKind stage, RelOptInfo *input, RelOptInfo *output,
							void *extra);

#endif /* WALCU_UPPER_PATHS_H */
