/*
 * batch.c
 *	  Send entries side by side, each document at most once.
 *
 * delivery.c calls this within the transaction that notes what became of them.  As many requests are under
 * way to each server as its option max_connections says.  A server that fails is left alone: what is still to
 * be sent to it waits, and costs nothing.  After a while no more requests are begun, however slow replies
 * are: what became of the others is not to be lost with a crash.
 */
#include "postgres.h"

#include "outbox/batch.h"

#include "base/compat.h"
#include "miscadmin.h"
#include "modify/writer.h"
#include "outbox/verdict.h"
#include "utils/timestamp.h"

/* For so many milliseconds requests are begun. */
#define BATCH_TIME 60000

static bool send_to_each(WalcuOutboxRoutes *routes, List **under_way);
static void begin_entry(WalcuOutboxEntry *entry, List **under_way);
static WalcuWrite *create_write(const WalcuOutboxEntry *entry);
static void judge_settled(List **under_way);

/*
 * Sends entries, and gives the verdict on each.  Returns the ways that they went, which are still open.
 * Raises cancels alone.
 */
WalcuOutboxRoutes *
outbox_batch_send(List *entries)
{
	WalcuOutboxRoutes *routes = outbox_routes_open(entries);
	List *under_way = NIL;
	TimestampTz began = GetCurrentTimestamp();
	bool is_left = true;

	while (is_left || under_way != NIL)
	{
		CHECK_FOR_INTERRUPTS();
		is_left = is_left && !TimestampDifferenceExceeds(began, GetCurrentTimestamp(), BATCH_TIME) &&
				  send_to_each(routes, &under_way);
		if (under_way != NIL)
			writers_advance(routes->write_log);
		judge_settled(&under_way);
	}
	return routes;
}

/* Sends over each way as many entries as it has room for.  Returns whether some are left. */
static bool
send_to_each(WalcuOutboxRoutes *routes, List **under_way)
{
	bool is_left = false;
	ListCell *lc;

	foreach(lc, routes->routes)
	{
		WalcuOutboxRoute *route = lfirst(lc);

		while (route->unsent != NIL &&
			   (route->writer == NULL || (!route->peer->is_paused && writer_has_room(route->writer))))
		{
			WalcuOutboxEntry *entry = linitial(route->unsent);

			route->unsent = list_delete_first(route->unsent);
			begin_entry(entry, under_way);
		}
		is_left |= route->unsent != NIL && !route->peer->is_paused;
	}
	return is_left;
}

static void
begin_entry(WalcuOutboxEntry *entry, List **under_way)
{
	MemoryContext context = CurrentMemoryContext;

	if (entry->route->writer == NULL)
	{
		outbox_verdict_without_way(entry);
		return;
	}
	PG_TRY();
	{
		entry->sent = create_write(entry);
	}
	PG_CATCH();
	{
		/* it was checked when it was recorded; if it is no write all the same, others are to be sent */
		MemoryContextSwitchTo(context);
		outbox_verdict_unsendable(entry, CopyErrorData());
		FlushErrorState();
	}
	PG_END_TRY();
	if (entry->sent == NULL)
		return;
	writer_send(entry->sent);
	*under_way = lappend(*under_way, entry);
}

/* What a document was changed to is compared with what it is, where it is not known who has made it. */
static WalcuWrite *
create_write(const WalcuOutboxEntry *entry)
{
	WalcuWrite *write = queue_entry_create_write(entry->route->writer, &entry->write);

	write->stands_alone = true;
	write->may_be_there = entry->is_doubtful && write->is_new;
	if (write->may_be_there && !write->made_here)
		write->sets = entry->write.sets;
	return write;
}

/* Gives the verdict on the entries whose writes have come to their end. */
static void
judge_settled(List **under_way)
{
	ListCell *lc;

	foreach(lc, *under_way)
	{
		WalcuOutboxEntry *entry = lfirst(lc);

		if (entry->sent->outcome == WALCU_WRITE_UNDER_WAY)
			continue;
		outbox_verdict_give(entry);
		writer_release(entry->sent);
		entry->sent = NULL;
		*under_way = foreach_delete_current(*under_way, lc);
	}
}
