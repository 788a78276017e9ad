/*
 * resource_plan.c
 *	  The tables of one resource: a new one, or what the known ones lack.
 *
 * Called by setup.c for each resource.  Which columns a resource has, and what they are called, is decided in
 * columns.c as for IMPORT FOREIGN SCHEMA; here they are put into an order for people.
 */
#include "postgres.h"

#include "setup/resource_plan.h"

#include "base/text.h"
#include "lib/stringinfo.h"
#include "service/field_name.h"
#include "service/foreign_table.h"
#include "service/table_command.h"
#include "setup/comment.h"
#include "setup/copied_table.h"
#include "setup/difference.h"
#include "setup/known_table.h"
#include "setup/partition.h"
#include "setup/right.h"
#include "setup/schema_step.h"
#include "setup/step.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

/* A table that lacks no more than this part of the described fields, or so many, is to show all of them. */
#define LACKING_PART  0.2
#define LACKING_COUNT 2

static void plan_tables(WalcuSetup *setup, const WalcuSetupTable *wanted, const char *name, List *drafts);
static void plan_new_table(WalcuSetup *setup, const WalcuSetupTable *wanted, const char *name, List *drafts);
static void plan_known_table(WalcuSetup *setup, WalcuSetupTable *table, List *drafts);
static char *make_foreign_table(const WalcuSetup *setup, const WalcuSetupTable *table, List *drafts);
static void finish_table(WalcuSetup *setup, WalcuSetupTable *table);
static List *draft_columns(const WalcuSetup *setup, const WalcuResource *resource);
static int rank_column(const ColumnDraft *draft);
static List *list_missing_columns(const WalcuSetupTable *table, List *drafts);
static bool is_missing(const WalcuSetupTable *table, const ColumnDraft *draft);
static bool shows_parameter(const WalcuSetupTable *table, const char *parameter);
static bool shows_position(const WalcuSetupTable *table);
static bool shows_document(const WalcuSetupTable *table);
static int count_shown_fields(const WalcuSetupTable *table);
static int count_described_fields(const WalcuSetupTable *table);
static List *add_dealer_column(List *drafts, const char *path);
static void require_owned_tables(const WalcuSetupTable *table);
static char *make_add_command(const WalcuSetup *setup, const WalcuSetupTable *table, List *drafts);
static char *list_column_names(List *drafts);
static WalcuSetupColumn *make_column(const ColumnDraft *draft);

/* Plans what a resource lacks in the schema, and tells what it has too much. */
void
resource_plan_add(WalcuSetup *setup, const WalcuResource *resource)
{
	List *drafts = draft_columns(setup, resource);
	WalcuSetupTable wanted = {
		.kind = setup->dealers != NIL ? "TABLE" : "FOREIGN TABLE",
		.resource_name = resource->name,
		.resource = resource,
	};

	if (setup->dealers != NIL && columns_find_draft(drafts, "dealer_id") == NULL)
		drafts = add_dealer_column(drafts, "dealer_id");
	plan_tables(setup, &wanted, resource->name, drafts);
}

/* The same for a list in the documents of a resource. */
void
resource_plan_add_list(WalcuSetup *setup, const WalcuListTable *list)
{
	WalcuResource *element = palloc0(sizeof(WalcuResource));
	WalcuSetupTable wanted = {
		.kind = setup->dealers != NIL ? "TABLE" : "FOREIGN TABLE",
		.resource_name = list->resource->name,
		.array = list->path,
		.resource = element,
		.is_seen = list->field->is_seen,
	};
	List *drafts = columns_of_list(list->resource, list->field, &setup->options);
	ListCell *lc;

	element->name = list->resource->name;
	element->fields = list->field->fields;
	foreach(lc, drafts)
		((ColumnDraft *) lfirst(lc))->says_path = true;
	if (setup->dealers != NIL)
		drafts = add_dealer_column(drafts, DEALER_IN_LIST);
	plan_tables(setup, &wanted, list->name, drafts);
}

/* A table over several dealers is partitioned by this column, which follows the first one. */
static List *
add_dealer_column(List *drafts, const char *path)
{
	return list_insert_nth(drafts, 1, columns_draft_dealer(drafts, path));
}

/* Plans the tables that show what is wanted: those that are known, or else a new one. */
static void
plan_tables(WalcuSetup *setup, const WalcuSetupTable *wanted, const char *name, List *drafts)
{
	bool is_known = false;
	ListCell *lc;

	foreach(lc, setup->known)
	{
		WalcuSetupTable *known = lfirst(lc);

		if (strcmp(known->resource_name, wanted->resource_name) != 0 ||
			strcmp(known->array ? known->array : "", wanted->array ? wanted->array : "") != 0)
			continue;
		known->resource = wanted->resource;
		known->usual_name = name;
		plan_known_table(setup, known, drafts);
		is_known = true;
	}
	if (!is_known)
		plan_new_table(setup, wanted, name, drafts);
}

static void
plan_new_table(WalcuSetup *setup, const WalcuSetupTable *wanted, const char *name, List *drafts)
{
	WalcuSetupTable *table = palloc(sizeof(WalcuSetupTable));
	bool is_parent = strcmp(wanted->kind, "TABLE") == 0;
	ListCell *lc;

	*table = *wanted;
	table->name = quote_qualified_identifier(setup->schema, name);
	table->usual_name = name;
	table->bare_name = name;
	if (schema_step_is_taken(setup->schemaid, name))
	{
		step_find(setup, "name taken", table->name,
				  psprintf("Something else has the name of the table for \"%s\".", comment_table_key(table)),
				  step_rename_advice(get_relname_relid(name, setup->schemaid)));
		return;
	}
	if (OidIsValid(setup->schemaid))
		right_to_make_tables(setup->schemaid);
	foreach(lc, drafts)
		table->columns = lappend(table->columns, make_column(lfirst(lc)));
	step_run(setup, "create table", table->name,
			 is_parent ? partition_make_parent(setup, table, drafts)
					   : make_foreign_table(setup, table, drafts),
			 text_counted(list_length(drafts), "column"));
	if (is_parent)
		partition_plan(setup, table);
	finish_table(setup, table);
}

static char *
make_foreign_table(const WalcuSetup *setup, const WalcuSetupTable *table, List *drafts)
{
	const char *server = setup->server->servername;
	bool collate = setup->options.import_collate;

	if (table->array)
		return table_command_create_list(table->name, table->resource, table->array, drafts, server, collate);
	return table_command_create(table->name, table->resource, drafts, server, collate);
}

static void
plan_known_table(WalcuSetup *setup, WalcuSetupTable *table, List *drafts)
{
	List *missing = list_missing_columns(table, drafts);
	int fields = count_described_fields(table);
	int shown = count_shown_fields(table);
	ListCell *lc;

	if (missing != NIL && fields - shown > Max(LACKING_COUNT, LACKING_PART * fields))
		step_find(setup, "partial table", table->name,
				  psprintf("It shows %d of %s, and is left so.", shown, text_counted(fields, "field")),
				  make_add_command(setup, table, missing));
	else if (missing != NIL)
	{
		require_owned_tables(table);
		step_run(setup, "add columns", table->name, make_add_command(setup, table, missing),
				 list_column_names(missing));
		copied_table_plan(setup, table, list_column_names(missing));
		foreach(lc, missing)
			table->columns = lappend(table->columns, make_column(lfirst(lc)));
	}
	if (table->partitions != NIL)
		partition_plan(setup, table);
	else if (setup->dealers != NIL)
		step_find(
			setup, "not partitioned", table->name,
			"It is a foreign table of its own. When it is gone, the next call makes one over the dealers.",
			psprintf("DROP FOREIGN TABLE %s", table->name));
	difference_find_columns(setup, table);
	finish_table(setup, table);
}

/* Plans what new and known tables get alike. */
static void
finish_table(WalcuSetup *setup, WalcuSetupTable *table)
{
	setup->tables = lappend(setup->tables, table);
	if (setup->comments)
		comment_plan(setup, table);
}

/*
 * Returns the columns (of ColumnDraft) that a resource should have, in the order in which people look for
 * them, and otherwise in the description's.
 */
static List *
draft_columns(const WalcuSetup *setup, const WalcuResource *resource)
{
	WalcuImportOptions options = setup->options;
	List *drafts;
	List *ordered = NIL;

	/* of what little is known, the whole document shows the rest; and nobody knows of a search */
	if (openapi_find_resource(setup->undescribed_resources, resource->name) == resource)
	{
		options.import_document = true;
		options.import_search = false;
	}
	drafts = columns_of_resource(resource, &options);

	for (int rank = 0; list_length(ordered) < list_length(drafts); rank++)
	{
		ListCell *lc;

		foreach(lc, drafts)
		{
			ColumnDraft *draft = lfirst(lc);

			if (rank_column(draft) != rank)
				continue;
			draft->says_path = true;
			ordered = lappend(ordered, draft);
		}
	}
	return ordered;
}

/* The _id comes first, and what the service computes, in its many columns, last but for what is no member. */
static int
rank_column(const ColumnDraft *draft)
{
	if (draft->path == NULL || strcmp(draft->path, ".") == 0)
		return 3;
	if (strcmp(draft->path, "_id") == 0)
		return 0;
	return field_name_is_within(draft->path, "computed") ? 2 : 1;
}

/* Returns those columns (of ColumnDraft) that a table does not show, with names that are free. */
static List *
list_missing_columns(const WalcuSetupTable *table, List *drafts)
{
	List *missing = NIL;
	List *names = NIL;
	ListCell *lc;

	foreach(lc, table->columns)
	{
		ColumnDraft *there = palloc0(sizeof(ColumnDraft));

		there->name = pstrdup(((WalcuSetupColumn *) lfirst(lc))->name);
		names = lappend(names, there);
	}
	foreach(lc, drafts)
	{
		ColumnDraft *draft = lfirst(lc);

		if (!is_missing(table, draft))
			continue;
		draft->name = columns_unique_name(names, draft->name, draft->path ? draft->path : draft->parameter);
		/* rows that are there would have to be read to see it */
		draft->not_null = false;
		names = lappend(names, draft);
		missing = lappend(missing, draft);
	}
	return missing;
}

/* What is shown as a whole is not missing, nor is an object of which parts are shown. */
static bool
is_missing(const WalcuSetupTable *table, const ColumnDraft *draft)
{
	bool below_free;
	const WalcuField *field;

	if (draft->parameter)
		return !shows_parameter(table, draft->parameter);
	if (draft->ordinality)
		return !shows_position(table);
	if (strcmp(draft->path, ".") == 0)
		return !shows_document(table);
	field = openapi_find_place(table->resource->fields, draft->path, &below_free);
	return !known_table_shows(table, draft->path, field && !field->array);
}

static bool
shows_parameter(const WalcuSetupTable *table, const char *parameter)
{
	ListCell *lc;

	foreach(lc, table->columns)
	{
		const WalcuSetupColumn *column = lfirst(lc);

		if (column->parameter && strcmp(column->parameter, parameter) == 0)
			return true;
	}
	return false;
}

static bool
shows_position(const WalcuSetupTable *table)
{
	ListCell *lc;

	foreach(lc, table->columns)
	{
		if (((WalcuSetupColumn *) lfirst(lc))->ordinality)
			return true;
	}
	return false;
}

static bool
shows_document(const WalcuSetupTable *table)
{
	ListCell *lc;

	foreach(lc, table->columns)
	{
		const WalcuSetupColumn *column = lfirst(lc);

		if (column->path && strcmp(column->path, ".") == 0)
			return true;
	}
	return false;
}

/* Returns how many of the described members of the document itself a table shows, or parts of. */
static int
count_shown_fields(const WalcuSetupTable *table)
{
	int count = 0;
	ListCell *lc;

	foreach(lc, table->resource->fields)
	{
		const WalcuField *field = lfirst(lc);

		count += !field->is_seen && known_table_shows(table, field->name, true);
	}
	return count;
}

/* Returns how many there are. */
static int
count_described_fields(const WalcuSetupTable *table)
{
	int count = 0;
	ListCell *lc;

	foreach(lc, table->resource->fields)
		count += !((WalcuField *) lfirst(lc))->is_seen;
	return count;
}

/* The columns of partitions get options. */
static void
require_owned_tables(const WalcuSetupTable *table)
{
	ListCell *lc;

	right_to_alter(table->relid);
	foreach(lc, table->partitions)
		right_to_alter(((WalcuForeignTable *) lfirst(lc))->relid);
}

static char *
make_add_command(const WalcuSetup *setup, const WalcuSetupTable *table, List *drafts)
{
	StringInfoData command;
	ListCell *lc;

	if (table->partitions != NIL)
		return partition_add_columns(setup, table, drafts);
	initStringInfo(&command);
	appendStringInfo(&command, "ALTER FOREIGN TABLE %s", table->name);
	foreach(lc, drafts)
		appendStringInfo(&command, "%s\n  ADD COLUMN %s", lc == list_head(drafts) ? "" : ",",
						 columns_declaration(lfirst(lc), setup->options.import_collate));
	return command.data;
}

static char *
list_column_names(List *drafts)
{
	StringInfoData names;
	ListCell *lc;

	initStringInfo(&names);
	foreach(lc, drafts)
		appendStringInfo(&names, "%s%s", lc == list_head(drafts) ? "" : ", ",
						 ((ColumnDraft *) lfirst(lc))->name);
	return names.data;
}

static WalcuSetupColumn *
make_column(const ColumnDraft *draft)
{
	WalcuSetupColumn *column = palloc0(sizeof(WalcuSetupColumn));

	column->name = draft->name;
	column->path = draft->ordinality ? NULL : draft->path;
	column->ordinality = draft->ordinality;
	column->parameter = draft->parameter;
	column->options = columns_options(draft);
	return column;
}
