/*
 * source.c
 *	  Where the documents of a scan come from: one by its id, or page after page.
 *
 * The scan opens a source with what it wants and takes documents one at a time;
 * how many requests that takes is decided here.
 *
 * Paging by key asks for the documents after the last _id seen, in the order of _id, so
 * that documents inserted or deleted meanwhile neither repeat nor hide others.
 * A service that ignores the sort or the filter would break that silently; so the order
 * is checked.
 */
#include "postgres.h"

#include "source.h"

#include "mb/pg_wchar.h"
#include "page.h"
#include "reply.h"
#include "utils/memutils.h"

struct WalcuSource
{
	const WalcuQuery *query;
	WalcuTally *tally;
	MemoryContext context;  /* holds the source and its pages */
	WalcuPage *page;        /* documents are taken from this one */
	WalcuPage *next;        /* asked for ahead of time, or NULL */
	int64 earlier;          /* documents of the pages before the current one */
	StringInfo id;          /* of the last document taken */
	StringInfo previous_id; /* of the one before */
};

static WalcuPage *start_page(WalcuSource *source, WalcuRequest *(*make_request)(WalcuSource *source));
static WalcuRequest *first_request(WalcuSource *source);
static WalcuRequest *next_request(WalcuSource *source);
static bool go_to_next_page(WalcuSource *source);
static bool more_follows(const WalcuSource *source);
static void drop_page(WalcuSource *source, WalcuPage *page);
static void count_bytes(WalcuSource *source, WalcuPage *page);
static bool is_keyed(const WalcuQuery *query);
static void check_order(const WalcuSource *source);
static const char *utf8(StringInfo id);
static WalcuRequest *page_request(const WalcuQuery *query, const char *after, int64 skip);
static WalcuRequest *id_request(const WalcuQuery *query);
static void add_project(WalcuRequest *request, const WalcuQuery *query);

/* Open a source; nothing is asked for yet.  query and tally must outlive it. */
WalcuSource *
source_open(const WalcuQuery *query, WalcuTally *tally)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "walcu source", ALLOCSET_DEFAULT_SIZES);
	MemoryContext before = MemoryContextSwitchTo(context);
	WalcuSource *source = palloc0(sizeof(WalcuSource));

	source->query = query;
	source->tally = tally;
	source->context = context;
	source->id = makeStringInfo();
	source->previous_id = makeStringInfo();
	MemoryContextSwitchTo(before);
	return source;
}

/*
 * The next document, waiting for it if need be; false at the end.  Its bytes are good until the
 * next call, and until anything else talks to the service.
 */
bool
source_next(WalcuSource *source, WalcuDocument *document)
{
	StringInfo id = source->previous_id;

	if (source->page == NULL)
		source->page = start_page(source, first_request);
	for (;;)
	{
		WalcuPage *page = source->page;

		page_advance(page, false);
		if (page->whole && source->next == NULL && source->query->all_rows && more_follows(source))
			source->next = start_page(source, next_request);
		if (page_take(page, document, id))
			break;
		if (!page->whole)
			page_advance(page, true);
		else if (!go_to_next_page(source))
			return false;
	}
	source->previous_id = source->id;
	source->id = id;
	if (is_keyed(source->query))
		check_order(source);
	count_bytes(source, source->page);
	source->tally->documents++;
	return true;
}

/* Drop a source, at its end or before. */
void
source_close(WalcuSource *source)
{
	if (source->page)
		drop_page(source, source->page);
	if (source->next)
		drop_page(source, source->next);
	MemoryContextDelete(source->context);
}

/* The request that a scan begins with. */
WalcuRequest *
source_first_request(const WalcuQuery *query)
{
	return query->strategy == WALCU_BY_ID ? id_request(query) : page_request(query, NULL, 0);
}

/* What EXPLAIN calls the way documents are asked for. */
const char *
source_strategy_name(const WalcuQuery *query)
{
	if (query->strategy == WALCU_BY_ID)
		return "document by id";
	return is_keyed(query) ? "pages by key" : "pages by skip";
}

static WalcuPage *
start_page(WalcuSource *source, WalcuRequest *(*make_request)(WalcuSource *source))
{
	const WalcuQuery *query = source->query;
	MemoryContext context = AllocSetContextCreate(source->context, "walcu page", ALLOCSET_SMALL_SIZES);
	MemoryContext before = MemoryContextSwitchTo(context);
	WalcuPage *page = page_start(context, query->options, query->credential, make_request(source));

	MemoryContextSwitchTo(before);
	page->missing_is_empty = (query->strategy == WALCU_BY_ID);
	source->tally->requests++;
	return page;
}

static WalcuRequest *
first_request(WalcuSource *source)
{
	return source_first_request(source->query);
}

/* The request for the page after the current one, which is whole. */
static WalcuRequest *
next_request(WalcuSource *source)
{
	StringInfoData last;

	initStringInfo(&last);
	if (!page_last_id(source->page, &last))
		appendBinaryStringInfo(&last, source->id->data, source->id->len);
	return page_request(source->query, last.data, source->earlier + source->page->documents);
}

/* False at the end of the scan. */
static bool
go_to_next_page(WalcuSource *source)
{
	WalcuPage *page = source->page;

	if (!more_follows(source))
		return false;
	if (source->next == NULL)
		source->next = start_page(source, next_request);
	source->earlier += page->documents;
	drop_page(source, page);
	source->page = source->next;
	source->next = NULL;
	return true;
}

/*
 * Is there a page after the current one, which is whole?  A page that is smaller than
 * asked for is not the end; without the header, an empty one is.
 */
static bool
more_follows(const WalcuSource *source)
{
	const WalcuTransfer *transfer = source->page->transfer;

	if (source->query->strategy == WALCU_BY_ID || transfer->has_more == WALCU_MORE_NO)
		return false;
	if (source->page->documents == 0 && transfer->has_more == WALCU_MORE_YES)
		reply_raise_malformed(transfer, "it has no documents, and says that more follow");
	return source->page->documents > 0;
}

static void
drop_page(WalcuSource *source, WalcuPage *page)
{
	count_bytes(source, page);
	page_release(page);
}

static void
count_bytes(WalcuSource *source, WalcuPage *page)
{
	source->tally->bytes += page->transfer->received - page->counted_bytes;
	page->counted_bytes = page->transfer->received;
}

static bool
is_keyed(const WalcuQuery *query)
{
	return query->strategy == WALCU_BY_PAGES && query->options->paging == WALCU_PAGING_KEY;
}

/* Without an _id, or out of order, documents would be lost or repeated silently. */
static void
check_order(const WalcuSource *source)
{
	const WalcuOptions *options = source->query->options;

	if (source->id->len == 0)
		ereport(ERROR, errcode(ERRCODE_FDW_ERROR),
				errmsg("a document of resource \"%s\" has no string as _id", options->resource),
				errdetail("It follows the document \"%s\".", source->previous_id->data),
				errhint("Set the option paging to 'skip'."));
	if (strcmp(utf8(source->id), utf8(source->previous_id)) <= 0)
		ereport(ERROR, errcode(ERRCODE_FDW_ERROR),
				errmsg("documents of resource \"%s\" did not arrive in the order of _id", options->resource),
				errdetail("Document \"%s\" came after \"%s\".", source->id->data, source->previous_id->data),
				errhint("The service may ignore the sort or the filter: check the option sort_format, "
						"or set the option paging to 'skip'."));
}

/* The service compares ids by their bytes in UTF-8. */
static const char *
utf8(StringInfo id)
{
	return pg_server_to_any(id->data, id->len, PG_UTF8);
}

/* A page of documents: those after an _id, or behind the first n. */
static WalcuRequest *
page_request(const WalcuQuery *query, const char *after, int64 skip)
{
	const WalcuOptions *options = query->options;
	WalcuRequest *request = request_create(options, "GET");

	request_add_segment(request, options->resource);
	if (after && is_keyed(query))
		request_add_parameter(request, "q", request_greater_filter("_id", after));
	if (query->search)
		request_add_parameter(request, "search", query->search);
	add_project(request, query);
	request_add_parameter(request, "sort", request_field_list(options->sort_format, list_make1("_id")));
	if (skip > 0 && !is_keyed(query))
		request_add_parameter(request, "skip", psprintf(INT64_FORMAT, skip));
	request_add_parameter(request, "limit", psprintf("%d", options->fetch_size));
	return request;
}

/*
 * One document, by its path where the id can stand in one, else by a filter.  EXPLAIN
 * may not know the id yet.
 */
static WalcuRequest *
id_request(const WalcuQuery *query)
{
	WalcuRequest *request = request_create(query->options, "GET");

	request_add_segment(request, query->options->resource);
	if (query->id == NULL)
		request_add_segment(request, "{_id}");
	else if (request_id_fits_path(query->id))
		request_add_segment(request, query->id);
	else
	{
		request_add_parameter(request, "q", request_equal_filter("_id", query->id));
		add_project(request, query);
		request_add_parameter(request, "limit", "1");
	}
	return request;
}

static void
add_project(WalcuRequest *request, const WalcuQuery *query)
{
	if (query->project != NIL)
		request_add_parameter(request, "project",
							  request_field_list(query->options->project_format, query->project));
}
