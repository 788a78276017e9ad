/*
 * commit_queue.c
 *	  Writes that wait for the end of the transaction, for the option write_mode 'commit'.
 *
 * modify.c and truncate.c put writes in here instead of sending them.  What a subtransaction has put in goes
 * with it when it is rolled back, and all of it with the transaction.  Before that commits, what is
 * left is sent in order; several changes of one document make one request.  When one fails, the
 * transaction does, and the message tells what had been written.
 *
 * A write belongs to the place that its table stood for when it was put in: what is altered, dropped or
 * rolled back after that changes nothing of it.
 */
#include "postgres.h"

#include "modify/commit_queue.h"

#include "access/xact.h"
#include "fetch/own_writes.h"
#include "fetch/waiting_writes.h"
#include "miscadmin.h"
#include "modify/commit_order.h"
#include "modify/merged_writes.h"
#include "modify/patched_document.h"
#include "modify/queue_entry.h"
#include "modify/waiting_document.h"
#include "modify/write_log.h"
#include "modify/write_place.h"
#include "storage/ipc.h"
#include "storage/predicate.h"
#include "storage/proc.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/timeout.h"
#include "utils/timestamp.h"

/* The queue of the transaction. */
typedef struct Queue
{
	List *tables;          /* These are the tables (of WalcuCommitQueueTable). */
	List *entries;         /* These are the writes (of WalcuQueueEntry), in order. */
	HTAB *documents;       /* These are the documents (of WalcuQueueDocument) that the writes are for. */
	MemoryContext context; /* It ends with the transaction. */
	bool sending;          /* The transaction commits. */
	int sent;              /* So many of the first entries are confirmed, or dropped. */
} Queue;

static Queue *queue = NULL;

static void create_queue(void);
static WalcuCommitQueueTable *find_queue_table(const WalcuOptions *options, const char *credential);
static void queue_at_transaction_end(XactEvent event, void *arg);
static void queue_at_subtransaction_end(SubXactEvent event, SubTransactionId id, SubTransactionId parent,
										void *arg);
static void forget_last(WalcuQueueEntry *entry);
static WalcuQueueDocument *find_document(const WalcuOptions *options, const char *id, HASHACTION action);
static bool has_entries(void);
static List *list_waiting_ids(const WalcuOptions *options, CommandId command);
static WalcuWaiting show_waiting_document(const WalcuOptions *options, const char *id, CommandId command,
										  WalcuDocument *document);
static bool changes_members(const WalcuOptions *options, const char *id, CommandId command, List *names);
static int64 count_waiting_documents(const WalcuOptions *options, CommandId command, List **held);
static const WalcuWaitingDocument *find_waiting(WalcuQueueDocument *document, const WalcuOptions *options,
												CommandId command);
static void merge_writes(void);
static void send_queue(void);
static bool resume_statement_timeout(void);
static void send_entries(void);
static void warn_of_unwritten(void);
static void warn_at_exit(void);
static void describe_unsent(StringInfo text, const void *arg);
static WalcuNamedWrite *name_entry(const WalcuQueueEntry *entry, WalcuWritePlaces *places);

static const WalcuWaitingSource waiting_source = {
	.exist = has_entries,
	.ids = list_waiting_ids,
	.show = show_waiting_document,
	.changes = changes_members,
	.count = count_waiting_documents,
};

/*
 * Returns the queue's side of a table as it is now.  Errors: those of option_for_table and
 * option_credential_header, and 25000 when the queue is sent already.
 */
WalcuCommitQueueTable *
commit_queue_table(Oid relid, Oid userid)
{
	const WalcuOptions *options = option_for_table(relid);
	char *credential = option_credential_header(userid, options->serverid);
	WalcuCommitQueueTable *table;
	MemoryContext before;

	if (queue == NULL)
		create_queue();
	if (queue->sending)
		ereport(ERROR, errcode(ERRCODE_INVALID_TRANSACTION_STATE),
				errmsg("cannot write to resource \"%s\" while its transaction commits", options->resource));
	table = find_queue_table(options, credential);
	if (table == NULL)
	{
		before = MemoryContextSwitchTo(queue->context);
		table = palloc0(sizeof(WalcuCommitQueueTable));
		table->options = option_for_table(relid);
		table->credential = pstrdup(credential);
		queue->tables = lappend(queue->tables, table);
		MemoryContextSwitchTo(before);
	}
	return table;
}

/* Adds a write at the end.  Its texts are copied.  Error: that of write_check_id. */
void
commit_queue_add(WalcuCommitQueueTable *table, const WalcuCommitQueueWrite *queued)
{
	MemoryContext before = MemoryContextSwitchTo(queue->context);
	WalcuQueueEntry *entry = palloc0(sizeof(WalcuQueueEntry));

	if (strcmp(queued->method, "POST") != 0)
		write_check_id(table->options, queued->id);
	entry->queued = *queued;
	entry->queued.id = queued->id ? pstrdup(queued->id) : NULL;
	entry->queued.body = queued->body ? pstrdup(queued->body) : NULL;
	entry->queued.leaves = queued->leaves ? pstrdup(queued->leaves) : NULL;
	entry->queued.sets = queued->sets ? pstrdup(queued->sets) : NULL;
	entry->table = table;
	entry->subtransaction = GetCurrentSubTransactionId();
	if (queued->id)
	{
		WalcuQueueDocument *document = find_document(table->options, queued->id, HASH_ENTER);

		entry->before = document->last;
		document->last = entry;
	}
	queue->entries = lappend(queue->entries, entry);
	MemoryContextSwitchTo(before);
}

static WalcuCommitQueueTable *
find_queue_table(const WalcuOptions *options, const char *credential)
{
	ListCell *lc;

	foreach(lc, queue->tables)
	{
		WalcuCommitQueueTable *table = lfirst(lc);

		if (option_equals(table->options, options) && strcmp(table->credential, credential) == 0)
			return table;
	}
	return NULL;
}

static void
create_queue(void)
{
	static bool registered = false;
	MemoryContext context =
		AllocSetContextCreate(TopTransactionContext, "walcu queue", ALLOCSET_DEFAULT_SIZES);
	HASHCTL control = {
		.keysize = sizeof(WalcuDigest), .entrysize = sizeof(WalcuQueueDocument), .hcxt = context};
	Queue *created = MemoryContextAllocZero(context, sizeof(Queue));

	created->context = context;
	created->documents =
		hash_create("walcu documents in queue", 256, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	if (!registered)
	{
		RegisterXactCallback(queue_at_transaction_end, NULL);
		RegisterSubXactCallback(queue_at_subtransaction_end, NULL);
		waiting_writes_set_source(&waiting_source);
		registered = true;
	}
	queue = created;
}

/* Sends the queue before the transaction commits.  It is freed with the transaction's memory. */
static void
queue_at_transaction_end(XactEvent event, void *arg)
{
	if (queue == NULL)
		return;
	switch (event)
	{
		case XACT_EVENT_PRE_COMMIT:
			send_queue();
			break;
		case XACT_EVENT_PRE_PREPARE:
			if (queue->entries != NIL)
				ereport(
					ERROR, errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					errmsg("cannot PREPARE a transaction that has written to foreign tables with write_mode "
						   "'commit'"));
			break;
		case XACT_EVENT_ABORT:
			warn_at_exit();
			queue = NULL;
			break;
		case XACT_EVENT_COMMIT:
		case XACT_EVENT_PREPARE:
			queue = NULL;
			break;
		default:
			break;
	}
}

/* Drops the writes that were added after a savepoint, when it is rolled back to. */
static void
queue_at_subtransaction_end(SubXactEvent event, SubTransactionId id, SubTransactionId parent, void *arg)
{
	if (queue == NULL)
		return;
	/* the entries of the subtransaction are the last ones, in the list as for each document */
	for (int i = list_length(queue->entries) - 1; i >= 0; i--)
	{
		WalcuQueueEntry *entry = list_nth(queue->entries, i);

		if (entry->subtransaction < id)
			break;
		if (entry->subtransaction != id)
			continue;
		if (event == SUBXACT_EVENT_COMMIT_SUB)
			entry->subtransaction = parent;
		else if (event == SUBXACT_EVENT_ABORT_SUB)
		{
			forget_last(entry);
			queue->entries = list_truncate(queue->entries, i);
		}
	}
}

static void
forget_last(WalcuQueueEntry *entry)
{
	if (entry->queued.id)
	{
		WalcuQueueDocument *document = find_document(entry->table->options, entry->queued.id, HASH_FIND);

		document->last = entry->before;
		document->waiting = NULL;
	}
}

/* Finds a document by its name, as two tables, or one at two times, may show the same resource. */
static WalcuQueueDocument *
find_document(const WalcuOptions *options, const char *id, HASHACTION action)
{
	char *name = psprintf("%s/%s/%s/%s", options->endpoint, options->dealer_id, options->resource, id);
	WalcuDigest key = digest_of(name, strlen(name));
	WalcuQueueDocument *document;
	bool found;

	document = hash_search(queue->documents, &key, action, &found);
	if (action == HASH_ENTER && !found)
	{
		document->last = NULL;
		document->waiting = NULL;
	}
	pfree(name);
	return document;
}

/* WalcuWaitingSource.exist */
static bool
has_entries(void)
{
	return queue && queue->entries != NIL;
}

/* WalcuWaitingSource.ids */
static List *
list_waiting_ids(const WalcuOptions *options, CommandId command)
{
	HASH_SEQ_STATUS status;
	WalcuQueueDocument *document;
	List *ids = NIL;

	if (!has_entries())
		return NIL;
	hash_seq_init(&status, queue->documents);
	while ((document = hash_seq_search(&status)) != NULL)
	{
		if (find_waiting(document, options, command))
			ids = lappend(ids, pstrdup(document->last->queued.id));
	}
	return ids;
}

/* WalcuWaitingSource.show */
static WalcuWaiting
show_waiting_document(const WalcuOptions *options, const char *id, CommandId command, WalcuDocument *document)
{
	WalcuQueueDocument *known = queue ? find_document(options, id, HASH_FIND) : NULL;
	const WalcuWaitingDocument *waiting = known ? find_waiting(known, options, command) : NULL;

	return waiting ? waiting_document_show(waiting, document) : WALCU_WAITING_NONE;
}

/* WalcuWaitingSource.changes */
static bool
changes_members(const WalcuOptions *options, const char *id, CommandId command, List *names)
{
	WalcuQueueDocument *known = queue ? find_document(options, id, HASH_FIND) : NULL;
	const WalcuWaitingDocument *waiting = known ? find_waiting(known, options, command) : NULL;

	return waiting && (waiting->leaves == NULL || patched_document_changes(waiting->leaves, names));
}

/* WalcuWaitingSource.count */
static int64
count_waiting_documents(const WalcuOptions *options, CommandId command, List **held)
{
	HASH_SEQ_STATUS status;
	WalcuQueueDocument *document;
	int64 count = 0;

	if (!has_entries())
		return 0;
	hash_seq_init(&status, queue->documents);
	while ((document = hash_seq_search(&status)) != NULL)
	{
		const WalcuWaitingDocument *waiting = find_waiting(document, options, command);

		if (waiting == NULL || !(waiting->is_deleted || waiting->whole))
			continue;
		count += waiting->is_deleted ? 0 : 1;
		if (!waiting->is_made_here)
			*held = lappend(*held, pstrdup(document->last->queued.id));
	}
	return count;
}

/* Returns what a document of a resource will be, as a command is shown it; NULL when nothing waits for it. */
static const WalcuWaitingDocument *
find_waiting(WalcuQueueDocument *document, const WalcuOptions *options, CommandId command)
{
	if (document->last == NULL || !own_writes_same_place(document->last->table->options, options))
		return NULL;
	return waiting_document_of(document, command, queue->context);
}

/* Makes one request of several that write one document. */
static void
merge_writes(void)
{
	MemoryContext context =
		AllocSetContextCreate(queue->context, "walcu merged write", ALLOCSET_DEFAULT_SIZES);
	MemoryContext before = MemoryContextSwitchTo(context);
	ListCell *lc;

	foreach(lc, queue->entries)
	{
		WalcuQueueEntry *later = lfirst(lc);

		CHECK_FOR_INTERRUPTS();
		/* what an earlier one has taken in is not before this one any more */
		while (later->before && later->before->dropped)
			later->before = later->before->before;
		if (later->before == NULL)
			continue;
		MemoryContextReset(context);
		merged_writes_join(later->before, later);
	}
	MemoryContextSwitchTo(before);
	MemoryContextDelete(context);
}

/*
 * Sends what is left, once nothing of PostgreSQL's speaks against the commit any more.  Deferred triggers
 * have fired.  The last that could fail is a serializable transaction, for what others do: from that check on
 * it is they who fail, as with a transaction that is prepared.  The commit makes the check again.
 */
static void
send_queue(void)
{
	bool clock_runs;

	if (queue->entries == NIL)
		return;
	PreCommit_CheckForSerializationFailure();
	queue->sending = true;
	merge_writes();
	clock_runs = resume_statement_timeout();
	PG_TRY();
	{
		send_entries();
	}
	PG_FINALLY();
	{
		if (clock_runs)
			disable_timeout(STATEMENT_TIMEOUT, false);
	}
	PG_END_TRY();
	warn_of_unwritten();
}

/* Starts the clock of statement_timeout again, which PostgreSQL stops before it commits. */
static bool
resume_statement_timeout(void)
{
	if (StatementTimeout <= 0 || get_timeout_active(STATEMENT_TIMEOUT))
		return false;
	enable_timeout_at(STATEMENT_TIMEOUT,
					  TimestampTzPlusMilliseconds(GetCurrentStatementStartTimestamp(), StatementTimeout));
	return true;
}

/* Sends the entries.  The write log stays open, as something else may still fail the transaction. */
static void
send_entries(void)
{
	MemoryContext before = MemoryContextSwitchTo(queue->context);
	WalcuWriteLog *write_log = write_log_open(queue);
	ListCell *lc;

	write_log_set_unsent(write_log, describe_unsent, queue);
	foreach(lc, queue->tables)
	{
		WalcuCommitQueueTable *table = lfirst(lc);

		table->writer = writer_open(queue->context, table->options, table->credential, write_log);
	}
	while (queue->sent < list_length(queue->entries))
	{
		int end = commit_order_group_end(queue->entries, queue->sent);

		commit_order_send(write_log, queue->entries, queue->sent, end);
		queue->sent = end;
	}
	MemoryContextSwitchTo(before);
}

static void
warn_of_unwritten(void)
{
	int64 unwritten = 0;
	List *names = NIL;
	StringInfoData list;
	ListCell *lc;

	foreach(lc, queue->tables)
	{
		WalcuWriter *writer = ((WalcuCommitQueueTable *) lfirst(lc))->writer;

		writer_tell_ignored(writer);
		unwritten += writer_take_unwritten(writer, &names);
	}
	if (unwritten == 0)
		return;
	initStringInfo(&list);
	write_log_append_list(&list, list_truncate(names, WRITE_LOG_NAMED), unwritten);
	ereport(WARNING, errcode(ERRCODE_WARNING),
			errmsg_plural(INT64_FORMAT " row was not written at commit",
						  INT64_FORMAT " rows were not written at commit", (unsigned long) unwritten,
						  unwritten),
			errdetail("What was to be changed or deleted was gone, or what was to be inserted ON CONFLICT DO "
					  "NOTHING existed already: %s",
					  list.data));
}

/* Warns of what waits when a session ends, as there is no commit that could fail. */
static void
warn_at_exit(void)
{
	StringInfoData text;

	/* what had been sent by then is the write log's to tell */
	if (!proc_exit_inprogress || queue->sending || queue->entries == NIL)
		return;
	initStringInfo(&text);
	describe_unsent(&text, queue);
	ereport(WARNING, errcode(ERRCODE_WARNING),
			errmsg("the session ended before what waited for the commit was sent"),
			errdetail("%s", text.data));
}

/* Tells which writes of a queue have not been sent, if any. */
static void
describe_unsent(StringInfo text, const void *arg)
{
	const Queue *sent = arg;
	WalcuWritePlaces places = {0};
	List *names = NIL;
	int64 count = 0;
	ListCell *lc;

	foreach(lc, sent->tables)
	{
		const WalcuOptions *options = ((WalcuCommitQueueTable *) lfirst(lc))->options;

		write_place_add(&places, options->server_name, options->dealer_id);
	}
	for (int i = sent->sent; i < list_length(sent->entries); i++)
	{
		const WalcuQueueEntry *entry = list_nth(sent->entries, i);

		if (!entry->dropped && !entry->is_sent && count++ < WRITE_LOG_NAMED)
			names = lappend(names, name_entry(entry, &places));
	}
	if (count == 0)
		return;
	appendStringInfo(text,
					 count == 1 ? "%sOne write was not sent: " : "%s" INT64_FORMAT " writes were not sent: ",
					 text->len > 0 ? " " : "", count);
	write_log_append_list(text, write_place_texts(&places, names), count);
}

/* A new document is no part of the request's path, but it may be known. */
static WalcuNamedWrite *
name_entry(const WalcuQueueEntry *entry, WalcuWritePlaces *places)
{
	const WalcuOptions *options = entry->table->options;
	const WalcuCommitQueueWrite *queued = &entry->queued;
	bool is_new = strcmp(queued->method, "POST") == 0;
	const char *request = psprintf("%s /%s%s%s", queued->method, options->resource, is_new ? "" : "/",
								   is_new ? "" : queued->id);

	return write_place_name_request(write_place_add(places, options->server_name, options->dealer_id),
									request, options->resource, is_new ? queued->id : NULL);
}
