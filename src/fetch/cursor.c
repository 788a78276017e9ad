/*
 * cursor.c
 *	  The documents of one stream, or of a range of it, read in sequence.
 *
 * A lane asks for page after page, or for one document, or for a job's results.  What breaks is asked for again from
 * behind the last document taken, so that none is lost or repeated.  A source (source.c)
 * has one lane or several; nothing here waits.
 *
 * Paging by key asks for the documents after the last one seen, in the order of the scan's
 * keys and of _id, so that documents inserted or deleted meanwhile neither repeat nor hide
 * others.  A service that ignores the sort or the filter would break that silently; so the
 * order of _id is checked here where it is the only key, and that of others in scan.c.
 */
#include "postgres.h"

#include "fetch/cursor.h"

#include "base/range.h"
#include "http/http_error.h"
#include "http/retry.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

static WalcuLane *create_lane(WalcuReading *reading, WalcuStream *stream);
static WalcuPage *start_page(WalcuLane *lane, const char *id, int64 passed, const WalcuAttempt *attempt);
static int64 waiting(const WalcuLane *lane);
static WalcuShare *share_of(const WalcuLane *lane);
static const WalcuRequest *make_request(const WalcuLane *lane, const char *id, int64 passed);
static WalcuRequest *make_page_request(const WalcuLane *lane, const char *id, int64 passed,
									   const char *before);
static List *position_clauses(const WalcuLane *lane, const char *id, const char *before);
static void start_next_page(WalcuLane *lane);
static bool next_is_wanted(const WalcuLane *lane);
static void ask_again(WalcuLane *lane);
static bool go_to_next_page(WalcuLane *lane);
static bool more_follows(const WalcuLane *lane);
static bool is_short(const WalcuLane *lane);
static bool is_repeated(WalcuLane *lane);
pg_noreturn static void raise_changed(const WalcuLane *lane);
static bool is_beyond(const WalcuLane *lane, const char *id);
static void note_keys(WalcuLane *lane, const WalcuDocument *document);
static void check_found_documents(const WalcuLane *lane);
static void check_order(const WalcuLane *lane);
static void check_skip(const WalcuLane *lane);
static const char *utf8(const char *id);
static void drop_page(WalcuLane *lane, WalcuPage *page);
static void count_bytes(WalcuLane *lane, WalcuPage *page);

/* Open a lane, in the current memory context, and send its first request. */
WalcuLane *
lane_open(WalcuReading *reading, WalcuStream *stream, const char *from, const char *before)
{
	WalcuLane *lane = create_lane(reading, stream);

	lane->start = lane->from = from;
	lane->before = before;
	lane->page = start_page(lane, NULL, 0, NULL);
	return lane;
}

/* Open a lane that reads the results of a background job, and start the job. */
WalcuLane *
lane_open_job(WalcuReading *reading, WalcuStream *stream)
{
	WalcuLane *lane = create_lane(reading, stream);

	lane->job = job_start(lane->context, reading->query, stream, reading->may_be_rejected, reading->tally);
	return lane;
}

/*
 * Take in what has arrived, and ask for what follows; wait tells that the caller is about to wait
 * for more.
 */
void
lane_look(WalcuLane *lane, bool wait)
{
	if (lane->ended)
		return;
	if (lane->page == NULL)
	{
		job_look(lane->job, wait);
		if (job_results(lane->job))
			lane->page = start_page(lane, NULL, 0, NULL);
		return;
	}
	page_look(lane->page, wait);
	if (lane->page->whole && lane->next == NULL && next_is_wanted(lane))
		start_next_page(lane);
}

/* Will lane_take bring a document, or the lane forward? */
bool
lane_has_news(const WalcuLane *lane)
{
	const WalcuPage *page = lane->page;

	return !lane->ended && page && (page->queue_head < page->queue_length || page->whole || page->broken);
}

/*
 * The next document that is here; false when there is none yet, or no more (ended).  Its bytes are
 * good until the lane is looked at, or asked for the next one.
 */
bool
lane_take(WalcuLane *lane, WalcuDocument *document)
{
	while (!lane->ended)
	{
		WalcuPage *page = lane->page;
		StringInfo id = lane->previous_id;

		if (!page_take(page, document, id))
		{
			if (page->broken)
				ask_again(lane);
			else if (page->whole)
				lane->ended = is_beyond(lane, lane->id->data) || !go_to_next_page(lane);
			return false;
		}
		count_bytes(lane, page);
		if (is_repeated(lane))
			continue;
		lane->previous_id = lane->id;
		lane->id = id;
		if (query_is_keyed(lane->reading->query))
			check_order(lane);
		else
			check_skip(lane);
		if (is_beyond(lane, id->data))
			continue;
		if (page->queue_head == page->queue_length)
			note_keys(lane, document);
		if (lane->taken++ == 0)
			appendStringInfoString(lane->first_id, id->data);
		return true;
	}
	return false;
}

/* What is waited for. */
WalcuTransfer *
lane_transfer(const WalcuLane *lane)
{
	return lane->page ? lane->page->transfer : job_transfer(lane->job);
}

/* Did the service not take the filter? */
bool
lane_is_rejected(const WalcuLane *lane)
{
	return lane->page ? lane->page->rejected : job_is_rejected(lane->job);
}

/* Did the service take the filter? */
bool
lane_is_answered(const WalcuLane *lane)
{
	return lane->taken > 0 || (lane->page && lane->page->transfer->status / 100 == 2);
}

/* Why there is nothing to be had of its job, and pages are to be read; NULL when there is. */
const char *
lane_obstacle(const WalcuLane *lane)
{
	if (lane->job && lane->page && lane->page->unavailable)
		return psprintf("the results were answered %d", lane->page->transfer->status);
	return lane->job ? job_obstacle(lane->job) : NULL;
}

/* What a lane, of a stream without an order of its own, has not asked for yet. */
WalcuRest
lane_rest(const WalcuLane *lane)
{
	WalcuPage *page = lane->page;
	WalcuRest rest = {.position = lane->start, .end = lane->before ? lane->before : range_of_now()};
	const char *start = lane->start ? lane->start : lane->first_id->data;
	StringInfoData last;
	WalcuDocument document;

	if (lane->ended || !range_is_object_id(rest.end) || (page->whole && !more_follows(lane)))
		return rest;
	/* another lane would ask for other ranges than those that are held */
	if (lane->next && lane->next->replayed)
		return rest;
	initStringInfo(&last);
	if (page_last(page, &document, &last))
		rest.position = last.data;
	else if (lane->taken > 0)
		rest.position = lane->id->data;
	if (rest.position == NULL || !range_is_object_id(rest.position) || strcmp(rest.position, rest.end) >= 0)
		return rest;
	if (rest.position == lane->start)
		rest.documents = lane->expected;
	else if (range_is_object_id(start) && strcmp(start, rest.position) < 0)
		rest.documents = (lane->earlier + page->documents) * range_width(rest.position, rest.end) /
						 range_width(start, rest.position);
	return rest;
}

/* Drop a lane, at its end or before. */
void
lane_close(WalcuLane *lane)
{
	if (lane->page)
		count_bytes(lane, lane->page);
	if (lane->next)
		count_bytes(lane, lane->next);
	MemoryContextDelete(lane->context);
}

static WalcuLane *
create_lane(WalcuReading *reading, WalcuStream *stream)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "walcu lane", ALLOCSET_SMALL_SIZES);
	MemoryContext before = MemoryContextSwitchTo(context);
	WalcuLane *lane = palloc0(sizeof(WalcuLane));

	lane->context = context;
	lane->reading = reading;
	lane->stream = stream;
	lane->first_id = makeStringInfo();
	lane->id = makeStringInfo();
	lane->previous_id = makeStringInfo();
	lane->value_context = AllocSetContextCreate(context, "walcu keys", ALLOCSET_SMALL_SIZES);
	MemoryContextSwitchTo(before);
	return lane;
}

/* Ask for the page behind a document's _id, if it has one, and behind so many documents. */
static WalcuPage *
start_page(WalcuLane *lane, const char *id, int64 passed, const WalcuAttempt *attempt)
{
	WalcuReading *reading = lane->reading;
	const WalcuQuery *query = reading->query;
	MemoryContext context = AllocSetContextCreate(lane->context, "walcu page", ALLOCSET_SMALL_SIZES);
	MemoryContext before = MemoryContextSwitchTo(context);
	WalcuPage *page = page_start(context, query->options, query->credential, make_request(lane, id, passed),
								 attempt, share_of(lane));

	MemoryContextSwitchTo(before);
	page->missing_is_empty = (query->strategy == WALCU_BY_ID);
	page->may_be_unavailable = lane->job && lane->taken == 0;
	/* later, documents have been delivered that would come again */
	page->may_be_rejected = reading->may_be_rejected && lane->job == NULL && id == NULL && lane->taken == 0;
	if (page->replayed)
		reading->tally->reused++;
	else
	{
		reading->tally->requests++;
		reading->tally->retries += attempt != NULL;
	}
	return page;
}

/* Of the memo, if replies are to be had from there, or held; or NULL. */
static WalcuShare *
share_of(const WalcuLane *lane)
{
	return (lane->job || !memo_serves(&lane->reading->share)) ? NULL : &lane->reading->share;
}

static const WalcuRequest *
make_request(const WalcuLane *lane, const char *id, int64 passed)
{
	const WalcuQuery *query = lane->reading->query;
	WalcuRequest *request;

	if (query->strategy == WALCU_BY_ID)
		return query_document(query);
	if (lane->job)
		return job_results(lane->job);
	request = make_page_request(lane, id, passed, lane->before);
	request->before = lane->before;
	if (lane->before && share_of(lane))
		request->unbounded = make_page_request(lane, id, passed, NULL)->url.data;
	return request;
}

static WalcuRequest *
make_page_request(const WalcuLane *lane, const char *id, int64 passed, const char *before)
{
	const WalcuQuery *query = lane->reading->query;
	bool by_position = query_is_keyed(query) && id != NULL;

	return query_page(query, lane->stream, position_clauses(lane, by_position ? id : NULL, before),
					  by_position ? 0 : query->skip + passed, lane->reading->delivered + waiting(lane));
}

/* The documents that are here and not taken yet. */
static int64
waiting(const WalcuLane *lane)
{
	return lane->page ? lane->page->documents - page_taken(lane->page) : 0;
}

/* What is true of the documents of the lane behind one. */
static List *
position_clauses(const WalcuLane *lane, const char *id, const char *before)
{
	/* a stream of documents without a value has no such key */
	int missing = list_length(lane->reading->query->keys) - list_length(lane->stream->keys);
	List *clauses = NIL;

	if (id)
		clauses = list_make1(order_after(lane->stream->keys, list_copy_tail(lane->values, missing), id));
	else if (lane->from)
		clauses = list_make1(clause_test("_id", "$gte", clause_string(lane->from)));
	if (before)
		clauses = lappend(clauses, clause_test("_id", "$lt", clause_string(before)));
	return clauses;
}

/* The current page is whole: ask for the one behind its last document. */
static void
start_next_page(WalcuLane *lane)
{
	WalcuPage *page = lane->page;
	const char *id = lane->id->data;
	WalcuDocument last;
	StringInfoData last_id;

	initStringInfo(&last_id);
	if (page_last(page, &last, &last_id))
	{
		id = last_id.data;
		note_keys(lane, &last);
	}
	if (is_short(lane))
	{
		lane->from = MemoryContextStrdup(lane->context, page->before);
		lane->next = start_page(lane, NULL, 0, NULL);
	}
	else if (!is_beyond(lane, id))
		lane->next = start_page(lane, id, lane->earlier + page->documents, NULL);
	pfree(last_id.data);
}

/* Is it likely that more than the current page, which is whole, will be read? */
static bool
next_is_wanted(const WalcuLane *lane)
{
	const WalcuQuery *query = lane->reading->query;

	lane->reading->page_size = Max(lane->reading->page_size, lane->page->documents);
	return more_follows(lane) &&
		   (query->all_rows || query->wanted > lane->reading->delivered + waiting(lane));
}

/* The current page broke: ask for what follows the last document taken. */
static void
ask_again(WalcuLane *lane)
{
	WalcuPage *broken = lane->page;
	WalcuAttempt attempt = retry_attempt(broken->transfer);
	int64 passed = lane->earlier + page_taken(broken);

	lane->page = start_page(lane, lane->taken > 0 ? lane->id->data : NULL, passed, &attempt);
	/* what is no page comes whole again */
	if (lane->job || lane->reading->query->strategy == WALCU_BY_ID)
		lane->repeated = lane->taken;
	else
		lane->earlier = passed;
	drop_page(lane, broken);
}

/* False at the end of the lane. */
static bool
go_to_next_page(WalcuLane *lane)
{
	if (lane->job)
		check_found_documents(lane);
	if (!more_follows(lane))
		return false;
	if (lane->next == NULL)
		start_next_page(lane);
	lane->earlier += lane->page->documents;
	drop_page(lane, lane->page);
	lane->page = lane->next;
	lane->next = NULL;
	return true;
}

/*
 * Is there a page after the current one, which is whole?  A page that is smaller than
 * asked for is not the end; without the header, an empty one is.
 */
static bool
more_follows(const WalcuLane *lane)
{
	const WalcuTransfer *transfer = lane->page->transfer;

	if (is_short(lane))
		return true;
	if (lane->reading->query->strategy == WALCU_BY_ID || lane->job || transfer->has_more == WALCU_MORE_NO)
		return false;
	if (lane->page->documents == 0 && transfer->has_more == WALCU_MORE_YES)
		reply_raise_malformed(transfer, "it has no documents, and says that more follow");
	return lane->page->documents > 0;
}

/* Is the current page the last one of a shorter range, that a lane had which asked for it before? */
static bool
is_short(const WalcuLane *lane)
{
	const WalcuPage *page = lane->page;

	return page->before && (page->documents == 0 || page->transfer->has_more == WALCU_MORE_NO) &&
		   (lane->before == NULL || strcmp(page->before, lane->before) < 0);
}

/* Was the document that was just found taken already, before a download broke? */
static bool
is_repeated(WalcuLane *lane)
{
	if (lane->repeated == 0)
		return false;
	lane->repeated--;
	if (lane->repeated == 0 && strcmp(lane->previous_id->data, lane->id->data) != 0)
		raise_changed(lane);
	return true;
}

/* What was asked for again is not what it was. */
static void
raise_changed(const WalcuLane *lane)
{
	reply_raise_malformed(lane->page->transfer, "it has not the documents that it had before it broke");
}

/* What another lane took over is read there; here it only has to be in order. */
static bool
is_beyond(const WalcuLane *lane, const char *id)
{
	return lane->before && strcmp(utf8(id), lane->before) >= 0;
}

/* Remember the keys of what may be the last document of its page. */
static void
note_keys(WalcuLane *lane, const WalcuDocument *document)
{
	int count = list_length(lane->reading->query->keys);
	MemoryContext before;
	Datum *values;
	bool *nulls;

	if (count == 0)
		return;
	MemoryContextReset(lane->value_context);
	before = MemoryContextSwitchTo(lane->value_context);
	values = palloc0(count * sizeof(Datum));
	nulls = palloc(count * sizeof(bool));
	memset(nulls, true, count * sizeof(bool));
	decode_document(lane->reading->keys, document, values, nulls);
	lane->values = NIL;
	for (int i = 0; i < count; i++)
		lane->values = lappend(lane->values, nulls[i] ? NULL : TextDatumGetCString(values[i]));
	MemoryContextSwitchTo(before);
}

/* A result is whole, or it is an error. */
static void
check_found_documents(const WalcuLane *lane)
{
	int64 found = job_found_documents(lane->job);

	if (lane->repeated > 0)
		raise_changed(lane);
	if (found >= 0 && lane->page->documents != found)
		reply_raise_malformed(lane->page->transfer,
							  psprintf("it has " INT64_FORMAT " documents, and the job found " INT64_FORMAT,
									   lane->page->documents, found));
}

/* Without an _id, or out of order, documents would be lost or repeated silently. */
static void
check_order(const WalcuLane *lane)
{
	const WalcuQuery *query = lane->reading->query;
	const char *id = lane->id->data;
	bool is_first = lane->previous_id->len == 0;
	const char *previous = is_first ? lane->from : lane->previous_id->data;

	/* where the empty _id is asked for, it comes first */
	if (id[0] == '\0' && !(is_first && query->id && query->id[0] == '\0'))
		ereport(ERROR, errcode(ERRCODE_FDW_ERROR),
				errmsg("a document of resource \"%s\" has no string as _id", query->options->resource),
				errdetail("It follows the document \"%s\".", lane->previous_id->data),
				errhint("Set the option paging to 'skip'."));
	if (query->keys != NIL || previous == NULL)
		return;
	if (is_first ? strcmp(utf8(id), previous) < 0 : strcmp(utf8(id), utf8(previous)) <= 0)
		ereport(ERROR, errcode(ERRCODE_FDW_ERROR),
				errmsg("documents of resource \"%s\" did not arrive in the order of _id",
					   query->options->resource),
				errdetail("Document \"%s\" came after \"%s\".", id, previous),
				errhint("The service may ignore the sort or the filter: check the option sort_format, "
						"or set the option paging to 'skip'."));
}

/* A service that ignores skip would begin each page alike, without end. */
static void
check_skip(const WalcuLane *lane)
{
	const char *id = lane->id->data;

	if (lane->job || lane->earlier == 0 || page_taken(lane->page) != 1 || id[0] == '\0' ||
		strcmp(id, lane->first_id->data) != 0)
		return;
	ereport(
		ERROR, errcode(ERRCODE_FDW_ERROR),
		errmsg("document \"%s\" of resource \"%s\" came twice", id, lane->reading->query->options->resource),
		errhint("The service may ignore the parameter skip: set the option paging to 'key'."));
}

/* The service compares ids by their bytes in UTF-8. */
static const char *
utf8(const char *id)
{
	return pg_server_to_any(id, strlen(id), PG_UTF8);
}

static void
drop_page(WalcuLane *lane, WalcuPage *page)
{
	count_bytes(lane, page);
	page_release(page);
}

static void
count_bytes(WalcuLane *lane, WalcuPage *page)
{
	lane->reading->tally->bytes += page->transfer->received - page->counted_bytes;
	page->counted_bytes = page->transfer->received;
}
