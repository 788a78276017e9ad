/*
 * known_table.c
 *	  The tables that a schema has already.
 *
 * A table is known by its server and its option resource, a column by its path, so that both may be named
 * otherwise.  A table over several dealers is known by its partitions.
 */
#include "postgres.h"

#include "setup/known_table.h"

#include "access/relation.h"
#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "commands/comment.h"
#include "service/field_name.h"
#include "service/foreign_table.h"
#include "service/option_column.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

static List *add_partition(List *tables, Oid parent, WalcuForeignTable *partition);
static WalcuSetupTable *read_table_as_it_is(const char *kind, Oid relid, const WalcuForeignTable *foreign);
static WalcuSetupColumn *read_column(Oid relid, Form_pg_attribute attribute,
									 const WalcuForeignTable *foreign);
static const char *find_told_path(const WalcuColumn *option, const char *array);
static int count_dots(const char *path);

/*
 * Returns the tables (of WalcuSetupTable) of a schema: foreign ones of a server, and those whose partitions
 * are foreign ones of the server's wrapper.
 */
List *
known_table_list(const ForeignServer *server, Oid schemaid)
{
	List *tables = NIL;
	ListCell *lc;

	foreach(lc, foreign_table_list_of_wrapper(server->fdwid))
	{
		WalcuForeignTable *foreign = lfirst(lc);
		Oid parent =
			get_rel_relispartition(foreign->relid) ? get_partition_parent(foreign->relid, true) : InvalidOid;

		if (OidIsValid(parent))
		{
			if (get_rel_namespace(parent) == schemaid)
				tables = add_partition(tables, parent, foreign);
		}
		else if (get_rel_namespace(foreign->relid) == schemaid &&
				 GetForeignTable(foreign->relid)->serverid == server->serverid)
			tables = lappend(tables, read_table_as_it_is("FOREIGN TABLE", foreign->relid, foreign));
	}
	return tables;
}

/* Notes a partition of a table, which is read when its first one comes. */
static List *
add_partition(List *tables, Oid parent, WalcuForeignTable *partition)
{
	WalcuSetupTable *table;
	ListCell *lc;

	foreach(lc, tables)
	{
		table = lfirst(lc);
		if (table->relid == parent)
		{
			table->partitions = lappend(table->partitions, partition);
			return tables;
		}
	}
	table = read_table_as_it_is("TABLE", parent, partition);
	table->partitions = list_make1(partition);
	return lappend(tables, table);
}

/* Reads a table; the foreign one, which may be a partition of it, tells what its columns show. */
static WalcuSetupTable *
read_table_as_it_is(const char *kind, Oid relid, const WalcuForeignTable *foreign)
{
	WalcuSetupTable *table = palloc0(sizeof(WalcuSetupTable));
	Relation relation = relation_open(relid, AccessShareLock);

	table->kind = kind;
	table->resource_name = foreign->resource;
	table->array = foreign->array;
	table->relid = relid;
	table->name = foreign_table_name(relid);
	table->bare_name = get_rel_name(relid);
	table->comment = GetComment(relid, RelationRelationId, 0);
	for (int i = 0; i < RelationGetNumberOfAttributes(relation); i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(RelationGetDescr(relation), i);

		if (!attribute->attisdropped)
			table->columns = lappend(table->columns, read_column(relid, attribute, foreign));
	}
	relation_close(relation, AccessShareLock);
	return table;
}

static WalcuSetupColumn *
read_column(Oid relid, Form_pg_attribute attribute, const WalcuForeignTable *foreign)
{
	AttrNumber number = get_attnum(foreign->relid, NameStr(attribute->attname));
	WalcuColumn *option = option_for_column(foreign->relid, number);
	WalcuSetupColumn *column = palloc0(sizeof(WalcuSetupColumn));

	column->name = pstrdup(NameStr(attribute->attname));
	column->path = (option->parameter || option->ordinality) ? NULL : find_told_path(option, foreign->array);
	column->ordinality = option->ordinality;
	column->parameter = option->parameter;
	column->options = GetForeignColumnOptions(foreign->relid, number);
	column->number = attribute->attnum;
	column->type = attribute->atttypid;
	column->comment = GetComment(relid, RelationRelationId, attribute->attnum);
	return column;
}

/* Returns the path as the option says it: in an element where rows are those, unless it begins with "^". */
static const char *
find_told_path(const WalcuColumn *option, const char *array)
{
	if (array == NULL)
		return option->path;
	return option->element_path ? option->element_path : psprintf("^.%s", option->path);
}

/* Does a column show a place, or one that it is in; or, where that is asked for, a part of it? */
bool
known_table_shows(const WalcuSetupTable *table, const char *path, bool also_parts)
{
	ListCell *lc;

	foreach(lc, table->columns)
	{
		const WalcuSetupColumn *column = lfirst(lc);

		if (column->path && (field_name_is_within(path, column->path) ||
							 (also_parts && field_name_is_within(column->path, path))))
			return true;
	}
	return false;
}

/* Returns how many objects the paths of the columns lead into, one within the other. */
int
known_table_levels(List *known)
{
	int levels = 0;
	ListCell *lc;

	foreach(lc, known)
	{
		const WalcuSetupTable *table = lfirst(lc);
		int outer = table->array ? count_dots(table->array) + 1 : 0;
		ListCell *cell;

		foreach(cell, table->columns)
		{
			const char *path = ((WalcuSetupColumn *) lfirst(cell))->path;

			levels = Max(levels, outer + (path ? count_dots(path) : 0));
		}
	}
	return levels;
}

static int
count_dots(const char *path)
{
	int dots = 0;

	for (const char *c = path; *c; c++)
		dots += *c == '.';
	return dots;
}
