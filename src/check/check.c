/*
 * check.c
 *	  walcu_fdw_check(): what the service is like, what does not fit it, and which option mends that.
 *
 * SQL calls in here, and apply.c does; setup begins a run, too, to see documents.  The table has the checks
 * in the order in which a person would ask; each adds rows, and one that finds that nothing further can be
 * learnt stops the run.
 */
#include "postgres.h"

#include "check/check.h"

#include "base/compat.h"
#include "base/hint.h"
#include "base/read_only.h"
#include "check/access.h"
#include "check/description.h"
#include "check/extras.h"
#include "check/folds.h"
#include "check/format.h"
#include "check/jobs.h"
#include "check/note.h"
#include "check/operators.h"
#include "check/paging.h"
#include "check/places.h"
#include "check/row.h"
#include "check/sample.h"
#include "check/tables.h"
#include "check/transport.h"
#include "check/values.h"
#include "fmgr.h"
#include "funcapi.h"
#include "http/curl_multi.h"
#include "miscadmin.h"
#include "service/foreign_server.h"
#include "service/openapi.h"
#include "utils/builtins.h"
#include "utils/tuplestore.h"

/* The served description is read so many levels deep. */
#define LEVELS 16

/* What must be there for a check to make sense. */
typedef enum CheckNeed
{
	NEEDS_NOTHING,
	NEEDS_DOCUMENTS, /* Some resource has documents that can be read. */
	NEEDS_CONSENT    /* The user lets a note be written. */
} CheckNeed;

/* The checks, in the order of their rows. */
static const struct
{
	const char *name;                   /* Rows begin with this name. */
	CheckNeed need;                     /* This must be there. */
	void (*run)(WalcuCheckRun *run);    /* It asks and judges; or NULL. */
	void (*sum_up)(WalcuCheckRun *run); /* It judges when all has been asked; or NULL. */
} checks[] = {
	{"reachable", NEEDS_NOTHING, transport_check_reachable},
	{"tls", NEEDS_NOTHING, transport_check_tls},
	{"latency", NEEDS_NOTHING, NULL, transport_sum_up_latency},
	{"http version", NEEDS_NOTHING, NULL, transport_sum_up_version},
	{"compression", NEEDS_NOTHING, NULL, transport_sum_up_compression},
	{"credentials", NEEDS_NOTHING, access_check_credentials},
	{"dealer", NEEDS_NOTHING, access_check_dealer},
	{"resource", NEEDS_NOTHING, NULL, access_sum_up_resources},
	{"description", NEEDS_NOTHING, description_check_service},
	{"table", NEEDS_NOTHING, tables_check_columns},
	{"page size", NEEDS_DOCUMENTS, paging_check_size},
	{"has-more", NEEDS_DOCUMENTS, paging_check_has_more},
	{"end of pages", NEEDS_DOCUMENTS, paging_check_end},
	{"texts", NEEDS_NOTHING, folds_look_at_main},
	{"sort", NEEDS_DOCUMENTS, format_check_sort},
	{"project", NEEDS_DOCUMENTS, format_check_project},
	{"q", NEEDS_DOCUMENTS, operators_check},
	{"unknown places", NEEDS_DOCUMENTS, places_check_unknown},
	{"ids", NEEDS_DOCUMENTS, places_check_ids},
	{"values", NEEDS_DOCUMENTS, values_check_types},
	{"fields", NEEDS_DOCUMENTS, values_check_fields},
	{"job", NEEDS_DOCUMENTS, jobs_check},
	{"search", NEEDS_DOCUMENTS, extras_check_search},
	{"group_by", NEEDS_DOCUMENTS, extras_check_group_by},
	{"texts", NEEDS_DOCUMENTS, folds_check},
	{"write", NEEDS_CONSENT, note_check_writes},
	{"limits", NEEDS_NOTHING, NULL, transport_sum_up_limits},
	{"requests", NEEDS_NOTHING, NULL, transport_sum_up_requests},
};

static void require_resource(const WalcuCheckRun *run);
static void put_row(const WalcuCheckRow *row, ReturnSetInfo *result);

PG_FUNCTION_INFO_V1(walcu_fdw_check);

/*
 * walcu_fdw_check(server name, resource name, writes boolean)
 * returns setof (check text, result text, detail text, advice text)
 *
 * Errors: 42704 for an unknown server, 42809 for one of another wrapper, 42501 without USAGE on it, HV00R
 * for an unknown resource, 22004 for NULL, those of read_only_refuse with writes.
 */
Datum
walcu_fdw_check(PG_FUNCTION_ARGS)
{
	WalcuCheckRun *run;
	ListCell *lc;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(2))
		ereport(ERROR, errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("server and writes must not be null"));
	if (PG_GETARG_BOOL(2))
		read_only_refuse("walcu_fdw_check with writes");
	compat_init_materialized_srf(fcinfo);
	run = check_run(NameStr(*PG_GETARG_NAME(0)), PG_ARGISNULL(1) ? NULL : NameStr(*PG_GETARG_NAME(1)),
					PG_GETARG_BOOL(2));
	foreach(lc, row_list(run))
		put_row(lfirst(lc), (ReturnSetInfo *) fcinfo->resultinfo);
	MemoryContextDelete(run->context);
	return (Datum) 0;
}

/* Runs all checks.  Everything is in the run's own memory context, which is the caller's to delete. */
WalcuCheckRun *
check_run(const char *server_name, const char *resource, bool writes)
{
	MemoryContext before = CurrentMemoryContext;
	WalcuCheckRun *run = check_start(server_name, resource, writes);

	MemoryContextSwitchTo(run->context);
	for (int i = 0; i < lengthof(checks) && !run->stopped; i++)
	{
		CHECK_FOR_INTERRUPTS();
		run->place = i;
		if (i == 1)
			require_resource(run);
		if (checks[i].run == NULL || (checks[i].need == NEEDS_CONSENT && !writes))
			continue;
		if (checks[i].need == NEEDS_DOCUMENTS && run->main == NULL)
			row_add(run, checks[i].name, CHECK_UNKNOWN, NULL, "There are no documents to try it on.");
		else
			checks[i].run(run);
	}
	for (int i = 0; i < lengthof(checks); i++)
	{
		run->place = i;
		if (checks[i].sum_up)
			checks[i].sum_up(run);
	}
	MemoryContextSwitchTo(before);
	return run;
}

/* Returns a run that has asked nothing yet.  Errors: those of foreign_server_find. */
WalcuCheckRun *
check_start(const char *server_name, const char *resource, bool writes)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "walcu check", ALLOCSET_DEFAULT_SIZES);
	MemoryContext before = MemoryContextSwitchTo(context);
	ForeignServer *server = foreign_server_find(server_name);
	WalcuCheckRun *run = palloc0(sizeof(WalcuCheckRun));

	run->context = context;
	run->options = option_for_server(server->serverid);
	run->options->finds_rate = true;
	run->server_options = server->options;
	run->resource = resource ? pstrdup(resource) : NULL;
	run->writes = writes;
	run->limit = CHECK_MAX_REQUESTS + (writes ? CHECK_MAX_WRITES : 0);
	if (run->options->max_requests > 0)
		run->limit = Min(run->limit, run->options->max_requests);
	run->began = walcu_curl_multi_now();
	run->bundled = openapi_bundled_resources(LEVELS);
	MemoryContextSwitchTo(before);
	return run;
}

/* A resource must be in a description, or be that of a foreign table. */
static void
require_resource(const WalcuCheckRun *run)
{
	List *names = NIL;
	ListCell *lc;

	if (run->resource == NULL || openapi_find_resource(run->live, run->resource) ||
		openapi_find_resource(run->bundled, run->resource) || tables_have_resource(run, run->resource))
		return;
	foreach(lc, sample_described(run))
		names = lappend(names, ((WalcuResource *) lfirst(lc))->name);
	ereport(ERROR, errcode(ERRCODE_FDW_TABLE_NOT_FOUND),
			errmsg("the service has no resource \"%s\"", run->resource),
			errdetail("The description does not have it, and no foreign table of the server shows it."),
			errhint("%s", hint_name("resource", run->resource, names)));
}

static void
put_row(const WalcuCheckRow *row, ReturnSetInfo *result)
{
	Datum values[4] = {CStringGetTextDatum(row->check), CStringGetTextDatum(row_result_name(row->result)),
					   CStringGetTextDatum(row->detail)};
	bool nulls[4] = {false, false, false, row->advice == NULL};

	if (row->advice)
		values[3] = CStringGetTextDatum(row->advice);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}
