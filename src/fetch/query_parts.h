/*
 * query_parts.h
 *	  The sequences of requests whose documents, one after the other, are a scan's.
 */
#ifndef WALCU_QUERY_PARTS_H
#define WALCU_QUERY_PARTS_H

#include "postgres.h"

#include "pushdown/sort.h"

/* Which documents a part has, by the first key of the order. */
typedef enum WalcuPartNulls
{
	WALCU_PART_ALL,
	WALCU_PART_WITH_VALUE,
	WALCU_PART_WITHOUT_VALUE
} WalcuPartNulls;

/* Documents that match all clauses, sorted by keys, which may be none. */
typedef struct WalcuQueryPart
{
	List *filters;        /* All of these (WalcuFilter) must hold. */
	List *keys;           /* Documents are sorted by these (WalcuSortKey). */
	WalcuPartNulls nulls; /* It says which documents it has, by the first key. */
	const WalcuFilter
		*null_test; /* This clause makes it so, and is never left out; NULL for all documents. */
	bool of_list;   /* It has a part of a list's values. */
} WalcuQueryPart;

extern List *query_parts_plan(const WalcuOptions *options, List *filters, List *keys, size_t room);
extern bool query_parts_keep(List *parts, const WalcuFilter *filter);

#endif /* WALCU_QUERY_PARTS_H */
