/*
 * updatable.h
 *	  Which tables may be written, and what rows to be written must bring.
 */
#ifndef WALCU_UPDATABLE_H
#define WALCU_UPDATABLE_H

#include "postgres.h"

#include "nodes/pathnodes.h"
#include "nodes/plannodes.h"
#include "utils/rel.h"

extern int updatable_operations(Relation relation);
extern List *updatable_plan(PlannerInfo *root, ModifyTable *plan, Index target, int subplan);
extern void updatable_add_targets(PlannerInfo *root, Index varno, RangeTblEntry *entry, Relation relation);
extern char *updatable_id_name(TupleDesc descriptor, AttrNumber column);

#endif /* WALCU_UPDATABLE_H */
