/*
 * delivery.h
 *	  Sending what is due in the outbox.
 */
#ifndef WALCU_OUTBOX_DELIVERY_H
#define WALCU_OUTBOX_DELIVERY_H

#include "postgres.h"

/* What has become of the entries that were due. */
typedef struct WalcuOutboxCounts
{
	int64 sent;    /* So many were sent. */
	int64 failed;  /* So many are tried again. */
	int64 refused; /* So many were set aside. */
	int64 waiting; /* So many are left that are to be sent. */
} WalcuOutboxCounts;

extern WalcuOutboxCounts outbox_delivery_run(int64 most);

#endif /* WALCU_OUTBOX_DELIVERY_H */
