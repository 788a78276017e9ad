/*
 * explain.h
 *	  What EXPLAIN shows of a foreign scan and of a batched key join.
 */
#ifndef WALCU_EXPLAIN_H
#define WALCU_EXPLAIN_H

#include "postgres.h"

#include "base/compat.h"
#include "fetch/query.h"
#include "nodes/execnodes.h"

extern void explain_scan(ForeignScanState *node, ExplainState *es);
extern void explain_tally(const WalcuTally *tally, ExplainState *es);
extern void explain_join(CustomScanState *node, List *ancestors, ExplainState *es);

#endif /* WALCU_EXPLAIN_H */
