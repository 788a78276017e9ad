/*
 * shared_table.h
 *	  A table in memory that all backends share, where PostgreSQL gives it.
 */
#ifndef WALCU_SHARED_TABLE_H
#define WALCU_SHARED_TABLE_H

#include "postgres.h"

#include "base/digest.h"

/* An entry begins with this.  One that was never used is zero. */
typedef struct WalcuSharedEntry
{
	WalcuDigest key; /* It is found by this. */
	int64 age;       /* Of all entries, the one with the least gives way to a new one. */
} WalcuSharedEntry;

/* A backend's view of a table.  Whoever has one gives the first four members. */
typedef struct WalcuSharedTable
{
	const char *name; /* By this name backends find the memory: another layout needs another name. */
	Size entry_size;  /* An entry takes up so many bytes. */
	int entries;      /* There are so many. */
	bool is_small;    /* It has some kB, which all share without preloading, too, if they can be spared. */
	struct SharedMemory *memory;   /* They are here; NULL until the table is locked the first time. */
	bool is_shared;                /* Others see them, too. */
	struct WalcuSharedTable *next; /* This table was announced before; NULL for none. */
} WalcuSharedTable;

extern void shared_table_announce(WalcuSharedTable *table);
extern void shared_table_request_memory(void);
extern void shared_table_lock(WalcuSharedTable *table);
extern void *shared_table_find(const WalcuSharedTable *table, const WalcuDigest *key);
extern void *shared_table_enter(const WalcuSharedTable *table, const WalcuDigest *key);
extern void shared_table_unlock(const WalcuSharedTable *table);

#endif /* WALCU_SHARED_TABLE_H */
