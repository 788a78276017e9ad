/*
 * store.h
 *	  The tables of the outbox.
 */
#ifndef WALCU_OUTBOX_STORE_H
#define WALCU_OUTBOX_STORE_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "outbox/route.h"

extern List *outbox_store_take(int64 behind, int most);
extern List *outbox_store_hold(List *entries);
extern void outbox_store_settle(List *entries);
extern void outbox_store_settle_peers(List *peers);
extern int64 outbox_store_count_waiting(void);
extern bool outbox_store_next(TimestampTz *when);
extern bool outbox_store_retry(int64 id);
extern bool outbox_store_discard(int64 id);
extern bool outbox_store_find_blocker(int64 id, char **owner, char **server, char **server_owner);

#endif /* WALCU_OUTBOX_STORE_H */
