/*
 * scan_group.h
 *	  The scans that one Append or Merge Append reads, and which of them begin before their turn.
 */
#ifndef WALCU_SCAN_GROUP_H
#define WALCU_SCAN_GROUP_H

#include "postgres.h"

#include "nodes/execnodes.h"

extern void scan_group_init(void);
extern void scan_group_begin_scan(ForeignScanState *node, int eflags);
extern TupleTableSlot *scan_group_iterate_scan(ForeignScanState *node);
extern bool scan_group_holds(ForeignScanState *node);

#endif /* WALCU_SCAN_GROUP_H */
