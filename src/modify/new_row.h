/*
 * new_row.h
 *	  A row of an INSERT or COPY.
 */
#ifndef WALCU_NEW_ROW_H
#define WALCU_NEW_ROW_H

#include "postgres.h"

#include "modify/modified_table.h"

extern void new_row_make(WalcuModify *modify, TupleTableSlot *slot, WalcuCommitQueueWrite *made);
extern WalcuWrite *new_row_send(WalcuModify *modify, const WalcuCommitQueueWrite *made);

#endif /* WALCU_NEW_ROW_H */
