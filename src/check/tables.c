/*
 * tables.c
 *	  The foreign tables of the server against the description.
 *
 * A table that was imported from another description lacks new fields, and has columns that stay empty or
 * are of another type.  A table that shows a few fields only was made so by somebody, and is not told of the
 * others.
 */
#include "postgres.h"

#include "check/tables.h"

#include "access/relation.h"
#include "base/text.h"
#include "check/ask.h"
#include "check/row.h"
#include "base/utf8.h"
#include "check/sample.h"
#include "foreign/foreign.h"
#include "miscadmin.h"
#include "service/columns.h"
#include "service/field_name.h"
#include "service/foreign_table.h"
#include "service/option_column.h"
#include "service/option_value.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

/* A table with this part of the described fields shows all of them. */
#define WHOLE_PART 0.8

/* What does not fit. */
typedef struct Misfits
{
	StringInfoData words;   /* It is said in sentences. */
	StringInfoData actions; /* These actions of ALTER FOREIGN TABLE mend it. */
} Misfits;

static bool check_table(WalcuCheckRun *run, const WalcuForeignTable *table);
static void check_column(const WalcuCheckRun *run, const WalcuForeignTable *table,
						 const WalcuResource *resource, Form_pg_attribute attribute, Misfits *misfits);
static bool was_described(const WalcuCheckRun *run, const char *resource, const char *path);
static bool is_in_documents(const WalcuCheckRun *run, const char *resource, const char *path);
static void add_new_columns(const WalcuResource *resource, List *paths, Misfits *misfits);
static bool shows_field(List *paths, const char *name);
static WalcuCheckIdOption *make_id_option(const WalcuForeignTable *table, const char *column,
										  const char *path, const char *kind);
static void append_action(Misfits *misfits, const char *action);
static void advise_setup(WalcuCheckRun *run);

/* Does some foreign table of the server show this resource? */
bool
tables_have_resource(const WalcuCheckRun *run, const char *resource)
{
	ListCell *lc;

	foreach(lc, foreign_table_list(run->options->serverid))
	{
		if (strcmp(((WalcuForeignTable *) lfirst(lc))->resource, resource) == 0)
			return true;
	}
	return false;
}

/*
 * Returns the command that lets the first table of a resource which does not show these members show them;
 * NULL when all tables do, or there is none.
 */
char *
tables_add_columns(const WalcuCheckRun *run, const char *resource, List *members)
{
	ListCell *lc;

	foreach(lc, foreign_table_list(run->options->serverid))
	{
		const WalcuForeignTable *table = lfirst(lc);
		Misfits misfits;
		List *paths;
		ListCell *cell;

		if (strcmp(table->resource, resource) != 0)
			continue;
		paths = foreign_table_paths(table->relid);
		initStringInfo(&misfits.actions);
		foreach(cell, members)
		{
			ColumnDraft draft = {.name = lfirst(cell), .path = lfirst(cell), .type = "jsonb"};

			if (!shows_field(paths, draft.path) &&
				field_name_is_addressable(draft.path, strlen(draft.path)) &&
				strlen(draft.name) < NAMEDATALEN && utf8_means_same(draft.path))
				append_action(&misfits, psprintf("ADD COLUMN %s", columns_declaration(&draft, false)));
		}
		if (misfits.actions.len > 0)
			return psprintf("ALTER FOREIGN TABLE %s %s", table->name, misfits.actions.data);
	}
	return NULL;
}

/* Returns what the server's foreign tables and their columns say of ids (WalcuCheckIdOption). */
List *
tables_list_id_options(const WalcuCheckRun *run)
{
	List *options = NIL;
	ListCell *lc;

	foreach(lc, foreign_table_list(run->options->serverid))
	{
		const WalcuForeignTable *table = lfirst(lc);
		const char *kind = option_value_of(GetForeignTable(table->relid)->options, "id_type");
		Relation relation = relation_open(table->relid, AccessShareLock);

		if (kind)
			options = lappend(options, make_id_option(table, NULL, NULL, kind));
		for (int i = 0; i < RelationGetNumberOfAttributes(relation); i++)
		{
			Form_pg_attribute attribute = TupleDescAttr(RelationGetDescr(relation), i);

			if (!foreign_table_column_shows_path(table->relid, attribute))
				continue;
			kind = option_value_of(GetForeignColumnOptions(table->relid, attribute->attnum), "id_type");
			if (kind)
				options = lappend(
					options, make_id_option(table, NameStr(attribute->attname),
											option_for_column(table->relid, attribute->attnum)->path, kind));
		}
		relation_close(relation, AccessShareLock);
	}
	return options;
}

static WalcuCheckIdOption *
make_id_option(const WalcuForeignTable *table, const char *column, const char *path, const char *kind)
{
	WalcuCheckIdOption *option = palloc0(sizeof(WalcuCheckIdOption));

	option->resource = table->resource;
	option->table = table->name;
	option->column = column ? quote_identifier(pstrdup(column)) : NULL;
	option->path = path;
	option->kind = kind;
	return option;
}

/* Do the columns of the foreign tables fit the description? */
void
tables_check_columns(WalcuCheckRun *run)
{
	int fit = 0;
	int all = 0;
	ListCell *lc;

	foreach(lc, foreign_table_list(run->options->serverid))
	{
		const WalcuForeignTable *table = lfirst(lc);

		CHECK_FOR_INTERRUPTS();
		if (run->resource && strcmp(run->resource, table->resource) != 0)
			continue;
		all++;
		fit += check_table(run, table);
	}
	if (all == 0)
		advise_setup(run);
	else if (fit > 0)
		row_add(run, "tables", CHECK_OK, NULL, "%d of %s %s the description.", fit,
				text_counted(all, "foreign table"), fit == 1 ? "fits" : "fit");
}

/* Returns whether it fits; adds a row when not. */
static bool
check_table(WalcuCheckRun *run, const WalcuForeignTable *table)
{
	const WalcuResource *resource = openapi_find_resource(sample_described(run), table->resource);
	Misfits misfits;
	Relation relation;
	List *paths;

	if (resource == NULL)
		return true;
	initStringInfo(&misfits.words);
	initStringInfo(&misfits.actions);
	relation = relation_open(table->relid, AccessShareLock);
	for (int i = 0; i < RelationGetNumberOfAttributes(relation); i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(RelationGetDescr(relation), i);

		if (foreign_table_column_shows_path(table->relid, attribute))
			check_column(run, table, resource, attribute, &misfits);
	}
	relation_close(relation, AccessShareLock);
	paths = foreign_table_paths(table->relid);
	add_new_columns(resource, paths, &misfits);
	if (misfits.actions.len == 0)
		return true;
	if (run->live == NIL)
		row_add(run, psprintf("table %s", table->name), CHECK_UNKNOWN, NULL,
				"The service's own description is not to be had. By the installed one: %s",
				ask_printable(run, misfits.words.data));
	else
		row_add(run, psprintf("table %s", table->name), CHECK_DIFFERS,
				psprintf("ALTER FOREIGN TABLE %s %s", table->name, misfits.actions.data), "%s",
				ask_printable(run, misfits.words.data));
	return false;
}

static void
check_column(const WalcuCheckRun *run, const WalcuForeignTable *table, const WalcuResource *resource,
			 Form_pg_attribute attribute, Misfits *misfits)
{
	const char *name = NameStr(attribute->attname);
	const char *path = option_for_column(table->relid, attribute->attnum)->path;
	bool below_free = false;
	const WalcuField *field = openapi_find_place(resource->fields, path, &below_free);

	if (field == NULL && !below_free && was_described(run, table->resource, path) &&
		!is_in_documents(run, table->resource, path))
	{
		appendStringInfo(&misfits->words, "%s\"%s\" is gone.", misfits->words.len > 0 ? " " : "", path);
		append_action(misfits, psprintf("DROP COLUMN %s", quote_identifier(name)));
	}
	if (field && !columns_type_fits(attribute->atttypid, field))
	{
		appendStringInfo(&misfits->words, "%s\"%s\" is %s, and the column is %s.",
						 misfits->words.len > 0 ? " " : "", path, columns_type_declaration(field, false),
						 format_type_be(attribute->atttypid));
		append_action(misfits, psprintf("ALTER COLUMN %s TYPE %s", quote_identifier(name),
										columns_type_declaration(field, true)));
	}
}

/*
 * Has the installed description the field?  A column that no description ever had was declared for what
 * documents have, and is nobody's to drop.
 */
static bool
was_described(const WalcuCheckRun *run, const char *resource, const char *path)
{
	const WalcuResource *bundled = openapi_find_resource(run->bundled, resource);
	bool below_free = false;

	return bundled && openapi_find_place(bundled->fields, path, &below_free) != NULL;
}

static bool
is_in_documents(const WalcuCheckRun *run, const char *resource, const char *path)
{
	ListCell *lc;

	foreach(lc, run->samples)
	{
		const WalcuCheckSample *sample = lfirst(lc);

		for (int i = 0; strcmp(sample->resource, resource) == 0 && i < sample->count; i++)
		{
			json_t *value;

			if (!sample_value(sample_document(sample, i), path, &value) || value)
				return true;
		}
	}
	return false;
}

/* Adds the fields that a table which shows nearly all of them does not show. */
static void
add_new_columns(const WalcuResource *resource, List *paths, Misfits *misfits)
{
	WalcuImportOptions options = {.import_collate = true};
	List *drafts = columns_of_resource(resource, &options);
	List *missing = NIL;
	ListCell *lc;

	foreach(lc, resource->fields)
	{
		const WalcuField *field = lfirst(lc);

		if (!shows_field(paths, field->name))
			missing = lappend(missing, field->name);
	}
	if (list_length(missing) > (1 - WHOLE_PART) * list_length(resource->fields))
		return;
	foreach(lc, missing)
	{
		const char *name = lfirst(lc);
		const ColumnDraft *draft = columns_find_draft(drafts, name);

		if (draft == NULL)
			continue;
		appendStringInfo(&misfits->words, "%s\"%s\" is new.", misfits->words.len > 0 ? " " : "", name);
		append_action(misfits, psprintf("ADD COLUMN %s", columns_declaration(draft, true)));
	}
}

/* Does some column show a field, or a part of it? */
static bool
shows_field(List *paths, const char *name)
{
	ListCell *lc;

	foreach(lc, paths)
	{
		if (field_name_is_within(lfirst(lc), name))
			return true;
	}
	return false;
}

static void
append_action(Misfits *misfits, const char *action)
{
	appendStringInfo(&misfits->actions, "%s%s", misfits->actions.len > 0 ? ", " : "", action);
}

static void
advise_setup(WalcuCheckRun *run)
{
	const char *server = quote_literal_cstr(run->options->server_name);
	const char *resources =
		run->resource ? psprintf(", resources => ARRAY[%s]", quote_literal_cstr(run->resource)) : "";
	const char *source = run->live == NIL ? ", options => '{\"source\": \"bundled\"}'" : "";

	row_add(run, "tables", CHECK_OK,
			psprintf("SELECT * FROM walcu_fdw_setup(%s%s%s)", server, resources, source),
			"No foreign table shows this server yet. Make them when the other rows are well.");
}
