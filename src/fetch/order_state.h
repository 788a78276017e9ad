/*
 * order_state.h
 *	  In which order the documents of a fetch come, as far as it is known.
 */
#ifndef WALCU_ORDER_STATE_H
#define WALCU_ORDER_STATE_H

#include "postgres.h"

#include "fetch/order_probe.h"

/* It is zeroed when a fetch begins. */
typedef struct WalcuOrderState
{
	WalcuOrder order;            /* It says how the documents of the first cursor's part come. */
	WalcuOrderProbe *probe;      /* It finds that out; or NULL. */
	WalcuOrderProbe *next_probe; /* It is about the part behind that; or NULL. */
	WalcuCursor *last;           /* The last page tells whether the service sorts by _id; or NULL. */
	bool pausing;                /* A part has ended, and the reader is to sort its documents. */
} WalcuOrderState;

extern bool order_state_settle(WalcuOrderState *state, WalcuCursorGroup *group, List **cursors,
							   bool before_wait);
extern bool order_state_holds(const WalcuOrderState *state, const WalcuQuery *query);
extern WalcuTransfer *order_state_transfer(const WalcuOrderState *state, const WalcuCursor *first);
extern void order_state_end_part(WalcuOrderState *state, bool has_more);
extern void order_state_drop(WalcuOrderState *state);

#endif /* WALCU_ORDER_STATE_H */
