/*
 * store.c
 *	  The tables of the outbox: all SQL on them, and who may do what.
 *
 * delivery.c and outbox_functions.c call this, connected to SPI.  The statements run with the rights of the
 * tables' owner, as nobody else has any; each of them names the user who calls, and touches entries of that
 * user, or of roles whose privileges that user has, alone.  They run under settings of their own, so that
 * neither names nor plans depend on what the session has set.
 *
 * An entry that is being sent is locked by who sends it.  One that is marked so, and not locked, was left by
 * a session that ended: it may be taken up by anybody who may send it, and its outcome is in doubt.
 */
#include "postgres.h"

#include "outbox/store.h"

#include "base/acting_user.h"
#include "base/extension.h"
#include "access/htup_details.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "modify/outbox_table.h"
#include "outbox/verdict.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

/* While an entry is sent, nobody is told that it is due, for so long: then its sender has been lost. */
#define SENDING_TIME "'1 minute'"

/* A statement's arguments. */
typedef struct Arguments
{
	Oid types[8];
	Datum values[8];
	char nulls[8];
	int count;
} Arguments;

/* The settings of the statements: plans do not depend on statistics, which the tables may not have. */
static const char *const settings[][2] = {
	{"enable_seqscan", "off"},
	{"enable_bitmapscan", "off"},
	{"jit", "off"},
	{"row_security", "off"},
};

/* Condition that an entry c may be sent now by the user $1. */
#define IS_MINE "pg_catalog.pg_has_role($1, c.owner::oid, 'USAGE')"

/* Condition that the user $1 may retry or discard an entry c: the owner of its server may, too. */
#define MAY_CHANGE                                                                                           \
	"(" IS_MINE " OR EXISTS (SELECT FROM pg_foreign_server s WHERE s.oid = c.server "                        \
	"AND pg_has_role($1, s.srvowner, 'USAGE')))"

/* Condition that entries o and c are of one document. */
#define IS_OF_DOCUMENT                                                                                       \
	"o.document = c.document AND o.resource = c.resource AND o.dealer_id = c.dealer_id AND o.server = "      \
	"c.server"

/*
 * The first of its document, and no other one of it is being sent.  Each of these is a subquery that is
 * computed for an entry at a time, by the index, as the planner does not pull it up.
 */
#define IS_FIRST                                                                                             \
	"coalesce((SELECT false FROM @entries o WHERE " IS_OF_DOCUMENT " AND o.id <> c.id "                      \
	"AND (o.id < c.id OR o.state = 'sending') LIMIT 1), true)"
#define PAUSED_UNTIL "(SELECT p.until FROM @pauses p WHERE p.server = c.server AND p.owner = c.owner::oid)"

/*
 * The pause of a server, unless another session has it in hand: walcu_fdw_outbox_retry ends it, and its
 * transaction may last.  What was sent is not to wait for that.
 */
#define FREE_PAUSE                                                                                           \
	"(SELECT f.server, f.owner FROM @pauses f WHERE f.server = $1 AND f.owner = $2 FOR UPDATE SKIP LOCKED) " \
	"l"
#define IS_FREE_PAUSE "p.server = l.server AND p.owner = l.owner"

static void pause_peer(const WalcuOutboxPeer *peer, Arguments *arguments);
static int run_statement(const char *statement, Arguments *arguments);
static WalcuActingUser take_rights(void);
static char *name_tables(const char *statement);
static void add_argument(Arguments *arguments, Oid type, Datum value, bool is_null);
static WalcuOutboxEntry *read_recorded(HeapTuple tuple, TupleDesc descriptor);
static char *read_text(HeapTuple tuple, TupleDesc descriptor, AttrNumber column);
static int compare_entry_ids(const ListCell *one, const ListCell *other);
static int compare_peers(const ListCell *one, const ListCell *other);
static Datum make_id_array(List *entries);
static Datum make_attempt_array(List *entries);
static void delete_sent(List *entries);
static void settle_entry(const WalcuOutboxEntry *entry);

/*
 * Marks up to so many entries that may be sent now, with numbers greater than one, and returns them (of
 * WalcuOutboxEntry *) in their order, in the current memory context.
 */
List *
outbox_store_take(int64 behind, int most)
{
	static const char statement[] =
		"UPDATE @entries e SET state = 'sending', attempts = e.attempts + 1, "
		"is_doubtful = e.is_doubtful OR e.state = 'sending', "
		"next_attempt_at = clock_timestamp() + " SENDING_TIME " "
		"FROM (SELECT c.id FROM @entries c WHERE c.id > $2 AND " IS_MINE " AND (c.state = 'sending' OR "
		"(c.state = 'waiting' AND c.next_attempt_at <= clock_timestamp() AND " IS_FIRST ")) "
		"AND coalesce(" PAUSED_UNTIL " <= clock_timestamp(), true) "
		"ORDER BY c.id LIMIT $3 FOR UPDATE OF c SKIP LOCKED) d "
		"WHERE e.id = d.id RETURNING e.*";
	Arguments arguments = {0};
	List *entries = NIL;
	int count;

	add_argument(&arguments, OIDOID, ObjectIdGetDatum(GetUserId()), false);
	add_argument(&arguments, INT8OID, Int64GetDatum(behind), false);
	add_argument(&arguments, INT8OID, Int64GetDatum(most), false);
	count = run_statement(statement, &arguments);
	for (int i = 0; i < count; i++)
		entries = lappend(entries, read_recorded(SPI_tuptable->vals[i], SPI_tuptable->tupdesc));
	SPI_freetuptable(SPI_tuptable);
	list_sort(entries, compare_entry_ids);
	return entries;
}

/*
 * Locks entries that were marked by a transaction which has committed since, and returns those that are still
 * as they were: some may have been discarded, or taken up by somebody else.
 */
List *
outbox_store_hold(List *entries)
{
	static const char statement[] =
		"SELECT c.id FROM unnest($1::bigint[], $2::integer[]) d (id, attempts) JOIN @entries c ON c.id = "
		"d.id "
		"AND c.attempts = d.attempts WHERE c.state = 'sending' ORDER BY c.id FOR UPDATE OF c SKIP LOCKED";
	Arguments arguments = {0};
	List *held = NIL;
	int count;
	int next = 0;
	ListCell *lc;

	add_argument(&arguments, INT8ARRAYOID, make_id_array(entries), false);
	add_argument(&arguments, INT4ARRAYOID, make_attempt_array(entries), false);
	count = run_statement(statement, &arguments);
	foreach(lc, entries)
	{
		WalcuOutboxEntry *entry = lfirst(lc);
		bool is_null;

		if (next < count && DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[next], SPI_tuptable->tupdesc, 1,
														&is_null)) == entry->id)
		{
			held = lappend(held, entry);
			next++;
		}
	}
	SPI_freetuptable(SPI_tuptable);
	return held;
}

/* Notes what has become of entries: what was sent is deleted. */
void
outbox_store_settle(List *entries)
{
	ListCell *lc;

	delete_sent(entries);
	foreach(lc, entries)
	{
		if (((WalcuOutboxEntry *) lfirst(lc))->verdict != OUTBOX_SENT)
			settle_entry(lfirst(lc));
	}
}

/* Notes which servers (of WalcuOutboxPeer *) are to be left alone, and for how long. */
void
outbox_store_settle_peers(List *peers)
{
	static const char end_pause[] = "DELETE FROM @pauses p USING " FREE_PAUSE " WHERE " IS_FREE_PAUSE;
	ListCell *lc;

	/* in an order that all senders have, as they wait for each other */
	list_sort(peers, compare_peers);
	foreach(lc, peers)
	{
		const WalcuOutboxPeer *peer = lfirst(lc);
		Arguments arguments = {0};

		add_argument(&arguments, OIDOID, ObjectIdGetDatum(peer->server), false);
		add_argument(&arguments, OIDOID, ObjectIdGetDatum(peer->owner), false);
		if (peer->is_paused)
			pause_peer(peer, &arguments);
		else if (peer->has_answered)
			run_statement(end_pause, &arguments);
	}
}

/* Has a server, which the arguments name, left alone for the longer, the more often it has failed. */
static void
pause_peer(const WalcuOutboxPeer *peer, Arguments *arguments)
{
	static const char count_failure[] = "UPDATE @pauses p SET failures = p.failures + 1 FROM " FREE_PAUSE
										" WHERE " IS_FREE_PAUSE " RETURNING p.failures";
	static const char first_failure[] =
		"INSERT INTO @pauses SELECT $1, $2, clock_timestamp(), 1 "
		"WHERE NOT EXISTS (SELECT FROM @pauses WHERE server = $1 AND owner = $2) "
		"ON CONFLICT (server, owner) DO NOTHING RETURNING failures";
	static const char set_pause[] =
		"UPDATE @pauses SET until = clock_timestamp() + make_interval(secs => $3) "
		"WHERE server = $1 AND owner = $2";
	bool is_null;
	int failures;

	if (run_statement(count_failure, arguments) == 0 && run_statement(first_failure, arguments) == 0)
		return;
	failures = DatumGetInt32(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &is_null));
	SPI_freetuptable(SPI_tuptable);
	add_argument(arguments, FLOAT8OID,
				 Float8GetDatum(Max(outbox_verdict_pause(failures, peer->is_unknown_to), peer->wait)), false);
	run_statement(set_pause, arguments);
}

/* Returns how many entries of the user wait to be sent. */
int64
outbox_store_count_waiting(void)
{
	Arguments arguments = {0};
	bool is_null;

	add_argument(&arguments, OIDOID, ObjectIdGetDatum(GetUserId()), false);
	run_statement("SELECT count(*) FROM @entries c WHERE c.state <> 'refused' AND " IS_MINE, &arguments);
	return DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &is_null));
}

/* Finds out when one of the user's entries may be sent.  Returns false when none waits. */
bool
outbox_store_next(TimestampTz *when)
{
	static const char statement[] =
		"SELECT min(greatest(c.next_attempt_at, " PAUSED_UNTIL ")) FROM @entries c "
		"WHERE " IS_MINE " AND (c.state = 'sending' OR (c.state = 'waiting' AND " IS_FIRST "))";
	Arguments arguments = {0};
	bool is_null;

	add_argument(&arguments, OIDOID, ObjectIdGetDatum(GetUserId()), false);
	run_statement(statement, &arguments);
	*when = DatumGetTimestampTz(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &is_null));
	return !is_null;
}

/* Has an entry that the user may change sent soon, and its server asked again.  Returns false for none. */
bool
outbox_store_retry(int64 id)
{
	static const char statement[] =
		"WITH c AS (UPDATE @entries c SET state = 'waiting', attempts = 0, next_attempt_at = "
		"clock_timestamp(), "
		"is_doubtful = c.is_doubtful OR c.state = 'sending' WHERE c.id = $2 AND " MAY_CHANGE
		" RETURNING c.server, c.owner), "
		"p AS (DELETE FROM @pauses p USING c WHERE p.server = c.server AND p.owner = c.owner::oid) "
		"SELECT FROM c";
	Arguments arguments = {0};

	add_argument(&arguments, OIDOID, ObjectIdGetDatum(GetUserId()), false);
	add_argument(&arguments, INT8OID, Int64GetDatum(id), false);
	return run_statement(statement, &arguments) > 0;
}

/* Deletes an entry that the user may change.  Returns false when there is none. */
bool
outbox_store_discard(int64 id)
{
	Arguments arguments = {0};

	add_argument(&arguments, OIDOID, ObjectIdGetDatum(GetUserId()), false);
	add_argument(&arguments, INT8OID, Int64GetDatum(id), false);
	return run_statement("DELETE FROM @entries c WHERE c.id = $2 AND " MAY_CHANGE " RETURNING c.id",
						 &arguments) > 0;
}

/*
 * Finds out whose an entry is for which one of the user's waits.  Returns false when none does.  The names of
 * its role, and of its server and that one's owner, are in the current memory context; those are NULL for a
 * server that was dropped.
 */
bool
outbox_store_find_blocker(int64 id, char **owner, char **server, char **server_owner)
{
	static const char statement[] =
		"SELECT pg_get_userbyid(o.owner::oid), s.srvname, pg_get_userbyid(s.srvowner) FROM @entries o "
		"LEFT JOIN pg_foreign_server s ON s.oid = o.server WHERE o.id = $2 "
		"AND EXISTS (SELECT FROM @entries c WHERE " IS_OF_DOCUMENT " AND c.id > o.id AND " IS_MINE ")";
	Arguments arguments = {0};

	add_argument(&arguments, OIDOID, ObjectIdGetDatum(GetUserId()), false);
	add_argument(&arguments, INT8OID, Int64GetDatum(id), false);
	if (run_statement(statement, &arguments) == 0)
		return false;
	*owner = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
	*server = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2);
	*server_owner = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 3);
	return true;
}

/*
 * Runs a statement, in which @entries and @pauses are the tables.  Returns how many rows it gives, which are
 * in SPI_tuptable.
 */
static int
run_statement(const char *statement, Arguments *arguments)
{
	MemoryContext context = CurrentMemoryContext;
	char *named = name_tables(statement);
	WalcuActingUser before = take_rights();
	int result = SPI_execute_with_args(named, arguments->count, arguments->types, arguments->values,
									   arguments->nulls, false, 0);

	/* SPI goes to its own memory, which stays as long as the caller is connected to it */
	MemoryContextSwitchTo(context);
	acting_user_return(before);
	pfree(named);
	if (result < 0)
		elog(ERROR, "a statement on the outbox failed: %s", SPI_result_code_string(result));
	return (int) SPI_processed;
}

/* Returns a statement with the names of the tables, in the schema where the extension is. */
static char *
name_tables(const char *statement)
{
	static const char *const tables[][2] = {{"@entries", "walcu_fdw_outbox_entries"},
											{"@pauses", "walcu_fdw_outbox_pauses"}};
	const char *schema = get_namespace_name(extension_schema());
	StringInfoData text;

	initStringInfo(&text);
	while (*statement)
	{
		int length = 0;

		for (int i = 0; i < lengthof(tables) && length == 0; i++)
		{
			if (strncmp(statement, tables[i][0], strlen(tables[i][0])) != 0)
				continue;
			length = strlen(tables[i][0]);
			appendStringInfoString(&text, quote_qualified_identifier(schema, tables[i][1]));
		}
		if (length == 0)
			appendStringInfoChar(&text, *statement);
		statement += Max(length, 1);
	}
	return text.data;
}

/* Lets statements run with the rights of the tables' owner.  An error gives the rights back by itself. */
static WalcuActingUser
take_rights(void)
{
	WalcuActingUser before = acting_user_become_keeper(outbox_table_entries());

	for (int i = 0; i < lengthof(settings); i++)
		(void) set_config_option(settings[i][0], settings[i][1], PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE,
								 true, 0, false);
	return before;
}

static void
add_argument(Arguments *arguments, Oid type, Datum value, bool is_null)
{
	arguments->types[arguments->count] = type;
	arguments->values[arguments->count] = value;
	arguments->nulls[arguments->count++] = is_null ? 'n' : ' ';
}

static WalcuOutboxEntry *
read_recorded(HeapTuple tuple, TupleDesc descriptor)
{
	WalcuOutboxEntry *entry = palloc0(sizeof(WalcuOutboxEntry));
	bool is_null;

	entry->id = DatumGetInt64(SPI_getbinval(tuple, descriptor, OUTBOX_ID, &is_null));
	entry->owner = DatumGetObjectId(SPI_getbinval(tuple, descriptor, OUTBOX_OWNER, &is_null));
	entry->relation = DatumGetObjectId(SPI_getbinval(tuple, descriptor, OUTBOX_RELATION, &is_null));
	entry->relation_name = read_text(tuple, descriptor, OUTBOX_RELATION_NAME);
	entry->server = DatumGetObjectId(SPI_getbinval(tuple, descriptor, OUTBOX_SERVER, &is_null));
	entry->dealer_id = read_text(tuple, descriptor, OUTBOX_DEALER);
	entry->resource = read_text(tuple, descriptor, OUTBOX_RESOURCE);
	entry->write.id = read_text(tuple, descriptor, OUTBOX_DOCUMENT);
	entry->write.method = read_text(tuple, descriptor, OUTBOX_METHOD);
	entry->write.body = read_text(tuple, descriptor, OUTBOX_BODY);
	entry->write.leaves = read_text(tuple, descriptor, OUTBOX_LEAVES);
	entry->write.sets = read_text(tuple, descriptor, OUTBOX_SETS);
	entry->write.is_sure = DatumGetBool(SPI_getbinval(tuple, descriptor, OUTBOX_IS_SURE, &is_null));
	entry->write.made_here = DatumGetBool(SPI_getbinval(tuple, descriptor, OUTBOX_MADE_HERE, &is_null));
	entry->write.conflict_is_none =
		DatumGetBool(SPI_getbinval(tuple, descriptor, OUTBOX_CONFLICT_IS_NONE, &is_null));
	entry->is_doubtful = DatumGetBool(SPI_getbinval(tuple, descriptor, OUTBOX_IS_DOUBTFUL, &is_null));
	entry->attempts = DatumGetInt32(SPI_getbinval(tuple, descriptor, OUTBOX_ATTEMPTS, &is_null));
	return entry;
}

static char *
read_text(HeapTuple tuple, TupleDesc descriptor, AttrNumber column)
{
	bool is_null;
	Datum value = SPI_getbinval(tuple, descriptor, column, &is_null);

	return is_null ? NULL : TextDatumGetCString(value);
}

static int
compare_entry_ids(const ListCell *one, const ListCell *other)
{
	int64 first = ((const WalcuOutboxEntry *) lfirst(one))->id;
	int64 second = ((const WalcuOutboxEntry *) lfirst(other))->id;

	return (first > second) - (first < second);
}

static int
compare_peers(const ListCell *one, const ListCell *other)
{
	const WalcuOutboxPeer *first = lfirst(one);
	const WalcuOutboxPeer *second = lfirst(other);

	if (first->server != second->server)
		return first->server > second->server ? 1 : -1;
	return (first->owner > second->owner) - (first->owner < second->owner);
}

static Datum
make_id_array(List *entries)
{
	Datum *ids = palloc(list_length(entries) * sizeof(Datum));

	for (int i = 0; i < list_length(entries); i++)
		ids[i] = Int64GetDatum(((WalcuOutboxEntry *) list_nth(entries, i))->id);
	return PointerGetDatum(
		construct_array(ids, list_length(entries), INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

static Datum
make_attempt_array(List *entries)
{
	Datum *attempts = palloc(list_length(entries) * sizeof(Datum));

	for (int i = 0; i < list_length(entries); i++)
		attempts[i] = Int32GetDatum(((WalcuOutboxEntry *) list_nth(entries, i))->attempts);
	return PointerGetDatum(
		construct_array(attempts, list_length(entries), INT4OID, sizeof(int32), true, TYPALIGN_INT));
}

static void
delete_sent(List *entries)
{
	Arguments arguments = {0};
	List *sent = NIL;
	ListCell *lc;

	foreach(lc, entries)
	{
		if (((WalcuOutboxEntry *) lfirst(lc))->verdict == OUTBOX_SENT)
			sent = lappend(sent, lfirst(lc));
	}
	if (sent == NIL)
		return;
	add_argument(&arguments, INT8ARRAYOID, make_id_array(sent), false);
	run_statement("DELETE FROM @entries WHERE id = ANY ($1)", &arguments);
}

/* Notes why an entry was not sent, and when it is tried again.  What was not attempted does not count. */
static void
settle_entry(const WalcuOutboxEntry *entry)
{
	static const char statement[] =
		"UPDATE @entries SET state = $2, attempts = $3, is_doubtful = $4, last_error = coalesce($5, "
		"last_error), "
		"next_attempt_at = clock_timestamp() + make_interval(secs => $6) WHERE id = $1";
	Arguments arguments = {0};
	int attempts = entry->attempts - (entry->verdict == OUTBOX_UNTRIED);
	const char *state = entry->verdict == OUTBOX_REFUSED ? "refused" : "waiting";

	add_argument(&arguments, INT8OID, Int64GetDatum(entry->id), false);
	add_argument(&arguments, TEXTOID, CStringGetTextDatum(state), false);
	add_argument(&arguments, INT4OID, Int32GetDatum(attempts), false);
	add_argument(&arguments, BOOLOID, BoolGetDatum(entry->is_doubtful), false);
	add_argument(&arguments, TEXTOID, entry->error ? CStringGetTextDatum(entry->error) : (Datum) 0,
				 entry->error == NULL);
	add_argument(&arguments, FLOAT8OID, Float8GetDatum(entry->wait), false);
	run_statement(statement, &arguments);
}
