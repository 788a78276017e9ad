/*
 * foreign_table.c
 *	  The foreign tables that a server has, and the places that their columns show.
 *
 * walcu_fdw_check() and walcu_fdw_setup() compare them with a description.
 */
#include "postgres.h"

#include "service/foreign_table.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/table.h"
#include "catalog/pg_foreign_table.h"
#include "foreign/foreign.h"
#include "service/option.h"
#include "service/option_column.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

static List *scan_foreign_tables(Oid serverid, Oid wrapperid);
static int compare_table_names(const ListCell *a, const ListCell *b);

/* Returns the foreign tables (of WalcuForeignTable) of a server that show documents, by name. */
List *
foreign_table_list(Oid serverid)
{
	return scan_foreign_tables(serverid, InvalidOid);
}

/* Returns those of all servers of a wrapper, also of lists in documents. */
List *
foreign_table_list_of_wrapper(Oid wrapperid)
{
	return scan_foreign_tables(InvalidOid, wrapperid);
}

static List *
scan_foreign_tables(Oid serverid, Oid wrapperid)
{
	Relation catalog = table_open(ForeignTableRelationId, AccessShareLock);
	SysScanDesc scan = systable_beginscan(catalog, InvalidOid, false, NULL, 0, NULL);
	HeapTuple tuple;
	List *tables = NIL;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_foreign_table form = (Form_pg_foreign_table) GETSTRUCT(tuple);
		WalcuForeignTable *table;
		char *array;

		if (OidIsValid(serverid) ? form->ftserver != serverid
								 : GetForeignServer(form->ftserver)->fdwid != wrapperid)
			continue;
		if (get_rel_name(form->ftrelid) == NULL)
			continue;
		array = option_array_of_table(form->ftrelid);
		/* those of lists show places that the documents' own tables have, too */
		if (array && OidIsValid(serverid))
			continue;
		table = palloc(sizeof(WalcuForeignTable));
		table->relid = form->ftrelid;
		table->name = foreign_table_name(form->ftrelid);
		table->resource = option_resource_of_table(form->ftrelid);
		table->array = array;
		tables = lappend(tables, table);
	}
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
	list_sort(tables, compare_table_names);
	return tables;
}

/* Returns the name of any relation with its schema's, quoted where that is needed. */
char *
foreign_table_name(Oid relid)
{
	return quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)), get_rel_name(relid));
}

static int
compare_table_names(const ListCell *a, const ListCell *b)
{
	return strcmp(((WalcuForeignTable *) lfirst(a))->name, ((WalcuForeignTable *) lfirst(b))->name);
}

/* Does a column show a place of the document, and not all of it? */
bool
foreign_table_column_shows_path(Oid relid, Form_pg_attribute attribute)
{
	WalcuColumn *column;

	if (attribute->attisdropped)
		return false;
	column = option_for_column(relid, attribute->attnum);
	return column->parameter == NULL && strcmp(column->path, ".") != 0;
}

/* Returns the paths (char *) of a table's columns. */
List *
foreign_table_paths(Oid relid)
{
	Relation relation = relation_open(relid, AccessShareLock);
	List *paths = NIL;

	for (int i = 0; i < RelationGetNumberOfAttributes(relation); i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(RelationGetDescr(relation), i);

		if (foreign_table_column_shows_path(relid, attribute))
			paths = lappend(paths, option_for_column(relid, attribute->attnum)->path);
	}
	relation_close(relation, AccessShareLock);
	return paths;
}
