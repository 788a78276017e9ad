/*
 * page_at_offset.c
 *	  The page of documents that stands at an offset.
 *
 * Those who want to know how many documents there are (count.c), or to see a few of them from
 * anywhere (analyze.c), look into pages here.  Unlike a lane, a probe reads one page and no further.
 */
#include "postgres.h"

#include "fetch/page_at_offset.h"

#include "http/retry.h"
#include "http/stats.h"
#include "utils/memutils.h"

static void ask(WalcuProbe *probe, const WalcuAttempt *attempt);

/* Ask for the page behind so many documents; query and tally must outlive the probe.  Nothing is waited for. */
WalcuProbe *
probe_start(const WalcuQuery *query, WalcuTally *tally, int64 skip)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "walcu probe", ALLOCSET_SMALL_SIZES);
	WalcuProbe *probe = MemoryContextAllocZero(context, sizeof(WalcuProbe));

	probe->query = query;
	probe->tally = tally;
	probe->skip = skip;
	probe->context = context;
	ask(probe, NULL);
	return probe;
}

/* Wait until the page is whole, and serve interrupts; false when the service does not take the filter. */
bool
probe_wait(WalcuProbe *probe)
{
	for (;;)
	{
		page_look(probe->page, true);
		if (probe->page->whole || probe->page->rejected)
			break;
		if (probe->page->broken)
		{
			WalcuAttempt attempt = retry_attempt(probe->page->transfer);

			page_release(probe->page);
			ask(probe, &attempt);
		}
		else
			transport_drive(probe->page->transfer, -1);
	}
	probe->tally->bytes += probe->page->transfer->received;
	probe->tally->documents += probe->page->documents;
	stats_of(probe->query->options)->documents += probe->page->documents;
	return probe->page->whole;
}

/* Drop a probe, whether its page is here or not. */
void
probe_release(WalcuProbe *probe)
{
	MemoryContextDelete(probe->context);
}

static void
ask(WalcuProbe *probe, const WalcuAttempt *attempt)
{
	const WalcuQuery *query = probe->query;
	WalcuStream stream = {.clauses = query->clauses};
	MemoryContext context = AllocSetContextCreate(probe->context, "walcu page", ALLOCSET_SMALL_SIZES);
	MemoryContext before = MemoryContextSwitchTo(context);

	probe->page = page_start(context, query->options, query->credential,
							 query_page(query, &stream, NIL, probe->skip, 0), attempt, NULL);
	MemoryContextSwitchTo(before);
	probe->page->may_be_rejected = strcmp(clause_filter(query->clauses), clause_filter(query->fallback)) != 0;
	probe->tally->requests++;
	probe->tally->retries += attempt != NULL;
}
