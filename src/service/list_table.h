/*
 * list_table.h
 *	  The tables that the lists of a description get.
 */
#ifndef WALCU_LIST_TABLE_H
#define WALCU_LIST_TABLE_H

#include "postgres.h"

#include "service/openapi.h"

/* So many levels of nested objects and lists are looked through for lists. */
#define LIST_TABLE_LEVELS 6

/* A list of objects in the documents of a resource. */
typedef struct WalcuListTable
{
	char *name;                    /* This is the name of its table. */
	const WalcuResource *resource; /* It is in documents of this resource, */
	const char *path;              /* at this dotted path. */
	const WalcuField *field;       /* The description says this of it. */
} WalcuListTable;

extern List *list_table_of_resources(List *resources);

#endif /* WALCU_LIST_TABLE_H */
