/*
 * page_at_offset.c
 *	  The page of documents that stands at an offset.
 *
 * Those who want to know how many documents there are (count.c), or to see a few of them from
 * anywhere (analyze.c), look into pages here.  Unlike a cursor, this reads one page and no further.
 */
#include "postgres.h"

#include "fetch/page_at_offset.h"

#include "http/redact.h"
#include "http/retry.h"
#include "http/stats.h"
#include "utils/memutils.h"

static bool take_from_page(WalcuPageAtOffset *page_at, WalcuDocument *document, StringInfo id);
static void request_page(WalcuPageAtOffset *page_at, const WalcuAttempt *attempt);
static void count_page(WalcuPageAtOffset *page_at);

/*
 * Ask for the page behind so many documents; query and tally must outlive it.  Nothing is waited for.
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

/*
 * Wait for the next document, and serve interrupts; false at the end of the page, or when the service does
 * not take the filter (page->rejected).  Its bytes are good until the next one is asked for.
 */
bool
page_at_offset_next(WalcuPageAtOffset *page_at, WalcuDocument *document, StringInfo id)
{
	bool volatile found;

	REDACT_TRY();
	{
		found = take_from_page(page_at, document, id);
	}
	REDACT_END(page_at->query->credential);
	return found;
}

static bool
take_from_page(WalcuPageAtOffset *page_at, WalcuDocument *document, StringInfo id)
{
	for (;;)
	{
		WalcuPage *page = page_at->page;

		if (page_take(page, document, id))
		{
			/* of a page that broke, and was asked for again, the reader has had some */
			if (page_taken(page) <= page_at->taken)
				continue;
			page_at->taken++;
			return true;
		}
		if (page->whole || page->rejected)
			break;
		if (page->broken)
		{
			WalcuAttempt attempt = retry_attempt(page->transfer);

			page_release(page);
			request_page(page_at, &attempt);
			continue;
		}
		/* waiting for another page may have brought this one: then nothing would happen that ends the wait */
		page_look(page, true);
		if (!page_has_news(page))
			transfer_drive(page->transfer, -1);
	}
	count_page(page_at);
	return false;
}

/* Drop a page at an offset, whether it is here or not. */
void
page_at_offset_release(WalcuPageAtOffset *page_at)
{
	MemoryContextDelete(page_at->context);
}

static void
request_page(WalcuPageAtOffset *page_at, const WalcuAttempt *attempt)
{
	const WalcuQuery *query = page_at->query;
	WalcuQueryPart part = {.filters = query_filters(query)};
	MemoryContext context = AllocSetContextCreate(page_at->context, "walcu page", ALLOCSET_SMALL_SIZES);
	MemoryContext before = MemoryContextSwitchTo(context);

	page_at->page = page_start(context, query->options, query->credential,
							   query_page(query, &part, NIL, page_at->skip, 0), attempt, NULL);
	MemoryContextSwitchTo(before);
	page_at->page->may_be_rejected = query_may_be_refused(query);
	page_at->page->sort_may_be_rejected = page_at->skip == 0 && query_sort_may_be_refused(query);
	page_at->tally->requests++;
	page_at->tally->retries += attempt != NULL;
}

static void
count_page(WalcuPageAtOffset *page_at)
{
	const WalcuPage *page = page_at->page;

	page_at->tally->bytes += page->transfer->received;
	page_at->tally->documents += page->documents;
	stats_of(page_at->query->options)->documents += page->documents;
}
