/*
 * run.c
 *	  Work on copies that is due.
 *
 * walcu_fdw_copies_run() does it, which schedulers call, and so does whoever lists what is due and has each
 * done in a transaction of its own.  An error is kept, and holds up no other copy.
 */
#include "postgres.h"

#include "copies/run.h"

#include "base/read_only.h"
#include "base/subtransaction.h"
#include "copies/carry_out.h"
#include "copies/commit_steps.h"
#include "copies/fill.h"
#include "copies/reconcile.h"
#include "copies/refresh.h"
#include "copies/sql.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/timeout.h"
#include "utils/timestamp.h"

/* Work that is tried. */
typedef struct Trial
{
	const WalcuDueWork *due; /* It is this; */
	WalcuCopyWork work;      /* what is to be known, and what came of it, is here, */
	bool was_free;           /* unless another session had the copy. */
	int limit;               /* It may take so many milliseconds; 0 for any number. */
} Trial;

static WalcuDueWork *make_due_work(Oid relid, const char *copy, const char *name);
static void try_work(void *arg);
static void tell_of_failure(const WalcuDueWork *due, ErrorData *error);

PG_FUNCTION_INFO_V1(walcu_fdw_copies_run);

/*
 * walcu_fdw_copies_run(), a procedure
 *
 * Does what is due of the copies that the user owns.  As long as some are being filled, it looks after each
 * of their steps what else is due by then.  Errors: 2D000 within a transaction, those of read_only_refuse.
 */
Datum
walcu_fdw_copies_run(PG_FUNCTION_ARGS)
{
	bool is_filling = true;

	commit_steps_begin(fcinfo, "walcu_fdw_copies_run");
	entry_forget_gone();
	while (is_filling)
	{
		ListCell *lc;

		is_filling = false;
		foreach(lc, run_list_due())
		{
			if (run_due_work(lfirst(lc), 0, false) == WALCU_RUN_STEP)
				is_filling = true;
			commit_steps_commit();
		}
	}
	commit_steps_end();
	PG_RETURN_VOID();
}

/* Lists what is due now (WalcuDueWork) of the copies that the current user owns, what waits longest first. */
List *
run_list_due(void)
{
	MemoryContext caller = CurrentMemoryContext;
	List *list = NIL;

	SPI_connect();
	sql_run(psprintf("SELECT copy, copy::text, work FROM %s WHERE due_at <= pg_catalog.clock_timestamp() "
					 "ORDER BY due_at",
					 sql_extension_name("walcu_fdw_copy_due")),
			0, NULL);
	for (uint64 i = 0; i < SPI_tuptable->numvals; i++)
	{
		bool is_null;
		Datum relid = SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &is_null);
		const char *copy = SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 2);
		const char *name = SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 3);
		MemoryContext before = MemoryContextSwitchTo(caller);

		list = lappend(list, make_due_work(DatumGetObjectId(relid), copy, name));
		MemoryContextSwitchTo(before);
	}
	SPI_finish();
	return list;
}

static WalcuDueWork *
make_due_work(Oid relid, const char *copy, const char *name)
{
	static const WalcuDueWork works[] = {
		{.name = WORK_FILL, .worker = fill_step},
		{.name = WORK_REFRESH, .worker = refresh_changed},
		{.name = WORK_RECONCILE, .worker = reconcile_copy},
	};
	WalcuDueWork *due = palloc(sizeof(WalcuDueWork));

	for (int i = 0; i < lengthof(works); i++)
	{
		if (strcmp(works[i].name, name) == 0)
			*due = works[i];
	}
	due->relid = relid;
	due->copy = pstrdup(copy);
	return due;
}

/*
 * Does something in the current transaction, which the caller commits then.  An error is rolled back, told of
 * as a warning, and kept in that transaction.  That the statement is cancelled is raised, unless there is
 * none: then it is the work that was cancelled, or what the owner has put around the copy that says so.
 * The work may take so many milliseconds, 0 for any number: a trigger of the copy may never end.
 */
WalcuRunResult
run_due_work(const WalcuDueWork *due, int limit, bool keeps_cancels)
{
	Trial trial = {
		.due = due, .work = {.step = RUN_FILL_STEP, .most_deleted = RECONCILE_MOST_DELETED}, .limit = limit};
	TimestampTz began = GetCurrentTimestamp();
	ErrorData *error = subtransaction_try(try_work, &trial);

	if (limit > 0)
		disable_timeout(STATEMENT_TIMEOUT, false);
	if (error && error->sqlerrcode == ERRCODE_QUERY_CANCELED && limit > 0 &&
		TimestampDifferenceExceeds(began, GetCurrentTimestamp(), limit))
		error->message = "it took longer than walcu_fdw.worker_timeout allows";
	if (error && error->sqlerrcode == ERRCODE_QUERY_CANCELED && !keeps_cancels)
		ReThrowError(error);
	if (error)
	{
		tell_of_failure(due, error);
		carry_out_record_failure(due->relid, due->name, error);
		return WALCU_RUN_DONE;
	}
	if (!trial.was_free)
		return WALCU_RUN_SKIPPED;
	return trial.work.is_unfinished ? WALCU_RUN_STEP : WALCU_RUN_DONE;
}

static void
try_work(void *arg)
{
	Trial *trial = arg;

	if (trial->limit > 0)
		enable_timeout_after(STATEMENT_TIMEOUT, trial->limit);
	trial->was_free = carry_out_work(trial->due->relid, trial->due->name, trial->due->worker, WALCU_COPY_SKIP,
									 &trial->work);
}

static void
tell_of_failure(const WalcuDueWork *due, ErrorData *error)
{
	ereport(WARNING, errcode(error->sqlerrcode),
			errmsg("could not %s copy \"%s\": %s", due->name, due->copy, error->message),
			error->detail ? errdetail("%s", error->detail) : 0, error->hint ? errhint("%s", error->hint) : 0);
}
