/*
 * shared_table.c
 *	  A table in memory that all backends share, where PostgreSQL gives it.
 *
 * From 17 on it does; before, when the library is preloaded, and for small tables out of what it has to
 * spare. Elsewhere each backend has a table of its own.  rate_limit.c, granted_rate.c and learned_size.c
 * keep here what sessions should know of each other.
 *
 * There are few entries, and requests are slow: they are searched one after the other.
 */
#include "postgres.h"

#include "base/shared_table.h"

#include "base/compat.h"
#include "miscadmin.h"
#include "storage/lwlock.h"
#include "utils/memutils.h"

typedef struct SharedMemory
{
	LWLock lock;                         /* It is held while entries are read or changed. */
	char entries[FLEXIBLE_ARRAY_MEMBER]; /* They are in no order. */
} SharedMemory;

static WalcuSharedTable *announced = NULL;
static const WalcuSharedTable *table_to_init = NULL;

static bool is_preloaded = false;
static CompatHook next_request_hook = NULL;

static Size compute_table_size(const WalcuSharedTable *table);
static void request_announced(void);
static void attach_table(WalcuSharedTable *table);
static void init_table(void *memory);
static WalcuSharedEntry *get_shared_entry(const WalcuSharedTable *table, int position);

/* Announces a table, before the memory of all is requested. */
void
shared_table_announce(WalcuSharedTable *table)
{
	table->next = announced;
	announced = table;
}

/* Called from _PG_init, once all tables are announced. */
void
shared_table_request_memory(void)
{
	is_preloaded = process_shared_preload_libraries_in_progress;
	if (is_preloaded)
		next_request_hook = compat_hook_shmem_request(request_announced);
}

/* Nobody else reads or changes the table until it is unlocked, or this backend fails. */
void
shared_table_lock(WalcuSharedTable *table)
{
	if (table->memory == NULL)
		attach_table(table);
	if (table->is_shared)
		LWLockAcquire(&table->memory->lock, LW_EXCLUSIVE);
}

void
shared_table_unlock(const WalcuSharedTable *table)
{
	if (table->is_shared)
		LWLockRelease(&table->memory->lock);
}

/* Returns the entry with a key; NULL when there is none.  The table is locked.  Raises nothing. */
void *
shared_table_find(const WalcuSharedTable *table, const WalcuDigest *key)
{
	for (int i = 0; i < table->entries; i++)
	{
		WalcuSharedEntry *entry = get_shared_entry(table, i);

		if (memcmp(&entry->key, key, sizeof(WalcuDigest)) == 0)
			return entry;
	}
	return NULL;
}

/*
 * Returns the entry with a key.  One that is not there is made, with zeros, in the place of one never used,
 * else of the oldest.  The table is locked.
 */
void *
shared_table_enter(const WalcuSharedTable *table, const WalcuDigest *key)
{
	WalcuSharedEntry *entry = shared_table_find(table, key);

	if (entry)
		return entry;
	entry = get_shared_entry(table, 0);
	for (int i = 1; i < table->entries; i++)
	{
		if (get_shared_entry(table, i)->age < entry->age)
			entry = get_shared_entry(table, i);
	}
	memset(entry, 0, table->entry_size);
	entry->key = *key;
	return entry;
}

static Size
compute_table_size(const WalcuSharedTable *table)
{
	return offsetof(SharedMemory, entries) + mul_size(table->entry_size, table->entries);
}

static void
request_announced(void)
{
	if (next_request_hook)
		next_request_hook();
	for (const WalcuSharedTable *table = announced; table; table = table->next)
		RequestAddinShmemSpace(MAXALIGN(compute_table_size(table)));
}

/* Finds the shared memory, or makes some for this backend. */
static void
attach_table(WalcuSharedTable *table)
{
	Size size = compute_table_size(table);
	SharedMemory *shared;

	table_to_init = table;
	shared = compat_shared_memory(table->name, size, init_table, is_preloaded, table->is_small);
	if (shared)
		compat_name_tranche(shared->lock.tranche, table->name);
	table->is_shared = shared != NULL;
	table->memory = shared ? shared : MemoryContextAllocZero(TopMemoryContext, size);
}

/* Runs once, in the first backend that wants the shared memory. */
static void
init_table(void *memory)
{
	SharedMemory *shared = memory;

	memset(shared, 0, compute_table_size(table_to_init));
	LWLockInitialize(&shared->lock, compat_new_tranche(table_to_init->name));
}

static WalcuSharedEntry *
get_shared_entry(const WalcuSharedTable *table, int position)
{
	return (WalcuSharedEntry *) (table->memory->entries + position * table->entry_size);
}
