/*
 * outbox_table.h
 *	  The table of writes that are recorded to be sent later.
 */
#ifndef WALCU_OUTBOX_TABLE_H
#define WALCU_OUTBOX_TABLE_H

#include "postgres.h"

#include "access/attnum.h"

/* The columns of the table, in the order of the extension's script. */
enum
{
	OUTBOX_ID = 1,        /* Entries are sent in the order of this number. */
	OUTBOX_OWNER,         /* Its user mapping is used. */
	OUTBOX_RELATION,      /* This is the foreign table that was written, */
	OUTBOX_RELATION_NAME, /* and this the name by which it is found when it was made anew. */
	OUTBOX_SERVER,        /* This tells one server's entries from another's. */
	OUTBOX_DEALER,        /* The document is this dealer's, */
	OUTBOX_RESOURCE,      /* of this resource, */
	OUTBOX_DOCUMENT,      /* and has this _id. */
	OUTBOX_METHOD,        /* The members from here on are those of WalcuCommitQueueWrite. */
	OUTBOX_BODY,
	OUTBOX_LEAVES,
	OUTBOX_SETS,
	OUTBOX_IS_SURE,
	OUTBOX_MADE_HERE,
	OUTBOX_CONFLICT_IS_NONE,
	OUTBOX_STATE,           /* It is waiting, sending or refused. */
	OUTBOX_IS_DOUBTFUL,     /* An earlier attempt may have been carried out. */
	OUTBOX_ATTEMPTS,        /* It was sent so many times. */
	OUTBOX_RECORDED_AT,     /* It was written then. */
	OUTBOX_NEXT_ATTEMPT_AT, /* It is not sent before. */
	OUTBOX_LAST_ERROR       /* This is why the last attempt came to nothing. */
};

#define OUTBOX_COLUMNS OUTBOX_LAST_ERROR

extern Oid outbox_table_entries(void);
extern Oid outbox_table_numbers(void);

#endif /* WALCU_OUTBOX_TABLE_H */
