/*
 * entry.h
 *	  A write that was recorded, and is being sent; and the way that it goes.
 */
#ifndef WALCU_OUTBOX_ENTRY_H
#define WALCU_OUTBOX_ENTRY_H

#include "postgres.h"

#include "modify/queue_entry.h"

typedef struct WalcuOutboxRoute WalcuOutboxRoute;

/* What becomes of an entry. */
typedef enum WalcuOutboxVerdict
{
	OUTBOX_UNTRIED, /* Nothing was sent: the attempt does not count. */
	OUTBOX_SENT,    /* The service has what it says. */
	OUTBOX_LATER,   /* It is tried again. */
	OUTBOX_REFUSED  /* It is set aside. */
} WalcuOutboxVerdict;

/* A recorded write.  Its texts are in the memory of its batch. */
typedef struct WalcuOutboxEntry
{
	int64 id;                    /* This is its number. */
	Oid owner;                   /* Its user mapping is used. */
	Oid relation;                /* This is the foreign table that was written, */
	char *relation_name;         /* and this the name that it had. */
	Oid server;                  /* Pauses of entries with the same server are shared. */
	char *dealer_id;             /* The document is this dealer's, */
	char *resource;              /* of this resource. */
	WalcuCommitQueueWrite write; /* This is what was written. */
	bool is_doubtful;            /* An earlier attempt may have been carried out. */
	int attempts;                /* This is the number of the attempt that is being made. */
	WalcuOutboxRoute *route;     /* It is sent over this. */
	WalcuWrite *sent;            /* This is the write under way; NULL for none. */
	WalcuOutboxVerdict verdict;  /* This becomes of it. */
	char *error;                 /* This is why it was not sent; NULL where it was. */
	double wait;                 /* It is tried again in so many seconds at the earliest. */
} WalcuOutboxEntry;

/* A server, as one user knows it: what it does not answer to one entry, it does not answer to others. */
typedef struct WalcuOutboxPeer
{
	Oid server;         /* This is the server. */
	Oid owner;          /* This is the user. */
	bool has_answered;  /* It has taken an entry of the batch. */
	int failures;       /* So many entries in a row came to nothing, for reasons that may be the server's. */
	bool is_paused;     /* Nothing more is sent to it. */
	bool is_unknown_to; /* It does not take the credentials, or there are none. */
	double wait;        /* It asks to be left alone for so many seconds. */
} WalcuOutboxPeer;

/* A table that was written by a user. */
struct WalcuOutboxRoute
{
	Oid relation;                /* This is the table. */
	WalcuOutboxPeer *peer;       /* This is its server. */
	const WalcuOptions *options; /* These options are in force; NULL where there is no way. */
	WalcuWriter *writer;         /* It sends. */
	char *obstacle;              /* This is why there is no way; NULL where there is one. */
	bool is_lost;                /* There will be none, unless somebody brings the table back. */
	List *unsent;                /* These entries (of WalcuOutboxEntry *) are to be sent. */
};

#endif /* WALCU_OUTBOX_ENTRY_H */
