/*
 * join_table.h
 *	  The keys of a batched key join that were asked for, and the rows that came.
 */
#ifndef WALCU_JOIN_TABLE_H
#define WALCU_JOIN_TABLE_H

#include "postgres.h"

#include "access/htup_details.h"
#include "executor/tuptable.h"

/* An inner row, among those that have the same key. */
typedef struct WalcuJoinRow
{
	struct WalcuJoinRow *next; /* This one came after it; NULL for the last one. */
	MinimalTuple tuple;        /* This is the row itself. */
} WalcuJoinRow;

/* A distinct key, and the inner rows that have it. */
typedef struct WalcuJoinKey
{
	Datum value;         /* The table owns a copy of the key. */
	uint64 scan;         /* The scan of this number has asked for it; 0 for none. */
	uint64 row;          /* The last outer row that has it is of this number, */
	uint64 inner_row;    /* and the last inner row, where its arrays have keys, of this one. */
	WalcuJoinRow *first; /* This inner row came first; NULL when none did. */
	WalcuJoinRow *last;  /* This one came last. */
	bool is_filed;       /* The table's file has its rows. */
	bool may_be_filed;   /* The file may have them; join_table_load finds out. */
} WalcuJoinKey;

typedef struct WalcuJoinTable WalcuJoinTable;

extern WalcuJoinTable *join_table_create(Oid op, Oid collation);
extern WalcuJoinKey *join_table_enter(WalcuJoinTable *table, Datum value, bool *is_new);
extern void join_table_add(WalcuJoinTable *table, Datum value, uint64 scan, TupleTableSlot *slot);
extern void join_table_add_to_elements(WalcuJoinTable *table, Datum array, uint64 scan, TupleTableSlot *slot);
extern Size join_table_size(const WalcuJoinTable *table);
extern Size join_table_filed_size(const WalcuJoinTable *table);
extern void join_table_file(WalcuJoinTable *table);
extern void join_table_load(WalcuJoinTable *table);
extern void join_table_reset(WalcuJoinTable *table);

#endif /* WALCU_JOIN_TABLE_H */
