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
	MinimalTuple tuple; /* This is the row itself. */
	WalcuJoinKey *key;  /* The row has this key; NULL when it is NULL, or an array without elements. */
	List *more;         /* The other elements of an array are these, of WalcuJoinKey. */
} WalcuOuterRow;

/* A batched key join at work. */
typedef struct WalcuJoinState
{
	CustomScanState node;        /* PostgreSQL takes the struct for this, so it comes first. */
	WalcuJoinPlan plan;          /* The planner has decided this. */
	ExprState *outer_key;        /* It computes the key, or the array of keys, of an outer row. */
	Oid key_type;                /* The outer keys are of this type, */
	int16 key_length;            /* which has this length, */
	bool key_by_value;           /* is passed by value, or not, */
	char key_align;              /* and is aligned so. */
	ExprState *inner_key;        /* It computes the key of an inner row. */
	ExprState *key_quals;        /* It says whether anything may match an outer row. */
	ExprState *quals;            /* It says whether two rows match that have the same key. */
	TupleTableSlot *outer_slot;  /* It shows a stored row of the outer side. */
	TupleTableSlot *inner_slot;  /* It shows a stored row of the inner side. */
	WalcuJoinTable *table;       /* It has the keys that were asked for, and the rows that came. */
	MemoryContext batch_context; /* It holds the outer rows of the batch, and its new keys. */
	WalcuOuterRow *rows;         /* These are the outer rows of the batch; NULL before the first one. */
	int row_count;               /* There are so many of them, */
	int row_room;                /* and there is room for so many. */
	uint64 row_number;           /* The last outer row is of this number, counted from the beginning. */
	int next_row;                /* The first row of the batch that is not looked at yet is this one. */
	WalcuOuterRow *current;      /* Matches are looked for of this row; or NULL. */
	WalcuJoinRow *candidate;     /* The next row that may match it is this one; or NULL. */
	int next_key;                /* After that come rows of this one of the current row's more keys. */
	bool matched;                /* The current row had a match. */
	bool outer_ended;            /* The outer side has no more rows. */
	List *new_keys;              /* These keys of the batch are to be asked for, of WalcuJoinKey, */
	List *filed_keys;            /* and these as well, if the table's file does not have them. */
	int batch_size;              /* A batch may have so many of them. */
	int scan_size;               /* A scan can ask for so many, as far as is known. */
	bool reads_all;              /* The service does not tell documents by the keys. */
	bool outgrown;               /* A batch's documents did not fit into work_mem. */
	int64 batches;               /* So many batches asked for something so far, */
	int64 keys;                  /* for so many keys, */
	int64 scans;                 /* in so many scans, */
	int64 documents;             /* and so many documents came. */
} WalcuJoinState;

extern void join_exec_init(void);

#endif /* WALCU_JOIN_EXEC_H */
