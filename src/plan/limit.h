/*
 * limit.h
 *	  Which scans does a query's LIMIT end?
 */
#ifndef WALCU_LIMIT_H
#define WALCU_LIMIT_H

#include "postgres.h"

#include "nodes/pathnodes.h"

extern bool limit_ends_path(PlannerInfo *root, const Path *path);
extern bool limit_is_of_scan(PlannerInfo *root, const RelOptInfo *rel);
extern bool limit_is_of_parent(PlannerInfo *root, const RelOptInfo *rel);

#endif /* WALCU_LIMIT_H */
