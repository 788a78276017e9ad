/*
 * query.c
 *	  The requests that say what a scan asks the service for.
 *
 * The cursors of a fetch and jobs build their requests here, and EXPLAIN shows the first one.
 */
#include "postgres.h"

#include <math.h>

#include "fetch/query.h"

#include "pushdown/projection.h"
#include "service/learned.h"
#include "service/learned_sort.h"
#include "utils/memutils.h"

/* Of a URL's length, what is left for the filter of what follows a page's last document. */
#define POSITION_SIZE 300

/* A reader that has wanted so many pages more than was likely may well want all of them. */
#define PAGES_IN_SEQUENCE 8

static size_t count_filter_room(const WalcuQuery *query);
static int choose_page_size(const WalcuQuery *query, int64 delivered);
static void add_filter(WalcuRequest *request, const WalcuQuery *query, List *filters);
static void add_project(WalcuRequest *request, const WalcuQuery *query);
static void add_sort(WalcuRequest *request, const WalcuQuery *query, List *keys, bool reverse);
static void add_skip(WalcuRequest *request, int64 skip);

/* Are pages asked for by what follows a document, rather than by a number of documents? */
bool
query_is_keyed(const WalcuQuery *query)
{
	return (query->strategy == WALCU_BY_PAGES || query->strategy == WALCU_BY_RANGES) &&
		   query_asks_for_order(query) && query->options->paging == WALCU_PAGING_KEY;
}

/* Is an order asked for, in which the service sends documents if it does what it is asked to? */
bool
query_asks_for_order(const WalcuQuery *query)
{
	return !query->unsorted && query->options->sort_format != WALCU_FORMAT_NONE;
}

/* Does the service know no such parameter as `project`, or understand it otherwise? */
bool
query_is_unprojected(const WalcuQuery *query)
{
	WalcuOptions server = *query->options;

	server.resource = "";
	return server.project_format == WALCU_FORMAT_NONE ||
		   learned_tells(WALCU_LEARNED_UNPROJECTED, &server, "");
}

/* What is asked for of the filters. */
List *
query_filters(const WalcuQuery *query)
{
	return filter_reduced(query->filters, query->extent, query->options);
}

/* Is there less to ask for, should the service refuse the filter? */
bool
query_may_be_refused(const WalcuQuery *query)
{
	if (query->strategy == WALCU_BY_ID || query->is_taken)
		return false;
	return (query->filters != NIL && query->extent != WALCU_FILTER_NONE) || query_splits_nulls(query);
}

/*
 * May the order be what the service refuses?  Nobody has seen yet that it sorts like that.  Beside a search
 * text it is rather the text that is refused.
 */
bool
query_sort_may_be_refused(const WalcuQuery *query)
{
	WalcuLearnedSort known = learned_sort(query->options);

	if ((query->strategy != WALCU_BY_PAGES && query->strategy != WALCU_BY_RANGES) || query->is_taken ||
		query->search || !query_asks_for_order(query))
		return false;
	return known == WALCU_SORT_UNKNOWN || (known == WALCU_SORT_BY_ID && !sort_is_by_id(query->keys));
}

/* Is an order read in parts, whose filters tell NULLs apart? */
bool
query_splits_nulls(const WalcuQuery *query)
{
	MemoryContext scratch;
	MemoryContext before;
	bool splits;

	if (query->keys == NIL)
		return false;
	/* a statement may have hundreds of scans, each of which would keep the parts */
	scratch = AllocSetContextCreate(CurrentMemoryContext, "walcu scratch", ALLOCSET_DEFAULT_SIZES);
	before = MemoryContextSwitchTo(scratch);
	splits = ((WalcuQueryPart *) linitial(query_split_parts(query, NIL)))->nulls != WALCU_PART_ALL;
	MemoryContextSwitchTo(before);
	MemoryContextDelete(scratch);
	return splits;
}

/* How many pages have what is likely to be wanted beyond what was delivered: one at least, or no end. */
int
query_wanted_pages(const WalcuQuery *query, int64 delivered)
{
	double left = Max(query->wanted - delivered, 1);

	return query->wanted > 0 ? (int) Min(ceil(left / query->options->fetch_size), INT_MAX) : INT_MAX;
}

/*
 * Goes over from pages in sequence to ranges at once, where the reader has taken many more documents than it
 * was likely to want, in whatever order they come: then as many requests as are under way at once may be in
 * vain, which is less than were waited for.  Returns the query.
 */
const WalcuQuery *
query_spread(WalcuQuery *query, int64 delivered)
{
	const WalcuOptions *options = query->options;

	if (query->strategy != WALCU_BY_PAGES || query->keys != NIL || query->skip > 0 ||
		options->fetch_mode == WALCU_FETCH_PAGES || options->max_connections == 1 || !query_is_keyed(query) ||
		delivered < query->wanted + PAGES_IN_SEQUENCE * options->fetch_size)
		return query;
	query->strategy = WALCU_BY_RANGES;
	query->wanted = 0;
	return query;
}

/*
 * Is the first page of the next part to be under way with one of the part before?  So it is where all
 * documents are wanted; and where others wait for the first one, and that part has those without a value, of
 * which there are often none.
 */
bool
query_wants_next_part(const WalcuQuery *query, const List *parts)
{
	const WalcuQueryPart *first = parts ? linitial(parts) : NULL;

	if (query->strategy != WALCU_BY_PAGES || query->keys == NIL)
		return false;
	return query->all_rows || (query->is_merged && first && first->nulls == WALCU_PART_WITHOUT_VALUE);
}

/* The parts, of WalcuQueryPart, that have the documents which match a filter. */
List *
query_split_parts(const WalcuQuery *query, List *filters)
{
	return query_parts_plan(query->options, filters, query->unsplit ? NIL : query->keys,
							count_filter_room(query));
}

/* The request that a scan begins with. */
WalcuRequest *
query_first_request(const WalcuQuery *query)
{
	WalcuQueryPart *part;

	if (query->strategy == WALCU_BY_ID)
		return query_document(query);
	part = linitial(query_split_parts(query, query->filters));
	if (query->strategy == WALCU_BY_JOB)
		return query_job(query, part);
	return query_page(query, part, NIL, query->skip, 0);
}

/* One document, by its path.  EXPLAIN may not know the id yet. */
WalcuRequest *
query_document(const WalcuQuery *query)
{
	WalcuRequest *request = request_create(query->options, "GET");

	request_add_segment(request, query->options->resource);
	request_add_segment(request, query->id ? query->id : "{_id}");
	return request;
}

/*
 * A page of a part's documents: those that meet the clauses of a position in it, too, and are behind the
 * first skip ones.  delivered tells how many the scan has had.
 */
WalcuRequest *
query_page(const WalcuQuery *query, const WalcuQueryPart *part, List *position, int64 skip, int64 delivered)
{
	WalcuRequest *request = request_create(query->options, "GET");

	request_add_segment(request, query->options->resource);
	add_filter(request, query, list_concat_copy(part->filters, position));
	add_project(request, query);
	add_sort(request, query, part->keys, false);
	add_skip(request, skip);
	request_add_parameter(request, "limit", psprintf("%d", choose_page_size(query, delivered)));
	return request;
}

/* The last page of a part without an order of its own, which begins with the greatest _id. */
WalcuRequest *
query_last_page(const WalcuQuery *query, const WalcuQueryPart *part, int64 delivered)
{
	WalcuRequest *request = request_create(query->options, "GET");

	request_add_segment(request, query->options->resource);
	add_filter(request, query, part->filters);
	add_project(request, query);
	add_sort(request, query, NIL, true);
	/* two tell whether there is more than one, where replies do not say whether more follow */
	request_add_parameter(request, "limit", psprintf("%d", Max(choose_page_size(query, delivered), 2)));
	return request;
}

/*
 * The first documents, by their _id alone, of a part that begins behind the first skip ones; or those at its
 * other end, in the very reverse of its order.
 */
WalcuRequest *
query_end(const WalcuQuery *query, const WalcuQueryPart *part, bool reverse, int documents)
{
	WalcuRequest *request = request_create(query->options, "GET");
	WalcuQuery ids = *query;

	ids.project = list_make1("_id");
	request_add_segment(request, query->options->resource);
	add_filter(request, query, part->filters);
	add_project(request, &ids);
	add_sort(request, query, part->keys, reverse);
	add_skip(request, query->skip);
	request_add_parameter(request, "limit", psprintf("%d", documents));
	return request;
}

/* The call that starts a background job for a part's documents. */
WalcuRequest *
query_job(const WalcuQuery *query, const WalcuQueryPart *part)
{
	WalcuRequest *request = request_create(query->options, "GET");

	request_add_segment(request, query->options->resource);
	request_add_segment(request, "all");
	add_filter(request, query, part->filters);
	add_project(request, query);
	if (part->keys != NIL)
		add_sort(request, query, part->keys, false);
	return request;
}

/* What EXPLAIN calls the way documents are asked for. */
const char *
query_strategy_name(const WalcuQuery *query)
{
	switch (query->strategy)
	{
		case WALCU_BY_ID:
			return "document by id";
		case WALCU_BY_JOB:
			return "background job";
		case WALCU_BY_RANGES:
			return query_is_keyed(query) ? "parallel pages by key" : "pages by skip";
		default:
			return query_is_keyed(query) ? "pages by key" : "pages by skip";
	}
}

/* How long a filter may be, in bytes of a URL. */
static size_t
count_filter_room(const WalcuQuery *query)
{
	const WalcuQueryPart empty = {.keys = query->keys};
	MemoryContext scratch =
		AllocSetContextCreate(CurrentMemoryContext, "walcu scratch", ALLOCSET_DEFAULT_SIZES);
	MemoryContext before = MemoryContextSwitchTo(scratch);
	size_t length = query_page(query, &empty, NIL, 0, 0)->url.len + POSITION_SIZE;

	MemoryContextSwitchTo(before);
	MemoryContextDelete(scratch);
	/* without its filter, one document would cost all of them: then rather let the service decide */
	if (query->id)
		return SIZE_MAX;
	return length < query->options->max_url_length ? query->options->max_url_length - length : 0;
}

/* No more documents than are likely to be wanted; a page when they turn out not to be enough. */
static int
choose_page_size(const WalcuQuery *query, int64 delivered)
{
	double left = query->wanted - delivered;

	return left >= 1 ? (int) Min(left, query->options->fetch_size) : query->options->fetch_size;
}

static void
add_filter(WalcuRequest *request, const WalcuQuery *query, List *filters)
{
	if (filters != NIL)
		request_add_parameter(request, "q", filter_text(filters));
	if (query->search)
		request_add_parameter(request, "search", query->search);
}

static void
add_project(WalcuRequest *request, const WalcuQuery *query)
{
	if (query->project != NIL && !query_is_unprojected(query))
		request_add_parameter(request, "project",
							  projection_field_list(query->options->project_format, query->project));
}

static void
add_sort(WalcuRequest *request, const WalcuQuery *query, List *keys, bool reverse)
{
	if (query_asks_for_order(query))
		request_add_parameter(request, "sort", sort_text(query->options, keys, reverse));
}

static void
add_skip(WalcuRequest *request, int64 skip)
{
	if (skip > 0)
		request_add_parameter(request, "skip", psprintf(INT64_FORMAT, skip));
}
