/*
 * query_parts.h
 *	  The sequences of requests whose documents, one after the other, are a scan's.
 */
#ifndef WALCU_QUERY_PARTS_H
#define WALCU_QUERY_PARTS_H

#include "postgres.h"

#include "pushdown/sort.h"

/* Which documents a stream has, by the first key of the order. */
typedef enum WalcuStreamPart
{
	WALCU_PART_ALL,
	WALCU_PART_WITH_VALUE,
	WALCU_PART_WITHOUT_VALUE
} WalcuStreamPart;

/* Documents that match all clauses, sorted by keys, which may be none. */
typedef struct WalcuStream
{
	List *clauses; /* of WalcuClause */
	List *keys;    /* of WalcuSortKey */
	WalcuStreamPart part;
	bool of_list; /* it has a part of a list's values */
} WalcuStream;

extern List *stream_plan(const WalcuOptions *options, List *clauses, List *keys, size_t room);
extern bool stream_keeps(List *clauses, const WalcuClause *clause, size_t room);

#endif /* WALCU_QUERY_PARTS_H */
