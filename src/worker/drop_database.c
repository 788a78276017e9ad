/*
 * drop_database.c
 *	  End a database's worker where the database is dropped.
 *
 * DROP DATABASE waits five seconds for others to leave, and then it fails.  A worker would stay for ever, so
 * whoever drops its database, with this library preloaded, ends it.  launcher.c starts it again if the
 * database is still there.
 */
#include "postgres.h"

#include "worker/drop_database.h"

#include <signal.h>

#include "base/worker_latch.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_database.h"
#include "storage/procarray.h"

static object_access_hook_type next_access_hook = NULL;

static void end_dropped_worker(ObjectAccessType access, Oid class_id, Oid object_id, int sub_id, void *arg);

/* Called from _PG_init. */
void
drop_database_init(void)
{
	next_access_hook = object_access_hook;
	object_access_hook = end_dropped_worker;
}

/* PostgreSQL calls this before it looks who is connected. */
static void
end_dropped_worker(ObjectAccessType access, Oid class_id, Oid object_id, int sub_id, void *arg)
{
	int pid = 0;

	if (next_access_hook)
		next_access_hook(access, class_id, object_id, sub_id, arg);
	if (access == OAT_DROP && class_id == DatabaseRelationId)
		pid = worker_latch_pid(object_id);
	if (pid != 0 && BackendPidGetProc(pid))
		kill(pid, SIGTERM);
}
