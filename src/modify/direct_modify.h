/*
 * direct_modify.h
 *	  UPDATE and DELETE of documents whose ids are given, without reading them first.
 */
#ifndef WALCU_DIRECT_MODIFY_H
#define WALCU_DIRECT_MODIFY_H

#include "postgres.h"

#include "nodes/execnodes.h"
#include "nodes/pathnodes.h"

extern bool direct_modify_plan(PlannerInfo *root, ModifyTable *plan, Index target, int subplan);
extern void direct_modify_begin(ForeignScanState *node, int eflags);
extern TupleTableSlot *direct_modify_iterate(ForeignScanState *node);
extern void direct_modify_end(ForeignScanState *node);

#endif /* WALCU_DIRECT_MODIFY_H */
