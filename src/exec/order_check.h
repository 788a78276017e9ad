/*
 * order_check.h
 *	  Check that rows arrive in the order that the plan relies on.
 */
#ifndef WALCU_ORDER_CHECK_H
#define WALCU_ORDER_CHECK_H

#include "postgres.h"

#include "access/tupdesc.h"
#include "executor/tuptable.h"
#include "nodes/pg_list.h"
#include "service/option.h"

typedef struct WalcuOrderCheck WalcuOrderCheck;

extern WalcuOrderCheck *order_check_create(TupleDesc columns, List *keys);
extern void order_check_restart(WalcuOrderCheck *check);
extern int order_check_compare(WalcuOrderCheck *check, const TupleTableSlot *one,
							   const TupleTableSlot *other);
extern const char *order_check_row(WalcuOrderCheck *check, Datum *values, bool *nulls);

#endif /* WALCU_ORDER_CHECK_H */
