/*
 * delivery.c
 *	  Send what is due in the outbox, in steps that a crash cannot take back.
 *
 * outbox_functions.c calls this, and so may a background worker.  An entry is marked before anything is sent,
 * by a transaction that is on disk by then; what became of it is noted by another one.  So an entry that a
 * crash leaves is either as it was, and nothing was sent, or marked, and then it is sent as one whose outcome
 * is not known.
 *
 * The second transaction locks the entries while it sends them.  By that other senders know that they are in
 * good hands.
 */
#include "postgres.h"

#include "outbox/delivery.h"

#include "access/xact.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "outbox/batch.h"
#include "outbox/store.h"
#include "outbox/verdict.h"
#include "utils/memutils.h"

/* So many entries are sent by one pair of transactions.  A slow reply holds up the next ones. */
#define BATCH_SIZE 200

static int send_next_batch(int64 *behind, int most, WalcuOutboxCounts *counts);
static void commit_step(void);
static void count_verdicts(List *entries, WalcuOutboxCounts *counts);

/*
 * Sends entries of the current user's, and of the roles whose privileges that user has, which are due, up to
 * so many.  The caller is connected to SPI, and its transaction may be committed: it is, and so are others
 * after it.  Errors: cancels, those of the tables, and 55000 where the extension has none.
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
	counts.waiting = outbox_store_count_waiting();
	MemoryContextSwitchTo(before);
	MemoryContextDelete(context);
	return counts;
}

/* Sends entries behind one, and sets behind to the last of them.  Returns how many were taken. */
static int
send_next_batch(int64 *behind, int most, WalcuOutboxCounts *counts)
{
	List *entries = outbox_store_take(*behind, most);
	int taken = list_length(entries);
	WalcuOutboxRoutes *routes;

	if (entries == NIL)
		return 0;
	*behind = ((WalcuOutboxEntry *) llast(entries))->id;
	/* neither the mark nor what the entry's own transaction has committed may be lost once it is sent */
	ForceSyncCommit();
	commit_step();
	entries = outbox_store_hold(entries);
	routes = outbox_batch_send(entries);
	outbox_store_settle(entries);
	outbox_store_settle_peers(routes->peers);
	outbox_routes_close(routes);
	commit_step();
	count_verdicts(entries, counts);
	return taken;
}

/* Begins the next transaction.  It sees what others commit, whatever the session's default isolation is. */
static void
commit_step(void)
{
	SPI_commit();
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
