/*
 * latency.c
 *	  How long requests and background jobs of a server take, as far as this backend has seen.
 *
 * transfer.c and job.c note what they measured; the planner (path.c, join_path.c) and batched joins weigh a
 * job against pages with it.  The latest measurements count most.
 */
#include "postgres.h"

#include <math.h>

#include "http/latency.h"

#include "utils/hsearch.h"
#include "utils/memutils.h"

/* What is assumed before anything was measured, in milliseconds. */
#define FIRST_REQUEST 100
#define FIRST_JOB     1000

/* The part of the newest measurement in the average. */
#define WEIGHT 0.2

/* Averages of a server. */
typedef struct LatencyEntry
{
	Oid serverid;   /* This is the hash key. */
	double request; /* So many milliseconds pass from sending a request to the end of its reply. */
	double job;     /* So many pass from starting a job to its results. */
} LatencyEntry;

/* What was measured, by server. */
static HTAB *latencies = NULL;

static LatencyEntry *find_entry(const WalcuOptions *options);
static void note_average(double *average, double milliseconds);

/*
 * What a background job costs, in requests: the time it takes, with one for its start and one for its
 * results.
 */
double
latency_job_requests(const WalcuOptions *options)
{
	const LatencyEntry *entry = find_entry(options);

	return 2 + ceil(entry->job / entry->request);
}

void
latency_note_request(const WalcuOptions *options, double milliseconds)
{
	note_average(&find_entry(options)->request, milliseconds);
}

void
latency_note_job(const WalcuOptions *options, double milliseconds)
{
	note_average(&find_entry(options)->job, milliseconds);
}

static LatencyEntry *
find_entry(const WalcuOptions *options)
{
	HASHCTL control = {.keysize = sizeof(Oid), .entrysize = sizeof(LatencyEntry)};
	LatencyEntry *entry;
	bool found;

	if (latencies == NULL)
		latencies = hash_create("walcu_fdw latencies", 8, &control, HASH_ELEM | HASH_BLOBS);
	entry = hash_search(latencies, &options->serverid, HASH_ENTER, &found);
	if (!found)
	{
		entry->request = FIRST_REQUEST;
		entry->job = FIRST_JOB;
	}
	return entry;
}

static void
note_average(double *average, double milliseconds)
{
	*average += WEIGHT * (Max(milliseconds, 1) - *average);
}
