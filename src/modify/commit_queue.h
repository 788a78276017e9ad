/*
 * commit_queue.h
 *	  Writes that wait for the end of the transaction.
 */
#ifndef WALCU_COMMIT_QUEUE_H
#define WALCU_COMMIT_QUEUE_H

#include "postgres.h"

#include "modify/queue_entry.h"

extern WalcuCommitQueueTable *commit_queue_table(Oid relid, Oid userid);
extern void commit_queue_add(WalcuCommitQueueTable *table, const WalcuCommitQueueWrite *queued);

#endif /* WALCU_COMMIT_QUEUE_H */
