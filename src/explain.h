/*
 * explain.h
 *	  What EXPLAIN shows of a foreign scan.
 */
#ifndef WALCU_EXPLAIN_H
#define WALCU_EXPLAIN_H

#include "postgres.h"

#include "compat.h"
#include "nodes/execnodes.h"
#include "query.h"

extern void explain_scan(ForeignScanState *node, ExplainState *es);
extern void explain_tally(const WalcuTally *tally, ExplainState *es);

#endif /* WALCU_EXPLAIN_H */
