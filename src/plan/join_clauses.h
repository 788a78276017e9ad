/*
 * join_clauses.h
 *	  Which join clauses become a filter once the other side is known.
 */
#ifndef WALCU_JOIN_CLAUSES_H
#define WALCU_JOIN_CLAUSES_H

#include "postgres.h"

#include "nodes/pathnodes.h"

extern List *join_clauses_pushable(PlannerInfo *root, RelOptInfo *rel);

#endif /* WALCU_JOIN_CLAUSES_H */
