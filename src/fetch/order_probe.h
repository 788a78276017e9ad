/*
 * order_probe.h
 *	  Does the service sort as it is asked to?
 */
#ifndef WALCU_ORDER_PROBE_H
#define WALCU_ORDER_PROBE_H

#include "postgres.h"

#include "fetch/cursor.h"

typedef struct WalcuOrderProbe WalcuOrderProbe;

/* What is known of the order in which the documents of a part come. */
typedef enum WalcuOrder
{
	WALCU_ORDER_OPEN,   /* That is not known yet. */
	WALCU_ORDER_SORTED, /* They come as they were asked for. */
	WALCU_ORDER_ANY,    /* Nobody has to know, as the reader has all of them before it gives the first. */
	WALCU_ORDER_IGNORED /* The service does not sort. */
} WalcuOrder;

extern WalcuOrder order_probe_find(WalcuOrderProbe **probe, WalcuCursorGroup *group, WalcuCursor *cursor,
								   bool before_wait);
extern WalcuTransfer *order_probe_transfer(const WalcuOrderProbe *probe);
extern bool order_probe_knows_paging(const WalcuQuery *query);
extern bool order_probe_is_vain(const WalcuQuery *query);
extern void order_probe_note_disorder(const WalcuQuery *query);
extern void order_probe_release(WalcuOrderProbe *probe);

#endif /* WALCU_ORDER_PROBE_H */
