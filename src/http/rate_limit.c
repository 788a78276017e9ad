/*
 * rate_limit.c
 *	  When may the next request to a server be sent, as max_requests_per_second says?
 *
 * transfer.c takes a place for each request, and sends it when its time has come.
 * Nothing here waits.
 *
 * What is known of a server, its bucket, is one moment: when all places taken so far will
 * have been paid for, if each costs the time that stands between two requests.  A
 * request may go while less than a second's worth is owed.
 *
 * The buckets are in memory that all backends share where PostgreSQL gives it: from 17 on,
 * or when the library is preloaded.  Elsewhere each backend has its own.
 */
#include "postgres.h"

#include <math.h>

#include "base/compat.h"
#include "http/rate_limit.h"
#include "miscadmin.h"
#include "portability/instr_time.h"
#include "storage/lwlock.h"
#include "utils/memutils.h"

/* How many servers can be limited at once. */
#define BUCKETS 1024

/* By this name backends find the table: another layout needs another name. */
#define TABLE_NAME "walcu_fdw rate"

typedef struct Bucket
{
	Oid databaseid; /* The server is one of this database. */
	Oid serverid;   /* The places are in the rate of this server. */
	int64 paid;     /* All places are paid for then (by get_microseconds); 0 in a bucket never used. */
	double rate;    /* The last place was taken at this rate, in requests a second. */
} Bucket;

typedef struct BucketTable
{
	LWLock lock;             /* It is held while buckets are read or changed. */
	Bucket buckets[BUCKETS]; /* They are in no order. */
} BucketTable;

/* NULL until a request is to be limited. */
static BucketTable *table = NULL;
static bool table_is_shared = false;

static bool preloaded = false;
static CompatHook next_request_hook = NULL;

static void request_memory(void);
static void attach_table(void);
static void init_table(void *memory);
static void lock_table(void);
static void unlock_table(void);
static Bucket *find_bucket(Oid serverid);
static Bucket *replace_idlest_bucket(Oid serverid);
static int64 compute_interval(double rate);
static int64 compute_credit(double rate);
static int64 get_microseconds(void);

/* Called from _PG_init. */
void
rate_limit_init(void)
{
	preloaded = process_shared_preload_libraries_in_progress;
	if (preloaded)
		next_request_hook = compat_hook_shmem_request(request_memory);
}

/*
 * Take the next place: milliseconds until the request may be sent, 0 for now.  Never
 * waits itself.  Whoever does not use the place gives it back.
 *
 * Places taken under another rate stay where they are.  What is owed for them shrinks as
 * the rate was raised, and does not grow when it was lowered, so that the new rate
 * counts at once.
 */
double
rate_limit_reserve(const WalcuOptions *options, int64 *place)
{
	double rate = options->max_requests_per_second;
	int64 between;
	int64 now;
	int64 debt;
	Bucket *bucket;

	*place = 0;
	if (rate == 0)
		return 0;
	if (table == NULL)
		attach_table();
	between = compute_interval(rate);

	lock_table();
	bucket = find_bucket(options->serverid);
	if (bucket == NULL)
		bucket = replace_idlest_bucket(options->serverid);
	now = get_microseconds();
	debt = Max(bucket->paid - now, 0);
	if (bucket->rate < rate)
		debt = (int64) ceil(debt * (bucket->rate / rate));
	bucket->paid = now + debt + between;
	bucket->rate = rate;
	*place = bucket->paid;
	unlock_table();
	return Max(debt - compute_credit(rate), 0) / 1000.0;
}

/*
 * Give back a place that was not used.  That is of use for the last one taken only: one
 * that others were taken behind stays empty, as they cannot be told to come sooner.
 * Raises nothing: it runs on abort, too.
 */
void
rate_limit_give_back(Oid serverid, int64 place)
{
	Bucket *bucket;

	if (place == 0)
		return;
	lock_table();
	bucket = find_bucket(serverid);
	if (bucket && bucket->paid == place)
		bucket->paid -= compute_interval(bucket->rate);
	unlock_table();
}

static void
request_memory(void)
{
	if (next_request_hook)
		next_request_hook();
	RequestAddinShmemSpace(MAXALIGN(sizeof(BucketTable)));
}

/* Find the shared table, or make one for this backend. */
static void
attach_table(void)
{
	BucketTable *shared = compat_shared_memory(TABLE_NAME, sizeof(BucketTable), init_table, preloaded);

	if (shared)
		LWLockRegisterTranche(shared->lock.tranche, TABLE_NAME);
	table_is_shared = shared != NULL;
	table = shared ? shared : MemoryContextAllocZero(TopMemoryContext, sizeof(BucketTable));
}

/* Runs once, in the first backend that wants the shared table. */
static void
init_table(void *memory)
{
	BucketTable *shared = memory;

	memset(shared, 0, sizeof(BucketTable));
	LWLockInitialize(&shared->lock, LWLockNewTrancheId());
}

/* PostgreSQL takes the lock away from a backend that fails. */
static void
lock_table(void)
{
	if (table_is_shared)
		LWLockAcquire(&table->lock, LW_EXCLUSIVE);
}

static void
unlock_table(void)
{
	if (table_is_shared)
		LWLockRelease(&table->lock);
}

/* A server's bucket, or NULL.  There are few and requests are slow: no hashing. */
static Bucket *
find_bucket(Oid serverid)
{
	for (int i = 0; i < BUCKETS; i++)
	{
		if (table->buckets[i].serverid == serverid && table->buckets[i].databaseid == MyDatabaseId)
			return &table->buckets[i];
	}
	return NULL;
}

/*
 * A bucket for a server that has none, in place of one never used, else of the one idle
 * longest.  An idle bucket has no state worth keeping; were all of 1,024 in use, the one
 * that owes least would lose it.
 */
static Bucket *
replace_idlest_bucket(Oid serverid)
{
	Bucket *idlest = &table->buckets[0];

	for (int i = 1; i < BUCKETS; i++)
	{
		if (table->buckets[i].paid < idlest->paid)
			idlest = &table->buckets[i];
	}
	*idlest = (Bucket){.databaseid = MyDatabaseId, .serverid = serverid};
	return idlest;
}

/* The time between two requests in microseconds, rounded up: never more than the rate. */
static int64
compute_interval(double rate)
{
	return (int64) ceil(1000000 / rate);
}

/* What may be owed when a request is sent: a second's worth of them, itself included. */
static int64
compute_credit(double rate)
{
	return (int64) Max(floor(rate) - 1, 0) * compute_interval(rate);
}

/* Microseconds by a clock that nobody sets, and that is the same in every process. */
static int64
get_microseconds(void)
{
	instr_time now;

	INSTR_TIME_SET_CURRENT(now);
	return (int64) INSTR_TIME_GET_MICROSEC(now);
}
