/*
 * watch_statements.c
 *	  Statements of sessions that concern workers: where nobody may be connected to a database, its worker
 *	  leaves it; where a prepared transaction commits, the worker is woken.
 *
 * DROP DATABASE, and what renames, moves or copies one, wait five seconds for others to leave, and then they
 * fail.  A worker would stay for ever, so whoever may do that, with this library preloaded, ends it.
 * launcher.c starts it again; it cannot come in before the statement has ended, which has locked the
 * database.
 *
 * PostgreSQL tells of no commit of a prepared transaction but by its statement.
 */
#include "postgres.h"

#include "worker/watch_statements.h"

#include <signal.h>

#include "base/compat.h"
#include "base/worker_latch.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_database.h"
#include "commands/dbcommands.h"
#include "commands/defrem.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "storage/procarray.h"
#include "tcop/utility.h"

static object_access_hook_type next_access_hook = NULL;
static ProcessUtility_hook_type next_utility_hook = NULL;

static void end_dropped_worker(ObjectAccessType access, Oid class_id, Oid object_id, int sub_id, void *arg);
static void watch_worker_statement(PlannedStmt *statement, const char *text, bool read_only,
								   ProcessUtilityContext context, ParamListInfo params,
								   QueryEnvironment *environment, DestReceiver *receiver,
								   QueryCompletion *completion);
static const char *name_emptied_database(const Node *statement);
static const char *find_option(List *options, const char *name);
static void end_worker(Oid database);
static bool is_commit_prepared(const Node *statement);

/* Called from _PG_init. */
void
watch_statements_init(void)
{
	next_access_hook = object_access_hook;
	object_access_hook = end_dropped_worker;
	next_utility_hook = ProcessUtility_hook;
	ProcessUtility_hook = watch_worker_statement;
}

/* PostgreSQL calls this before it looks who is connected, and once it knows that the user may drop it. */
static void
end_dropped_worker(ObjectAccessType access, Oid class_id, Oid object_id, int sub_id, void *arg)
{
	if (next_access_hook)
		next_access_hook(access, class_id, object_id, sub_id, arg);
	if (access == OAT_DROP && class_id == DatabaseRelationId)
		end_worker(object_id);
}

/* ProcessUtility_hook */
static void
watch_worker_statement(PlannedStmt *statement, const char *text, bool read_only,
					   ProcessUtilityContext context, ParamListInfo params, QueryEnvironment *environment,
					   DestReceiver *receiver, QueryCompletion *completion)
{
	const char *emptied = name_emptied_database(statement->utilityStmt);
	bool commits = is_commit_prepared(statement->utilityStmt);

	if (emptied)
	{
		Oid database = get_database_oid(emptied, true);

		if (OidIsValid(database) && compat_ownercheck(DatabaseRelationId, database, GetUserId()))
			end_worker(database);
	}
	if (next_utility_hook)
		next_utility_hook(statement, text, read_only, context, params, environment, receiver, completion);
	else
		standard_ProcessUtility(statement, text, read_only, context, params, environment, receiver,
								completion);
	/* what it has committed may have been recorded by a session that is gone */
	if (commits)
		worker_latch_set();
}

/* Returns the database to which nobody may be connected for a statement; NULL for none. */
static const char *
name_emptied_database(const Node *statement)
{
	const char *name;

	switch (nodeTag(statement))
	{
		case T_RenameStmt:
			return ((const RenameStmt *) statement)->renameType == OBJECT_DATABASE
					   ? ((const RenameStmt *) statement)->subname
					   : NULL;
		case T_CreatedbStmt:
			name = find_option(((const CreatedbStmt *) statement)->options, "template");
			return name ? name : "template1";
		case T_AlterDatabaseStmt:
			return find_option(((const AlterDatabaseStmt *) statement)->options, "tablespace")
					   ? ((const AlterDatabaseStmt *) statement)->dbname
					   : NULL;
		default:
			return NULL;
	}
}

static const char *
find_option(List *options, const char *name)
{
	ListCell *lc;

	foreach(lc, options)
	{
		DefElem *option = lfirst(lc);

		if (strcmp(option->defname, name) == 0 && option->arg)
			return defGetString(option);
	}
	return NULL;
}

static void
end_worker(Oid database)
{
	int pid = worker_latch_pid(database);

	if (pid != 0 && BackendPidGetProc(pid))
		kill(pid, SIGTERM);
}

static bool
is_commit_prepared(const Node *statement)
{
	return IsA(statement, TransactionStmt) &&
		   ((const TransactionStmt *) statement)->kind == TRANS_STMT_COMMIT_PREPARED;
}
