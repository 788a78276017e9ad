/*
 * count.c
 *	  How many documents match a query, without reading them.
 *
 * The API tells that of nothing but a background job, for which the service collects every document.  But a
 * page at an offset tells whether so many are there, and the last page how many exactly.  So the end is
 * searched for: in growing steps until there is nothing, and then by halves; or, when it is known where the
 * end was, from there.  A million documents take about twenty small requests.
 *
 * ANALYZE, count(*) and the planner's estimates ask here.  The number is that of the moment in which the
 * service made the last page; when documents come and go meanwhile, the search follows them.
 */
#include "postgres.h"

#include <math.h>

#include "fetch/count.h"

#include "fetch/page_at_offset.h"
#include "fetch/refusal.h"
#include "http/http_error.h"
#include "service/learned_sort.h"

/* Steps grow by this factor. */
#define GROWTH 8

/*
 * The first steps, in pages, where the exact number is wanted and nobody knows anything of it.  They are so
 * small that a resource of few pages is counted in no more requests than it has pages, or one more; of all
 * such steps these are those which cost a large one the least.
 */
static const int first_steps[] = {1, 1, 1, 2, 4, 12, 96};

/* An end that is so many pages off is more likely near than far, as steps grow. */
#define PAGES_NEAR 8

/* No resource has so many documents: the service takes no notice of the offset. */
#define TOO_MANY INT64CONST(1000000000000)

/* What is known so far of the place where the documents end. */
typedef struct Search
{
	WalcuQuery query;  /* It lacks a part of the filter once the service has refused that. */
	WalcuTally *tally; /* It counts what the search takes. */
	int64 least;       /* So many documents are there. */
	int64 most;        /* There are no more than these; -1 while that is not known. */
	int64 step;        /* The search goes on by so many, where it is not known how many there are. */
	int small_steps;   /* It has gone so many of first_steps. */
	int64 expected;    /* The end may be here, if that has not been tried; or -1. */
	int64 page_size;   /* The largest page has so many documents. */
	bool ended;        /* There are exactly least. */
	char *first_id;    /* It is the _id of the first document of all; or NULL. */
} Search;

static WalcuCount search_end(Search *search, double tolerance);
static int64 next_position(Search *search);
static void look_at(Search *search, int64 position);
static bool pass_documents(Search *search, WalcuPageAtOffset *page_at);
static void check_skipped(Search *search, WalcuPageAtOffset *page_at, const char *first_id);
static void note_page(Search *search, const WalcuPage *page, int64 position);

/*
 * Count what matches the clauses and the search text of a query.  expected is where to look first, 0 for
 * nowhere.  A tolerance above 0 is how far from the truth the number may be, as a part of it.  When the
 * service does not take the filter, less of it is asked for.
 */
WalcuCount
count_documents(const WalcuQuery *query, WalcuTally *tally, double expected, double tolerance)
{
	Search search = {.query = *query, .tally = tally, .most = -1, .expected = -1};

	/* what was learned since may leave no document that can match */
	if (query_filters(query) != NIL && linitial(query_filters(query)) == &filter_nothing)
		return (WalcuCount){.page_size = 1};
	search.query.unsorted |= learned_sort(query->options) == WALCU_SORT_IGNORED;
	look_at(&search, 0);
	search.expected = (expected > 0 && expected < TOO_MANY) ? (int64) expected : -1;
	search.step = GROWTH * search.page_size;
	if (tolerance > 0 || search.expected >= 0)
		search.small_steps = lengthof(first_steps);
	return search_end(&search, tolerance);
}

/*
 * Counts exactly, where so many documents have been read from the beginning, in pages of about that size, and
 * the service has more.
 */
WalcuCount
count_documents_behind(const WalcuQuery *query, WalcuTally *tally, WalcuCount known)
{
	Search search = {.query = *query,
					 .tally = tally,
					 .most = -1,
					 .expected = -1,
					 .least = known.documents,
					 .page_size = known.page_size};

	search.query.unsorted |= learned_sort(query->options) == WALCU_SORT_IGNORED;
	look_at(&search, search.least);
	search.step = GROWTH * search.page_size;
	for (int64 passed = known.documents; search.small_steps < lengthof(first_steps) && passed > 0;
		 search.small_steps++)
		passed -= first_steps[search.small_steps] * search.page_size;
	return search_end(&search, 0);
}

static WalcuCount
search_end(Search *search, double tolerance)
{
	while (!search->ended &&
		   !(search->most >= 0 && search->most - search->least <= 2 * tolerance * search->least))
		look_at(search, next_position(search));
	return (WalcuCount){
		.documents = search->ended ? search->least : rint((search->least + search->most) / 2.0),
		.page_size = Max(search->page_size, 1),
	};
}

/*
 * About how many requests it takes to count so many documents; known tells that a count of them is at
 * hand that may not be far off.
 */
double
count_requests(const WalcuOptions *options, double documents, bool known)
{
	double pages = ceil(documents / options->fetch_size);
	double reached = 1;
	double width = 1;
	int steps = 0;

	if (pages <= 1)
		return 1;
	if (known)
		return Min(pages, 4);
	for (; reached < pages; steps++)
	{
		width = steps < lengthof(first_steps) ? first_steps[steps] : width * GROWTH;
		reached += width;
	}
	/* the end is found in as many halves as the last step's width has */
	return rint(1 + steps + log2(width));
}

/* Where to look next. */
static int64
next_position(Search *search)
{
	int64 left = search->most - search->least;
	int64 pages = (left + search->page_size - 1) / search->page_size;
	int64 position;

	if (search->expected >= search->least)
	{
		/* in the middle of the page, so that a few more or fewer do not matter */
		position = Max(search->expected - search->page_size / 2, search->least);
		search->expected = -1;
	}
	else if (search->most < 0 && search->small_steps < lengthof(first_steps))
	{
		int pages_ahead = first_steps[search->small_steps++];

		position = search->least + (pages_ahead - 1) * search->page_size;
		search->step = GROWTH * pages_ahead * search->page_size;
	}
	else if (search->most < 0)
	{
		position = search->least + search->step;
		search->step *= GROWTH;
	}
	else if (left > search->step)
	{
		position = search->most - search->step;
		search->step *= GROWTH;
	}
	else
		position = search->least + (pages - 1) / (pages <= PAGES_NEAR ? 3 : 2) * search->page_size;
	return position;
}

static void
look_at(Search *search, int64 position)
{
	WalcuPageAtOffset *page_at = page_at_offset_start(&search->query, search->tally, position);

	while (!pass_documents(search, page_at))
	{
		search->ended = !refusal_take_back(&search->query, page_at->page->transfer, search->tally);
		page_at_offset_release(page_at);
		if (search->ended)
			return;
		page_at = page_at_offset_start(&search->query, search->tally, position);
	}
	refusal_note_taken(&search->query);
	note_page(search, page_at->page, position);
	page_at_offset_release(page_at);
}

/* Let the documents of a page come and go; false when the service does not take the filter. */
static bool
pass_documents(Search *search, WalcuPageAtOffset *page_at)
{
	StringInfo id = makeStringInfo();
	WalcuDocument document;

	while (page_at_offset_next(page_at, &document, id))
	{
		if (page_at->taken == 1)
			check_skipped(search, page_at, id->data);
	}
	pfree(id->data);
	pfree(id);
	return !page_at->page->rejected;
}

/* A service that ignores the offset would have no end of documents, or the first page's. */
static void
check_skipped(Search *search, WalcuPageAtOffset *page_at, const char *first_id)
{
	const WalcuTransfer *transfer = page_at->page->transfer;

	if (page_at->skip == 0)
		search->first_id = pstrdup(first_id);
	else if (page_at->skip > TOO_MANY)
		http_error_raise_malformed(transfer, "it counts more documents than a resource can have");
	else if (first_id[0] != '\0' && search->first_id && strcmp(first_id, search->first_id) == 0)
		http_error_raise_malformed(transfer, "it begins with the same document as without \"skip\"");
}

static void
note_page(Search *search, const WalcuPage *page, int64 position)
{
	WalcuHasMore has_more = page->transfer->head.has_more;
	int64 end = position + page->documents;
	bool is_short = page->documents < search->page_size;

	search->page_size = Max(search->page_size, page->documents);
	if (page->documents == 0 && has_more == WALCU_MORE_YES)
		http_error_raise_malformed(page->transfer, "it has no documents but says that more follow");
	if (page->documents == 0)
	{
		search->most = position;
		search->ended = position <= search->least;
		return;
	}
	search->least = end;
	if (has_more == WALCU_MORE_NO)
		search->ended = true;
	/* documents have been added where there was an end */
	else if (search->most >= 0 && (has_more == WALCU_MORE_YES ? search->most <= end : search->most < end))
		search->most = -1;
	/* without the header, a page that is not full may be the last */
	else if (has_more == WALCU_MORE_UNKNOWN && is_short)
		search->expected = end;
}
