/*
 * row_order.h
 *	  Whether the rows of a scan come in the order that they were asked for.
 */
#ifndef WALCU_ROW_ORDER_H
#define WALCU_ROW_ORDER_H

#include "postgres.h"

#include "exec/local_sort.h"
#include "exec/order_check.h"
#include "fetch/fetch.h"

extern bool row_order_keeps(WalcuOrderCheck *check, WalcuLocalSort *sort, WalcuFetch *fetch,
							TupleTableSlot *slot);
extern bool row_order_is_of_part(const WalcuFetch *fetch, List *keys, const TupleTableSlot *slot);

#endif /* WALCU_ROW_ORDER_H */
