/*
 * outbox_record.c
 *	  Record writes in the transaction, to be sent after it, for the option write_mode 'outbox'.
 *
 * modify.c, direct_send.c and truncate.c put writes in here instead of sending them.  Each becomes a row of a
 * table of the extension.  So a rollback, a savepoint, a crash and a replica do to it what they do to any
 * row, and it can be prepared with its transaction.  outbox/ sends what has committed.
 *
 * The row is put into the table without SQL: nobody but the extension's owner has rights on it, and there is
 * no way for a user to record what another one seems to have written.
 */
#include "postgres.h"

#include "modify/outbox_record.h"

#include "access/heapam.h"
#include "access/table.h"
#include "catalog/pg_class.h"
#include "base/utf8.h"
#include "base/worker_latch.h"
#include "catalog/indexing.h"
#include "commands/sequence.h"
#include "modify/outbox_table.h"
#include "nodes/pg_list.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

/* A third of a page is what an index takes: so many bytes leave room for the rest of its row. */
#define LONGEST_KEY 2000

struct WalcuOutboxTarget
{
	const WalcuOptions *options; /* These are the options of the table. */
	Oid userid;                  /* The write is sent with this user's mapping. */
	char *name;                  /* This is the table's name, with its schema. */
	Oid entries;                 /* The entries are in this table. */
	Oid numbers;                 /* This sequence numbers them. */
};

static void check_key_fits(const WalcuOptions *options, const char *id);
static void set_text(Datum *values, bool *nulls, AttrNumber column, const char *text);

/*
 * Returns what there is to know of a table whose writes are recorded, in the current memory context.  Errors:
 * 0A000 for a temporary table, those of option_for_table and of outbox_table_entries.
 */
WalcuOutboxTarget *
outbox_record_target(Oid relid, Oid userid)
{
	WalcuOutboxTarget *target = palloc0(sizeof(WalcuOutboxTarget));

	if (get_rel_persistence(relid) == RELPERSISTENCE_TEMP)
		ereport(ERROR, errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				errmsg("temporary foreign table \"%s\" cannot be written with write_mode 'outbox'",
					   get_rel_name(relid)),
				errdetail("It may be gone when the write is to be sent."),
				errhint("Make a foreign table that stays, or set its option write_mode to 'immediate' or "
						"'commit'."));
	target->options = option_for_table(relid);
	target->userid = userid;
	target->name =
		quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)), get_rel_name(relid));
	target->entries = outbox_table_entries();
	target->numbers = outbox_table_numbers();
	return target;
}

/* Checks that new documents get their ids here.  Error: 0A000 when they do not. */
void
outbox_record_check_inserts(const WalcuOptions *options)
{
	if (options->client_ids)
		return;
	ereport(
		ERROR, errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
		errmsg("inserts into resource \"%s\" require the option client_ids", options->resource),
		errdetail("With write_mode 'outbox' a new document is looked for by its _id, where it is not known "
				  "whether an attempt to send it was carried out."),
		errhint("Set the option client_ids to 'true', on the table or its server, if the service keeps an "
				"_id that it is given."));
}

/* Entries of a document are found by an index.  Error: 54000 for an _id that does not fit into that. */
static void
check_key_fits(const WalcuOptions *options, const char *id)
{
	size_t length = strlen(id) + strlen(options->resource) + strlen(options->dealer_id);

	if (length > LONGEST_KEY)
		ereport(
			ERROR, errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
			errmsg("the _id of a document of resource \"%s\" is too long for the outbox", options->resource),
			errdetail("With the names of its resource and dealer it has %zu bytes, and may have %d.", length,
					  LONGEST_KEY),
			errhint("Write such a document with the option write_mode 'immediate' or 'commit'."));
}

/*
 * Records a write.  Errors: those of check_key_fits, write_check_id and, as nobody could send it later,
 * utf8_require.
 */
void
outbox_record_add(const WalcuOutboxTarget *target, const WalcuCommitQueueWrite *write)
{
	Relation entries = table_open(target->entries, RowExclusiveLock);
	Datum values[OUTBOX_COLUMNS + 1] = {0};
	bool nulls[OUTBOX_COLUMNS + 1] = {0};
	TimestampTz now = GetCurrentTimestamp();
	HeapTuple tuple;

	check_key_fits(target->options, write->id);
	if (strcmp(write->method, "POST") != 0)
		write_check_id(target->options, write->id);
	if (write->body)
		(void) utf8_require(write->body);
	if (write->leaves)
		(void) utf8_require(write->leaves);
	if (RelationGetDescr(entries)->natts != OUTBOX_COLUMNS)
		elog(ERROR, "the outbox's table is that of another version");
	values[OUTBOX_ID] = Int64GetDatum(nextval_internal(target->numbers, false));
	values[OUTBOX_OWNER] = ObjectIdGetDatum(target->userid);
	values[OUTBOX_RELATION] = ObjectIdGetDatum(target->options->relid);
	set_text(values, nulls, OUTBOX_RELATION_NAME, target->name);
	values[OUTBOX_SERVER] = ObjectIdGetDatum(target->options->serverid);
	set_text(values, nulls, OUTBOX_DEALER, target->options->dealer_id);
	set_text(values, nulls, OUTBOX_RESOURCE, target->options->resource);
	set_text(values, nulls, OUTBOX_DOCUMENT, write->id);
	set_text(values, nulls, OUTBOX_METHOD, write->method);
	set_text(values, nulls, OUTBOX_BODY, write->body);
	set_text(values, nulls, OUTBOX_LEAVES, write->leaves);
	set_text(values, nulls, OUTBOX_SETS, write->sets);
	values[OUTBOX_IS_SURE] = BoolGetDatum(write->is_sure);
	values[OUTBOX_MADE_HERE] = BoolGetDatum(write->made_here);
	values[OUTBOX_CONFLICT_IS_NONE] = BoolGetDatum(write->conflict_is_none);
	set_text(values, nulls, OUTBOX_STATE, "waiting");
	values[OUTBOX_IS_DOUBTFUL] = BoolGetDatum(false);
	values[OUTBOX_ATTEMPTS] = Int32GetDatum(0);
	values[OUTBOX_RECORDED_AT] = TimestampTzGetDatum(now);
	values[OUTBOX_NEXT_ATTEMPT_AT] = TimestampTzGetDatum(now);
	nulls[OUTBOX_LAST_ERROR] = true;
	tuple = heap_form_tuple(RelationGetDescr(entries), values + 1, nulls + 1);
	CatalogTupleInsert(entries, tuple);
	heap_freetuple(tuple);
	table_close(entries, RowExclusiveLock);
	worker_latch_set_at_commit();
}

static void
set_text(Datum *values, bool *nulls, AttrNumber column, const char *text)
{
	nulls[column] = text == NULL;
	if (text)
		values[column] = CStringGetTextDatum(text);
}
