/*
 * judge.h
 *	  Judge the rows of a statement before the first of them is written.
 */
#ifndef WALCU_JUDGE_H
#define WALCU_JUDGE_H

#include "postgres.h"

#include "modify/modified_table.h"

extern bool judge_is_needed(const WalcuModify *modify, const ModifyTableState *node, ResultRelInfo *target);
extern void judge_row(WalcuModify *modify, ModifyTableState *node, int number, TupleTableSlot *slot);

#endif /* WALCU_JUDGE_H */
