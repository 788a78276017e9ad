/*
 * last_page.h
 *	  The last page of a part, read from its end.
 */
#ifndef WALCU_LAST_PAGE_H
#define WALCU_LAST_PAGE_H

#include "postgres.h"

#include "fetch/cursor.h"
#include "fetch/order_probe.h"

extern WalcuOrder last_page_settle(WalcuCursor **last, WalcuCursorGroup *group, List **cursors,
								   bool before_wait);

#endif /* WALCU_LAST_PAGE_H */
