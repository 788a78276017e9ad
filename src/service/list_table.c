/*
 * list_table.c
 *	  The tables that the lists of a description get.
 *
 * Each list of objects in the documents of a resource can be a table, with a row for each element; also one
 * in the elements of another.  What is below the member computed is the service's own summary of other
 * documents, whose lists have tables of their own.  Names are a pure function of the description, as those of
 * columns.  Called by IMPORT FOREIGN SCHEMA and walcu_fdw_setup().
 */
#include "postgres.h"

#include "service/list_table.h"

#include "service/columns.h"

static List *add_lists_of_fields(List *tables, const WalcuResource *resource, List *fields,
								 const char *prefix);
static void name_table(WalcuListTable *table, List *taken);

/*
 * Returns the tables (of WalcuListTable) of all lists, in the order of the description.  The resources were
 * read with LIST_TABLE_LEVELS, or more.
 */
List *
list_table_of_resources(List *resources)
{
	List *tables = NIL;
	List *taken = NIL;
	ListCell *lc;

	foreach(lc, resources)
	{
		const WalcuResource *resource = lfirst(lc);

		taken = columns_note_name(taken, resource->name);
		tables = add_lists_of_fields(tables, resource, resource->fields, "");
	}
	foreach(lc, tables)
	{
		WalcuListTable *table = lfirst(lc);

		name_table(table, taken);
		taken = columns_note_name(taken, table->name);
	}
	return tables;
}

static List *
add_lists_of_fields(List *tables, const WalcuResource *resource, List *fields, const char *prefix)
{
	ListCell *lc;

	foreach(lc, fields)
	{
		const WalcuField *field = lfirst(lc);
		char *path = psprintf("%s%s", prefix, field->name);

		if (field->fields == NIL || strcmp(path, "computed") == 0)
			continue;
		if (field->array)
		{
			WalcuListTable *table = palloc0(sizeof(WalcuListTable));

			table->resource = resource;
			table->path = path;
			table->field = field;
			tables = lappend(tables, table);
		}
		tables = add_lists_of_fields(tables, resource, field->fields, psprintf("%s.", path));
	}
	return tables;
}

/* Names a table by its resource and its path, unless that name is taken (by a ColumnDraft). */
static void
name_table(WalcuListTable *table, List *taken)
{
	char *wanted = psprintf("%s_%s", table->resource->name, table->path);

	for (char *c = wanted; *c; c++)
	{
		if (*c == '.')
			*c = '_';
	}
	table->name = columns_unique_name(taken, wanted, psprintf("%s.%s", table->resource->name, table->path));
}
