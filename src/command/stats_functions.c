/*
 * stats_functions.c
 *	  The SQL functions that show and reset the counters of this backend's requests.
 *
 * SQL calls in here; http/stats.c keeps the counters.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "fmgr.h"
#include "foreign/foreign.h"
#include "funcapi.h"
#include "http/stats.h"
#include "utils/builtins.h"

/* Columns of walcu_fdw_stats(). */
#define COLUMNS (2 + WALCU_METHODS + WALCU_REPLY_CLASSES + 6)

static Datum make_stats_row(const WalcuStats *stats, const char *server, TupleDesc descriptor);

PG_FUNCTION_INFO_V1(walcu_fdw_stats);

/*
 * walcu_fdw_stats() returns setof record
 *
 * A row for each server and resource that this backend has sent requests to, in the order of
 * the first; without those of servers that were dropped.
 */
Datum
walcu_fdw_stats(PG_FUNCTION_ARGS)
{
	FuncCallContext *call;

	if (SRF_IS_FIRSTCALL())
	{
		MemoryContext before;
		TupleDesc descriptor;

		call = SRF_FIRSTCALL_INIT();
		before = MemoryContextSwitchTo(call->multi_call_memory_ctx);
		if (get_call_result_type(fcinfo, NULL, &descriptor) != TYPEFUNC_COMPOSITE)
			elog(ERROR, "return type must be a row type");
		call->tuple_desc = BlessTupleDesc(descriptor);
		MemoryContextSwitchTo(before);
	}
	call = SRF_PERCALL_SETUP();
	/* the caller may send requests between two rows */
	while (call->call_cntr < list_length(stats_list()))
	{
		const WalcuStats *stats = list_nth(stats_list(), call->call_cntr);
		const ForeignServer *server = GetForeignServerExtended(stats->serverid, FSV_MISSING_OK);

		if (server)
			SRF_RETURN_NEXT(call, make_stats_row(stats, server->servername, call->tuple_desc));
		call->call_cntr++;
	}
	SRF_RETURN_DONE(call);
}

static Datum
make_stats_row(const WalcuStats *stats, const char *server, TupleDesc descriptor)
{
	Datum values[COLUMNS];
	bool nulls[COLUMNS] = {false};
	int column = 0;

	Assert(descriptor->natts == COLUMNS);
	values[column++] = DirectFunctionCall1(namein, CStringGetDatum(server));
	nulls[column] = stats->resource == NULL;
	values[column++] = stats->resource ? CStringGetTextDatum(stats->resource) : (Datum) 0;
	for (int i = 0; i < WALCU_METHODS; i++)
		values[column++] = Int64GetDatum(stats->requests[i]);
	for (int i = 0; i < WALCU_REPLY_CLASSES; i++)
		values[column++] = Int64GetDatum(stats->replies[i]);
	values[column++] = Int64GetDatum(stats->failures);
	values[column++] = Int64GetDatum(stats->retries);
	values[column++] = Int64GetDatum(stats->documents);
	values[column++] = Int64GetDatum(stats->bytes);
	values[column++] = Int64GetDatum(stats->jobs);
	values[column++] = Float8GetDatum(stats->waited);
	return HeapTupleGetDatum(heap_form_tuple(descriptor, values, nulls));
}

PG_FUNCTION_INFO_V1(walcu_fdw_stats_reset);

/* walcu_fdw_stats_reset() returns void: begin to count anew */
Datum
walcu_fdw_stats_reset(PG_FUNCTION_ARGS)
{
	ListCell *lc;

	foreach(lc, stats_list())
	{
		WalcuStats *stats = lfirst(lc);

		*stats = (WalcuStats){.serverid = stats->serverid, .resource = stats->resource};
	}
	PG_RETURN_VOID();
}
