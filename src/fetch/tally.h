/*
 * tally.h
 *	  What reading documents took: requests, documents, bytes.
 */
#ifndef WALCU_TALLY_H
#define WALCU_TALLY_H

#include "postgres.h"

#include "base/compat.h"
#include "http/no_jobs.h"

/* What a scan, or a count, took so far. */
typedef struct WalcuTally
{
	int64 requests;  /* So many requests were sent. */
	int64 retries;   /* So many of these were sent again. */
	int64 reused;    /* So many replies came from what the statement held, in place of requests. */
	int64 documents; /* So many documents came. */
	int64 bytes;     /* So many bytes came. */
	int64 rejected;  /* The service did not take so many filters. */
	int64 widened;   /* So many times a part of the conditions was left out for that. */
	int64 ranges;    /* So many ranges were divided off for another cursor. */
	int64 probes;    /* So many requests only asked whether the service sorts. */
	int64 jobs;      /* So many background jobs were begun. */
	bool unsorted;   /* The service does not sort, so that rows were sorted here. */
	bool as_written; /* Rows were sorted here, as some of them wait for the commit. */
	/* This is why pages were read instead of a job's results; empty when it was not so. */
	char no_job[NO_JOBS_REASON_SIZE];
} WalcuTally;

extern void tally_explain(const WalcuTally *tally, ExplainState *es);
extern void tally_note_obstacle(WalcuTally *tally, const char *obstacle);

#endif /* WALCU_TALLY_H */
