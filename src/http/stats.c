/*
 * stats.c
 *	  Counters of this backend's requests, by server and resource.
 *
 * Those who send, wait and decode look up their counters here and increment
 * them; command/stats_functions.c shows them.  They live as long as the backend and are shared
 * with nobody.
 */
#include "postgres.h"

#include "http/stats.h"

#include "utils/memutils.h"

static bool is_of(const WalcuStats *stats, const WalcuOptions *options);

/* In the order of the columns of walcu_fdw_stats(). */
static const char *const methods[WALCU_METHODS] = {"GET", "POST", "PATCH", "PUT", "DELETE"};

/* Of WalcuStats.  Callers keep pointers to them, so that none is ever moved or freed. */
static List *counted = NIL;

/* The counters of a server and resource; they stay where they are as long as the backend lives. */
WalcuStats *
stats_of(const WalcuOptions *options)
{
	MemoryContext before;
	WalcuStats *stats;
	ListCell *lc;

	foreach(lc, counted)
	{
		if (is_of(lfirst(lc), options))
			return lfirst(lc);
	}
	before = MemoryContextSwitchTo(TopMemoryContext);
	stats = palloc0(sizeof(WalcuStats));
	stats->serverid = options->serverid;
	stats->resource = options->resource ? pstrdup(options->resource) : NULL;
	counted = lappend(counted, stats);
	MemoryContextSwitchTo(before);
	return stats;
}

static bool
is_of(const WalcuStats *stats, const WalcuOptions *options)
{
	if (stats->serverid != options->serverid)
		return false;
	if (stats->resource == NULL || options->resource == NULL)
		return stats->resource == options->resource;
	return strcmp(stats->resource, options->resource) == 0;
}

/* Where requests of a method are counted. */
int
stats_method(const char *method)
{
	int i = 0;

	while (strcmp(methods[i], method) != 0)
	{
		i++;
		Assert(i < WALCU_METHODS);
	}
	return i;
}

/* Where replies with a status, 200 or more, are counted; what is above 5xx is an error like it. */
int
stats_class(int status)
{
	return Min(status / 100 - 2, WALCU_REPLY_CLASSES - 1);
}

/* All counters, of WalcuStats, in the order in which they were begun; none is ever removed. */
const List *
stats_list(void)
{
	return counted;
}
