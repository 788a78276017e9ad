/*
 * small_table.h
 *	  Tables that ANALYZE reads instead of counting their documents.
 */
#ifndef WALCU_SMALL_TABLE_H
#define WALCU_SMALL_TABLE_H

#include "postgres.h"

#include "access/tupdesc.h"
#include "fetch/count.h"
#include "fetch/query.h"
#include "nodes/pg_list.h"
#include "utils/rel.h"

/* The rows of a table, from its being measured until it is sampled, or longer. */
typedef struct WalcuSmallTable
{
	Oid relid;             /* This is the table. */
	Oid parent;            /* It was measured for this table; InvalidOid for itself. */
	MemoryContext context; /* All of it is in here. */
	TupleDesc descriptor;  /* These were its columns. */
	List *rows;            /* These (HeapTuple) are its rows, or those of its first documents. */
	int documents;         /* They are of so many documents. */
	bool is_whole;         /* They are all. */
	bool is_kept;          /* They are wanted when it is sampled, and then once more. */
	Size kept_bytes;       /* They take so much memory, since it was sampled. */
	int64 requests;        /* They took so many requests. */
	int64 mismatches;      /* So many values did not fit their columns. */
} WalcuSmallTable;

extern double small_table_known_size(const WalcuQuery *query, Relation relation);
extern WalcuSmallTable *small_table_read(Relation relation, double known);
extern WalcuSmallTable *small_table_find(Oid relid);
extern WalcuCount small_table_count(const WalcuSmallTable *small);
extern void small_table_end_use(WalcuSmallTable *small);
extern void small_table_drop(WalcuSmallTable *small);

#endif /* WALCU_SMALL_TABLE_H */
