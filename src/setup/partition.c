/*
 * partition.c
 *	  Tables over those of several dealers, which are their partitions.
 *
 * The table over all is partitioned by the dealer's id, so that a question about one dealer asks that one
 * alone, and a row is written where it belongs.  Each dealer's foreign tables stand in a schema of their own.
 */
#include "postgres.h"

#include "setup/partition.h"

#include "access/htup_details.h"
#include "lib/stringinfo.h"
#include "service/foreign_table.h"
#include "setup/dealer.h"
#include "setup/right.h"
#include "setup/schema_step.h"
#include "setup/step.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

static void append_columns(StringInfo command, const char *words, List *drafts, bool collate);
static const char *find_dealer_column(const WalcuSetupTable *table);
static bool has_partition(const WalcuSetupTable *table, const WalcuSetupDealer *dealer);
static void plan_partition(WalcuSetup *setup, const WalcuSetupTable *table, const WalcuSetupDealer *dealer);
static void append_column_options(StringInfo command, const char *separator, const char *column,
								  List *options);

/* Returns the command that makes a table over all dealers. */
char *
partition_make_parent(const WalcuSetup *setup, const WalcuSetupTable *table, List *drafts)
{
	StringInfoData command;

	initStringInfo(&command);
	appendStringInfo(&command, "CREATE TABLE %s (", table->name);
	append_columns(&command, "", drafts, setup->options.import_collate);
	appendStringInfo(&command, "\n) PARTITION BY LIST (%s)", quote_identifier(find_dealer_column(table)));
	return command.data;
}

/* Writes the declarations of columns (ColumnDraft), each on a line of its own, with these words before it. */
static void
append_columns(StringInfo command, const char *words, List *drafts, bool collate)
{
	ListCell *lc;

	foreach(lc, drafts)
		appendStringInfo(command, "%s\n  %s%s", lc == list_head(drafts) ? "" : ",", words,
						 columns_local_declaration(lfirst(lc), collate));
}

static const char *
find_dealer_column(const WalcuSetupTable *table)
{
	ListCell *lc;

	foreach(lc, table->columns)
	{
		const WalcuSetupColumn *column = lfirst(lc);

		if (column->path && strcmp(column->path, table->array ? DEALER_IN_LIST : "dealer_id") == 0)
			return column->name;
	}
	elog(ERROR, "table %s has no column for the dealer", table->name);
}

/* Returns the commands that add columns to a table over all dealers, and to the partitions that it has. */
char *
partition_add_columns(const WalcuSetup *setup, const WalcuSetupTable *table, List *drafts)
{
	StringInfoData command;
	ListCell *lc;

	initStringInfo(&command);
	appendStringInfo(&command, "ALTER TABLE %s", table->name);
	append_columns(&command, "ADD COLUMN ", drafts, setup->options.import_collate);
	foreach(lc, table->partitions)
	{
		const WalcuForeignTable *partition = lfirst(lc);
		ListCell *cell;

		appendStringInfo(&command, ";\nALTER FOREIGN TABLE %s", partition->name);
		foreach(cell, drafts)
		{
			const ColumnDraft *draft = lfirst(cell);

			append_column_options(&command, cell == list_head(drafts) ? "" : ",", draft->name,
								  columns_options(draft));
		}
	}
	return command.data;
}

/* Plans the partitions that a table lacks. */
void
partition_plan(WalcuSetup *setup, const WalcuSetupTable *table)
{
	ListCell *lc;

	foreach(lc, setup->dealers)
	{
		if (!has_partition(table, lfirst(lc)))
			plan_partition(setup, table, lfirst(lc));
	}
}

static bool
has_partition(const WalcuSetupTable *table, const WalcuSetupDealer *dealer)
{
	ListCell *lc;

	foreach(lc, table->partitions)
	{
		const char *dealer_id = dealer_of_table(((WalcuForeignTable *) lfirst(lc))->relid);

		if (dealer_id && strcmp(dealer_id, dealer->dealer_id) == 0)
			return true;
	}
	return false;
}

static void
plan_partition(WalcuSetup *setup, const WalcuSetupTable *table, const WalcuSetupDealer *dealer)
{
	char *wanted = psprintf("%s_%s", setup->schema, dealer->name);
	char *schema = columns_unique_name(NIL, wanted, wanted);
	Oid schemaid = schema_step_add(setup, schema);
	char *name = quote_qualified_identifier(schema, table->usual_name);
	const char *separator = psprintf(";\nALTER FOREIGN TABLE %s", name);
	StringInfoData command;
	ListCell *lc;

	if (schema_step_is_taken(schemaid, table->usual_name))
	{
		step_find(setup, "name taken", name,
				  psprintf("Something else has the name of the partition for dealer \"%s\".", dealer->name),
				  step_rename_advice(get_relname_relid(table->usual_name, schemaid)));
		return;
	}
	if (OidIsValid(schemaid))
		right_to_make_tables(schemaid);
	if (OidIsValid(table->relid))
		right_to_alter(table->relid);
	initStringInfo(&command);
	appendStringInfo(
		&command, "CREATE FOREIGN TABLE %s PARTITION OF %s FOR VALUES IN (%s) SERVER %s OPTIONS (resource %s",
		name, table->name, quote_literal_cstr(dealer->dealer_id),
		quote_identifier(dealer->server->servername), quote_literal_cstr(table->resource_name));
	if (table->array)
		appendStringInfo(&command, ", array %s", quote_literal_cstr(table->array));
	if (dealer->by_option)
		appendStringInfo(&command, ", dealer_id %s", quote_literal_cstr(dealer->dealer_id));
	appendStringInfoChar(&command, ')');
	/* PARTITION OF takes the columns as they are now, and no options */
	foreach(lc, table->columns)
	{
		const WalcuSetupColumn *column = lfirst(lc);

		if (column->options == NIL)
			continue;
		append_column_options(&command, separator, column->name, column->options);
		separator = ",";
	}
	step_run(setup, "create partition", name, command.data, psprintf("dealer_id %s", dealer->dealer_id));
}

static void
append_column_options(StringInfo command, const char *separator, const char *column, List *options)
{
	ListCell *lc;

	appendStringInfo(command, "%s\n  ALTER COLUMN %s OPTIONS (", separator, quote_identifier(column));
	foreach(lc, options)
	{
		DefElem *option = lfirst(lc);

		appendStringInfo(command, "%sADD %s %s", lc == list_head(options) ? "" : ", ",
						 quote_identifier(option->defname), quote_literal_cstr(strVal(option->arg)));
	}
	appendStringInfoChar(command, ')');
}
