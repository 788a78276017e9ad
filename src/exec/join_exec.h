/*
 * join_exec.h
 *	  A batched key join at work.
 */
#ifndef WALCU_JOIN_EXEC_H
#define WALCU_JOIN_EXEC_H

#include "postgres.h"

#include "exec/join_table.h"
#include "nodes/execnodes.h"
#include "plan/join_plan.h"

/* A row of the outer side that waits for its key's documents. */
typedef struct WalcuOuterRow
{
	MinimalTuple tuple;
	WalcuJoinKey *key; /* NULL when it is NULL, or an array without elements */
	List *more;        /* of WalcuJoinKey: of the other elements of an array */
} WalcuOuterRow;

typedef struct WalcuJoinState
{
	CustomScanState node;
	WalcuJoinPlan plan;
	ExprState *outer_key;
	Oid key_type; /* of the outer keys */
	int16 key_length;
	bool key_by_value;
	char key_align;
	ExprState *inner_key;
	ExprState *quals;
	TupleTableSlot *outer_slot; /* shows a stored row of each side */
	TupleTableSlot *inner_slot;
	WalcuJoinTable *table;
	MemoryContext batch_context; /* holds the outer rows of the batch, and its new keys */
	WalcuOuterRow *rows;
	int row_count;
	int row_room;
	uint64 row_number;      /* of the last one, from the beginning */
	int next_row;           /* the first that is not looked at yet */
	WalcuOuterRow *current; /* whose matches are looked for; or NULL */
	WalcuJoinRow *candidate;
	int next_key; /* of the current row's more, whose rows are candidates then */
	bool matched;
	bool outer_ended;
	List *new_keys; /* of WalcuJoinKey: those of the batch that are to be asked for */
	int batch_size; /* how many of them the batch may have */
	int scan_size;  /* how many one scan can ask for, as far as is known */
	bool reads_all; /* the service does not tell documents by the keys */
	bool outgrown;  /* a batch's documents did not fit into work_mem */
	int64 batches;  /* that asked for something, so far; and how many */
	int64 keys;
	int64 scans;
	int64 documents; /* came for them */
} WalcuJoinState;

extern void join_exec_init(void);

#endif /* WALCU_JOIN_EXEC_H */
