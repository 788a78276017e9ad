/*
 * writers.h
 *	  All writers of the session, and what a statement has under way to any table.
 */
#ifndef WALCU_WRITERS_H
#define WALCU_WRITERS_H

#include "postgres.h"

#include "base/compat.h"
#include "lib/ilist.h"
#include "modify/ignored_write.h"
#include "modify/write.h"
#include "modify/write_log.h"
#include "service/option.h"

/*
 * Takes in what has arrived for a write; with wait, after something has happened to this or another request.
 * Raises cancels alone.
 */
typedef void (*WalcuAdvancer)(WalcuWrite *write, bool wait);

/* It sends the writes of one table of a statement.  Its members are for writer.c and writers.c alone. */
struct WalcuWriter
{
	dlist_node node;             /* This is its place among all writers. */
	const WalcuOptions *options; /* These are the options of the table. */
	const char *credential;      /* This is the header line with the credentials. */
	WalcuWriteLog *write_log;    /* It lists what the statement has written. */
	MemoryContext context;       /* All writes are in it. */
	List *under_way;             /* These are the writes under way, oldest first. */
	WalcuAdvancer advance;       /* This looks at one of them. */
	ErrorData *failure;          /* This is the first error, which is raised when nothing is under way. */
	int64 unwritten;             /* So many documents that nobody waited for were not written. */
	List *unwritten_names;       /* These (of char *) are the first of them. */
	int64 requests;              /* So many requests were sent. */
	WalcuIgnoredWrites ignored;  /* This is what the service has not kept. */
};

extern void writers_add(WalcuWriter *writer);
extern void writers_advance(const WalcuWriteLog *write_log);
extern void writers_settle(const WalcuWriteLog *write_log, bool wait);
extern void writers_finish(const WalcuWriteLog *write_log);
extern void writers_settle_place(const WalcuOptions *options);
extern void writers_raise_failure(const WalcuWriteLog *write_log);
pg_noreturn extern void writers_rethrow(WalcuWriteLog *write_log, MemoryContext context);
extern int writers_count_under_way(const WalcuWriteLog *write_log);

#endif /* WALCU_WRITERS_H */
