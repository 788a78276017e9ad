/*
 * outer_keys.h
 *	  The keys that an outer row's value has: itself, or the elements of an array.
 */
#ifndef WALCU_OUTER_KEYS_H
#define WALCU_OUTER_KEYS_H

#include "postgres.h"

#include "exec/join_table.h"
#include "nodes/pg_list.h"
#include "plan/join_plan.h"

/* What the keys of outer rows are. */
typedef struct WalcuOuterKeys
{
	bool of_array; /* A row's value is an array of keys, not a key. */
	Oid type;      /* Keys are of this type, */
	int16 length;  /* which has this length, */
	bool by_value; /* is passed by value, or not, */
	char align;    /* and is aligned so. */
} WalcuOuterKeys;

extern WalcuOuterKeys outer_keys_of(const WalcuJoinPlan *key);
extern bool outer_keys_are_ids(const List *keyed);
extern List *outer_keys_enter(const WalcuOuterKeys *outer, WalcuJoinTable *table, Datum value);
extern bool outer_keys_lack_documents(const List *keys);
extern List *outer_keys_add_lacking(List *keys, const List *found, uint64 round);
extern void outer_keys_note_loaded(const List *keys);
extern WalcuJoinRow *outer_keys_first_row(WalcuJoinKey *key, uint64 round);
extern Datum outer_keys_array(const WalcuOuterKeys *outer, const List *keys, int from, int count);

#endif /* WALCU_OUTER_KEYS_H */
