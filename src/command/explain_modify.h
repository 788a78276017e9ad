/*
 * explain_modify.h
 *	  What EXPLAIN shows of INSERT, UPDATE and DELETE.
 */
#ifndef WALCU_EXPLAIN_MODIFY_H
#define WALCU_EXPLAIN_MODIFY_H

#include "postgres.h"

#include "base/compat.h"
#include "nodes/execnodes.h"

extern void explain_modify(ModifyTableState *node, ResultRelInfo *target, List *private, int subplan,
						   ExplainState *es);
extern void explain_direct_modify(ForeignScanState *node, ExplainState *es);

#endif /* WALCU_EXPLAIN_MODIFY_H */
