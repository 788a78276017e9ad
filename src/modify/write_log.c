/*
 * write_log.c
 *	  What a statement has written so far, for the message when it fails midway.
 *
 * The service has no transactions: what was written stays written.  write.c notes each row here and
 * adds to its errors what stands here; so does modify.c for what other parts of a statement
 * raise.  Where neither is on the way of an error, a warning tells when the transaction aborts.
 *
 * All tables that a statement writes share its ledger, which lives until the statement ends.
 */
#include "postgres.h"

#include "modify/write_log.h"

#include "access/xact.h"
#include "lib/stringinfo.h"
#include "utils/memutils.h"

/* Rows and requests that are named; the others are counted. */
#define NAMED 100

struct WalcuLedger
{
	WalcuLedger *next;
	const void *statement; /* by which tables of a statement find each other */
	int users;             /* tables that have it open */
	SubTransactionId subtransaction;
	int64 written;
	List *rows; /* of char *: the first of them */
	int64 unknown;
	List *requests; /* of char *: the first of which it is not known what became of them */
	bool told;
};

/* The statements of the transaction that are writing. */
static WalcuLedger *ledgers = NULL;

static void register_callbacks(void);
static void on_transaction_end(XactEvent event, void *arg);
static void on_subtransaction_end(SubXactEvent event, SubTransactionId id, SubTransactionId parent,
								  void *arg);
static void warn(WalcuLedger *ledger);
static char *ledger_text(const WalcuLedger *ledger);
static void append_list(StringInfo text, List *names, int64 count);

/* The ledger of a statement, which is known by its execution's state. */
WalcuLedger *
ledger_open(const void *statement)
{
	WalcuLedger *ledger = ledgers;

	register_callbacks();
	while (ledger && ledger->statement != statement)
		ledger = ledger->next;
	if (ledger == NULL)
	{
		ledger = MemoryContextAllocZero(TopTransactionContext, sizeof(WalcuLedger));
		ledger->statement = statement;
		ledger->subtransaction = GetCurrentSubTransactionId();
		ledger->next = ledgers;
		ledgers = ledger;
	}
	ledger->users++;
	return ledger;
}

/* A table of the statement has come to its end. */
void
ledger_close(WalcuLedger *ledger)
{
	WalcuLedger **link = &ledgers;

	if (--ledger->users > 0)
		return;
	while (*link != ledger)
		link = &(*link)->next;
	*link = ledger->next;
	list_free_deep(ledger->rows);
	list_free_deep(ledger->requests);
	pfree(ledger);
}

/* A row was written; id is NULL when the service has not told it. */
void
ledger_note_written(WalcuLedger *ledger, const char *resource, const char *id)
{
	MemoryContext before = MemoryContextSwitchTo(TopTransactionContext);

	if (ledger->written++ < NAMED)
		ledger->rows = lappend(ledger->rows, psprintf("%s/%s", resource, id ? id : "(of unknown _id)"));
	MemoryContextSwitchTo(before);
}

/* It is not known whether a request was carried out. */
void
ledger_note_unknown(WalcuLedger *ledger, const char *request)
{
	MemoryContext before = MemoryContextSwitchTo(TopTransactionContext);

	if (ledger->unknown++ < NAMED)
		ledger->requests = lappend(ledger->requests, pstrdup(request));
	MemoryContextSwitchTo(before);
}

/*
 * Add to an error, once, what was written before it.  That nothing was is said of the errors of a
 * write only.
 */
void
ledger_tell(WalcuLedger *ledger, ErrorData *error, bool of_write)
{
	char *text;

	if (ledger->told || (!of_write && ledger->written == 0 && ledger->unknown == 0))
		return;
	text = ledger_text(ledger);
	if (error->detail == NULL)
		error->detail = text;
	else
		error->detail = psprintf("%s%s %s", error->detail,
								 error->detail[strlen(error->detail) - 1] == '.' ? "" : ".", text);
	ledger->told = true;
}

static void
register_callbacks(void)
{
	static bool registered = false;

	if (registered)
		return;
	RegisterXactCallback(on_transaction_end, NULL);
	RegisterSubXactCallback(on_subtransaction_end, NULL);
	registered = true;
}

/* The ledgers go with the transaction's memory. */
static void
on_transaction_end(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_ABORT)
	{
		for (WalcuLedger *ledger = ledgers; ledger; ledger = ledger->next)
			warn(ledger);
	}
	if (event == XACT_EVENT_ABORT || event == XACT_EVENT_COMMIT || event == XACT_EVENT_PREPARE)
		ledgers = NULL;
}

static void
on_subtransaction_end(SubXactEvent event, SubTransactionId id, SubTransactionId parent, void *arg)
{
	WalcuLedger **link = &ledgers;

	if (event != SUBXACT_EVENT_ABORT_SUB && event != SUBXACT_EVENT_COMMIT_SUB)
		return;
	while (*link)
	{
		WalcuLedger *ledger = *link;

		if (ledger->subtransaction == id && event == SUBXACT_EVENT_ABORT_SUB)
		{
			warn(ledger);
			*link = ledger->next;
			continue;
		}
		if (ledger->subtransaction == id)
			ledger->subtransaction = parent;
		link = &ledger->next;
	}
}

/* For errors that came from elsewhere. */
static void
warn(WalcuLedger *ledger)
{
	if (!ledger->told && (ledger->written > 0 || ledger->unknown > 0))
		ereport(WARNING, errcode(ERRCODE_WARNING),
				errmsg("what the failed statement had written stays written"),
				errdetail("%s", ledger_text(ledger)));
}

static char *
ledger_text(const WalcuLedger *ledger)
{
	StringInfoData text;

	initStringInfo(&text);
	if (ledger->written == 0)
		appendStringInfoString(&text, "No row was written.");
	else
	{
		appendStringInfo(&text,
						 ledger->written == 1 ? "One row was written and stays so: "
											  : INT64_FORMAT " rows were written and stay so: ",
						 ledger->written);
		append_list(&text, ledger->rows, ledger->written);
	}
	if (ledger->unknown > 0)
	{
		appendStringInfo(&text,
						 ledger->unknown == 1 ? " It is not known whether one request was carried out: "
											  : " It is not known whether " INT64_FORMAT
												" requests were carried out: ",
						 ledger->unknown);
		append_list(&text, ledger->requests, ledger->unknown);
	}
	return text.data;
}

static void
append_list(StringInfo text, List *names, int64 count)
{
	for (int i = 0; i < list_length(names); i++)
		appendStringInfo(text, "%s%s", i > 0 ? ", " : "", (char *) list_nth(names, i));
	if (count > list_length(names))
		appendStringInfo(text, ", and " INT64_FORMAT " more", count - list_length(names));
	appendStringInfoChar(text, '.');
}
