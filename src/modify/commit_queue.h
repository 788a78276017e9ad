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
	const char *method; /* This is the method of the request. */
	const char *id;     /* This is the _id; NULL when the service makes it. */
	const char *body; /* This is the body as JSON; NULL when it is to be made of leaves, or there is none. */
	const char *leaves;    /* This is a patch that names leaves; NULL for other methods. */
	const char *sets;      /* It says which columns set which places, for ignored_write.c. */
	bool is_sure;          /* The service can carry out a patch, whatever the document is like. */
	bool made_here;        /* Nobody else can have made the id. */
	bool conflict_is_none; /* A document that is there already is not an error. */
} WalcuCommitQueueWrite;

extern WalcuCommitQueueTable *commit_queue_table(Oid relid, Oid userid);
extern void commit_queue_add(WalcuCommitQueueTable *table, const WalcuCommitQueueWrite *queued);
extern const WalcuCommitQueueWrite *commit_queue_last(const WalcuCommitQueueTable *table, const char *id);

#endif /* WALCU_COMMIT_QUEUE_H */
