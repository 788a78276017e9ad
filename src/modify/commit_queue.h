/*
 * commit_queue.h
 *	  Writes that wait for the end of the transaction.
 */
#ifndef WALCU_COMMIT_QUEUE_H
#define WALCU_COMMIT_QUEUE_H

#include "postgres.h"

#include "service/option.h"

/* A table whose writes wait, with what is needed to send them. */
typedef struct WalcuCommitQueueTable WalcuCommitQueueTable;

/* A write that waits. */
typedef struct WalcuCommitQueueWrite
{
	const char *method;
	const char *id;        /* NULL when the service makes it */
	const char *body;      /* JSON, or NULL */
	bool made_here;        /* see WalcuWrite */
	bool conflict_is_none; /* the same */
} WalcuCommitQueueWrite;

extern WalcuCommitQueueTable *commit_queue_table(Oid relid, Oid userid);
extern void commit_queue_add(WalcuCommitQueueTable *table, const WalcuCommitQueueWrite *queued);
extern const WalcuCommitQueueWrite *commit_queue_last(const WalcuCommitQueueTable *table, const char *id);

#endif /* WALCU_COMMIT_QUEUE_H */
