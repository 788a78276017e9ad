/*
 * commit_order.h
 *	  In which order the writes that wait for the commit are sent.
 */
#ifndef WALCU_COMMIT_ORDER_H
#define WALCU_COMMIT_ORDER_H

#include "postgres.h"

#include "modify/queue_entry.h"

extern int commit_order_group_end(List *entries, int first);
extern void commit_order_send(const WalcuWriteLog *write_log, List *entries, int first, int end);

#endif /* WALCU_COMMIT_ORDER_H */
