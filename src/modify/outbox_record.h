/*
 * outbox_record.h
 *	  Writes that are recorded in the transaction, to be sent after it.
 */
#ifndef WALCU_OUTBOX_RECORD_H
#define WALCU_OUTBOX_RECORD_H

#include "postgres.h"

#include "modify/queue_entry.h"

/* A foreign table whose writes are recorded. */
typedef struct WalcuOutboxTarget WalcuOutboxTarget;

extern WalcuOutboxTarget *outbox_record_target(Oid relid, Oid userid);
extern void outbox_record_check_inserts(const WalcuOptions *options);
extern void outbox_record_add(const WalcuOutboxTarget *target, const WalcuCommitQueueWrite *write);

#endif /* WALCU_OUTBOX_RECORD_H */
