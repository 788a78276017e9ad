/*
 * import.c
 *	  IMPORT FOREIGN SCHEMA: a foreign table for each resource of the service.
 *
 * Reads the statement's options and the service's description, and writes the CREATE
 * FOREIGN TABLE commands.  Which columns a resource gets is decided in columns.c.
 */
#include "postgres.h"

#include "command/import.h"

#include "base/compat.h"
#include "base/hint.h"
#include "base/text.h"
#include "http/call.h"
#include "service/columns.h"
#include "service/openapi.h"
#include "service/option.h"
#include "utils/builtins.h"

/* The one remote schema there is. */
#define REMOTE_SCHEMA "walcu"

#define BUNDLED_HINT                                                                                         \
	"IMPORT FOREIGN SCHEMA ... OPTIONS (source 'bundled') uses the description installed with the "          \
	"extension."

static List *read_live(Oid serverid, int levels);
static List *read_bundled(int levels);
pg_noreturn static void rethrow_with_hint(void);
static List *list_wanted_names(List *tables);
static void check_limit(List *wanted, List *resources);
static bool is_wanted(ImportForeignSchemaType type, List *listed, const char *resource);
static char *create_table(const WalcuResource *resource, const char *server,
						  const WalcuImportOptions *options);

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
	List *commands = NIL;
	ListCell *lc;

	if (strcmp(statement->remote_schema, REMOTE_SCHEMA) != 0)
		ereport(ERROR, errcode(ERRCODE_FDW_SCHEMA_NOT_FOUND),
				errmsg("schema \"%s\" is not present on foreign server \"%s\"", statement->remote_schema,
					   statement->server_name),
				errhint("The only schema there is \"" REMOTE_SCHEMA "\"."));
	if (options.source == WALCU_DESCRIPTION_BUNDLED)
		resources = read_bundled(options.flatten);
	else
		resources = read_live(serverid, options.flatten);
	if (statement->list_type == FDW_IMPORT_SCHEMA_LIMIT_TO)
		check_limit(listed, resources);
	foreach(lc, resources)
	{
		WalcuResource *resource = lfirst(lc);

		CHECK_FOR_INTERRUPTS();
		if (is_wanted(statement->list_type, listed, resource->name))
			commands = lappend(commands, create_table(resource, statement->server_name, &options));
	}
	return commands;
}

/* The description is public: no credentials are sent, so none are needed yet. */
static List *
read_live(Oid serverid, int levels)
{
	MemoryContext context = CurrentMemoryContext;
	List *volatile resources = NIL;

	PG_TRY();
	{
		WalcuOptions *options = option_for_server(serverid);
		StringInfo description = call_perform(options, NULL, request_description(options), OPENAPI_MAX_SIZE);

		resources = openapi_resources(description->data, description->len, levels);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		rethrow_with_hint();
	}
	PG_END_TRY();
	return resources;
}

static List *
read_bundled(int levels)
{
	StringInfo description = openapi_bundled();

	return openapi_resources(description->data, description->len, levels);
}

/* Tell of the bundled description, too; but not those who cancelled. */
static void
rethrow_with_hint(void)
{
	ErrorData *error = CopyErrorData();

	FlushErrorState();
	if (ERRCODE_TO_CATEGORY(error->sqlerrcode) != ERRCODE_OPERATOR_INTERVENTION)
		error->hint = error->hint ? psprintf("%s %s", error->hint, BUNDLED_HINT) : BUNDLED_HINT;
	ReThrowError(error);
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

/* What LIMIT TO asks for must be there. */
static void
check_limit(List *wanted, List *resources)
{
	List *names = NIL;
	ListCell *lc;

	foreach(lc, resources)
		names = lappend(names, ((WalcuResource *) lfirst(lc))->name);
	foreach(lc, wanted)
	{
		const char *name = lfirst(lc);

		if (!text_in_list(names, name))
			ereport(ERROR, errcode(ERRCODE_FDW_TABLE_NOT_FOUND),
					errmsg("the service has no resource \"%s\"", name),
					errhint("%s", hint_name("resource", name, names)));
	}
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

static char *
create_table(const WalcuResource *resource, const char *server, const WalcuImportOptions *options)
{
	StringInfoData command;
	List *columns = columns_of_resource(resource, options);
	ListCell *lc;

	initStringInfo(&command);
	appendStringInfo(&command, "CREATE FOREIGN TABLE %s (", quote_identifier(resource->name));
	foreach(lc, columns)
	{
		appendStringInfoString(&command, lc == list_head(columns) ? "\n  " : ",\n  ");
		appendStringInfoString(&command, columns_declaration(lfirst(lc), options->import_collate));
	}
	appendStringInfo(&command, "\n) SERVER %s OPTIONS (resource %s)", quote_identifier(server),
					 quote_literal_cstr(resource->name));
	return command.data;
}
