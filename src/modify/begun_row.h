/*
 * begun_row.h
 *	  Rows that are being written, and that somebody waits for.
 */
#ifndef WALCU_BEGUN_ROW_H
#define WALCU_BEGUN_ROW_H

#include "postgres.h"

#include "modify/modified_table.h"

extern void begun_row_add(WalcuModify *modify, WalcuBegunRow row);
extern WalcuBegunRow begun_row_take(WalcuModify *modify);
extern bool begun_row_finish(WalcuModify *modify, const WalcuBegunRow *row, TupleTableSlot *slot);
extern bool begun_row_confirm(WalcuModify *modify, WalcuWrite *write, TupleTableSlot *slot);

#endif /* WALCU_BEGUN_ROW_H */
