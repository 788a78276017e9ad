/*
 * read_ahead.h
 *	  A node that reads ahead, for scans that are asked for one key after another.
 */
#ifndef WALCU_READ_AHEAD_H
#define WALCU_READ_AHEAD_H

#include "postgres.h"

#include "nodes/execnodes.h"
#include "plan/read_ahead_node.h"
#include "service/option.h"

/* A node that reads ahead, at work. */
typedef struct WalcuReadAhead
{
	CustomScanState node;       /* PostgreSQL takes the struct for this, so it comes first. */
	WalcuReadAheadPlan plan;    /* The plan has this. */
	List *keys;                 /* They compute the keys of a row, of ExprState, as in the plan. */
	ExprContext *key_context;   /* Keys of rows that come later are computed in this. */
	MemoryContext row_context;  /* It holds the rows that were read and are not handed on yet. */
	MinimalTuple *rows;         /* These are the rows, */
	int row_count;              /* so many, */
	int row_room;               /* with room for so many; */
	int next_row;               /* those before this one were handed on. */
	Size row_bytes;             /* Those that wait take so many bytes. */
	int *told;                  /* Each scan was told of the rows before this one, or of none of them. */
	bool ended;                 /* There are no more rows to be read. */
	TupleTableSlot *row_slot;   /* It shows the row that was handed on last. */
	TupleTableSlot *later_slot; /* It shows a row that comes later, */
	TupleTableSlot *later_row;  /* as expressions see it. */
	int64 asked;                /* Scans have asked for documents of so many keys, */
	int64 batches;              /* so many times. */
} WalcuReadAhead;

extern void read_ahead_init(void);
extern WalcuReadAhead *read_ahead_find(EState *estate, int scan, int *place);
extern bool read_ahead_next_key(WalcuReadAhead *ahead, int place, Datum *value, bool *is_null);
extern int read_ahead_first_keys(const WalcuReadAhead *ahead, const WalcuOptions *options);
extern bool read_ahead_is_needed(const WalcuReadAhead *ahead, Expr *expression);
extern void read_ahead_show_row(TupleTableSlot *row, TupleTableSlot *slot);
extern void read_ahead_restart(WalcuReadAhead *ahead, int place);

#endif /* WALCU_READ_AHEAD_H */
