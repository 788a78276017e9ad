/*
 * row_conditions.h
 *	  The conditions of views, policies and partitions, before a row is sent.
 */
#ifndef WALCU_ROW_CONDITIONS_H
#define WALCU_ROW_CONDITIONS_H

#include "postgres.h"

#include "modify/modified_table.h"

extern void row_conditions_prepare(WalcuModify *modify, ResultRelInfo *target, EState *estate);
extern List *row_conditions_partition_columns(Relation relation);
extern void row_conditions_check_partition(const WalcuModify *modify, ResultRelInfo *target, EState *estate,
										   TupleTableSlot *slot);
extern void row_conditions_check(const WalcuModify *modify, ResultRelInfo *target, EState *estate,
								 TupleTableSlot *slot);

#endif /* WALCU_ROW_CONDITIONS_H */
