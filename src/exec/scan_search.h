/*
 * scan_search.h
 *	  Which scans of ours one Append or Merge Append of a statement reads.
 */
#ifndef WALCU_SCAN_SEARCH_H
#define WALCU_SCAN_SEARCH_H

#include "postgres.h"

#include "nodes/execnodes.h"

extern Bitmapset *scan_search_groups(PlanState *root);

#endif /* WALCU_SCAN_SEARCH_H */
