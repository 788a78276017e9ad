/*
 * import.c
 *	  IMPORT FOREIGN SCHEMA: a foreign table for each resource of the service.
 *
 * Reads the statement's options and the service's description, and writes the CREATE
 * FOREIGN TABLE commands.  Which columns a resource gets is decided in columns.c.
 */
#include "postgres.h"

#include "import.h"

#include "call.h"
#include "catalog/pg_type.h"
#include "columns.h"
#include "commands/defrem.h"
#include "foreign/foreign.h"
#include "openapi.h"
#include "option.h"
#include "option_value.h"
#include "utils/builtins.h"
#include "utils/elog.h"

/* The one remote schema there is. */
#define REMOTE_SCHEMA "walcu"

#define MAX_FLATTEN 10

static const char *const source_choices[] = {"live", "bundled", NULL};

typedef struct ImportOptions
{
	bool bundled;
	ColumnRules rules;
} ImportOptions;

static ImportOptions read_options(List *list);
static List *read_resources(Oid serverid, bool bundled);
static StringInfo read_live_description(Oid serverid);
static void hint_at_bundled(void *arg);
static void check_limit(ImportForeignSchemaStmt *statement, List *resources);
static bool is_wanted(ImportForeignSchemaStmt *statement, const char *resource);
static bool is_listed(List *tables, const char *resource);
static char *create_table(const WalcuResource *resource, const char *server, const ColumnRules *rules);

/*
 * FdwRoutine.ImportForeignSchema.  Errors: HV00Q for another schema than walcu, HV00R for a table
 * in LIMIT TO that the service does not have, HV00D and 22023 for wrong options,
 * HV00J for a description that cannot be used, 54011 for too many columns.
 */
List *
import_schema(ImportForeignSchemaStmt *statement, Oid serverid)
{
	ImportOptions options = read_options(statement->options);
	List *resources;
	List *commands = NIL;
	ListCell *lc;

	if (strcmp(statement->remote_schema, REMOTE_SCHEMA) != 0)
		ereport(ERROR, errcode(ERRCODE_FDW_SCHEMA_NOT_FOUND),
				errmsg("schema \"%s\" is not present on foreign server \"%s\"", statement->remote_schema,
					   statement->server_name),
				errhint("The only schema there is \"" REMOTE_SCHEMA "\"."));
	resources = read_resources(serverid, options.bundled);
	check_limit(statement, resources);
	foreach(lc, resources)
	{
		WalcuResource *resource = lfirst(lc);

		if (is_wanted(statement, resource->name))
			commands = lappend(commands, create_table(resource, statement->server_name, &options.rules));
	}
	return commands;
}

static ImportOptions
read_options(List *list)
{
	ImportOptions options = {.rules = {.collate = true}};
	ListCell *lc;

	foreach(lc, list)
	{
		DefElem *option = lfirst(lc);
		const char *name = option->defname;
		const char *text = defGetString(option);

		if (strcmp(name, "source") == 0)
			options.bundled = option_value_choice(name, text, source_choices) == 1;
		else if (strcmp(name, "import_collate") == 0)
			options.rules.collate = option_value_boolean(name, text);
		else if (strcmp(name, "flatten") == 0)
			options.rules.flatten = option_value_integer(name, text, 0, MAX_FLATTEN);
		else if (strcmp(name, "import_document") == 0)
			options.rules.document = option_value_boolean(name, text);
		else if (strcmp(name, "import_search") == 0)
			options.rules.search = option_value_boolean(name, text);
		else
			ereport(ERROR, errcode(ERRCODE_FDW_INVALID_OPTION_NAME), errmsg("invalid option \"%s\"", name),
					errhint("Valid options in this context are: source, import_collate, flatten, "
							"import_document, import_search."));
	}
	return options;
}

static List *
read_resources(Oid serverid, bool bundled)
{
	ErrorContextCallback callback = {.previous = error_context_stack, .callback = hint_at_bundled};
	StringInfo description;
	List *resources;

	if (!bundled)
		error_context_stack = &callback;
	description = bundled ? openapi_bundled() : read_live_description(serverid);
	resources = openapi_resources(description->data, description->len);
	error_context_stack = callback.previous;
	return resources;
}

/* The description is public: no credentials are sent, so none are needed yet. */
static StringInfo
read_live_description(Oid serverid)
{
	WalcuOptions *options = option_for_server(serverid);

	return call_perform(options, NULL, request_description(options));
}

/* Added to any error while the live description is read, but to a cancel. */
static void
hint_at_bundled(void *arg)
{
	if (geterrcode() != ERRCODE_QUERY_CANCELED)
		errhint("IMPORT FOREIGN SCHEMA ... OPTIONS (source 'bundled') uses the description installed with "
				"the extension instead.");
}

static void
check_limit(ImportForeignSchemaStmt *statement, List *resources)
{
	ListCell *lc;

	if (statement->list_type != FDW_IMPORT_SCHEMA_LIMIT_TO)
		return;
	foreach(lc, statement->table_list)
	{
		const char *wanted = ((RangeVar *) lfirst(lc))->relname;
		StringInfoData names;
		bool found = false;
		ListCell *lc2;

		initStringInfo(&names);
		foreach(lc2, resources)
		{
			const char *name = ((WalcuResource *) lfirst(lc2))->name;

			found |= strcmp(name, wanted) == 0;
			appendStringInfo(&names, "%s%s", names.len > 0 ? ", " : "", name);
		}
		if (!found)
			ereport(ERROR, errcode(ERRCODE_FDW_TABLE_NOT_FOUND),
					errmsg("the service has no resource \"%s\"", wanted),
					errhint("Its resources are: %s.", names.data));
	}
}

static bool
is_wanted(ImportForeignSchemaStmt *statement, const char *resource)
{
	switch (statement->list_type)
	{
		case FDW_IMPORT_SCHEMA_LIMIT_TO:
			return is_listed(statement->table_list, resource);
		case FDW_IMPORT_SCHEMA_EXCEPT:
			return !is_listed(statement->table_list, resource);
		default:
			return true;
	}
}

static bool
is_listed(List *tables, const char *resource)
{
	ListCell *lc;

	foreach(lc, tables)
	{
		if (strcmp(((RangeVar *) lfirst(lc))->relname, resource) == 0)
			return true;
	}
	return false;
}

static char *
create_table(const WalcuResource *resource, const char *server, const ColumnRules *rules)
{
	StringInfoData command;
	ListCell *lc;
	List *columns = columns_of_resource(resource, rules);

	initStringInfo(&command);
	appendStringInfo(&command, "CREATE FOREIGN TABLE %s (", quote_identifier(resource->name));
	foreach(lc, columns)
	{
		ColumnDraft *column = lfirst(lc);

		appendStringInfo(&command, "%s\n  %s %s", lc == list_head(columns) ? "" : ",",
						 quote_identifier(column->name), column->type);
		if (column->parameter)
			appendStringInfo(&command, " OPTIONS (parameter %s)", quote_literal_cstr(column->parameter));
		else if (strcmp(column->path, column->name) != 0)
			appendStringInfo(&command, " OPTIONS (path %s)", quote_literal_cstr(column->path));
		if (column->collatable && rules->collate)
			appendStringInfoString(&command, " COLLATE \"C\"");
		if (column->not_null)
			appendStringInfoString(&command, " NOT NULL");
	}
	appendStringInfo(&command, "\n) SERVER %s OPTIONS (resource %s)", quote_identifier(server),
					 quote_literal_cstr(resource->name));
	return command.data;
}
