/*
 * copied_table.c
 *	  Local copies of tables that get columns.
 *
 * Called by resource_plan.c for a table that gets some.  What is done to a copy, copies/add_columns.c says.
 */
#include "postgres.h"

#include "setup/copied_table.h"

#include "base/compat.h"
#include "catalog/pg_class.h"
#include "copies/entry.h"
#include "copies/sql.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "service/foreign_table.h"
#include "setup/step.h"
#include "utils/builtins.h"

static void plan_copy(WalcuSetup *setup, Oid copy, const char *function, const char *columns);

/* Plans to add the new columns of a table, which are named for the user, to its copies. */
void
copied_table_plan(WalcuSetup *setup, const WalcuSetupTable *table, const char *columns)
{
	MemoryContext steps = CurrentMemoryContext;
	MemoryContext statements;
	List *copies;
	const char *function;
	ListCell *lc;

	SPI_connect();
	copies = entry_list_copies(table->relid);
	function = sql_extension_name("walcu_fdw_copy_columns");
	statements = MemoryContextSwitchTo(steps);
	foreach(lc, copies)
		plan_copy(setup, lfirst_oid(lc), function, columns);
	MemoryContextSwitchTo(statements);
	SPI_finish();
}

/* Only the owner of a copy may add columns to it. */
static void
plan_copy(WalcuSetup *setup, Oid copy, const char *function, const char *columns)
{
	const char *name = foreign_table_name(copy);
	const char *statement = psprintf("SELECT %s(%s)", function, quote_literal_cstr(name));

	if (compat_ownercheck(RelationRelationId, copy, GetUserId()))
		step_run(setup, "add to copy", name, statement, columns);
	else
		step_find(setup, "copy lacks columns", name, "It belongs to somebody else, who can add them.",
				  statement);
}
