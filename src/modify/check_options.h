/*
 * check_options.h
 *	  The conditions of views and policies, before a row is sent.
 */
#ifndef WALCU_CHECK_OPTIONS_H
#define WALCU_CHECK_OPTIONS_H

#include "postgres.h"

#include "modify/row.h"
#include "nodes/execnodes.h"

extern void check_options_check_new(const WalcuRow *row, ResultRelInfo *target, EState *estate,
									TupleTableSlot *slot);
extern void check_options_check_changed(const WalcuRow *row, ResultRelInfo *target, EState *estate,
										TupleTableSlot *slot);

#endif /* WALCU_CHECK_OPTIONS_H */
