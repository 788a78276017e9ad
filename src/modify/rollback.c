/*
 * rollback.c
 *	  What a transaction has written, which its rollback does not undo.
 *
 * The service has no transactions.  A statement that has ended well says here what it has written
 * (write_log.c does for it), and so do the functions that write.  When the transaction, or the subtransaction
 * that wrote, is rolled back, a warning tells what stays.  What a failed statement has written is
 * write_log.c's to tell.
 *
 * What a subtransaction has written becomes its parent's when it is released, so that everything is told of
 * once.  A transaction that aborts may do so because memory is out, and an error then would be raised again
 * by the next try: so the text has its place before, and what fails all the same is no error.
 */
#include "postgres.h"

#include <jansson.h>

#include "modify/rollback.h"

#include "access/xact.h"
#include "base/utf8.h"
#include "fetch/own_writes.h"
#include "utils/memutils.h"

/* A warning tells of what was written in so many bytes at most. */
#define TEXT_SIZE 4096

/* What one subtransaction has written. */
typedef struct Record
{
	struct Record *outer;            /* This is that of a subtransaction around it, or NULL. */
	SubTransactionId subtransaction; /* This is the subtransaction. */
	WalcuWriteTally *tallies;        /* It has written these. */
} Record;

/* These are the records of the transaction, the innermost first. */
static Record *records = NULL;

static char *read_reply_id(StringInfo reply);
static void register_at_rollback(void);
static void record_at_transaction_end(XactEvent event, void *arg);
static void record_at_subtransaction_end(SubXactEvent event, SubTransactionId id, SubTransactionId parent,
										 void *arg);
static void warn_of_kept(WalcuWriteTally **tallies, const char *message);

/* Notes what the current subtransaction has written.  The tallies are taken over. */
void
rollback_note_written(WalcuWriteTally **tallies)
{
	SubTransactionId current = GetCurrentSubTransactionId();

	register_at_rollback();
	if (*tallies == NULL)
		return;
	if (records == NULL || records->subtransaction != current)
	{
		Record *record = MemoryContextAllocZero(TopTransactionContext, sizeof(Record));

		record->subtransaction = current;
		record->outer = records;
		records = record;
	}
	write_tally_merge(&records->tallies, tallies);
}

/*
 * Notes what a call of the API with this method and path, which is changed, has written; reply is what the
 * service has answered.
 */
void
rollback_note_call(const WalcuOptions *options, const char *method, char *path, StringInfo reply)
{
	MemoryContext before;
	WalcuWriteTally *tallies = NULL;
	char *resource = path + (path[0] == '/');
	char *id = strchr(resource, '/');

	if (id)
		*id++ = '\0';
	else
		id = read_reply_id(reply);
	before = MemoryContextSwitchTo(TopTransactionContext);
	write_tally_note(&tallies, options, resource, method, id);
	if (strcmp(method, "POST") == 0)
		own_writes_note_inserted(options, resource, id, GetCurrentCommandId(true));
	MemoryContextSwitchTo(before);
	rollback_note_written(&tallies);
}

/* Returns the _id of a document that the service has answered with, or NULL. */
static char *
read_reply_id(StringInfo reply)
{
	json_t *document = json_loadb(reply->data, reply->len, 0, NULL);
	const char *id = json_string_value(json_object_get(document, "_id"));
	char *copy = NULL;

	/* nothing between here and json_decref raises but palloc, when memory is out */
	if (id)
		copy = utf8_is_server_encoding() ? pstrdup(id) : utf8_to_server_escaped(id, strlen(id));
	json_decref(document);
	return copy;
}

static void
register_at_rollback(void)
{
	static bool registered = false;

	if (registered)
		return;
	RegisterXactCallback(record_at_transaction_end, NULL);
	RegisterSubXactCallback(record_at_subtransaction_end, NULL);
	registered = true;
}

/* The records are freed with the transaction's memory. */
static void
record_at_transaction_end(XactEvent event, void *arg)
{
	WalcuWriteTally *tallies = NULL;

	if (event != XACT_EVENT_ABORT && event != XACT_EVENT_COMMIT && event != XACT_EVENT_PREPARE)
		return;
	/* the outermost first, as it has begun to write before */
	while (records)
	{
		write_tally_merge(&records->tallies, &tallies);
		tallies = records->tallies;
		records = records->outer;
	}
	if (event == XACT_EVENT_ABORT)
		warn_of_kept(&tallies, "rolling back does not undo what was written to the CRM");
	else if (event == XACT_EVENT_PREPARE)
		warn_of_kept(&tallies, "ROLLBACK PREPARED will not undo what was written to the CRM");
}

static void
record_at_subtransaction_end(SubXactEvent event, SubTransactionId id, SubTransactionId parent, void *arg)
{
	Record *record = records;

	if (record == NULL || record->subtransaction != id)
		return;
	if (event == SUBXACT_EVENT_ABORT_SUB)
	{
		records = record->outer;
		warn_of_kept(&record->tallies, "rolling back does not undo what was written to the CRM");
	}
	else if (event == SUBXACT_EVENT_COMMIT_SUB && record->outer && record->outer->subtransaction == parent)
	{
		records = record->outer;
		write_tally_merge(&records->tallies, &record->tallies);
		pfree(record);
	}
	else if (event == SUBXACT_EVENT_COMMIT_SUB)
		record->subtransaction = parent;
}

/* Warns of what stays.  An error is not passed on: it could only be that memory is out. */
static void
warn_of_kept(WalcuWriteTally **tallies, const char *message)
{
	static char text[TEXT_SIZE];
	MemoryContext before = CurrentMemoryContext;

	if (*tallies == NULL)
		return;
	write_tally_describe(*tallies, text, sizeof(text));
	*tallies = NULL;
	PG_TRY();
	{
		ereport(WARNING, errcode(ERRCODE_WARNING), errmsg_internal("%s", message),
				errdetail_internal("%s", text),
				errhint("The CRM has no transactions.  With the option write_mode 'commit', writes to tables "
						"wait for COMMIT, and a rollback drops them."));
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(before);
		FlushErrorState();
	}
	PG_END_TRY();
}
