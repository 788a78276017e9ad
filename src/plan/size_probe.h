/*
 * size_probe.h
 *	  A look at how many documents a resource has, where a plan hangs on it.
 */
#ifndef WALCU_SIZE_PROBE_H
#define WALCU_SIZE_PROBE_H

#include "postgres.h"

#include "nodes/pathnodes.h"

extern bool size_probe_ask(PlannerInfo *root, const RelOptInfo *rel);

#endif /* WALCU_SIZE_PROBE_H */
