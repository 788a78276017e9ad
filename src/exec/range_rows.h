/*
 * range_rows.h
 *	  The documents of many ranges, for a scan that is executed with one after another.
 */
#ifndef WALCU_RANGE_ROWS_H
#define WALCU_RANGE_ROWS_H

#include "postgres.h"

#include "exec/read_ahead.h"
#include "nodes/execnodes.h"

struct WalcuRangeRows;

extern struct WalcuRangeRows *range_rows_create(ForeignScanState *node, WalcuReadAhead *ahead, int place);
extern TupleTableSlot *range_rows_iterate(ForeignScanState *node, struct WalcuRangeRows *rows);
extern void range_rows_rescan(ForeignScanState *node, struct WalcuRangeRows *rows);

#endif /* WALCU_RANGE_ROWS_H */
