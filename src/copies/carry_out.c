/*
 * carry_out.c
 *	  Work on a copy, from the lock of its entry to the counts of what was done.
 *
 * The SQL functions that work on one copy call in here, and whoever does what is due.
 */
#include "postgres.h"

#include "copies/carry_out.h"

#include "access/htup_details.h"
#include "base/read_only.h"
#include "base/acting_user.h"
#include "copies/sql.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "http/stats.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

static bool lock_free_tables(const WalcuCopy *copy);
static int64 count_requests(void);
static void record_success(const WalcuCopyWork *work, const char *name, TimestampTz began);
static void forget_failures(const WalcuCopyWork *work, const char *name);

/*
 * Locks a copy, does something as its owner, and counts.  A name is that of a result to be kept; or NULL.
 * Returns false if another session has the copy and is not to be waited for.  Errors: those of entry_lock, of
 * read_only_refuse, 42703 for a missing column, and those of the work.
 */
bool
carry_out_work(Oid relid, const char *name, WalcuCopyWorker worker, WalcuCopyWait wait, WalcuCopyWork *work)
{
	int64 requests = count_requests();
	TimestampTz began = GetCurrentTimestamp();
	WalcuActingUser caller;

	read_only_refuse("work on a local copy");
	SPI_connect();
	work->copy = entry_lock(relid, wait);
	if (work->copy)
	{
		entry_require_source(work->copy);
		if (wait == WALCU_COPY_SKIP && !lock_free_tables(work->copy))
			work->copy = NULL;
	}
	if (work->copy)
	{
		caller = acting_user_become_owner(relid);
		work->source = copy_columns_of_source(work->copy->source);
		copy_columns_require_both(work->copy);
		copy_columns_keep(work->source, work->copy->columns);
		worker(work);
		acting_user_return(caller);
		work->requests = count_requests() - requests;
		if (name && !work->is_needless)
			record_success(work, name, began);
		if (name)
			forget_failures(work, name);
	}
	SPI_finish();
	return work->copy != NULL;
}

/*
 * Locks the tables of a copy, unless that would have to wait: somebody makes an index, say.  Who works on
 * many copies does not wait for one.
 */
static bool
lock_free_tables(const WalcuCopy *copy)
{
	return ConditionalLockRelationOid(copy->relid, RowExclusiveLock) &&
		   ConditionalLockRelationOid(copy->source, AccessShareLock);
}

/* Returns how many requests this session has begun: nobody else begins any meanwhile. */
static int64
count_requests(void)
{
	int64 count = 0;
	ListCell *lc;

	foreach(lc, stats_list())
	{
		const WalcuStats *stats = lfirst(lc);

		for (int i = 0; i < WALCU_METHODS; i++)
			count += stats->requests[i];
	}
	return count;
}

static void
record_success(const WalcuCopyWork *work, const char *name, TimestampTz began)
{
	sql_run_as_keeper(SQL_RESULTS,
					  "INSERT INTO %1$s AS r (copy, work, began_at, took, written, deleted, requests)"
					  " VALUES ($1, $2, $3, clock_timestamp() - $3, $4, $5, $6)"
					  " ON CONFLICT (copy, work) DO UPDATE"
					  "   SET began_at = excluded.began_at, took = excluded.took, written = excluded.written,"
					  "       deleted = excluded.deleted, requests = excluded.requests,"
					  "       failures = 0, failed_at = NULL, error = NULL",
					  6,
					  (WalcuArgument[]){sql_relation(work->copy->relid), sql_text(name),
										sql_instant(true, began), sql_count(work->written),
										sql_count(work->deleted), sql_count(work->requests)});
}

/* What has failed may have been done by other work: a comparison does all that a refresh does. */
static void
forget_failures(const WalcuCopyWork *work, const char *name)
{
	sql_run_as_keeper(SQL_RESULTS,
					  "UPDATE %1$s SET failures = 0, failed_at = NULL, error = NULL"
					  " WHERE copy = $1 AND failures > 0"
					  "   AND (work = 'fill' AND NOT $2 OR work = 'refresh' AND $3 = 'reconcile')",
					  3,
					  (WalcuArgument[]){sql_relation(work->copy->relid), sql_boolean(work->copy->is_filling),
										sql_text(name)});
}

/* Keeps the error of work whose transaction, or part of one, was rolled back. */
void
carry_out_record_failure(Oid relid, const char *name, const ErrorData *error)
{
	const char *text = error->detail ? psprintf("%s: %s", error->message, error->detail) : error->message;

	SPI_connect();
	sql_run_as_keeper(SQL_RESULTS,
					  "INSERT INTO %1$s AS r (copy, work, failures, failed_at, error)"
					  " SELECT $1, $2, 1, clock_timestamp(), $3"
					  "  WHERE EXISTS (SELECT FROM pg_catalog.pg_class WHERE oid = $1)"
					  " ON CONFLICT (copy, work) DO UPDATE"
					  "   SET failures = r.failures + 1, failed_at = excluded.failed_at,"
					  "       error = excluded.error",
					  3, (WalcuArgument[]){sql_relation(relid), sql_text(name), sql_text(text)});
	SPI_finish();
}

/* Returns the row (written, deleted, requests) of a SQL function. */
Datum
carry_out_counts(FunctionCallInfo fcinfo, const WalcuCopyWork *work)
{
	Datum values[] = {Int64GetDatum(work->written), Int64GetDatum(work->deleted),
					  Int64GetDatum(work->requests)};
	bool nulls[lengthof(values)] = {false};
	TupleDesc descriptor;

	if (get_call_result_type(fcinfo, NULL, &descriptor) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(descriptor), values, nulls));
}
