/*
 * modify.h
 *	  INSERT, UPDATE, DELETE and COPY, row by row.
 */
#ifndef WALCU_MODIFY_H
#define WALCU_MODIFY_H

#include "postgres.h"

#include "modify/modified_table.h"
#include "nodes/execnodes.h"

extern WalcuModify *modify_begin(ModifyTableState *node, ResultRelInfo *target);
extern void modify_begin_insert(ModifyTableState *node, ResultRelInfo *target);
extern int modify_batch_size(ResultRelInfo *target);
extern TupleTableSlot *modify_insert(EState *estate, ResultRelInfo *target, TupleTableSlot *slot,
									 TupleTableSlot *plan_slot);
extern TupleTableSlot **modify_insert_batch(EState *estate, ResultRelInfo *target, TupleTableSlot **slots,
											TupleTableSlot **plan_slots, int *count);
extern TupleTableSlot *modify_update(EState *estate, ResultRelInfo *target, TupleTableSlot *slot,
									 TupleTableSlot *plan_slot);
extern TupleTableSlot *modify_delete(EState *estate, ResultRelInfo *target, TupleTableSlot *slot,
									 TupleTableSlot *plan_slot);
extern int64 modify_confirm(WalcuModify *modify);
extern void modify_end(EState *estate, ResultRelInfo *target);

#endif /* WALCU_MODIFY_H */
