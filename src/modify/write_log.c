/*
 * write_log.c
 *	  What a statement has written so far, for the message when it fails midway.
 *
 * The service has no transactions: what was written stays written.  writer.c notes each row here and
 * adds to its errors what stands here; so does modify_table.c for what other parts of a statement
 * raise.  Where neither is on the way of an error, or the session has to end, a warning tells when the
 * transaction aborts.
 *
 * All tables that a statement writes share its write log, which lives until the statement ends.
 */
#include "postgres.h"

#include "modify/write_log.h"

#include "access/xact.h"
#include "catalog/pg_class.h"
#include "fetch/own_writes.h"
#include "foreign/foreign.h"
#include "modify/rollback.h"
#include "modify/write_place.h"
#include "nodes/parsenodes.h"
#include "storage/ipc.h"
#include "tcop/pquery.h"
#include "utils/memutils.h"

#define CHECK_HINT "Before you repeat it, check what is written."

struct WalcuWriteLog
{
	WalcuWriteLog *next;             /* This is the next log of the transaction. */
	const void *statement;           /* The tables of a statement find each other by this. */
	int users;                       /* So many tables have it open. */
	SubTransactionId subtransaction; /* The statement runs in this subtransaction. */
	CommandId command;               /* This is the number of its command, if it inserts rows. */
	int64 written;                   /* So many rows were written. */
	List *rows;                      /* These are the first of the rows (of WalcuNamedWrite *). */
	WalcuWriteTally *tallies;        /* These count them by resource and kind. */
	int64 unknown;                   /* So many requests have an outcome that is not known. */
	List *requests;                  /* These are the first of those (of WalcuNamedWrite *). */
	WalcuWritePlaces places;         /* The statement writes there, or reads. */
	bool has_servers;                /* The servers that it reads are among the places. */
	WalcuUnsentTeller tell_unsent;   /* This tells what waits to be sent; it is NULL where nothing does. */
	const void *unsent;              /* This is its argument. */
	bool is_silent;                  /* Nothing is noted: somebody else keeps account. */
	bool told;                       /* An error has told of it. */
	bool can_be_caught;              /* It was an error that EXCEPTION WHEN OTHERS catches. */
};

/* These are the logs of the statements that are writing. */
static WalcuWriteLog *write_logs = NULL;

static void add_server(WalcuWriteLog *write_log, const char *name);
static void register_callbacks(void);
static void log_at_transaction_end(XactEvent event, void *arg);
static void log_at_subtransaction_end(SubXactEvent event, SubTransactionId id, SubTransactionId parent,
									  void *arg);
static void warn_of_written(WalcuWriteLog *write_log);
static const WalcuWritePlace *find_place(WalcuWriteLog *write_log, const WalcuOptions *options);
static char *describe_written(const WalcuWriteLog *write_log);
static void append_writes(StringInfo text, const WalcuWriteLog *write_log, List *writes, int64 count);

/* Opens the write log of a statement, which is known by its execution's state. */
WalcuWriteLog *
write_log_open(const void *statement)
{
	WalcuWriteLog *write_log = write_logs;

	register_callbacks();
	while (write_log && write_log->statement != statement)
		write_log = write_log->next;
	if (write_log == NULL)
	{
		write_log = MemoryContextAllocZero(TopTransactionContext, sizeof(WalcuWriteLog));
		write_log->statement = statement;
		write_log->subtransaction = GetCurrentSubTransactionId();
		write_log->next = write_logs;
		write_logs = write_log;
	}
	write_log->users++;
	return write_log;
}

/*
 * Closes the log for a table of the statement, at its end.  What was written is the transaction's from then
 * on.
 */
void
write_log_close(WalcuWriteLog *write_log)
{
	WalcuWriteLog **link = &write_logs;

	if (write_log->users == 1)
		rollback_note_written(&write_log->tallies);
	if (--write_log->users > 0)
		return;
	while (*link != write_log)
		link = &(*link)->next;
	*link = write_log->next;
	write_place_free_names(write_log->rows);
	write_place_free_names(write_log->requests);
	write_place_free(&write_log->places);
	pfree(write_log);
}

/* Says that a statement writes to a table with these options. */
void
write_log_add_place(WalcuWriteLog *write_log, const WalcuOptions *options)
{
	MemoryContext before = MemoryContextSwitchTo(TopTransactionContext);

	find_place(write_log, options);
	MemoryContextSwitchTo(before);
}

/* Adds the servers of the foreign tables of a statement: an error may be that of one which it only reads. */
void
write_log_add_servers(WalcuWriteLog *write_log, List *range_table)
{
	MemoryContext scratch;
	MemoryContext before;
	ListCell *lc;

	if (write_log->has_servers)
		return;
	/* what the catalogs say of a server is not to stay as long as the statement */
	scratch = AllocSetContextCreate(CurrentMemoryContext, "walcu servers", ALLOCSET_DEFAULT_SIZES);
	before = MemoryContextSwitchTo(scratch);
	foreach(lc, range_table)
	{
		const RangeTblEntry *entry = lfirst(lc);

		if (entry->rtekind == RTE_RELATION && entry->relkind == RELKIND_FOREIGN_TABLE)
			add_server(write_log, GetForeignServer(GetForeignTable(entry->relid)->serverid)->servername);
		MemoryContextReset(scratch);
	}
	MemoryContextSwitchTo(before);
	MemoryContextDelete(scratch);
	write_log->has_servers = true;
}

/* The name of a server stays as long as the transaction. */
static void
add_server(WalcuWriteLog *write_log, const char *name)
{
	MemoryContext before = MemoryContextSwitchTo(TopTransactionContext);

	write_place_add(&write_log->places, name, NULL);
	MemoryContextSwitchTo(before);
}

/* Sets the number of the command that a statement's rows are inserted by. */
void
write_log_set_command(WalcuWriteLog *write_log, CommandId command)
{
	write_log->command = command;
}

/* Has nothing noted, nor told, of what is written: the outbox keeps account itself. */
void
write_log_silence(WalcuWriteLog *write_log)
{
	write_log->is_silent = true;
}

/* Notes that a row was written with a method.  id is NULL when the service has not told it. */
void
write_log_note_written(WalcuWriteLog *write_log, const WalcuOptions *options, const char *method,
					   const char *id)
{
	const char *resource = options->resource;
	MemoryContext before;

	if (write_log->is_silent)
		return;
	before = MemoryContextSwitchTo(TopTransactionContext);
	if (write_log->written++ < WRITE_LOG_NAMED)
		write_log->rows =
			lappend(write_log->rows, write_place_name_document(find_place(write_log, options), resource, id));
	if (strcmp(method, "POST") == 0)
		own_writes_note_inserted(options, resource, id, write_log->command);
	else if (strcmp(method, "DELETE") == 0)
		own_writes_note_deleted(options, id);
	write_tally_note(&write_log->tallies, options, resource, method, id);
	MemoryContextSwitchTo(before);
}

/*
 * Notes that it is not known whether a request was carried out.  new_id is the _id of a new document; NULL
 * when the service makes it, or the request names it.
 */
void
write_log_note_unknown(WalcuWriteLog *write_log, const WalcuOptions *options, const char *request,
					   const char *new_id)
{
	MemoryContext before;

	if (write_log->is_silent)
		return;
	before = MemoryContextSwitchTo(TopTransactionContext);
	if (write_log->unknown++ < WRITE_LOG_NAMED)
		write_log->requests =
			lappend(write_log->requests, write_place_name_request(find_place(write_log, options), request,
																  options->resource, new_id));
	MemoryContextSwitchTo(before);
}

/* Lets messages tell what waits to be sent, too. */
void
write_log_set_unsent(WalcuWriteLog *write_log, WalcuUnsentTeller teller, const void *arg)
{
	write_log->tell_unsent = teller;
	write_log->unsent = arg;
}

/* Adds to an error, once, what was written before it.  Only errors of a write say that nothing was. */
void
write_log_tell(WalcuWriteLog *write_log, ErrorData *error, bool of_write)
{
	char *text;

	if (write_log->told || write_log->is_silent ||
		(!of_write && write_log->written == 0 && write_log->unknown == 0))
		return;
	text = describe_written(write_log);
	if (error->detail == NULL)
		error->detail = text;
	else
		error->detail = psprintf("%s%s %s", error->detail,
								 error->detail[strlen(error->detail) - 1] == '.' ? "" : ".", text);
	if (write_log->unknown > 0 && error->hint == NULL)
		error->hint = CHECK_HINT;
	else if (write_log->unknown > 0 && strstr(error->hint, "check before you repeat") == NULL)
		error->hint = psprintf("%s  " CHECK_HINT, error->hint);
	write_log->told = true;
	write_log->can_be_caught = ERRCODE_TO_CATEGORY(error->sqlerrcode) != ERRCODE_OPERATOR_INTERVENTION;
}

static void
register_callbacks(void)
{
	static bool registered = false;

	if (registered)
		return;
	RegisterXactCallback(log_at_transaction_end, NULL);
	RegisterSubXactCallback(log_at_subtransaction_end, NULL);
	registered = true;
}

/*
 * Warns of what was written when the transaction aborts.  The logs are freed with the transaction's memory.
 */
static void
log_at_transaction_end(XactEvent event, void *arg)
{
	WalcuWriteLog *write_log = write_logs;

	if (event != XACT_EVENT_ABORT && event != XACT_EVENT_COMMIT && event != XACT_EVENT_PREPARE)
		return;
	write_logs = NULL;
	for (; write_log; write_log = write_log->next)
	{
		/* the error that has told was caught where the transaction does not abort */
		if (event == XACT_EVENT_ABORT ? !write_log->told : write_log->told)
			warn_of_written(write_log);
	}
}

static void
log_at_subtransaction_end(SubXactEvent event, SubTransactionId id, SubTransactionId parent, void *arg)
{
	WalcuWriteLog **link = &write_logs;

	if (event != SUBXACT_EVENT_ABORT_SUB && event != SUBXACT_EVENT_COMMIT_SUB)
		return;
	while (*link)
	{
		WalcuWriteLog *write_log = *link;

		if (write_log->subtransaction == id && event == SUBXACT_EVENT_ABORT_SUB)
		{
			/* a cancel that is caught is found out when the transaction commits after all */
			if (write_log->told && !write_log->can_be_caught && ActivePortal)
			{
				write_log->subtransaction = parent;
				write_log->statement = NULL;
				link = &write_log->next;
				continue;
			}
			*link = write_log->next;
			/* while a statement runs, it may have caught the error, which nobody sees then */
			if (!write_log->told || ActivePortal)
				warn_of_written(write_log);
			continue;
		}
		if (write_log->subtransaction == id)
			write_log->subtransaction = parent;
		link = &write_log->next;
	}
}

/*
 * Warns of what was written, for errors that came from elsewhere, and for the end of the session.  An error
 * is not passed on, as it could only be that memory is out, and would be raised again by the next try to
 * abort.
 */
static void
warn_of_written(WalcuWriteLog *write_log)
{
	MemoryContext before = CurrentMemoryContext;

	PG_TRY();
	{
		if (write_log->written > 0 || write_log->unknown > 0)
			ereport(WARNING, errcode(ERRCODE_WARNING),
					errmsg("what the failed statement wrote was not rolled back"),
					errdetail("%s", describe_written(write_log)), errhint(CHECK_HINT));
		else if (write_log->tell_unsent && proc_exit_inprogress)
			ereport(WARNING, errcode(ERRCODE_WARNING), errmsg("what waited for the commit was not sent"),
					errdetail("%s", describe_written(write_log)));
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(before);
		FlushErrorState();
	}
	PG_END_TRY();
}

static const WalcuWritePlace *
find_place(WalcuWriteLog *write_log, const WalcuOptions *options)
{
	return write_place_add(&write_log->places, options->server_name, options->dealer_id);
}

static char *
describe_written(const WalcuWriteLog *write_log)
{
	StringInfoData text;

	initStringInfo(&text);
	if (write_log->written == 0 && write_log->unknown == 0)
		appendStringInfoString(&text, "No row was written.");
	else if (write_log->written > 0)
	{
		appendStringInfo(&text,
						 write_log->written == 1 ? "One row was written and not rolled back: "
												 : INT64_FORMAT " rows were written and not rolled back: ",
						 write_log->written);
		append_writes(&text, write_log, write_log->rows, write_log->written);
	}
	if (write_log->unknown > 0)
	{
		appendStringInfo(&text,
						 write_log->unknown == 1 ? "%sIt is not known whether one request was carried out: "
												 : "%sIt is not known whether " INT64_FORMAT
												   " requests were carried out: ",
						 text.len > 0 ? " " : "", write_log->unknown);
		append_writes(&text, write_log, write_log->requests, write_log->unknown);
	}
	if (write_log->tell_unsent)
		write_log->tell_unsent(&text, write_log->unsent);
	return text.data;
}

static void
append_writes(StringInfo text, const WalcuWriteLog *write_log, List *writes, int64 count)
{
	write_log_append_list(text, write_place_texts(&write_log->places, writes), count);
}

/* Appends names (of char *), which are the first of so many. */
void
write_log_append_list(StringInfo text, List *names, int64 count)
{
	for (int i = 0; i < list_length(names); i++)
		appendStringInfo(text, "%s%s", i > 0 ? ", " : "", (char *) list_nth(names, i));
	if (count > list_length(names))
		appendStringInfo(text, ", and " INT64_FORMAT " more", count - list_length(names));
	appendStringInfoChar(text, '.');
}
