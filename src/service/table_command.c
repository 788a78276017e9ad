/*
 * table_command.c
 *	  The commands that make foreign tables of a description.
 *
 * Called by IMPORT FOREIGN SCHEMA and by walcu_fdw_setup().  Which columns there are is decided in columns.c.
 */
#include "postgres.h"

#include "service/table_command.h"

#include "lib/stringinfo.h"
#include "utils/builtins.h"

static char *write_table(const char *table, const WalcuResource *resource, List *columns, const char *server,
						 bool collate);

/* Returns the CREATE FOREIGN TABLE command for a resource.  table is its name, quoted where needed. */
char *
table_command_create(const char *table, const WalcuResource *resource, List *columns, const char *server,
					 bool collate)
{
	return psprintf("%s)", write_table(table, resource, columns, server, collate));
}

/* Returns the command for the elements of a list in the documents of a resource, as table_command_create. */
char *
table_command_create_list(const char *table, const WalcuResource *resource, const char *list, List *columns,
						  const char *server, bool collate)
{
	return psprintf("%s, array %s)", write_table(table, resource, columns, server, collate),
					quote_literal_cstr(list));
}

/* Writes a command up to the options of the table, of which the first is there. */
static char *
write_table(const char *table, const WalcuResource *resource, List *columns, const char *server, bool collate)
{
	StringInfoData command;
	ListCell *lc;

	initStringInfo(&command);
	appendStringInfo(&command, "CREATE FOREIGN TABLE %s (", table);
	foreach(lc, columns)
	{
		appendStringInfoString(&command, lc == list_head(columns) ? "\n  " : ",\n  ");
		appendStringInfoString(&command, columns_declaration(lfirst(lc), collate));
	}
	appendStringInfo(&command, "\n) SERVER %s OPTIONS (resource %s", quote_identifier(server),
					 quote_literal_cstr(resource->name));
	return command.data;
}
