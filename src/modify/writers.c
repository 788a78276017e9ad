/*
 * writers.c
 *	  All writers of the session, and what a statement has under way to any table.
 *
 * writer.c adds each writer.  Whoever waits for one of a statement's writes lets the others go on, too, and
 * when one has failed, the error tells what became of all of them.
 */
#include "postgres.h"

#include "modify/writers.h"

#include "access/xact.h"
#include "base/reset_callback.h"
#include "fetch/own_writes.h"
#include "modify/left_write.h"
#include "storage/ipc.h"

/* These are all writers.  A session that ends has to tell what they have under way. */
static dlist_head writers = DLIST_STATIC_INIT(writers);

static void forget_writer(void *arg);
static void settle_at_exit(int code, Datum arg);
static WalcuWrite *find_oldest_write(const WalcuWriteLog *write_log);
static bool look_at_writes(const WalcuWriteLog *write_log);
static bool look_at_writes_of(WalcuWriter *writer);
static void leave_writes_of(WalcuWriter *writer);

/* Adds a writer, for as long as its memory lives. */
void
writers_add(WalcuWriter *writer)
{
	static bool registered = false;

	dlist_push_tail(&writers, &writer->node);
	reset_callback_add(writer->context, forget_writer, writer);
	if (registered)
		return;
	before_shmem_exit(settle_at_exit, (Datum) 0);
	own_writes_set_settler(writers_settle_place);
	registered = true;
}

/* Waits until something happens to a write that the statement has under way, and looks at all of them. */
void
writers_advance(const WalcuWriteLog *write_log)
{
	WalcuWrite *oldest;

	if (look_at_writes(write_log))
		return;
	oldest = find_oldest_write(write_log);
	if (oldest)
		oldest->writer->advance(oldest, true);
	look_at_writes(write_log);
}

/*
 * Finds out what became of all writes that the statement has under way, to any table, and raises none of
 * their errors.  Without wait, the outcome of those that were sent and have not been answered yet is unknown.
 */
void
writers_settle(const WalcuWriteLog *write_log, bool wait)
{
	dlist_iter iter;

	while (wait && find_oldest_write(write_log))
		writers_advance(write_log);
	dlist_foreach(iter, &writers)
	{
		WalcuWriter *writer = dlist_container(WalcuWriter, node, iter.cur);

		if (writer->write_log == write_log)
			leave_writes_of(writer);
	}
}

/*
 * Raises the first error of a write of the statement, if there is one.  Nothing more is sent; what is under
 * way comes to its end, so that the error can tell of it.
 */
void
writers_raise_failure(const WalcuWriteLog *write_log)
{
	dlist_iter iter;

	dlist_foreach(iter, &writers)
	{
		WalcuWriter *writer = dlist_container(WalcuWriter, node, iter.cur);

		if (writer->write_log != write_log || writer->failure == NULL)
			continue;
		writers_settle(write_log, true);
		write_log_tell(writer->write_log, writer->failure, true);
		ReThrowError(writer->failure);
	}
}

/*
 * Raises an error that was caught, in a context that the statement keeps, with what was written before it.
 * What is under way comes to its end, unless the session is told to stop.
 */
void
writers_rethrow(WalcuWriteLog *write_log, MemoryContext context)
{
	ErrorData *error;

	MemoryContextSwitchTo(context);
	error = CopyErrorData();
	FlushErrorState();
	writers_settle(write_log, ERRCODE_TO_CATEGORY(error->sqlerrcode) != ERRCODE_OPERATOR_INTERVENTION);
	write_log_tell(write_log, error, false);
	ReThrowError(error);
}

/* Waits for all writes that the statement has under way.  Errors: those of the writes. */
void
writers_finish(const WalcuWriteLog *write_log)
{
	writers_settle(write_log, true);
	writers_raise_failure(write_log);
}

/* Waits for all writes to a resource, as somebody is about to read it. */
void
writers_settle_place(const WalcuOptions *options)
{
	dlist_iter iter;

	dlist_foreach(iter, &writers)
	{
		WalcuWriter *writer = dlist_container(WalcuWriter, node, iter.cur);

		while (writer->under_way != NIL && own_writes_same_place(writer->options, options))
			writers_advance(writer->write_log);
	}
}

/* Tells how many writes the statement has under way. */
int
writers_count_under_way(const WalcuWriteLog *write_log)
{
	int count = 0;
	dlist_iter iter;

	dlist_foreach(iter, &writers)
	{
		const WalcuWriter *writer = dlist_container(WalcuWriter, node, iter.cur);

		if (writer->write_log == write_log)
			count += list_length(writer->under_way);
	}
	return count;
}

static void
forget_writer(void *arg)
{
	dlist_delete(&((WalcuWriter *) arg)->node);
}

/*
 * A session that is told to end in the middle of a statement does not come back to it, but aborts its
 * transaction next, and then the write logs warn of what stands in them.
 */
static void
settle_at_exit(int code, Datum arg)
{
	dlist_iter iter;

	/* what an abort has begun to free is not looked at, nor need it be, as the write logs have warned */
	if (!IsTransactionState())
		return;
	dlist_foreach(iter, &writers)
		leave_writes_of(dlist_container(WalcuWriter, node, iter.cur));
}

/* Returns NULL where nothing is under way. */
static WalcuWrite *
find_oldest_write(const WalcuWriteLog *write_log)
{
	dlist_iter iter;

	dlist_foreach(iter, &writers)
	{
		WalcuWriter *writer = dlist_container(WalcuWriter, node, iter.cur);

		if (writer->write_log == write_log && writer->under_way != NIL)
			return linitial(writer->under_way);
	}
	return NULL;
}

/* Takes in what has arrived for the statement.  Returns false where nothing has. */
static bool
look_at_writes(const WalcuWriteLog *write_log)
{
	bool any = false;
	dlist_iter iter;

	dlist_foreach(iter, &writers)
	{
		WalcuWriter *writer = dlist_container(WalcuWriter, node, iter.cur);

		if (writer->write_log == write_log && writer->under_way != NIL)
			any |= look_at_writes_of(writer);
	}
	return any;
}

static bool
look_at_writes_of(WalcuWriter *writer)
{
	List *writes = list_copy(writer->under_way);
	bool any = false;
	ListCell *lc;

	foreach(lc, writes)
	{
		WalcuWrite *write = lfirst(lc);

		if (!write->is_unstarted && !write->transfer->done && !transfer_is_stirred(write->transfer))
			continue;
		writer->advance(write, false);
		any = true;
	}
	list_free(writes);
	return any;
}

/* Notes what is known of the writes that are under way, and waits for them no more. */
static void
leave_writes_of(WalcuWriter *writer)
{
	while (writer->under_way != NIL)
	{
		WalcuWrite *write = linitial(writer->under_way);

		writer->under_way = list_delete_first(writer->under_way);
		if (!write->reads)
			left_write_note(write, writer->write_log, writer->options);
	}
}
