/*
 * stats.h
 *	  What this backend has asked of each server and resource, and what came of it.
 *
 * Those who do what is counted increment the counters themselves:
 *
 *     stats->requests[stats_method(request->method)]++;
 *     stats->replies[stats_class(status)]++;
 */
#ifndef WALCU_STATS_H
#define WALCU_STATS_H

#include "postgres.h"

#include "nodes/pg_list.h"
#include "service/option.h"
#include "utils/timestamp.h"

#define WALCU_METHODS       5 /* see stats_method */
#define WALCU_REPLY_CLASSES 4 /* 2xx to 5xx */

typedef struct WalcuStats
{
	Oid serverid;                       /* The requests went to this server. */
	char *resource;                     /* They were for this resource; NULL for single calls and imports. */
	int64 requests[WALCU_METHODS];      /* So many were begun, by method. */
	int64 replies[WALCU_REPLY_CLASSES]; /* So many came, by the class of their status. */
	int64 failures;                     /* So many requests got no reply, or not the whole of it. */
	int64 retries;                      /* So many requests repeat one that failed. */
	int64 documents;                    /* Scans have taken so many from replies. */
	int64 bytes;                        /* The replies' bodies have so many, uncompressed. */
	int64 jobs;                         /* So many background jobs were begun. */
	double waited;                      /* The backend has waited so many milliseconds. */
	bool is_awaited;                    /* Somebody else waits for requests that are counted here, */
	double awaited_since;               /* since then (by line_waited). */
	TimestampTz told;                   /* Retries were told of in a statement that began then. */
} WalcuStats;

extern WalcuStats *stats_of(const WalcuOptions *options);
extern const List *stats_list(void);
extern int stats_method(const char *method);
extern int stats_class(int status);

#endif /* WALCU_STATS_H */
