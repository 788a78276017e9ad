/*
 * import.c
 *	  IMPORT FOREIGN SCHEMA: a foreign table for each resource of the service, and for lists in documents.
 *
 * Reads the statement's options and the service's description.  Which columns a resource gets is decided in
 * columns.c, and table_command.c writes the commands.
 */
#include "postgres.h"

#include "command/import.h"

#include "base/text.h"
#include "http/service_description.h"
#include "miscadmin.h"
#include "service/columns.h"
#include "service/list_table.h"
#include "service/openapi.h"
#include "service/option.h"
#include "service/table_command.h"
#include "utils/builtins.h"

/* The one remote schema there is. */
#define REMOTE_SCHEMA "walcu"

#define BUNDLED_HINT                                                                                         \
	"IMPORT FOREIGN SCHEMA ... OPTIONS (source 'bundled') uses the description installed with the "          \
	"extension."

static void require_names(List *resources, List *lists, List *names);
static const char *hint_other_way(const char *name);
static bool is_list_table(const char *name);
static List *name_list_tables(List *lists);
static List *list_wanted_names(List *tables);
static bool is_wanted(ImportForeignSchemaType type, List *listed, const char *resource);

/*
 * FdwRoutine.ImportForeignSchema.  Errors: HV00Q for another schema than walcu, HV00R for a table
 * in LIMIT TO that the service does not have, HV00D and 22023 for wrong options, 54011 for
 * too many columns, and what reading the description raises.
 */
List *
import_schema(ImportForeignSchemaStmt *statement, Oid serverid)
{
	WalcuImportOptions options = option_for_import(statement->options);
	List *listed = list_wanted_names(statement->table_list);
	List *resources;
	List *lists;
	List *commands = NIL;
	ListCell *lc;

	if (strcmp(statement->remote_schema, REMOTE_SCHEMA) != 0)
		ereport(ERROR, errcode(ERRCODE_FDW_SCHEMA_NOT_FOUND),
				errmsg("schema \"%s\" is not present on foreign server \"%s\"", statement->remote_schema,
					   statement->server_name),
				errhint("The only schema there is \"" REMOTE_SCHEMA "\"."));
	resources = service_description_resources(
		serverid, options.source, options.flatten + (options.arrays ? LIST_TABLE_LEVELS : 0), BUNDLED_HINT);
	lists = options.arrays ? list_table_of_resources(resources) : NIL;
	if (statement->list_type == FDW_IMPORT_SCHEMA_LIMIT_TO)
		require_names(resources, lists, listed);
	foreach(lc, resources)
	{
		WalcuResource *resource = lfirst(lc);

		CHECK_FOR_INTERRUPTS();
		if (is_wanted(statement->list_type, listed, resource->name))
			commands =
				lappend(commands, table_command_create(quote_identifier(resource->name), resource,
													   columns_of_resource(resource, &options),
													   statement->server_name, options.import_collate));
	}
	foreach(lc, lists)
	{
		const WalcuListTable *list = lfirst(lc);

		CHECK_FOR_INTERRUPTS();
		if (is_wanted(statement->list_type, listed, list->name))
			commands = lappend(
				commands, table_command_create_list(quote_identifier(list->name), list->resource, list->path,
													columns_of_list(list->resource, list->field, &options),
													statement->server_name, options.import_collate));
	}
	return commands;
}

/* Error HV00R for a name that no table would have, with a hint at other ways to have one. */
static void
require_names(List *resources, List *lists, List *names)
{
	List *others = text_lacking(names, name_list_tables(lists));
	ListCell *lc;

	foreach(lc, others)
	{
		const char *hint = openapi_find_resource(resources, lfirst(lc)) ? NULL : hint_other_way(lfirst(lc));

		if (hint)
			ereport(ERROR, errcode(ERRCODE_FDW_TABLE_NOT_FOUND),
					errmsg("the service has no resource \"%s\"", (char *) lfirst(lc)), errhint("%s", hint));
	}
	openapi_require_names(resources, others);
}

/* NULL when there is no other way to have a table of this name. */
static const char *
hint_other_way(const char *name)
{
	if (is_list_table(name))
		return "It is a list in documents: the option arrays 'true' makes tables of these.";
	if (openapi_find_resource(openapi_undescribed_resources(0), name))
		return psprintf("The description does not have it. walcu_fdw_setup(..., resources => '{%s}') makes a "
						"table of what is known of it.",
						name);
	return NULL;
}

/* Is a table of the installed description's lists called so?  What was read is not deep enough to tell. */
static bool
is_list_table(const char *name)
{
	List *bundled = openapi_bundled_resources(LIST_TABLE_LEVELS);

	return text_in_list(name_list_tables(list_table_of_resources(bundled)), name);
}

/* Returns the names (of char *) of lists' tables. */
static List *
name_list_tables(List *lists)
{
	List *names = NIL;
	ListCell *lc;

	foreach(lc, lists)
		names = lappend(names, ((WalcuListTable *) lfirst(lc))->name);
	return names;
}

static List *
list_wanted_names(List *tables)
{
	List *names = NIL;
	ListCell *lc;

	foreach(lc, tables)
		names = lappend(names, ((RangeVar *) lfirst(lc))->relname);
	return names;
}

static bool
is_wanted(ImportForeignSchemaType type, List *listed, const char *resource)
{
	switch (type)
	{
		case FDW_IMPORT_SCHEMA_LIMIT_TO:
			return text_in_list(listed, resource);
		case FDW_IMPORT_SCHEMA_EXCEPT:
			return !text_in_list(listed, resource);
		default:
			return true;
	}
}
