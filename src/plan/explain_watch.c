/*
 * explain_watch.c
 *	  Is the statement that is planned to be run, or only to be shown?
 *
 * size_probe.c asks, as EXPLAIN is to be free of requests.  PostgreSQL does not tell the planner what a plan
 * is for; but EXPLAIN is a utility statement, wherever it stands (in a function, of a prepared statement),
 * so that a hook sees it begin and end.  auto_explain is none: it shows a plan that is run.  What is planned
 * for EXPLAIN and kept, as a prepared statement's, may be run later; it is the plan that EXPLAIN has shown.
 */
#include "postgres.h"

#include "plan/explain_watch.h"

#include "access/xact.h"
#include "commands/defrem.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "tcop/tcopprot.h"
#include "tcop/utility.h"

static ProcessUtility_hook_type previous_utility_hook = NULL;

/* So many EXPLAINs without ANALYZE, one within the other, are at work. */
static int explains = 0;

/* An EXPLAIN may have begun before the library was loaded, in the statement that began then; or 0. */
static TimestampTz loaded_in_explain = 0;

static void watch_utility(PlannedStmt *statement, const char *text, bool read_only,
						  ProcessUtilityContext context, ParamListInfo params, QueryEnvironment *environment,
						  DestReceiver *receiver, QueryCompletion *completion);
static bool is_explain_alone(const Node *statement);
static bool mentions_explain(const char *text);

/* _PG_init calls this when the library is loaded. */
void
explain_watch_init(void)
{
	previous_utility_hook = ProcessUtility_hook;
	ProcessUtility_hook = watch_utility;
	/*
	 * A session loads the library when it first plans a query on a foreign table, which may be for
	 * EXPLAIN.  The hook has missed that one; it is told by the texts of what is being run, from the
	 * client's to the innermost.
	 */
	if (!process_shared_preload_libraries_in_progress && debug_query_string &&
		(mentions_explain(debug_query_string) || mentions_explain(GetErrorContextStack())))
		loaded_in_explain = GetCurrentStatementStartTimestamp();
}

/* Tells whether what is planned now is, or may be, for EXPLAIN alone. */
bool
explain_watch_is_shown_only(void)
{
	return explains > 0 ||
		   (loaded_in_explain != 0 && loaded_in_explain == GetCurrentStatementStartTimestamp());
}

/* ProcessUtility_hook */
static void
watch_utility(PlannedStmt *statement, const char *text, bool read_only, ProcessUtilityContext context,
			  ParamListInfo params, QueryEnvironment *environment, DestReceiver *receiver,
			  QueryCompletion *completion)
{
	int more = is_explain_alone(statement->utilityStmt) ? 1 : 0;

	explains += more;
	PG_TRY();
	{
		if (previous_utility_hook)
			previous_utility_hook(statement, text, read_only, context, params, environment, receiver,
								  completion);
		else
			standard_ProcessUtility(statement, text, read_only, context, params, environment, receiver,
									completion);
	}
	PG_FINALLY();
	{
		explains -= more;
	}
	PG_END_TRY();
}

/* Returns whether it is an EXPLAIN that does not run its statement. */
static bool
is_explain_alone(const Node *statement)
{
	bool analyze = false;
	ListCell *lc;

	if (statement == NULL || !IsA(statement, ExplainStmt))
		return false;
	foreach(lc, ((const ExplainStmt *) statement)->options)
	{
		DefElem *option = lfirst(lc);

		/* the last one counts, as it does for PostgreSQL, which raises the error for a bad value */
		if (strcmp(option->defname, "analyze") == 0)
			analyze = option->arg == NULL || defGetBoolean(option);
	}
	return !analyze;
}

static bool
mentions_explain(const char *text)
{
	for (; text && *text; text++)
	{
		if (pg_strncasecmp(text, "explain", strlen("explain")) == 0)
			return true;
	}
	return false;
}
