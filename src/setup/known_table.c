/*
 * known_table.c
 *	  The tables that a schema has already for a resource.
 *
 * A table is known by its server and its option resource, a column by its path, so that both may be named
 * otherwise.
 */
#include "postgres.h"

#include "setup/known_table.h"

#include "access/relation.h"
#include "catalog/pg_class.h"
#include "commands/comment.h"
#include "service/option_column.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

static WalcuSetupColumn *read_column(Oid relid, Form_pg_attribute attribute);
static bool is_place_within(const char *path, const char *outer);

/* Returns the foreign tables (of WalcuForeignTable) of a server in a schema. */
List *
known_table_list(Oid serverid, Oid schemaid)
{
	List *known = NIL;
	ListCell *lc;

	foreach(lc, foreign_table_list(serverid))
	{
		if (get_rel_namespace(((WalcuForeignTable *) lfirst(lc))->relid) == schemaid)
			known = lappend(known, lfirst(lc));
	}
	return known;
}

/* Reads a table as it is. */
WalcuSetupTable *
known_table_read(const WalcuForeignTable *known, const WalcuResource *resource)
{
	WalcuSetupTable *table = palloc0(sizeof(WalcuSetupTable));
	Relation relation = relation_open(known->relid, AccessShareLock);

	table->resource = resource;
	table->relid = known->relid;
	table->name = known->name;
	table->comment = GetComment(known->relid, RelationRelationId, 0);
	for (int i = 0; i < RelationGetNumberOfAttributes(relation); i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(RelationGetDescr(relation), i);

		if (!attribute->attisdropped)
			table->columns = lappend(table->columns, read_column(known->relid, attribute));
	}
	relation_close(relation, AccessShareLock);
	return table;
}

static WalcuSetupColumn *
read_column(Oid relid, Form_pg_attribute attribute)
{
	WalcuColumn *option = option_for_column(relid, attribute->attnum);
	WalcuSetupColumn *column = palloc0(sizeof(WalcuSetupColumn));

	column->name = pstrdup(NameStr(attribute->attname));
	column->path = option->parameter ? NULL : option->path;
	column->parameter = option->parameter;
	column->type = attribute->atttypid;
	column->comment = GetComment(relid, RelationRelationId, attribute->attnum);
	return column;
}

/* Does a column show a place, or one that it is in; or, where that is asked for, a part of it? */
bool
known_table_shows(const WalcuSetupTable *table, const char *path, bool also_parts)
{
	ListCell *lc;

	foreach(lc, table->columns)
	{
		const WalcuSetupColumn *column = lfirst(lc);

		if (column->path &&
			(is_place_within(path, column->path) || (also_parts && is_place_within(column->path, path))))
			return true;
	}
	return false;
}

static bool
is_place_within(const char *path, const char *outer)
{
	size_t length = strlen(outer);

	return strncmp(path, outer, length) == 0 && (path[length] == '\0' || path[length] == '.');
}

/* Returns how many objects the paths of the columns lead into, one within the other. */
int
known_table_levels(List *known)
{
	int levels = 0;
	ListCell *lc;

	foreach(lc, known)
	{
		ListCell *cell;

		foreach(cell, foreign_table_paths(((WalcuForeignTable *) lfirst(lc))->relid))
		{
			int dots = 0;

			for (const char *c = lfirst(cell); *c; c++)
				dots += *c == '.';
			levels = Max(levels, dots);
		}
	}
	return levels;
}
