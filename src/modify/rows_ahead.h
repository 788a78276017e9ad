/*
 * rows_ahead.h
 *	  Rows that are written before the executor comes to them, several at a time.
 */
#ifndef WALCU_ROWS_AHEAD_H
#define WALCU_ROWS_AHEAD_H

#include "postgres.h"

#include "modify/modified_table.h"

extern void rows_ahead_init(void);
extern bool rows_ahead_suit_statement(ModifyTableState *node);
extern bool rows_ahead_suit_table(const WalcuModify *modify, const ResultRelInfo *target);
extern PlanState *rows_ahead_create(ModifyTableState *node, PlanState *source);

#endif /* WALCU_ROWS_AHEAD_H */
