/*
 * idle_session.c
 *	  What an open cursor keeps while its session has nothing to do.
 *
 * A cursor asks for pages ahead.  When it has been fetched from, its session may do nothing for long, so that
 * nobody would take in what has arrived, and its connections would be missing to others where
 * max_connections_total says how many there are.  PostgreSQL does not tell when a session becomes idle, but
 * a cursor's plan may have been the last that was run before.
 */
#include "postgres.h"

#include "exec/idle_session.h"

#include "base/compat.h"
#include "executor/executor.h"
#include "http/line.h"
#include "tcop/pquery.h"

/* For replies that are under way it is waited so many milliseconds at most. */
#define MOST_WAIT 1000.0

static ExecutorRun_hook_type next_executor_run;

static void run_and_give_way(COMPAT_EXECUTOR_RUN_PARAMETERS);
static bool may_stay_open(const QueryDesc *description, uint64 count);

/* _PG_init calls this when the library is loaded. */
void
idle_session_init(void)
{
	next_executor_run = ExecutorRun_hook;
	ExecutorRun_hook = run_and_give_way;
}

/* ExecutorRun_hook */
static void
run_and_give_way(COMPAT_EXECUTOR_RUN_PARAMETERS)
{
	if (next_executor_run)
		next_executor_run(COMPAT_EXECUTOR_RUN_ARGUMENTS);
	else
		standard_ExecutorRun(COMPAT_EXECUTOR_RUN_ARGUMENTS);
	if (may_stay_open(description, count))
		line_give_way(MOST_WAIT);
}

/* Tells whether a plan is a cursor's, or a client's that takes so many rows at a time. */
static bool
may_stay_open(const QueryDesc *description, uint64 count)
{
	return ActivePortal && ActivePortal->queryDesc == description &&
		   (count > 0 || ActivePortal->name[0] != '\0');
}
