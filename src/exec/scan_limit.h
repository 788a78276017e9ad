/*
 * scan_limit.h
 *	  How many rows a LIMIT or an OFFSET says when a query is run.
 */
#ifndef WALCU_SCAN_LIMIT_H
#define WALCU_SCAN_LIMIT_H

#include "postgres.h"

#include "nodes/execnodes.h"
#include "pushdown/pushdown.h"

extern int64 scan_limit_count(ForeignScanState *node, ExprState *expression, WalcuPushdownUse use);
extern int64 scan_limit_offset(ForeignScanState *node, ExprState *expression, WalcuPushdownUse use);

#endif /* WALCU_SCAN_LIMIT_H */
