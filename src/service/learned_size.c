/*
 * learned_size.c
 *	  About how many documents a resource has, as far as somebody has seen.
 *
 * Those who read to the end (scan.c), count (count_scan.c) or look far out (size_probe.c) note here what they
 * have seen, and the planner (relsize.c) makes an estimate of it where a table was never analyzed.
 *
 * It is kept in memory that all backends share where PostgreSQL gives it: from 17 on, or when the library is
 * preloaded.  Elsewhere each backend has its own.  A number is no secret that a credential guards: it is as
 * coarse as what pg_class tells everybody after ANALYZE.
 */
#include "postgres.h"

#include "service/learned_size.h"

#include "base/compat.h"
#include "base/digest.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "storage/lwlock.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

/* So many resources can be remembered at once. */
#define ENTRIES 1024

/* What was seen is good for so many milliseconds. */
#define LIFETIME (60 * 60 * 1000)

/* By this name backends find the table: another layout needs another name. */
#define TABLE_NAME "walcu_fdw sizes"

typedef struct SizeEntry
{
	WalcuDigest key;       /* It says which resource of which dealer it is; zeros where there is none. */
	WalcuLearnedSize size; /* The resource has so many documents. */
	TimestampTz noted_at;  /* Somebody has seen that then. */
} SizeEntry;

typedef struct SizeTable
{
	LWLock lock;                /* It is held while entries are read or changed. */
	SizeEntry entries[ENTRIES]; /* They are in no order. */
} SizeTable;

/* It is NULL until a size is asked for or noted. */
static SizeTable *sizes = NULL;
static bool sizes_are_shared = false;

static bool sizes_are_preloaded = false;
static CompatHook following_request_hook = NULL;

static void request_size_memory(void);
static void attach_sizes(void);
static void init_sizes(void *memory);
static void lock_sizes(void);
static void unlock_sizes(void);
static WalcuDigest make_size_key(const WalcuOptions *options);
static SizeEntry *find_size(const WalcuDigest *key);
static SizeEntry *replace_oldest_size(const WalcuDigest *key);

/* Called from _PG_init. */
void
learned_size_init(void)
{
	sizes_are_preloaded = process_shared_preload_libraries_in_progress;
	if (sizes_are_preloaded)
		following_request_hook = compat_hook_shmem_request(request_size_memory);
}

/* Tells what is known of the size of the options' resource. */
WalcuLearnedSize
learned_size(const WalcuOptions *options)
{
	WalcuDigest key = make_size_key(options);
	WalcuLearnedSize size = {.least = 0, .most = LEARNED_SIZE_OPEN};
	SizeEntry *entry;

	attach_sizes();
	lock_sizes();
	entry = find_size(&key);
	if (entry && !TimestampDifferenceExceeds(entry->noted_at, GetCurrentTimestamp(), LIFETIME))
		size = entry->size;
	unlock_sizes();
	return size;
}

/*
 * Notes that there are so many documents at least, and at most unless that is LEARNED_SIZE_OPEN.  What is
 * known already narrows it, as far as it does not contradict.
 */
void
learned_size_note(const WalcuOptions *options, double least, double most)
{
	WalcuLearnedSize before = learned_size(options);
	WalcuDigest key = make_size_key(options);
	SizeEntry *entry;

	if (most == LEARNED_SIZE_OPEN && before.most >= least)
		most = before.most;
	if (before.least > least && (most == LEARNED_SIZE_OPEN || before.least <= most))
		least = before.least;
	lock_sizes();
	entry = find_size(&key);
	if (entry == NULL)
		entry = replace_oldest_size(&key);
	entry->size = (WalcuLearnedSize){least, most};
	entry->noted_at = GetCurrentTimestamp();
	unlock_sizes();
}

static void
request_size_memory(void)
{
	if (following_request_hook)
		following_request_hook();
	RequestAddinShmemSpace(MAXALIGN(sizeof(SizeTable)));
}

/* Finds the shared table, or makes one for this backend. */
static void
attach_sizes(void)
{
	SizeTable *shared;

	if (sizes)
		return;
	shared = compat_shared_memory(TABLE_NAME, sizeof(SizeTable), init_sizes, sizes_are_preloaded);
	if (shared)
		LWLockRegisterTranche(shared->lock.tranche, TABLE_NAME);
	sizes_are_shared = shared != NULL;
	sizes = shared ? shared : MemoryContextAllocZero(TopMemoryContext, sizeof(SizeTable));
}

/* Runs once, in the first backend that wants the shared table. */
static void
init_sizes(void *memory)
{
	SizeTable *shared = memory;

	memset(shared, 0, sizeof(SizeTable));
	LWLockInitialize(&shared->lock, LWLockNewTrancheId());
}

/* PostgreSQL takes the lock away from a backend that fails. */
static void
lock_sizes(void)
{
	if (sizes_are_shared)
		LWLockAcquire(&sizes->lock, LW_EXCLUSIVE);
}

static void
unlock_sizes(void)
{
	if (sizes_are_shared)
		LWLockRelease(&sizes->lock);
}

/* Makes a key of where the resource is, so that a server that is altered has other ones. */
static WalcuDigest
make_size_key(const WalcuOptions *options)
{
	StringInfoData text;
	WalcuDigest digest;

	initStringInfo(&text);
	appendStringInfo(&text, "%u\n%u\n%s\n%s\n%s", MyDatabaseId, options->serverid, options->endpoint,
					 options->dealer_id ? options->dealer_id : "", options->resource);
	digest = digest_of(text.data, text.len);
	pfree(text.data);
	return digest;
}

/* Returns a resource's entry, or NULL.  There are few, and requests are slow: no hashing. */
static SizeEntry *
find_size(const WalcuDigest *key)
{
	for (int i = 0; i < ENTRIES; i++)
	{
		if (memcmp(&sizes->entries[i].key, key, sizeof(WalcuDigest)) == 0)
			return &sizes->entries[i];
	}
	return NULL;
}

/* Returns an entry for a resource that has none, in place of one never used, else of the oldest. */
static SizeEntry *
replace_oldest_size(const WalcuDigest *key)
{
	SizeEntry *oldest = &sizes->entries[0];

	for (int i = 1; i < ENTRIES; i++)
	{
		if (sizes->entries[i].noted_at < oldest->noted_at)
			oldest = &sizes->entries[i];
	}
	oldest->key = *key;
	return oldest;
}
