/*
 * size_probe.h
 *	  A look at how many documents a resource has, where a plan hangs on it.
 */
#ifndef WALCU_SIZE_PROBE_H
#define WALCU_SIZE_PROBE_H

#include "postgres.h"

#include "fetch/query.h"
#include "nodes/pathnodes.h"

/* The keys of no more rows than these on one side of a join fit a request: nothing hangs on the other. */
#define SIZE_PROBE_FEW_ROWS 50

extern bool size_probe_ask(PlannerInfo *root, const RelOptInfo *rel);
extern bool size_probe_would_ask(PlannerInfo *root, const RelOptInfo *rel);
extern bool size_probe_may_ask(PlannerInfo *root, const RelOptInfo *rel);
extern bool size_probe_document(WalcuQuery *query, int64 skip, bool *found);

#endif /* WALCU_SIZE_PROBE_H */
