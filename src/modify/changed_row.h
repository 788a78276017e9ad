/*
 * changed_row.h
 *	  A row of an UPDATE or DELETE.
 */
#ifndef WALCU_CHANGED_ROW_H
#define WALCU_CHANGED_ROW_H

#include "postgres.h"

#include "modify/modified_table.h"

extern void changed_row_read_old(const WalcuModify *modify, TupleTableSlot *plan_slot, Datum *values,
								 bool *nulls);
extern void changed_row_keep_old(const WalcuModify *modify, TupleTableSlot *slot, TupleTableSlot *plan_slot);
extern WalcuBegunRow changed_row_begin_update(WalcuModify *modify, ResultRelInfo *target, EState *estate,
											  TupleTableSlot *slot, TupleTableSlot *plan_slot);
extern WalcuBegunRow changed_row_begin_delete(WalcuModify *modify, TupleTableSlot *plan_slot);

#endif /* WALCU_CHANGED_ROW_H */
