/*
 * run.h
 *	  Work on copies that is due.
 */
#ifndef WALCU_COPIES_RUN_H
#define WALCU_COPIES_RUN_H

#include "postgres.h"

#include "copies/copy_work.h"
#include "nodes/pg_list.h"

/* A first filling reads so many documents in a transaction. */
#define RUN_FILL_STEP 5000

/* Something that is to be done of a copy. */
typedef struct WalcuDueWork
{
	Oid relid;              /* This is the copy, */
	char *copy;             /* and its name for messages: it may be dropped. */
	const char *name;       /* The work is called so. */
	WalcuCopyWorker worker; /* This does it. */
} WalcuDueWork;

/* What came of it. */
typedef enum WalcuRunResult
{
	WALCU_RUN_DONE,    /* It was done, or has failed, and is not due now. */
	WALCU_RUN_STEP,    /* A step of it was done, and there are more. */
	WALCU_RUN_SKIPPED, /* Another session works on the copy. */
} WalcuRunResult;

extern List *run_list_due(void);
extern WalcuRunResult run_due_work(const WalcuDueWork *due, int limit, bool keeps_cancels);

#endif /* WALCU_COPIES_RUN_H */
