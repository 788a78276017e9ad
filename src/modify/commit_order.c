/*
 * commit_order.c
 *	  In which order the writes that wait for the commit are sent, and which of them side by side.
 *
 * commit_queue.c sends them in groups.  Writes of the same kind to the same resource, or to the partitions of
 * one table by one statement, are under way together; before another kind begins, they are confirmed, so that
 * a document can rely on an earlier one.
 */
#include "postgres.h"

#include "modify/commit_order.h"

#include "modify/writers.h"

static bool must_follow(const WalcuQueueEntry *entry, const WalcuQueueEntry *previous);
static bool are_routed_together(const WalcuCommitQueueWrite *one, const WalcuCommitQueueWrite *other);
static bool send_next_of(WalcuCommitQueueTable *table);
static void send_entry(WalcuQueueEntry *entry);

/* Returns the number of the entry that may not be sent before those that begin with first are confirmed. */
int
commit_order_group_end(List *entries, int first)
{
	const WalcuQueueEntry *previous = NULL;
	int end = first;

	for (; end < list_length(entries); end++)
	{
		const WalcuQueueEntry *entry = list_nth(entries, end);

		if (entry->dropped)
			continue;
		if (previous && must_follow(entry, previous))
			break;
		previous = entry;
	}
	return end;
}

/*
 * Sends entries, those of several tables side by side: one of each that has room, again and again.  Returns
 * when they are confirmed.  Errors: those of the writes.
 */
void
commit_order_send(const WalcuWriteLog *write_log, List *entries, int first, int end)
{
	List *tables = NIL;

	for (int i = first; i < end; i++)
	{
		WalcuQueueEntry *entry = list_nth(entries, i);

		if (entry->dropped)
			continue;
		if (entry->table->unsent == NIL)
			tables = lappend(tables, entry->table);
		entry->table->unsent = lappend(entry->table->unsent, entry);
	}
	while (tables != NIL)
	{
		bool any = false;
		ListCell *lc;

		foreach(lc, tables)
		{
			if (!writer_has_room(((WalcuCommitQueueTable *) lfirst(lc))->writer))
				continue;
			any = true;
			if (!send_next_of(lfirst(lc)))
				tables = foreach_delete_current(tables, lc);
		}
		if (!any)
			writers_advance(write_log);
	}
	writers_finish(write_log);
}

static bool
must_follow(const WalcuQueueEntry *entry, const WalcuQueueEntry *previous)
{
	return entry->before || strcmp(entry->queued.method, previous->queued.method) != 0 ||
		   (entry->table != previous->table && !are_routed_together(&entry->queued, &previous->queued));
}

/* Tells whether a statement has routed two rows to partitions of one table: neither relies on the other. */
static bool
are_routed_together(const WalcuCommitQueueWrite *one, const WalcuCommitQueueWrite *other)
{
	return OidIsValid(one->routed_from) && one->routed_from == other->routed_from &&
		   one->command == other->command;
}

/* Sends a table's next entry of the group.  Returns false when that was the last. */
static bool
send_next_of(WalcuCommitQueueTable *table)
{
	WalcuQueueEntry *entry = list_nth(table->unsent, table->next_unsent);

	/* it may raise what became of others instead */
	send_entry(entry);
	entry->is_sent = true;
	if (++table->next_unsent < list_length(table->unsent))
		return true;
	list_free(table->unsent);
	table->unsent = NIL;
	table->next_unsent = 0;
	return false;
}

static void
send_entry(WalcuQueueEntry *entry)
{
	WalcuWrite *write = queue_entry_create_write(entry->table->writer, &entry->queued);

	write->detached = true;
	write->is_sent = &entry->is_sent;
	writer_send(write);
}
