/*
 * page_at_offset.c
 *	  The page of documents that stands at an offset.
 *
 * Those who want to know how many documents there are (count.c), or to see a few of them from
 * anywhere (analyze.c), look into pages here.  Unlike a cursor, a probe reads one page and no further.
 */
#include "postgres.h"

#include "fetch/page_at_offset.h"

#include "http/retry.h"
#include "http/stats.h"
#include "utils/memutils.h"

static void request_page(WalcuPageAtOffset *page_at, const WalcuAttempt *attempt);

/*
 * Ask for the page behind so many documents; query and tally must outlive the probe.  Nothing is waited for.
 */
WalcuPageAtOffset *
page_at_offset_start(const WalcuQuery *query, WalcuTally *tally, int64 skip)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "walcu page at offset", ALLOCSET_SMALL_SIZES);
	WalcuPageAtOffset *page_at = MemoryContextAllocZero(context, sizeof(WalcuPageAtOffset));

	page_at->query = query;
	page_at->tally = tally;
	page_at->skip = skip;
	page_at->context = context;
	request_page(page_at, NULL);
	return page_at;
}

/* Wait until the page is whole, and serve interrupts; false when the service does not take the filter. */
bool
page_at_offset_wait(WalcuPageAtOffset *page_at)
{
	for (;;)
	{
		page_look(page_at->page, true);
		if (page_at->page->whole || page_at->page->rejected)
			break;
		if (page_at->page->broken)
		{
			WalcuAttempt attempt = retry_attempt(page_at->page->transfer);

			page_release(page_at->page);
			request_page(page_at, &attempt);
		}
		else
			transfer_drive(page_at->page->transfer, -1);
	}
	page_at->tally->bytes += page_at->page->transfer->received;
	page_at->tally->documents += page_at->page->documents;
	stats_of(page_at->query->options)->documents += page_at->page->documents;
	return page_at->page->whole;
}

/* Drop a probe, whether its page is here or not. */
void
page_at_offset_release(WalcuPageAtOffset *page_at)
{
	MemoryContextDelete(page_at->context);
}

static void
request_page(WalcuPageAtOffset *page_at, const WalcuAttempt *attempt)
{
	const WalcuQuery *query = page_at->query;
	WalcuQueryPart part = {.filters = query->filters};
	MemoryContext context = AllocSetContextCreate(page_at->context, "walcu page", ALLOCSET_SMALL_SIZES);
	MemoryContext before = MemoryContextSwitchTo(context);

	page_at->page = page_start(context, query->options, query->credential,
							   query_page(query, &part, NIL, page_at->skip, 0), attempt, NULL);
	MemoryContextSwitchTo(before);
	page_at->page->may_be_rejected = query->fallback != query->filters;
	page_at->tally->requests++;
	page_at->tally->retries += attempt != NULL;
}
