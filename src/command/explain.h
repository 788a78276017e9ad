/*
 * explain.h
 *	  What EXPLAIN shows of a foreign scan.
 */
#ifndef WALCU_EXPLAIN_H
#define WALCU_EXPLAIN_H

#include "postgres.h"

#include "base/compat.h"
#include "nodes/execnodes.h"

extern void explain_scan(ForeignScanState *node, ExplainState *es);

#endif /* WALCU_EXPLAIN_H */
