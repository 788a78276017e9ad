/*
 * waiting_order.c
 *	  Rows that wait for the commit among those that the service sends sorted.
 *
 * What the transaction has written is not where the service sorts it.  So scan.c reads that first, and puts
 * it in here; then come the other rows, as the service sorts them, of which no more are read than the query
 * takes.
 */
#include "postgres.h"

#include "exec/waiting_order.h"

struct WalcuWaitingOrder
{
	WalcuLocalSort *sort;    /* It has the rows that wait. */
	WalcuOrderCheck *check;  /* It compares rows. */
	TupleTableSlot *waiting; /* This is the first of the rows that wait; empty when it is not known. */
	TupleTableSlot *sent;    /* This is the row that the service has sent; empty when it is not known. */
	bool is_sorted;          /* No more rows are put in that wait. */
	bool has_sent_all;       /* The service sends no more. */
};

static void give_row(TupleTableSlot *from, TupleTableSlot *slot);

/* Makes an order without rows, in the current memory context.  There is a key at least. */
WalcuWaitingOrder *
waiting_order_create(TupleDesc columns, List *keys)
{
	WalcuWaitingOrder *order = palloc0(sizeof(WalcuWaitingOrder));

	order->sort = local_sort_create(columns, keys);
	order->check = order_check_create(columns, keys);
	order->waiting = MakeSingleTupleTableSlot(CreateTupleDescCopy(columns), &TTSOpsVirtual);
	order->sent = MakeSingleTupleTableSlot(CreateTupleDescCopy(columns), &TTSOpsMinimalTuple);
	return order;
}

/* Drops all rows, so that others may come. */
void
waiting_order_clear(WalcuWaitingOrder *order)
{
	local_sort_clear(order->sort);
	ExecClearTuple(order->waiting);
	ExecClearTuple(order->sent);
	order->is_sorted = order->has_sent_all = false;
}

/* Copies a row that waits.  All of them come before the first that the service sends. */
void
waiting_order_put(WalcuWaitingOrder *order, TupleTableSlot *slot)
{
	local_sort_put(order->sort, slot);
	ExecClearTuple(slot);
}

/* Copies the next row that the service sends, once that is wanted.  An empty slot says that there is none. */
void
waiting_order_put_sent(WalcuWaitingOrder *order, TupleTableSlot *slot)
{
	order->has_sent_all = TupIsNull(slot);
	if (!order->has_sent_all)
		ExecCopySlot(order->sent, slot);
}

/* Puts the next row into a slot, where it is good until the one after. */
WalcuNextRow
waiting_order_next(WalcuWaitingOrder *order, TupleTableSlot *slot)
{
	if (TupIsNull(order->sent) && !order->has_sent_all)
		return WALCU_NEXT_IS_UNKNOWN;
	if (!order->is_sorted)
		local_sort_finish(order->sort);
	order->is_sorted = true;
	if (TupIsNull(order->waiting))
		local_sort_next(order->sort, order->waiting);
	if (TupIsNull(order->waiting) && order->has_sent_all)
		return WALCU_NEXT_IS_NONE;
	if (!order->has_sent_all)
		slot_getallattrs(order->sent);
	if (TupIsNull(order->waiting) ||
		(!order->has_sent_all && order_check_compare(order->check, order->sent, order->waiting) <= 0))
		give_row(order->sent, slot);
	else
		give_row(order->waiting, slot);
	return WALCU_NEXT_IS_HERE;
}

/* Copies a row, which is not the next any more. */
static void
give_row(TupleTableSlot *from, TupleTableSlot *slot)
{
	ExecCopySlot(slot, from);
	slot_getallattrs(slot);
	ExecClearTuple(from);
}
