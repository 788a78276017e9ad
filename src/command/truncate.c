/*
 * truncate.c
 *	  TRUNCATE: a DELETE for every document of a resource.
 *
 * The service has no such call, and a CRM that was emptied by mistake does not come back; so it must be
 * allowed first, by the option truncatable.
 */
#include "postgres.h"

#include "command/truncate.h"

#include "access/xact.h"
#include "fetch/fetch.h"
#include "fetch/waiting_writes.h"
#include "miscadmin.h"
#include "modify/commit_queue.h"
#include "modify/outbox_record.h"
#include "modify/writer.h"
#include "utils/memutils.h"
#include "utils/rel.h"

static void check_truncatable(Relation relation);
static void delete_all_documents(Relation relation, const void *statement);
static List *read_all_ids(const WalcuOptions *options, const char *credential);
static List *as_written(const WalcuOptions *options, List *ids, CommandId command);

/*
 * FdwRoutine.ExecForeignTruncate.  Error, before anything is deleted: 55000 for a table without the
 * option truncatable.
 */
void
truncate_tables(List *relations, DropBehavior behavior, bool restart_sequences)
{
	ListCell *lc;

	foreach(lc, relations)
		check_truncatable(lfirst(lc));
	foreach(lc, relations)
		delete_all_documents(lfirst(lc), relations);
}

static void
check_truncatable(Relation relation)
{
	const WalcuOptions *options = option_for_table(RelationGetRelid(relation));

	if (!options->updatable || !options->truncatable)
		ereport(ERROR, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				errmsg("foreign table \"%s\" does not allow truncates", RelationGetRelationName(relation)),
				errdetail("It would delete every document of resource \"%s\".", options->resource),
				options->array
					? errhint("The table shows the elements of a list. Truncate a table of the documents.")
				: options->updatable
					? errhint("Set the option truncatable to 'true' to allow that.")
					: errhint("Set the options updatable and truncatable to 'true' to allow that."));
}

/* The ids are known before the first document goes: pages by skip would miss some otherwise. */
static void
delete_all_documents(Relation relation, const void *statement)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "walcu truncate", ALLOCSET_DEFAULT_SIZES);
	MemoryContext before = MemoryContextSwitchTo(context);
	const WalcuOptions *options = option_for_table(RelationGetRelid(relation));
	char *credential = option_credential_header(GetUserId(), options->serverid);
	List *ids = read_all_ids(options, credential);
	WalcuWriteLog *write_log = write_log_open(statement);
	WalcuWriter *writer = writer_open(context, options, credential, write_log);
	CommandId command = GetCurrentCommandId(true);
	WalcuCommitQueueTable *waits = NULL;
	WalcuOutboxTarget *outbox = NULL;
	ListCell *lc;

	if (options->write_mode == WALCU_WRITE_OUTBOX)
		outbox = outbox_record_target(RelationGetRelid(relation), GetUserId());
	if (options->write_mode == WALCU_WRITE_AT_COMMIT)
	{
		waits = commit_queue_table(RelationGetRelid(relation), GetUserId());
		ids = as_written(options, ids, command);
	}
	foreach(lc, ids)
	{
		WalcuCommitQueueWrite queued = {.method = "DELETE", .id = lfirst(lc), .command = command};
		WalcuWrite *write;

		if (waits)
			commit_queue_add(waits, &queued);
		if (outbox)
			outbox_record_add(outbox, &queued);
		if (waits || outbox)
			continue;
		write = writer_create(writer, "DELETE", lfirst(lc));

		write->detached = true;
		writer_send(write);
	}
	writer_finish(writer);
	write_log_close(write_log);
	MemoryContextSwitchTo(before);
	MemoryContextDelete(context);
}

static List *
read_all_ids(const WalcuOptions *options, const char *credential)
{
	WalcuQuery query = {
		.options = options,
		.credential = credential,
		.strategy = WALCU_BY_PAGES,
		.project = list_make1("_id"),
		.all_rows = true,
	};
	WalcuTally tally = {0};
	WalcuFetch *fetch = fetch_open(&query, &tally);
	WalcuDocument document;
	List *ids = NIL;

	while (!fetch_has_ended(fetch))
	{
		if (fetch_next(fetch, &document))
			ids = lappend(ids, pstrdup(document.id));
		else
			fetch_wait(fetch, -1);
	}
	fetch_close(fetch);
	return ids;
}

/* Returns the ids of the documents that will be there, with what waits for the commit, of those that are. */
static List *
as_written(const WalcuOptions *options, List *ids, CommandId command)
{
	List *written = NIL;
	ListCell *lc;

	foreach(lc, ids)
	{
		WalcuDocument document = {.id = lfirst(lc)};

		if (waiting_writes_show(options, lfirst(lc), command, &document) == WALCU_WAITING_NONE)
			written = lappend(written, lfirst(lc));
	}
	foreach(lc, waiting_writes_ids(options, command))
	{
		WalcuDocument document = {.id = lfirst(lc)};

		if (waiting_writes_show(options, lfirst(lc), command, &document) != WALCU_WAITING_DELETION)
			written = lappend(written, lfirst(lc));
	}
	return written;
}
