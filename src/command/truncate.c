/*
 * truncate.c
 *	  TRUNCATE: a DELETE for every document of a resource.
 *
 * The service has no such call, and a CRM that was emptied by mistake does not come back; so it must be
 * allowed first, by the option truncatable.
 */
#include "postgres.h"

#include "command/truncate.h"

#include "fetch/fetch.h"
#include "miscadmin.h"
#include "modify/commit_queue.h"
#include "modify/writer.h"
#include "utils/memutils.h"
#include "utils/rel.h"

static void check_truncatable(Relation relation);
static void delete_all(Relation relation, const void *statement);
static List *all_ids(const WalcuOptions *options, const char *credential);

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
		delete_all(lfirst(lc), relations);
}

static void
check_truncatable(Relation relation)
{
	const WalcuOptions *options = option_for_table(RelationGetRelid(relation));

	if (!options->updatable || !options->truncatable)
		ereport(ERROR, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				errmsg("foreign table \"%s\" does not allow truncates", RelationGetRelationName(relation)),
				errdetail("It would delete every document of resource \"%s\".", options->resource),
				options->updatable ? errhint("Set the option truncatable to 'true' to allow that.") : 0);
}

/* The ids are known before the first document goes: pages by skip would miss some otherwise. */
static void
delete_all(Relation relation, const void *statement)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "walcu truncate", ALLOCSET_DEFAULT_SIZES);
	MemoryContext before = MemoryContextSwitchTo(context);
	WalcuOptions *options = option_for_table(RelationGetRelid(relation));
	char *credential = option_credential_header(GetUserId(), options->serverid);
	List *ids = all_ids(options, credential);
	WalcuLedger *ledger = ledger_open(statement);
	WalcuWriter *writer = write_open(context, options, credential, ledger);
	WalcuQueueTable *waits = NULL;
	ListCell *lc;

	if (options->write_mode == WALCU_WRITE_AT_COMMIT)
		waits = queue_table(RelationGetRelid(relation), GetUserId());
	foreach(lc, ids)
	{
		WalcuQueued queued = {.method = "DELETE", .id = lfirst(lc)};
		WalcuWrite *write;

		if (waits)
		{
			queue_add(waits, &queued);
			continue;
		}
		write = write_create(writer, "DELETE", lfirst(lc));

		write->detached = true;
		write_send(write);
	}
	write_finish(writer);
	ledger_close(ledger);
	MemoryContextSwitchTo(before);
	MemoryContextDelete(context);
}

static List *
all_ids(const WalcuOptions *options, const char *credential)
{
	WalcuQuery query = {
		.options = options,
		.credential = credential,
		.strategy = WALCU_BY_PAGES,
		.project = list_make1("_id"),
		.all_rows = true,
	};
	WalcuTally tally = {0};
	WalcuSource *source = source_open(&query, &tally);
	WalcuDocument document;
	List *ids = NIL;

	while (!source_has_ended(source))
	{
		if (source_next(source, &document))
			ids = lappend(ids, pstrdup(document.id));
		else
			source_wait(source, -1);
	}
	source_close(source);
	return ids;
}
