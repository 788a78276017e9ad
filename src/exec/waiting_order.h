/*
 * waiting_order.h
 *	  Rows that wait for the commit among those that the service sends sorted.
 */
#ifndef WALCU_WAITING_ORDER_H
#define WALCU_WAITING_ORDER_H

#include "postgres.h"

#include "exec/local_sort.h"
#include "exec/order_check.h"
#include "executor/tuptable.h"

/* The rows of both, each in their order. */
typedef struct WalcuWaitingOrder WalcuWaitingOrder;

/* Which row comes next. */
typedef enum WalcuNextRow
{
	WALCU_NEXT_IS_UNKNOWN, /* That depends on the next one that the service sends. */
	WALCU_NEXT_IS_HERE,    /* It is in the slot. */
	WALCU_NEXT_IS_NONE     /* There are no more. */
} WalcuNextRow;

extern WalcuWaitingOrder *waiting_order_create(TupleDesc columns, List *keys);
extern void waiting_order_clear(WalcuWaitingOrder *order);
extern void waiting_order_put(WalcuWaitingOrder *order, TupleTableSlot *slot);
extern void waiting_order_put_sent(WalcuWaitingOrder *order, TupleTableSlot *slot);
extern WalcuNextRow waiting_order_next(WalcuWaitingOrder *order, TupleTableSlot *slot);

#endif /* WALCU_WAITING_ORDER_H */
