/*
 * queue_entry.h
 *	  The writes that wait for the commit, as those who work on them see them.
 *
 * commit_queue.c keeps them; merged_writes.c makes one of several, and waiting_document.c shows what a
 * document will be.
 */
#ifndef WALCU_QUEUE_ENTRY_H
#define WALCU_QUEUE_ENTRY_H

#include "postgres.h"

#include "base/digest.h"
#include "modify/writer.h"

/* A table whose writes wait, with what is needed to send them. */
typedef struct WalcuCommitQueueTable WalcuCommitQueueTable;

/* What is to be written. */
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
	CommandId command;     /* Commands with a higher number are shown it. */
	Oid routed_from;       /* The row was routed from this table to its partition; InvalidOid for none. */
} WalcuCommitQueueWrite;

/* This is a table as it was at one time.  It does not change: a table that does gets another one. */
struct WalcuCommitQueueTable
{
	const WalcuOptions *options; /* These are the options that were in force. */
	const char *credential;      /* This is the header line with the credentials. */
	WalcuWriter *writer;         /* This sends the writes, while the queue is sent. */
	List *unsent;                /* These (WalcuQueueEntry *) are to be under way together. */
	int next_unsent;             /* So many of them have been sent. */
};

/* A write that waits. */
typedef struct WalcuQueueEntry
{
	WalcuCommitQueueWrite queued;    /* This is the write. */
	WalcuCommitQueueTable *table;    /* It writes to this table. */
	SubTransactionId subtransaction; /* It is rolled back with this subtransaction. */
	struct WalcuQueueEntry *before;  /* This is the write of the same document before it; NULL for none. */
	bool is_sent;                    /* It is under way, or confirmed; see WalcuWrite's. */
	bool dropped; /* Another write says all that this one says, or nothing is to be said. */
} WalcuQueueEntry;

/* What a document will be after some of its writes. */
typedef struct WalcuWaitingDocument
{
	const WalcuQueueEntry *last; /* This is the last of these writes. */
	bool is_made_here;           /* Nobody else can have made it: the service does not have it. */
	bool is_deleted;             /* It will be gone. */
	char *whole;  /* This is the document, as JSON; NULL when the service knows the rest of it. */
	char *leaves; /* This patch, which names leaves, makes it of what the service knows; or NULL. */
} WalcuWaitingDocument;

/* A document for which writes wait. */
typedef struct WalcuQueueDocument
{
	WalcuDigest key;               /* This stands for its name. */
	WalcuQueueEntry *last;         /* This is the last write that waits; NULL for none. */
	WalcuWaitingDocument *waiting; /* It is what was shown last; NULL when that does not hold any more. */
} WalcuQueueDocument;

extern WalcuWrite *queue_entry_create_write(WalcuWriter *writer, const WalcuCommitQueueWrite *queued);

#endif /* WALCU_QUEUE_ENTRY_H */
