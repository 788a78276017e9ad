/*
 * held_rows.c
 *	  New rows that are held, and sent together to all tables of a statement.
 *
 * Rows of COPY, and those that are routed to partitions, come one at a time, for one table after the other.
 * If each were sent when it comes, either it would have to be waited for, or requests would be under way
 * while PostgreSQL reads the next row: from a client that takes its time, and with errors of its own, in
 * which nobody would find out what became of them.  So modify.c puts such rows in here.  They are sent side
 * by side when there are enough of them, and until all are confirmed no other row comes.  Where all rows have
 * to be judged before the first is sent, that is at the end.
 */
#include "postgres.h"

#include "modify/held_rows.h"

#include "access/xact.h"
#include "base/reset_callback.h"
#include "fetch/own_writes.h"
#include "lib/ilist.h"
#include "miscadmin.h"
#include "modify/held_writes.h"
#include "utils/memutils.h"

/* Rows of a table that are held, at most; PostgreSQL's COPY, from 16 on, has as many in its hands. */
#define MOST_ROWS 1000

/* Bytes of a table's rows that are held, about: enough to use all connections well. */
#define MOST_BYTES (128 * 1024)

/* Of each table's rows so many kilobytes are kept in memory at least, however many tables there are. */
#define LEAST_KILOBYTES 64

/* Writes that a statement has under way: each takes some 10 kB of memory, and most wait for a descriptor. */
#define MOST_UNDER_WAY 1024

struct WalcuHeldRows
{
	dlist_node node;         /* This is its place among all of them. */
	WalcuWriter *writer;     /* This sends the rows. */
	WalcuHeldWrites *writes; /* These are they; NULL when it is closed. */
	CommandId command;       /* This is the number of the statement's command. */
	bool waits_for_end;      /* All rows of the statement have to be judged before the first is sent. */
};

/* The rows of all tables that are written. */
static dlist_head tables = DLIST_STATIC_INIT(tables);

static int count_tables(const WalcuWriteLog *write_log);
static void forget_rows(void *arg);
static void send_and_settle_place(const WalcuOptions *options);
static bool has_enough(const WalcuHeldRows *rows);
static bool can_send(const WalcuHeldRows *rows, bool has_ended);
static bool send_some(const WalcuWriteLog *write_log, bool has_ended, bool *is_left);
static void send_next(WalcuHeldRows *rows);

/* Prepares to hold the rows of a table, for as long as a context lives. */
WalcuHeldRows *
held_rows_open(MemoryContext context, WalcuWriter *writer, CommandId command, bool waits_for_end)
{
	WalcuHeldRows *rows = MemoryContextAllocZero(context, sizeof(WalcuHeldRows));

	rows->writer = writer;
	rows->writes =
		held_writes_open(context, Max(work_mem / (count_tables(writer->write_log) + 1), LEAST_KILOBYTES));
	rows->command = command;
	rows->waits_for_end = waits_for_end;
	dlist_push_tail(&tables, &rows->node);
	reset_callback_add(context, forget_rows, rows);
	/* in place of that of the writers alone */
	own_writes_set_settler(send_and_settle_place);
	return rows;
}

/*
 * Holds a new document until it is sent together with others.  error_context is what its errors are to say of
 * where they happened; NULL for what they say when it is sent.
 */
void
held_rows_add(WalcuHeldRows *rows, const WalcuCommitQueueWrite *write, const char *error_context)
{
	held_writes_add(rows->writes, write, error_context);
	if (has_enough(rows))
		held_rows_send(rows->writer->write_log, false);
}

/*
 * Sends what the statement holds, to all tables side by side, and waits until it is confirmed.  What has to
 * be judged before is sent when all rows of the statement have come.
 */
void
held_rows_send(const WalcuWriteLog *write_log, bool has_ended)
{
	bool is_left = true;

	while (is_left)
	{
		bool is_sent = send_some(write_log, has_ended, &is_left);

		writers_raise_failure(write_log);
		if (is_left && !is_sent)
			writers_advance(write_log);
	}
	writers_finish(write_log);
}

/* Ends the holding of rows, all of which have been sent.  PostgreSQL warns of files that are left open. */
void
held_rows_close(WalcuHeldRows *rows)
{
	held_writes_close(rows->writes);
	dlist_delete(&rows->node);
	rows->writes = NULL;
}

/* So many tables of a statement have rows in here, or had. */
static int
count_tables(const WalcuWriteLog *write_log)
{
	int count = 0;
	dlist_iter iter;

	dlist_foreach(iter, &tables)
	{
		if (dlist_container(WalcuHeldRows, node, iter.cur)->writer->write_log == write_log)
			count++;
	}
	return count;
}

/* After an error PostgreSQL frees what is held, and deletes the file. */
static void
forget_rows(void *arg)
{
	WalcuHeldRows *rows = arg;

	if (rows->writes)
		dlist_delete(&rows->node);
	rows->writes = NULL;
}

/*
 * Waits for all writes to a resource, as somebody is about to read it.  A later command, as a trigger's, is
 * to see what an earlier one has made of its rows so far.
 */
static void
send_and_settle_place(const WalcuOptions *options)
{
	dlist_iter iter;

	dlist_foreach(iter, &tables)
	{
		const WalcuHeldRows *rows = dlist_container(WalcuHeldRows, node, iter.cur);

		if (can_send(rows, false) && rows->command < GetCurrentCommandId(false) &&
			own_writes_same_place(rows->writer->options, options))
			held_rows_send(rows->writer->write_log, false);
	}
	writers_settle_place(options);
}

/*
 * Tells whether a table has enough rows, or all of its statement together.  Where one of these waits for the
 * end, what is refused then would come after what the others had sent.
 */
static bool
has_enough(const WalcuHeldRows *rows)
{
	bool enough =
		held_writes_count(rows->writes) >= MOST_ROWS || held_writes_bytes(rows->writes) >= MOST_BYTES;
	int64 bytes = 0;
	dlist_iter iter;

	dlist_foreach(iter, &tables)
	{
		const WalcuHeldRows *other = dlist_container(WalcuHeldRows, node, iter.cur);

		if (other->writer->write_log != rows->writer->write_log)
			continue;
		if (other->waits_for_end)
			return false;
		bytes += held_writes_bytes(other->writes);
	}
	return enough || bytes >= work_mem * (int64) 1024;
}

static bool
can_send(const WalcuHeldRows *rows, bool has_ended)
{
	return held_writes_count(rows->writes) > 0 && (has_ended || !rows->waits_for_end);
}

/* Sends one row of each table that holds some and whose writer has room.  Returns false where none has. */
static bool
send_some(const WalcuWriteLog *write_log, bool has_ended, bool *is_left)
{
	int under_way = writers_count_under_way(write_log);
	bool any = false;
	dlist_iter iter;

	*is_left = false;
	dlist_foreach(iter, &tables)
	{
		WalcuHeldRows *rows = dlist_container(WalcuHeldRows, node, iter.cur);

		if (rows->writer->write_log != write_log || !can_send(rows, has_ended))
			continue;
		if (under_way < MOST_UNDER_WAY && writer_has_room(rows->writer))
		{
			send_next(rows);
			under_way++;
			any = true;
		}
		*is_left |= can_send(rows, has_ended);
	}
	return any;
}

static void
send_next(WalcuHeldRows *rows)
{
	WalcuWriter *writer = rows->writer;
	MemoryContext context =
		AllocSetContextCreate(writer->context, "walcu held write", ALLOCSET_DEFAULT_SIZES);
	MemoryContext before = MemoryContextSwitchTo(context);
	WalcuCommitQueueWrite next;
	char *error_context;
	WalcuWrite *write;

	held_writes_take(rows->writes, &next, &error_context);
	write = queue_entry_create_write(writer, &next);
	write->detached = true;
	write->error_context = error_context ? MemoryContextStrdup(write->context, error_context) : NULL;
	writer_send(write);
	MemoryContextSwitchTo(before);
	MemoryContextDelete(context);
}
