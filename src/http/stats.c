/*
 * stats.c
 *	  Counters of this backend's requests, by server and resource.
 *
 * The rooms that send, wait and decode look up their counters here and increment
 * them; walcu_fdw_stats() shows them.  They live as long as the backend and are shared
 * with nobody.
 */
#include "postgres.h"

#include "http/stats.h"

#include "access/htup_details.h"
#include "fmgr.h"
#include "foreign/foreign.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

/* Columns of walcu_fdw_stats(). */
#define COLUMNS (2 + WALCU_METHODS + WALCU_REPLY_CLASSES + 6)

static bool is_of(const WalcuStats *stats, const WalcuOptions *options);
static Datum make_stats_row(const WalcuStats *stats, const char *server, TupleDesc descriptor);

/* In the order of the columns of walcu_fdw_stats(). */
static const char *const methods[WALCU_METHODS] = {"GET", "POST", "PATCH", "PUT", "DELETE"};

/* Of WalcuStats.  Callers keep pointers to them, so that none is ever moved or freed. */
static List *counted = NIL;

/* The counters of a server and resource; they stay where they are as long as the backend lives. */
WalcuStats *
stats_of(const WalcuOptions *options)
{
	MemoryContext before;
	WalcuStats *stats;
	ListCell *lc;

	foreach(lc, counted)
	{
		if (is_of(lfirst(lc), options))
			return lfirst(lc);
	}
	before = MemoryContextSwitchTo(TopMemoryContext);
	stats = palloc0(sizeof(WalcuStats));
	stats->serverid = options->serverid;
	stats->resource = options->resource ? pstrdup(options->resource) : NULL;
	counted = lappend(counted, stats);
	MemoryContextSwitchTo(before);
	return stats;
}

static bool
is_of(const WalcuStats *stats, const WalcuOptions *options)
{
	if (stats->serverid != options->serverid)
		return false;
	if (stats->resource == NULL || options->resource == NULL)
		return stats->resource == options->resource;
	return strcmp(stats->resource, options->resource) == 0;
}

/* Where requests of a method are counted. */
int
stats_method(const char *method)
{
	int i = 0;

	while (strcmp(methods[i], method) != 0)
	{
		i++;
		Assert(i < WALCU_METHODS);
	}
	return i;
}

/* Where replies with a status, 200 or more, are counted; what is above 5xx is an error like it. */
int
stats_class(int status)
{
	return Min(status / 100 - 2, WALCU_REPLY_CLASSES - 1);
}

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
	while (call->call_cntr < list_length(counted))
	{
		const WalcuStats *stats = list_nth(counted, call->call_cntr);
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

	foreach(lc, counted)
	{
		WalcuStats *stats = lfirst(lc);

		*stats = (WalcuStats){.serverid = stats->serverid, .resource = stats->resource};
	}
	PG_RETURN_VOID();
}
