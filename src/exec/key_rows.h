/*
 * key_rows.h
 *	  The documents of many keys, for a scan that is executed with one after another.
 */
#ifndef WALCU_KEY_ROWS_H
#define WALCU_KEY_ROWS_H

#include "postgres.h"

#include "nodes/execnodes.h"

extern TupleTableSlot *key_rows_iterate(ForeignScanState *node);
extern bool key_rows_are_ahead(ForeignScanState *node);
extern void key_rows_rescan(ForeignScanState *node);
extern void key_rows_end(ForeignScanState *node);

#endif /* WALCU_KEY_ROWS_H */
