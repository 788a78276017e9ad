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
 * All backends share the buckets where PostgreSQL gives memory for that (shared_table.c).
 * Elsewhere each backend has its own.
 */
#include "postgres.h"

#include <math.h>

#include "http/rate_limit.h"

#include "base/shared_table.h"
#include "portability/instr_time.h"

/* How many servers can be limited at once. */
#define BUCKETS 1024

/* By this name backends find the table: another layout needs another name. */
#define TABLE_NAME "walcu_fdw rates"

typedef struct Bucket
{
	WalcuSharedEntry entry; /* All places are paid for at its age (by get_microseconds). */
	double rate;            /* The last place was taken at this rate, in requests a second. */
} Bucket;

/*
 * An idle bucket, which has the least age, has no state worth keeping.  Were all in use, the one that owes
 * least would lose it.
 */
static WalcuSharedTable buckets = {.name = TABLE_NAME, .entry_size = sizeof(Bucket), .entries = BUCKETS};

static int64 compute_interval(double rate);
static int64 compute_credit(double rate);
static int64 get_microseconds(void);

/* Called from _PG_init. */
void
rate_limit_init(void)
{
	shared_table_announce(&buckets);
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
	WalcuDigest key;
	int64 between;
	int64 now;
	int64 debt;
	Bucket *bucket;

	*place = 0;
	if (rate == 0)
		return 0;
	key = digest_of_server(options->serverid);
	between = compute_interval(rate);

	shared_table_lock(&buckets);
	bucket = shared_table_enter(&buckets, &key);
	now = get_microseconds();
	debt = Max(bucket->entry.age - now, 0);
	if (bucket->rate < rate)
		debt = (int64) ceil(debt * (bucket->rate / rate));
	bucket->entry.age = now + debt + between;
	bucket->rate = rate;
	*place = bucket->entry.age;
	shared_table_unlock(&buckets);
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
	WalcuDigest key;
	Bucket *bucket;

	if (place == 0)
		return;
	key = digest_of_server(serverid);
	shared_table_lock(&buckets);
	bucket = shared_table_find(&buckets, &key);
	if (bucket && bucket->entry.age == place)
		bucket->entry.age -= compute_interval(bucket->rate);
	shared_table_unlock(&buckets);
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
