/*
 * worker.c
 *	  The background worker of one database: it does what is due, and sleeps.
 *
 * launcher.c starts it, or SQL by walcu_fdw_worker_start().  It refreshes copies and sends the outbox, each
 * piece in transactions of its own, as the users to whom they belong.  In between it sleeps until something
 * is due, and is woken when a transaction has recorded something in the outbox.  An error that is not kept
 * with a copy or an entry ends the round, and the pause before the next one grows.
 */
#include "postgres.h"

#include "worker/worker.h"

#include "access/xact.h"
#include "base/extension.h"
#include "base/read_only.h"
#include "base/worker_latch.h"
#include "commands/dbcommands.h"
#include "copies/entry.h"
#include "copies/run.h"
#include "copies/sql.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "outbox/delivery.h"
#include "outbox/store.h"
#include "pgstat.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/lmgr.h"
#include "storage/lock.h"
#include "storage/proc.h"
#include "storage/procarray.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

/* After an error the worker pauses for so many seconds, and for twice as many after each further one. */
#define FIRST_PAUSE   1
#define LONGEST_PAUSE 300

/* It sleeps for no less than so many milliseconds, whatever is due: another session may have it in hand. */
#define SHORTEST_SLEEP 200

/* A copy that another session has in hand is looked at again after so many milliseconds. */
#define BUSY_SLEEP 5000

/* The worker waits for a lock for so long, unless the setting lock_timeout says for how long. */
#define LOCK_TIME "10s"

/* So many entries of the outbox are sent before it is looked what else is due. */
#define ENTRIES_A_ROUND 1000

/* This tells the lock of the one worker of a database from the advisory locks of SQL and of outbox/. */
#define WORKER_LOCK 4

/* What is found out in a round. */
typedef struct Round
{
	bool has_extension; /* There may be something to do in this database. */
	bool has_skipped;   /* Another session has some of the copies in hand. */
	long sleep;         /* Nothing is due for so many milliseconds. */
} Round;

int worker_naptime = 60;
int worker_timeout = 30 * 60 * 1000;

PGDLLEXPORT void walcu_fdw_worker_main(Datum arg);

static void begin_worker(Oid database);
static void leave_renamed_database(const char *name);
static void forget_worker(int code, Datum arg);
static void work_for_ever(MemoryContext context);
static long try_round(int *pause);
static bool try_part(void (*part)(Round *round), Round *round);
static void look_for_extension(Round *round);
static void run_copies(Round *round);
static void send_outbox(Round *round);
static void measure_sleep(Round *round);
static TimestampTz next_of_copies(bool has_skipped);
static void begin_step(const char *activity);
static void end_step(void);

PG_FUNCTION_INFO_V1(walcu_fdw_worker_start);

/*
 * walcu_fdw_worker_start() returns integer
 *
 * Starts the worker of this database until the server ends, and returns its process id, or that of the one
 * which is there already.  For superusers, and those who were granted it.  Errors: 53000 when there is no
 * process to be had, those of read_only_refuse.
 */
Datum
walcu_fdw_worker_start(PG_FUNCTION_ARGS)
{
	BackgroundWorker worker;
	BackgroundWorkerHandle *handle;
	pid_t pid;

	read_only_refuse("walcu_fdw_worker_start");
	if (worker_is_running(MyDatabaseId))
	{
		ereport(NOTICE, errmsg("this database has a walcu_fdw worker already"));
		PG_RETURN_INT32(worker_latch_pid(MyDatabaseId));
	}
	worker_describe(&worker, MyDatabaseId, get_database_name(MyDatabaseId));
	worker.bgw_restart_time = LONGEST_PAUSE;
	worker.bgw_notify_pid = MyProcPid;
	if (!RegisterDynamicBackgroundWorker(&worker, &handle) ||
		WaitForBackgroundWorkerStartup(handle, &pid) == BGWH_POSTMASTER_DIED)
		ereport(ERROR, errcode(ERRCODE_INSUFFICIENT_RESOURCES), errmsg("could not start a background worker"),
				errhint("max_worker_processes may have to be increased."));
	PG_RETURN_INT32(pid);
}

/* Tells whether a database has a worker, as far as processes share memory. */
bool
worker_is_running(Oid database)
{
	pid_t pid = worker_latch_pid(database);

	return pid != 0 && BackendPidGetProc(pid) != NULL;
}

/* Describes the worker of a database to PostgreSQL. */
void
worker_describe(BackgroundWorker *worker, Oid database, const char *name)
{
	*worker = (BackgroundWorker){
		.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION,
		.bgw_start_time = BgWorkerStart_RecoveryFinished,
		.bgw_library_name = "walcu_fdw",
		.bgw_function_name = "walcu_fdw_worker_main",
		.bgw_type = WORKER_TYPE,
		.bgw_main_arg = ObjectIdGetDatum(database),
	};
#ifdef BGWORKER_INTERRUPTIBLE
	worker->bgw_flags |= BGWORKER_INTERRUPTIBLE;
#endif
	snprintf(worker->bgw_name, BGW_MAXLEN, "%s of %s", WORKER_TYPE, name);
}

/* The worker's main function, which PostgreSQL calls with the database. */
void
walcu_fdw_worker_main(Datum arg)
{
	begin_worker(DatumGetObjectId(arg));
	work_for_ever(AllocSetContextCreate(CurrentMemoryContext, "walcu worker", ALLOCSET_DEFAULT_SIZES));
}

/* Connects to the database.  A second worker of it has nothing to do, and ends. */
static void
begin_worker(Oid database)
{
	LOCKTAG tag;

	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnectionByOid(database, InvalidOid, 0);
	SetConfigOption("search_path", "pg_catalog, pg_temp", PGC_SUSET, PGC_S_OVERRIDE);
	SetConfigOption("default_transaction_isolation", "read committed", PGC_SUSET, PGC_S_OVERRIDE);
	SetConfigOption("default_transaction_read_only", "off", PGC_SUSET, PGC_S_OVERRIDE);
	/* what is set for sessions, from 17 on, would end the process in the middle of a long refresh */
	if (GetConfigOption("transaction_timeout", true, false))
		SetConfigOption("transaction_timeout", "0", PGC_SUSET, PGC_S_OVERRIDE);
	/* who holds a row of a copy for longer than that is waited for at another time */
	if (LockTimeout == 0)
		SetConfigOption("lock_timeout", LOCK_TIME, PGC_SUSET, PGC_S_OVERRIDE);
	if (MyBgworkerEntry->bgw_extra[0] != '\0')
		leave_renamed_database(MyBgworkerEntry->bgw_extra);
	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, 0, 0, WORKER_LOCK);
	if (LockAcquire(&tag, ExclusiveLock, true, true) == LOCKACQUIRE_NOT_AVAIL)
	{
		ereport(LOG, errmsg("this database has a walcu_fdw worker already"));
		proc_exit(0);
	}
	before_shmem_exit(forget_worker, (Datum) 0);
	worker_latch_note_worker(MyProcPid);
}

/* Ends if the database is not called any more as it is in the launcher's list. */
static void
leave_renamed_database(const char *name)
{
	bool is_renamed;

	begin_step("looking for the database's name");
	is_renamed = strcmp(get_database_name(MyDatabaseId), name) != 0;
	end_step();
	if (!is_renamed)
		return;
	ereport(LOG, errmsg("database \"%s\" was renamed, and has no walcu_fdw worker", name),
			errhint("walcu_fdw.worker_databases has to have its new name."));
	proc_exit(0);
}

static void
forget_worker(int code, Datum arg)
{
	worker_latch_note_worker(0);
}

static void
work_for_ever(MemoryContext context)
{
	int pause = 0;

	for (;;)
	{
		long sleep;

		ResetLatch(MyLatch);
		if (ConfigReloadPending)
		{
			ConfigReloadPending = false;
			ProcessConfigFile(PGC_SIGHUP);
		}
		MemoryContextSwitchTo(context);
		MemoryContextReset(context);
		sleep = try_round(&pause);
		pgstat_report_activity(STATE_IDLE, NULL);
		WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, sleep, PG_WAIT_EXTENSION);
	}
}

/* Does what is due.  Returns for how many milliseconds there is nothing to do then. */
static long
try_round(int *pause)
{
	static void (*const parts[])(Round * round) = {send_outbox, run_copies, measure_sleep};
	Round round = {0};
	bool is_fine = try_part(look_for_extension, &round);

	/* what one of them hinders is not to hinder the others */
	for (int i = 0; i < lengthof(parts) && round.has_extension; i++)
		is_fine &= try_part(parts[i], &round);
	if (is_fine)
	{
		*pause = 0;
		return round.has_extension ? round.sleep : worker_naptime * 1000L;
	}
	*pause = *pause == 0 ? FIRST_PAUSE : Min(2 * *pause, LONGEST_PAUSE);
	return *pause * 1000L;
}

/* Does a part of a round.  Returns false after an error, which is in the log then. */
static bool
try_part(void (*part)(Round *round), Round *round)
{
	MemoryContext context = CurrentMemoryContext;
	volatile bool is_fine = true;

	PG_TRY();
	{
		/* pg_cancel_backend is for what is under way, and came while nothing was */
		QueryCancelPending = false;
		CHECK_FOR_INTERRUPTS();
		part(round);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		HOLD_INTERRUPTS();
		EmitErrorReport();
		FlushErrorState();
		AbortCurrentTransaction();
		RESUME_INTERRUPTS();
		is_fine = false;
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	return is_fine;
}

/* The extension may be created after the worker was started, and dropped while it runs. */
static void
look_for_extension(Round *round)
{
	bool is_there;

	begin_step("looking for the extension walcu_fdw");
	is_there = OidIsValid(extension_schema());
	end_step();
	round->has_extension = is_there;
}

/* Does what is due of the copies, each in a transaction; what waits in the outbox does not wait for all. */
static void
run_copies(Round *round)
{
	MemoryContext context = CurrentMemoryContext;
	bool is_filling = true;

	while (is_filling)
	{
		List *due;
		ListCell *lc;

		is_filling = false;
		begin_step("looking for copies that are due");
		SPI_connect();
		entry_forget_gone();
		SPI_finish();
		MemoryContextSwitchTo(context);
		due = run_list_due();
		end_step();
		foreach(lc, due)
		{
			const WalcuDueWork *work = lfirst(lc);
			WalcuRunResult result;

			begin_step(psprintf("%s of copy %s", work->name, work->copy));
			result = run_due_work(work, worker_timeout, true);
			is_filling |= result == WALCU_RUN_STEP;
			round->has_skipped |= result == WALCU_RUN_SKIPPED;
			end_step();
			MemoryContextSwitchTo(context);
			send_outbox(round);
		}
	}
}

/* Sends what is due in the outbox. */
static void
send_outbox(Round *round)
{
	MemoryContext context = CurrentMemoryContext;

	begin_step("sending the outbox");
	MemoryContextSwitchTo(context);
	outbox_delivery_run(ENTRIES_A_ROUND);
	end_step();
	MemoryContextSwitchTo(context);
}

/* Finds out for how many milliseconds nothing is due. */
static void
measure_sleep(Round *round)
{
	TimestampTz next;
	TimestampTz due;

	begin_step("looking what is due next");
	next = next_of_copies(round->has_skipped);
	SPI_connect();
	if (outbox_store_next(&due))
		next = Min(next, due);
	SPI_finish();
	end_step();
	next = Min(next, TimestampTzPlusMilliseconds(GetCurrentTimestamp(), worker_naptime * 1000L));
	round->sleep = Max(TimestampDifferenceMilliseconds(GetCurrentTimestamp(), next), SHORTEST_SLEEP);
}

/* What was skipped is due, and has to wait for another session. */
static TimestampTz
next_of_copies(bool has_skipped)
{
	TimestampTz next = DT_NOEND;
	Datum value;
	bool is_null;

	SPI_connect();
	sql_run(psprintf("SELECT %s()", sql_extension_name("walcu_fdw_copies_next")), 0, NULL);
	value = sql_result(1, &is_null);
	if (!is_null)
		next = DatumGetTimestampTz(value);
	SPI_finish();
	if (has_skipped)
		next = Max(next, TimestampTzPlusMilliseconds(GetCurrentTimestamp(), BUSY_SLEEP));
	return next;
}

/* Begins a transaction, and tells pg_stat_activity what it is for. */
static void
begin_step(const char *activity)
{
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	pgstat_report_activity(STATE_RUNNING, activity);
}

static void
end_step(void)
{
	if (ActiveSnapshotSet())
		PopActiveSnapshot();
	CommitTransactionCommand();
	pgstat_report_stat(false);
	CHECK_FOR_INTERRUPTS();
}
