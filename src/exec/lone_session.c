/*
 * lone_session.c
 *	  Statements that no parallel workers take part in.
 *
 * What waits for the commit is in the memory of the session, and a parallel worker does not know of it: a
 * function that is PARALLEL SAFE, and reads a foreign table, would answer otherwise there.  So while
 * something waits, the session executes its statements alone, also those whose plans are older.
 */
#include "postgres.h"

#include "exec/lone_session.h"

#include "base/statement.h"
#include "executor/executor.h"
#include "fetch/waiting_writes.h"

static ExecutorStart_hook_type next_executor_start;

static void start_alone(QueryDesc *description, int eflags);

/* _PG_init calls this when the library is loaded. */
void
lone_session_init(void)
{
	next_executor_start = ExecutorStart_hook;
	ExecutorStart_hook = start_alone;
}

/* ExecutorStart_hook */
static void
start_alone(QueryDesc *description, int eflags)
{
	if (description->plannedstmt->parallelModeNeeded && waiting_writes_exist())
		statement_own_plan(description)->parallelModeNeeded = false;
	if (next_executor_start)
		next_executor_start(description, eflags);
	else
		standard_ExecutorStart(description, eflags);
}
