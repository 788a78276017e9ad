/*
 * sort.h
 *	  SQL orders as the service's sort.
 */
#ifndef WALCU_SORT_H
#define WALCU_SORT_H

#include "postgres.h"

#include "access/tupdesc.h"
#include "nodes/pathnodes.h"
#include "pushdown/document_path.h"
#include "pushdown/filter.h"

/* A key that documents are sorted by. */
typedef struct WalcuSortKey
{
	AttrNumber column;          /* Rows are sorted by this column. */
	bool descending;            /* The greatest comes first. */
	bool nulls_first;           /* NULLs come first. */
	bool nullable;              /* The column may be NULL, for all that is declared. */
	bool never_null;            /* It is not NULL in a row that meets the conditions. */
	WalcuDocumentPath *operand; /* The column's values stand there. */
} WalcuSortKey;

/* How PostgreSQL sorts by a key. */
typedef struct WalcuSortOrder
{
	Oid operator_id; /* It compares two values. */
	Oid collation;   /* Texts are compared in this one. */
} WalcuSortOrder;

extern List *sort_of_pathkeys(PlannerInfo *root, RelOptInfo *rel, const WalcuRelation *relation,
							  List *pathkeys);
extern List *sort_serialize(List *keys);
extern List *sort_deserialize(const WalcuRelation *relation, List *numbers);
extern bool sort_agrees_on_nulls(const WalcuOptions *options, const WalcuSortKey *key);
extern WalcuSortOrder sort_order_of_key(TupleDesc columns, const WalcuSortKey *key);
extern char *sort_text(const WalcuOptions *options, List *keys, bool reverse);
extern bool sort_is_by_id(List *keys);
extern WalcuFilter *sort_after(List *keys, List *values, const char *id);

#endif /* WALCU_SORT_H */
