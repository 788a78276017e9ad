/*
 * columns.h
 *	  The columns that a resource's foreign table gets.
 */
#ifndef WALCU_COLUMNS_H
#define WALCU_COLUMNS_H

#include "postgres.h"

#include "openapi.h"

/* What IMPORT FOREIGN SCHEMA was told about columns. */
typedef struct ColumnRules
{
	bool collate;  /* text columns get COLLATE "C" */
	int flatten;   /* levels of nested objects that become columns */
	bool document; /* add _document, the whole document */
	bool search;   /* add _search, the service's query language */
} ColumnRules;

typedef struct ColumnDraft
{
	char *name;
	const char *path;      /* in the document; NULL for a parameter */
	const char *parameter; /* of the query string, or NULL */
	const char *type;
	bool collatable;
	bool not_null;
} ColumnDraft;

extern List *columns_of_resource(const WalcuResource *resource, const ColumnRules *rules);

#endif /* WALCU_COLUMNS_H */
