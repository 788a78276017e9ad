/*
 * copy_columns.h
 *	  What a copy can have of a foreign table.
 */
#ifndef WALCU_COPY_COLUMNS_H
#define WALCU_COPY_COLUMNS_H

#include "postgres.h"

#include "copies/entry.h"
#include "nodes/pg_list.h"

/* A table that can be copied, and what its columns show. */
typedef struct WalcuCopySource
{
	Oid relid;              /* This is the table, */
	Oid foreign;            /* and this it itself, or a foreign table that is a partition of it. */
	List *columns;          /* These columns (char *) show places of documents. */
	const char *id;         /* This one shows _id, */
	const char *updated_at; /* and this one updated_at; NULL where none does. */
} WalcuCopySource;

extern WalcuCopySource *copy_columns_of_source(Oid relid);
extern List *copy_columns_of_ids(const WalcuCopySource *source);
extern void copy_columns_keep(WalcuCopySource *source, List *columns);
extern List *copy_columns_key(Oid copy, const char *id);
extern char *copy_columns_declare(Oid relid, const char *column);
extern void copy_columns_require_both(const WalcuCopy *copy);

#endif /* WALCU_COPY_COLUMNS_H */
