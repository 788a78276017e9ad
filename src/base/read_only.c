/*
 * read_only.c
 *	  Where nothing may be written: read-only transactions, parallel operations, standbys.
 *
 * PostgreSQL refuses its own commands there, and statements that write tables.  It cannot know of a function
 * that it writes elsewhere, and it lets temporary tables be written, which may be foreign ones.
 */
#include "postgres.h"

#include "base/read_only.h"

#include "miscadmin.h"
#include "tcop/utility.h"

/*
 * Refuses what is about to write, as PostgreSQL refuses a command of this name.  Errors: 25006 in a read-only
 * transaction and on a standby, 25000 during a parallel operation.
 */
void
read_only_refuse(const char *command)
{
	PreventCommandIfReadOnly(command);
	PreventCommandDuringRecovery(command);
	PreventCommandIfParallelMode(command);
}

/* Refuses a statement that is about to write; it is NULL for COPY, which has no plan. */
void
read_only_refuse_statement(const PlannedStmt *statement)
{
	read_only_refuse(statement ? CreateCommandName((Node *) statement) : "COPY FROM");
}
