/*
 * filter_probe.h
 *	  A look at whether conditions leave few documents, where a join hangs on it.
 */
#ifndef WALCU_FILTER_PROBE_H
#define WALCU_FILTER_PROBE_H

#include "postgres.h"

#include "nodes/pathnodes.h"

extern void filter_probe_ask(PlannerInfo *root);

#endif /* WALCU_FILTER_PROBE_H */
