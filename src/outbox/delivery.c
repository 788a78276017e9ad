/*
 * delivery.c
 *	  Send what is due in the outbox, in steps that a crash cannot take back.
 *
 * outbox_functions.c calls this, and so does the background worker (worker/).  An entry is marked before
 * anything is sent, by a transaction that is on disk by then; what became of it is noted by another one.  So
 * an entry that a crash leaves is either as it was, and nothing was sent, or marked, and then it is sent as
 * one whose outcome is not known.
 *
 * The second transaction locks the entries while it sends them.  By that other senders know that they are in
 * good hands.  From before an entry is marked until it is locked nobody else marks any, so that none is taken
 * to be lost in between, nor two of one document are sent at once.
 */
#include "postgres.h"

#include "outbox/delivery.h"

#include "access/xact.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "modify/outbox_table.h"
#include "outbox/batch.h"
#include "outbox/store.h"
#include "storage/lock.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

/* So many entries are sent by one pair of transactions.  A slow reply holds up the next ones. */
#define BATCH_SIZE 200

/* This tells the lock of those who mark entries from the advisory locks of SQL, which are 1 and 2. */
#define SENDERS_LOCK 3

static int send_next_batch(int64 *behind, int most, WalcuOutboxCounts *counts);
static List *mark_entries(int64 behind, int most, List **held);
static void connect_store(void);
static void commit_step(void);
static void count_verdicts(List *entries, WalcuOutboxCounts *counts);

/*
 * Sends entries of the current user's, and of the roles whose privileges that user has, which are due, up to
 * so many.  The caller is a procedure, connected to SPI, whose transaction may be committed, or it is not
 * connected: it is in a transaction of its own then.  That one is committed, and so are others after it.
 * Errors: cancels, those of the tables, and 55000 where the extension has none.
 */
WalcuOutboxCounts
outbox_delivery_run(int64 most)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "walcu outbox batch", ALLOCSET_DEFAULT_SIZES);
	MemoryContext before = MemoryContextSwitchTo(context);
	WalcuOutboxCounts counts = {0};
	int64 behind = 0;
	bool has_sent = false;

	commit_step();
	while (most > 0)
	{
		int taken = send_next_batch(&behind, Min(most, BATCH_SIZE), &counts);

		MemoryContextReset(context);
		most -= taken;
		has_sent |= taken > 0;
		/* what waited for an entry that was sent may come now */
		if (taken == 0 && (behind == 0 || !has_sent))
			break;
		if (taken == 0)
		{
			behind = 0;
			has_sent = false;
		}
	}
	connect_store();
	counts.waiting = outbox_store_count_waiting();
	SPI_finish();
	MemoryContextSwitchTo(before);
	MemoryContextDelete(context);
	return counts;
}

/* Sends entries behind one, and sets behind to the last of them.  Returns how many were taken. */
static int
send_next_batch(int64 *behind, int most, WalcuOutboxCounts *counts)
{
	List *held = NIL;
	List *entries = mark_entries(*behind, most, &held);
	WalcuOutboxRoutes *routes;

	if (entries == NIL)
		return 0;
	*behind = ((WalcuOutboxEntry *) llast(entries))->id;
	connect_store();
	routes = outbox_batch_send(held);
	outbox_store_settle(held);
	outbox_store_settle_peers(routes->peers);
	outbox_routes_close(routes);
	SPI_finish();
	commit_step();
	count_verdicts(held, counts);
	return list_length(entries);
}

/* Marks entries, and locks those of them that are still there once the marks have committed. */
static List *
mark_entries(int64 behind, int most, List **held)
{
	LOCKTAG tag;
	List *volatile entries = NIL;

	/* SQL has no function for such a lock */
	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, 0, outbox_table_entries(), SENDERS_LOCK);
	(void) LockAcquire(&tag, ExclusiveLock, true, false);
	PG_TRY();
	{
		connect_store();
		entries = outbox_store_take(behind, most);
		SPI_finish();
		if (entries != NIL)
		{
			/* neither the mark nor what the entry's own transaction has committed may be lost then */
			ForceSyncCommit();
			commit_step();
			connect_store();
			*held = outbox_store_hold(entries);
			SPI_finish();
		}
	}
	PG_FINALLY();
	{
		(void) LockRelease(&tag, ExclusiveLock, true);
	}
	PG_END_TRY();
	return entries;
}

/* Connects to SPI for statements that do not commit.  What is allocated outlives the connection. */
static void
connect_store(void)
{
	MemoryContext before = CurrentMemoryContext;

	/* a procedure has a portal, which has a snapshot */
	if (!SPI_inside_nonatomic_context() && !ActiveSnapshotSet())
		PushActiveSnapshot(GetTransactionSnapshot());
	SPI_connect();
	MemoryContextSwitchTo(before);
}

/* Begins the next transaction.  It sees what others commit, whatever the session's default isolation is. */
static void
commit_step(void)
{
	MemoryContext before = CurrentMemoryContext;

	if (SPI_inside_nonatomic_context())
		SPI_commit();
	else
	{
		while (ActiveSnapshotSet())
			PopActiveSnapshot();
		CommitTransactionCommand();
		StartTransactionCommand();
	}
	MemoryContextSwitchTo(before);
	XactIsoLevel = XACT_READ_COMMITTED;
}

static void
count_verdicts(List *entries, WalcuOutboxCounts *counts)
{
	ListCell *lc;

	foreach(lc, entries)
	{
		switch (((WalcuOutboxEntry *) lfirst(lc))->verdict)
		{
			case OUTBOX_SENT:
				counts->sent++;
				break;
			case OUTBOX_LATER:
				counts->failed++;
				break;
			case OUTBOX_REFUSED:
				counts->refused++;
				break;
			case OUTBOX_UNTRIED:
				break;
		}
	}
}
