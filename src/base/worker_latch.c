/*
 * worker_latch.c
 *	  Wakes the background worker of a database.
 *
 * worker/ says which process works for a database.  It is woken when a transaction commits what makes
 * something due: an entry of the outbox that was recorded, is to be tried again, or no longer in the way of
 * others, or a copy that was made.  Where backends share no memory nobody is woken, and the worker finds out
 * by itself (walcu_fdw.worker_naptime).
 */
#include "postgres.h"

#include "base/worker_latch.h"

#include "access/xact.h"
#include "base/shared_table.h"
#include "miscadmin.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "storage/procarray.h"

/* So many databases can have a worker that is woken. */
#define ENTRIES 32

/* By this name backends find the table: another layout needs another name. */
#define TABLE_NAME "walcu_fdw workers"

typedef struct WorkerEntry
{
	WalcuSharedEntry entry; /* Its age tells when the worker has begun. */
	int pid;                /* The worker is this process. */
} WorkerEntry;

static WalcuSharedTable workers = {
	.name = TABLE_NAME, .entry_size = sizeof(WorkerEntry), .entries = ENTRIES, .is_small = true};

/* The transaction has made something due. */
static bool wakes_at_commit = false;

static void wake_at_transaction_end(XactEvent event, void *arg);
static WalcuDigest make_worker_key(Oid database);

/* Called from _PG_init. */
void
worker_latch_init(void)
{
	shared_table_announce(&workers);
}

/*
 * Has this database's worker woken when the transaction commits.  The table is looked for now, as a commit
 * must not fail.
 */
void
worker_latch_set_at_commit(void)
{
	static bool is_registered = false;

	if (wakes_at_commit)
		return;
	shared_table_lock(&workers);
	shared_table_unlock(&workers);
	if (!is_registered)
		RegisterXactCallback(wake_at_transaction_end, NULL);
	is_registered = true;
	wakes_at_commit = true;
}

/* A transaction that is prepared wakes nobody: worker/ does where it is committed. */
static void
wake_at_transaction_end(XactEvent event, void *arg)
{
	if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT && event != XACT_EVENT_PREPARE)
		return;
	if (event == XACT_EVENT_COMMIT && wakes_at_commit)
		worker_latch_set();
	wakes_at_commit = false;
}

/* Notes that a process works for this database; 0 when none does any more. */
void
worker_latch_note_worker(int pid)
{
	WalcuDigest key = make_worker_key(MyDatabaseId);
	WorkerEntry *worker;

	shared_table_lock(&workers);
	worker = shared_table_enter(&workers, &key);
	worker->pid = pid;
	worker->entry.age = pid == 0 ? 0 : GetCurrentTimestamp();
	shared_table_unlock(&workers);
}

/* Returns the process that works for a database; 0 when none is known. */
int
worker_latch_pid(Oid database)
{
	WalcuDigest key = make_worker_key(database);
	const WorkerEntry *worker;
	int pid;

	shared_table_lock(&workers);
	worker = shared_table_find(&workers, &key);
	pid = worker ? worker->pid : 0;
	shared_table_unlock(&workers);
	return pid;
}

/* Wakes this database's worker, if there is one.  A latch that is set for nothing does no harm. */
void
worker_latch_set(void)
{
	int pid = worker_latch_pid(MyDatabaseId);
	PGPROC *process = pid != 0 ? BackendPidGetProc(pid) : NULL;

	if (process)
		SetLatch(&process->procLatch);
}

static WalcuDigest
make_worker_key(Oid database)
{
	return digest_of((const char *) &database, sizeof(database));
}
