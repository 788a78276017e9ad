/*
 * outbox_functions.c
 *	  What SQL may do with the outbox: send, try again, discard, ask when there is something to do.
 *
 * SQL calls in here; delivery.c sends, and store.c reads and writes the tables.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "base/read_only.h"
#include "base/worker_latch.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "nodes/parsenodes.h"
#include "outbox/delivery.h"
#include "outbox/store.h"
#include "utils/timestamp.h"

static int64 read_most(FunctionCallInfo fcinfo);
static void refuse_transaction_block(FunctionCallInfo fcinfo);
static void refuse_blocker(int64 id);
static void change_entry(int64 id, bool (*change)(int64 id));

PG_FUNCTION_INFO_V1(walcu_fdw_outbox_send);
PG_FUNCTION_INFO_V1(walcu_fdw_outbox_retry);
PG_FUNCTION_INFO_V1(walcu_fdw_outbox_discard);
PG_FUNCTION_INFO_V1(walcu_fdw_outbox_next);

/*
 * walcu_fdw_outbox_send(max integer, inout sent bigint, inout failed bigint, inout refused bigint, inout
 * waiting bigint), a procedure
 *
 * Sends up to max entries that are due, or all.  Errors: 2D000 within a transaction block or a function,
 * 22023 for a max below 1, those of read_only_refuse, and those of outbox_delivery_run.
 */
Datum
walcu_fdw_outbox_send(PG_FUNCTION_ARGS)
{
	int64 most = read_most(fcinfo);
	WalcuOutboxCounts counts;
	TupleDesc descriptor;
	Datum values[4];
	bool nulls[4] = {0};

	read_only_refuse("walcu_fdw_outbox_send");
	refuse_transaction_block(fcinfo);
	SPI_connect_ext(SPI_OPT_NONATOMIC);
	counts = outbox_delivery_run(most);
	SPI_finish();
	if (get_call_result_type(fcinfo, NULL, &descriptor) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	values[0] = Int64GetDatum(counts.sent);
	values[1] = Int64GetDatum(counts.failed);
	values[2] = Int64GetDatum(counts.refused);
	values[3] = Int64GetDatum(counts.waiting);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(descriptor), values, nulls)));
}

/*
 * walcu_fdw_outbox_retry(id bigint) returns void
 *
 * Errors: 42704 when the user has no such entry, 42501 when it holds up an entry of the user's and is another
 * user's, those of read_only_refuse and outbox_table_entries.
 */
Datum
walcu_fdw_outbox_retry(PG_FUNCTION_ARGS)
{
	read_only_refuse("walcu_fdw_outbox_retry");
	change_entry(PG_GETARG_INT64(0), outbox_store_retry);
	PG_RETURN_VOID();
}

/* walcu_fdw_outbox_discard(id bigint) returns void.  Errors: those of walcu_fdw_outbox_retry. */
Datum
walcu_fdw_outbox_discard(PG_FUNCTION_ARGS)
{
	read_only_refuse("walcu_fdw_outbox_discard");
	change_entry(PG_GETARG_INT64(0), outbox_store_discard);
	PG_RETURN_VOID();
}

/*
 * walcu_fdw_outbox_next() returns timestamptz
 *
 * NULL when nothing of the user's waits.  Error: that of outbox_table_entries.
 */
Datum
walcu_fdw_outbox_next(PG_FUNCTION_ARGS)
{
	TimestampTz when;
	bool is_any;

	SPI_connect();
	is_any = outbox_store_next(&when);
	SPI_finish();
	if (!is_any)
		PG_RETURN_NULL();
	PG_RETURN_TIMESTAMPTZ(when);
}

static int64
read_most(FunctionCallInfo fcinfo)
{
	int32 most;

	if (PG_ARGISNULL(0))
		return PG_INT64_MAX;
	most = PG_GETARG_INT32(0);
	if (most < 1)
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("max must be at least 1, or NULL"),
				errdetail("It was given as %d.", most));
	return most;
}

/* Sending commits: an entry is marked, on disk, before its request goes out. */
static void
refuse_transaction_block(FunctionCallInfo fcinfo)
{
	const CallContext *call = (const CallContext *) fcinfo->context;

	if (call == NULL || !IsA(call, CallContext) || call->atomic)
		ereport(
			ERROR, errcode(ERRCODE_INVALID_TRANSACTION_TERMINATION),
			errmsg("walcu_fdw_outbox_send cannot be called within a transaction block or a function"),
			errdetail("It commits what it is about to send before it sends it."),
			errhint("Send CALL walcu_fdw_outbox_send() as a statement of its own, or from a procedure that "
					"is not SECURITY DEFINER and has no SET."));
}

/* What holds up an entry of the user's is another user's: that one has to be asked.  Called within SPI. */
static void
refuse_blocker(int64 id)
{
	char *owner;
	char *server;
	char *server_owner;

	if (!outbox_store_find_blocker(id, &owner, &server, &server_owner))
		return;
	ereport(ERROR, errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			errmsg("permission denied for entry " INT64_FORMAT " of the outbox", id),
			errdetail("It is that of role \"%s\", and an entry of yours waits for it.", owner),
			server ? errhint("Ask role \"%s\", the owner of server \"%s\" (\"%s\"), or a superuser to call "
							 "walcu_fdw_outbox_retry or walcu_fdw_outbox_discard.",
							 owner, server, server_owner)
				   : errhint("Ask role \"%s\" or a superuser to call walcu_fdw_outbox_retry or "
							 "walcu_fdw_outbox_discard.",
							 owner));
}

static void
change_entry(int64 id, bool (*change)(int64 id))
{
	bool is_found;

	SPI_connect();
	is_found = change(id);
	if (!is_found)
		refuse_blocker(id);
	SPI_finish();
	if (!is_found)
		ereport(ERROR, errcode(ERRCODE_UNDEFINED_OBJECT),
				errmsg("the outbox has no entry " INT64_FORMAT " of yours", id),
				errdetail("It was sent or discarded, or it is that of another user."),
				errhint("The view walcu_fdw_outbox shows your entries."));
	worker_latch_set_at_commit();
}
