/*
 * source.c
 *	  Where the documents of a scan come from: one by its id, or page after page.
 *
 * The scan opens a source with what it wants and takes documents one at a time;
 * how many requests that takes is decided here.
 *
 * Paging by key asks for the documents after the last one seen, in the order of the scan's
 * keys and of _id, so that documents inserted or deleted meanwhile neither repeat nor hide
 * others.  A service that ignores the sort or the filter would break that silently; so the
 * order of _id is checked here where it is the only key, and that of others in scan.c.
 */
#include "postgres.h"

#include "source.h"

#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "mb/pg_wchar.h"
#include "page.h"
#include "reply.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

/* Of a URL's length, what is left for the filter of what follows a page's last document. */
#define POSITION_SIZE 300

struct WalcuSource
{
	const WalcuQuery *query;
	WalcuTally *tally;
	MemoryContext context;  /* holds the source and its pages */
	List *streams;          /* of WalcuStream; NIL until the first request */
	int stream;             /* the one that is being read */
	bool fell_back;         /* to query->fallback */
	WalcuPage *page;        /* documents are taken from this one */
	WalcuPage *next;        /* asked for ahead of time, or NULL */
	int64 delivered;        /* documents taken so far */
	int64 earlier;          /* documents of the stream's pages before the current one */
	StringInfo id;          /* of the last document taken */
	StringInfo previous_id; /* of the one before */
	WalcuDecoder *decoder;  /* of the keys, when there are any */
	List *values;           /* JSON texts of the keys of the last document, of the page's when it is whole */
	HTAB *seen;             /* of a list's parts: the documents, by SeenKey; or NULL */
};

/* An _id: 128 bits of hash, so that two are never the same, and memory is small. */
typedef struct SeenKey
{
	uint64 halves[2];
} SeenKey;

static bool next_document(WalcuSource *source, WalcuDocument *document);
static void prepare_keys(WalcuSource *source);
static void plan_streams(WalcuSource *source, List *clauses);
static WalcuStream *current_stream(const WalcuSource *source);
static WalcuPage *start_page(WalcuSource *source, WalcuRequest *(*make_request)(WalcuSource *source));
static bool has_fallback(const WalcuQuery *query);
static WalcuRequest *first_request(WalcuSource *source);
static WalcuRequest *next_request(WalcuSource *source);
static void note_keys(WalcuSource *source, const WalcuDocument *document);
static void fall_back(WalcuSource *source);
static bool go_to_next_page(WalcuSource *source);
static bool go_to_next_stream(WalcuSource *source);
static bool more_follows(const WalcuSource *source);
static void drop_page(WalcuSource *source, WalcuPage *page);
static void count_bytes(WalcuSource *source, WalcuPage *page);
static bool is_keyed(const WalcuQuery *query);
static void check_order(const WalcuSource *source);
static bool is_repeated(WalcuSource *source);
static void remember_ids(WalcuSource *source);
static const char *utf8(StringInfo id);
static WalcuRequest *page_request(const WalcuQuery *query, const WalcuStream *stream, WalcuClause *after,
								  int64 skip, int size);
static size_t room_for_filter(const WalcuQuery *query);
static int page_size(const WalcuQuery *query, int64 delivered);
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
	prepare_keys(source);
	plan_streams(source, query->clauses);
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
	do
	{
		if (!next_document(source, document))
			return false;
	} while (is_repeated(source));
	return true;
}

/* As source_next, but the parts of a list may repeat documents. */
static bool
next_document(WalcuSource *source, WalcuDocument *document)
{
	StringInfo id = source->previous_id;

	if (source->page == NULL)
		source->page = start_page(source, first_request);
	for (;;)
	{
		WalcuPage *page = source->page;

		page_advance(page, false);
		if (page->rejected)
		{
			fall_back(source);
			continue;
		}
		if (page->whole && source->next == NULL && source->query->all_rows && more_follows(source))
			source->next = start_page(source, next_request);
		if (page_take(page, document, id))
			break;
		if (!page->whole)
			page_advance(page, true);
		else if (!go_to_next_page(source) && !go_to_next_stream(source))
			return false;
	}
	source->previous_id = source->id;
	source->id = id;
	if (is_keyed(source->query))
		check_order(source);
	if (source->page->queue_head == source->page->queue_length)
		note_keys(source, document);
	count_bytes(source, source->page);
	source->tally->documents++;
	source->delivered++;
	return true;
}

/* Which documents the last one is of, by what was asked for. */
WalcuStreamPart
source_part(const WalcuSource *source)
{
	return current_stream(source)->part;
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
	List *streams;

	if (query->strategy == WALCU_BY_ID)
		return id_request(query);
	streams = stream_plan(query->options, query->clauses, query->keys, room_for_filter(query));
	return page_request(query, linitial(streams), NULL, query->skip, page_size(query, 0));
}

/* What EXPLAIN calls the way documents are asked for. */
const char *
source_strategy_name(const WalcuQuery *query)
{
	if (query->strategy == WALCU_BY_ID)
		return "document by id";
	return is_keyed(query) ? "pages by key" : "pages by skip";
}

/* Keys are read as the texts that a filter has them as. */
static void
prepare_keys(WalcuSource *source)
{
	List *keys = source->query->keys;
	TupleDesc columns;

	if (keys == NIL)
		return;
	columns = CreateTemplateTupleDesc(list_length(keys));
	for (int i = 0; i < list_length(keys); i++)
		TupleDescInitEntry(columns, i + 1, "key", JSONOID, -1, 0);
	source->decoder = decode_prepare(source->query->options, columns);
	for (int i = 0; i < list_length(keys); i++)
		decode_want(source->decoder, i, ((WalcuSortKey *) list_nth(keys, i))->operand->path);
}

static void
plan_streams(WalcuSource *source, List *clauses)
{
	const WalcuQuery *query = source->query;

	source->streams = stream_plan(query->options, clauses, query->keys, room_for_filter(query));
	source->stream = 0;
}

static WalcuStream *
current_stream(const WalcuSource *source)
{
	return list_nth(source->streams, source->stream);
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
	/* later, documents have been delivered that would come again */
	page->may_be_rejected = source->page == NULL && !source->fell_back && has_fallback(query);
	source->tally->requests++;
	return page;
}

/* Is there less that the service may not take? */
static bool
has_fallback(const WalcuQuery *query)
{
	return strcmp(clause_filter(query->clauses), clause_filter(query->fallback)) != 0;
}

static WalcuRequest *
first_request(WalcuSource *source)
{
	if (source->query->strategy == WALCU_BY_ID)
		return id_request(source->query);
	return page_request(source->query, current_stream(source), NULL, source->query->skip,
						page_size(source->query, source->delivered));
}

/* The request for the page after the current one, which is whole. */
static WalcuRequest *
next_request(WalcuSource *source)
{
	const WalcuQuery *query = source->query;
	WalcuStream *stream = current_stream(source);
	const char *id = source->id->data;
	WalcuClause *after = NULL;
	int64 skip = 0;
	WalcuDocument last;
	StringInfoData last_id;

	initStringInfo(&last_id);
	if (page_last(source->page, &last, &last_id))
	{
		note_keys(source, &last);
		id = last_id.data;
	}
	if (is_keyed(query))
		/* a stream of documents without a value has no such key */
		after = order_after(
			stream->keys,
			list_copy_tail(source->values, list_length(query->keys) - list_length(stream->keys)), id);
	if (after == NULL)
		skip = query->skip + source->earlier + source->page->documents;
	return page_request(query, stream, after, skip, page_size(query, source->delivered));
}

/* Remember the keys of what may be the last document of its page. */
static void
note_keys(WalcuSource *source, const WalcuDocument *document)
{
	int count = list_length(source->query->keys);
	MemoryContext before;
	Datum *values;
	bool *nulls;

	if (count == 0)
		return;
	before = MemoryContextSwitchTo(source->page->context);
	values = palloc0(count * sizeof(Datum));
	nulls = palloc(count * sizeof(bool));
	memset(nulls, true, count * sizeof(bool));
	decode_document(source->decoder, document, values, nulls);
	source->values = NIL;
	for (int i = 0; i < count; i++)
		source->values = lappend(source->values, nulls[i] ? NULL : TextDatumGetCString(values[i]));
	MemoryContextSwitchTo(before);
}

/* The service did not take the filter: ask again without what it may not have taken. */
static void
fall_back(WalcuSource *source)
{
	MemoryContext before;

	drop_page(source, source->page);
	source->tally->rejected++;
	source->fell_back = true;
	before = MemoryContextSwitchTo(source->context);
	plan_streams(source, source->query->fallback);
	MemoryContextSwitchTo(before);
	source->page = start_page(source, first_request);
}

/* False at the end of the stream. */
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

/* False at the end of the scan. */
static bool
go_to_next_stream(WalcuSource *source)
{
	if (source->query->strategy == WALCU_BY_ID || source->stream + 1 == list_length(source->streams))
		return false;
	drop_page(source, source->page);
	source->stream++;
	source->earlier = 0;
	source->values = NIL;
	resetStringInfo(source->id);
	resetStringInfo(source->previous_id);
	source->page = start_page(source, first_request);
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
	bool empty_is_wanted = source->query->id && source->query->id[0] == '\0';

	if (empty_is_wanted && source->previous_id->len == 0)
		return;
	if (source->id->len == 0)
		ereport(ERROR, errcode(ERRCODE_FDW_ERROR),
				errmsg("a document of resource \"%s\" has no string as _id", options->resource),
				errdetail("It follows the document \"%s\".", source->previous_id->data),
				errhint("Set the option paging to 'skip'."));
	if (source->query->keys != NIL)
		return;
	if (strcmp(utf8(source->id), utf8(source->previous_id)) <= 0)
		ereport(ERROR, errcode(ERRCODE_FDW_ERROR),
				errmsg("documents of resource \"%s\" did not arrive in the order of _id", options->resource),
				errdetail("Document \"%s\" came after \"%s\".", source->id->data, source->previous_id->data),
				errhint("The service may ignore the sort or the filter: check the option sort_format, "
						"or set the option paging to 'skip'."));
}

/*
 * A service that ignores the filter sends every document with each part of a list.  Of what it
 * should send there are no more than fit the list, so that memory is bounded by the query's own.
 */
static bool
is_repeated(WalcuSource *source)
{
	SeenKey key;
	bool found;

	if (source->query->strategy == WALCU_BY_ID || !current_stream(source)->of_list || source->id->len == 0)
		return false;
	if (source->seen == NULL)
		remember_ids(source);
	for (int i = 0; i < lengthof(key.halves); i++)
		key.halves[i] = hash_bytes_extended((unsigned char *) source->id->data, source->id->len, i);
	hash_search(source->seen, &key, HASH_ENTER, &found);
	return found;
}

static void
remember_ids(WalcuSource *source)
{
	HASHCTL control = {.keysize = sizeof(SeenKey), .entrysize = sizeof(SeenKey), .hcxt = source->context};

	source->seen = hash_create("walcu documents seen", 1024, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

/* The service compares ids by their bytes in UTF-8. */
static const char *
utf8(StringInfo id)
{
	return pg_server_to_any(id->data, id->len, PG_UTF8);
}

/* A page of a stream's documents: those after a place in the order, or behind the first n. */
static WalcuRequest *
page_request(const WalcuQuery *query, const WalcuStream *stream, WalcuClause *after, int64 skip, int size)
{
	const WalcuOptions *options = query->options;
	WalcuRequest *request = request_create(options, "GET");
	List *clauses = after ? lappend(list_copy(stream->clauses), after) : stream->clauses;

	request_add_segment(request, options->resource);
	if (clauses != NIL)
		request_add_parameter(request, "q", clause_filter(clauses));
	if (query->search)
		request_add_parameter(request, "search", query->search);
	add_project(request, query);
	request_add_parameter(request, "sort", order_sort(options, stream->keys));
	if (skip > 0)
		request_add_parameter(request, "skip", psprintf(INT64_FORMAT, skip));
	request_add_parameter(request, "limit", psprintf("%d", size));
	return request;
}

/* How long a filter may be, in bytes of a URL. */
static size_t
room_for_filter(const WalcuQuery *query)
{
	const WalcuStream empty = {.keys = query->keys};
	size_t length = page_request(query, &empty, NULL, 0, query->options->fetch_size)->url.len + POSITION_SIZE;

	/* without its filter, one document would cost all of them: then rather let the service decide */
	if (query->id)
		return SIZE_MAX;
	return length < query->options->max_url_length ? query->options->max_url_length - length : 0;
}

/* No more documents than are likely to be wanted; a page when they turn out not to be enough. */
static int
page_size(const WalcuQuery *query, int64 delivered)
{
	double left = query->wanted - delivered;

	return left >= 1 ? (int) Min(left, query->options->fetch_size) : query->options->fetch_size;
}

/* One document, by its path.  EXPLAIN may not know the id yet. */
static WalcuRequest *
id_request(const WalcuQuery *query)
{
	WalcuRequest *request = request_create(query->options, "GET");

	request_add_segment(request, query->options->resource);
	request_add_segment(request, query->id ? query->id : "{_id}");
	return request;
}

static void
add_project(WalcuRequest *request, const WalcuQuery *query)
{
	if (query->project != NIL)
		request_add_parameter(request, "project",
							  request_field_list(query->options->project_format, query->project));
}
