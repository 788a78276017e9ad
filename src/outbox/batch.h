/*
 * batch.h
 *	  Entries that are sent side by side.
 */
#ifndef WALCU_OUTBOX_BATCH_H
#define WALCU_OUTBOX_BATCH_H

#include "postgres.h"

#include "outbox/route.h"

extern WalcuOutboxRoutes *outbox_batch_send(List *entries);

#endif /* WALCU_OUTBOX_BATCH_H */
