/*
 * sort.h
 *	  SQL orders as the service's sort.
 */
#ifndef WALCU_SORT_H
#define WALCU_SORT_H

#include "postgres.h"

#include "nodes/pathnodes.h"
#include "pushdown/document_path.h"
#include "pushdown/filter.h"

/* A key that documents are sorted by. */
typedef struct WalcuSortKey
{
	AttrNumber column;
	bool descending;
	bool nulls_first;
	bool nullable;   /* the column may be NULL, for all that is declared */
	bool never_null; /* in a row that meets the conditions */
	WalcuOperand *operand;
} WalcuSortKey;

extern List *order_of_pathkeys(PlannerInfo *root, RelOptInfo *rel, const WalcuRelation *relation,
							   List *pathkeys);
extern List *order_serialize(List *keys);
extern List *order_deserialize(const WalcuRelation *relation, List *numbers);
extern bool order_agrees_on_nulls(const WalcuOptions *options, const WalcuSortKey *key);
extern char *order_sort(const WalcuOptions *options, List *keys);
extern WalcuClause *order_after(List *keys, List *values, const char *id);

#endif /* WALCU_SORT_H */
