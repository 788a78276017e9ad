/*
 * launcher.c
 *	  Starts the background workers of the databases that ask for one.
 *
 * Where the library is preloaded, PostgreSQL runs one launcher.  It has no database of its own, so that none
 * is kept from being dropped.  It starts a worker for each database that walcu_fdw.worker_databases names,
 * starts it again when it has ended, and ends it when the name is gone.
 */
#include "postgres.h"

#include "worker/launcher.h"

#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "base/compat.h"
#include "catalog/pg_database.h"
#include "miscadmin.h"
#include "nodes/pg_list.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "utils/guc.h"
#include "utils/timestamp.h"
#include "utils/varlena.h"
#include "utils/wait_event.h"
#include "worker/worker.h"

/* A worker that has ended is started again after a second, and after twice the time each further time. */
#define FIRST_PAUSE   1
#define LONGEST_PAUSE 60

/* One that has run for so many seconds has not failed at once. */
#define LONG_RUN 60

/* A database of the list, and its worker. */
typedef struct Task
{
	char name[NAMEDATALEN];
	BackgroundWorkerHandle *handle; /* The worker; NULL when none runs. */
	TimestampTz began_at;           /* It was started then. */
	TimestampTz start_at;           /* It is not to be started before. */
	int pause;                      /* The last pause was of so many seconds. */
	bool is_listed;                 /* The database is in the list. */
} Task;

/* The setting walcu_fdw.worker_databases. */
static char *worker_databases = NULL;

/* These are the databases that were ever listed, of Task. */
static List *tasks = NIL;

PGDLLEXPORT void walcu_fdw_launcher_main(Datum arg);

static bool check_databases(char **value, void **extra, GucSource source);
static void register_launcher(void);
static void end_workers(void);
static void list_databases(void);
static Task *find_task(const char *name);
static void tend_task(Task *task);
static void pause_task(Task *task, TimestampTz now);
static void start_task(Task *task, TimestampTz now);
static Oid find_database(const char *name);

/* Called from _PG_init. */
void
launcher_init(void)
{
	DefineCustomStringVariable(
		"walcu_fdw.worker_databases",
		"Databases for which a background worker refreshes copies and sends the outbox.",
		"A list of names.  The library has to be in shared_preload_libraries.", &worker_databases, "",
		PGC_SIGHUP, GUC_LIST_INPUT, check_databases, NULL, NULL);
	DefineCustomIntVariable(
		"walcu_fdw.worker_naptime", "Longest time for which the background worker sleeps.",
		"It wakes before when something is due, or was recorded in the outbox.", &worker_naptime,
		worker_naptime, 1, 86400, PGC_SIGHUP, GUC_UNIT_S, NULL, NULL, NULL);
	DefineCustomIntVariable(
		"walcu_fdw.worker_timeout", "Longest time for which the background worker does one piece of work.",
		"A copy's refresh that takes longer fails, and is tried again later.  0 is no limit.",
		&worker_timeout, worker_timeout, 0, INT_MAX, PGC_SIGHUP, GUC_UNIT_MS, NULL, NULL, NULL);
	if (process_shared_preload_libraries_in_progress)
		register_launcher();
}

static bool
check_databases(char **value, void **extra, GucSource source)
{
	char *copy = pstrdup(*value);
	List *names = NIL;
	bool is_list = SplitIdentifierString(copy, ',', &names);

	if (!is_list)
		GUC_check_errdetail("It is no list of names with commas between them.");
	list_free(names);
	pfree(copy);
	return is_list;
}

static void
register_launcher(void)
{
	BackgroundWorker worker = {
		.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION,
		.bgw_start_time = BgWorkerStart_RecoveryFinished,
		.bgw_restart_time = FIRST_PAUSE,
		.bgw_library_name = "walcu_fdw",
		.bgw_function_name = "walcu_fdw_launcher_main",
		.bgw_name = "walcu_fdw launcher",
		.bgw_type = "walcu_fdw launcher",
	};

	RegisterBackgroundWorker(&worker);
}

/*
 * The launcher's main function, which PostgreSQL calls.  If somebody ends it, its workers end with it, as the
 * next launcher does not know them; PostgreSQL starts that one as the exit code is not 0.
 */
void
walcu_fdw_launcher_main(Datum arg)
{
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, SignalHandlerForShutdownRequest);
	pqsignal(SIGINT, PG_SIG_IGN);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnection(NULL, NULL, 0);
	list_databases();
	while (!ShutdownRequestPending)
	{
		ListCell *lc;

		foreach(lc, tasks)
			tend_task(lfirst(lc));
		WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, FIRST_PAUSE * 1000L,
				  PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
		if (ConfigReloadPending)
		{
			ConfigReloadPending = false;
			ProcessConfigFile(PGC_SIGHUP);
			list_databases();
		}
	}
	end_workers();
	proc_exit(1);
}

static void
end_workers(void)
{
	ListCell *lc;

	foreach(lc, tasks)
	{
		Task *task = lfirst(lc);

		if (task->handle)
			TerminateBackgroundWorker(task->handle);
	}
}

/* Reads the setting.  What is allocated lasts as long as the process. */
static void
list_databases(void)
{
	char *copy = pstrdup(worker_databases);
	List *names = NIL;
	ListCell *lc;

	SplitIdentifierString(copy, ',', &names);
	foreach(lc, tasks)
		((Task *) lfirst(lc))->is_listed = false;
	foreach(lc, names)
	{
		Task *task = find_task(lfirst(lc));

		task->is_listed = true;
		task->start_at = 0;
		task->pause = 0;
	}
	list_free(names);
	pfree(copy);
}

/* Returns the task of a database, a new one if there is none. */
static Task *
find_task(const char *name)
{
	Task *task;
	ListCell *lc;

	foreach(lc, tasks)
	{
		task = lfirst(lc);
		if (strcmp(task->name, name) == 0)
			return task;
	}
	task = palloc0(sizeof(Task));
	strlcpy(task->name, name, NAMEDATALEN);
	tasks = lappend(tasks, task);
	return task;
}

/* Starts a worker, ends it, or notes that it has ended. */
static void
tend_task(Task *task)
{
	TimestampTz now = GetCurrentTimestamp();
	pid_t pid;

	if (task->handle && GetBackgroundWorkerPid(task->handle, &pid) == BGWH_STOPPED)
	{
		pfree(task->handle);
		task->handle = NULL;
		pause_task(task, now);
	}
	if (task->handle && !task->is_listed)
		TerminateBackgroundWorker(task->handle);
	if (task->handle == NULL && task->is_listed && now >= task->start_at)
		start_task(task, now);
}

static void
pause_task(Task *task, TimestampTz now)
{
	if (TimestampDifferenceExceeds(task->began_at, now, LONG_RUN * 1000))
		task->pause = 0;
	task->pause = task->pause == 0 ? FIRST_PAUSE : Min(2 * task->pause, LONGEST_PAUSE);
	task->start_at = TimestampTzPlusMilliseconds(now, task->pause * 1000);
}

/* Starts the worker of a database, if there is such a database. */
static void
start_task(Task *task, TimestampTz now)
{
	MemoryContext before = CurrentMemoryContext;
	BackgroundWorker worker;
	Oid database;

	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	database = find_database(task->name);
	CommitTransactionCommand();
	MemoryContextSwitchTo(before);
	task->began_at = now;
	if (!OidIsValid(database))
	{
		if (task->pause == 0)
			ereport(LOG, errmsg("database \"%s\" does not exist, and has no walcu_fdw worker", task->name),
					errhint("It is named by walcu_fdw.worker_databases."));
		pause_task(task, now);
		return;
	}
	/* one that SQL has started is there until the server ends: it is looked for again, as it may be ended */
	if (worker_is_running(database))
	{
		pause_task(task, now);
		return;
	}
	worker_describe(&worker, database, task->name);
	strlcpy(worker.bgw_extra, task->name, BGW_EXTRALEN);
	worker.bgw_restart_time = BGW_NEVER_RESTART;
	worker.bgw_notify_pid = MyProcPid;
	if (!RegisterDynamicBackgroundWorker(&worker, &task->handle))
	{
		task->handle = NULL;
		if (task->pause == 0)
			ereport(LOG, errmsg("could not start the walcu_fdw worker of database \"%s\"", task->name),
					errhint("max_worker_processes may have to be increased."));
		pause_task(task, now);
	}
}

/* Looks through all databases: who is connected to none has no index to look into. */
static Oid
find_database(const char *name)
{
	Relation databases = table_open(DatabaseRelationId, AccessShareLock);
	TableScanDesc scan = table_beginscan_catalog(databases, 0, NULL);
	HeapTuple tuple;
	Oid found = InvalidOid;

	while ((tuple = heap_getnext(scan, ForwardScanDirection)) != NULL)
	{
		Form_pg_database database = (Form_pg_database) GETSTRUCT(tuple);

		if (database->datallowconn && strcmp(NameStr(database->datname), name) == 0)
			found = database->oid;
	}
	table_endscan(scan);
	table_close(databases, AccessShareLock);
	return found;
}
