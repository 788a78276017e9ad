/*
 * foreign_table.h
 *	  The foreign tables that a server has, and the places that their columns show.
 */
#ifndef WALCU_FOREIGN_TABLE_H
#define WALCU_FOREIGN_TABLE_H

#include "postgres.h"

#include "catalog/pg_attribute.h"
#include "nodes/pg_list.h"

/* A foreign table of a server. */
typedef struct WalcuForeignTable
{
	Oid relid;            /* This is the table. */
	char *name;           /* This is its name with the schema's, quoted where that is needed. */
	const char *resource; /* It shows this resource, */
	const char *array;    /* or the elements of lists at this path in it; NULL for its documents. */
} WalcuForeignTable;

extern List *foreign_table_list(Oid serverid);
extern List *foreign_table_list_of_wrapper(Oid wrapperid);
extern char *foreign_table_name(Oid relid);
extern bool foreign_table_column_shows_path(Oid relid, Form_pg_attribute attribute);
extern List *foreign_table_paths(Oid relid);

#endif /* WALCU_FOREIGN_TABLE_H */
