/*
 * cursor.c
 * 	  The documents of one part, or of a range of it, read in sequence.
 *
 * A cursor asks for page after page, or for one document, or for a job's results.  What breaks is asked for
 * again from behind the last document taken, so that none is lost or repeated.  A fetch (fetch.c) has one
 * cursor or several; nothing here waits.
 *
 * Paging by key asks for the documents after the last one seen, in the order of the scan's keys and of _id,
 * so that documents inserted or deleted meanwhile neither repeat nor hide others.  A service that ignores the
 * sort or the filter would break that silently; so the order of _id is checked here where it is the only key,
 * and that of others in scan.c.
 */
#include "postgres.h"

#include "fetch/cursor.h"

#include "base/range.h"
#include "http/http_error.h"
#include "http/retry.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

static WalcuCursor *create_cursor(WalcuCursorGroup *group, WalcuQueryPart *part);
static WalcuPage *start_page(WalcuCursor *cursor, const char *id, int64 passed, const WalcuAttempt *attempt);
static int64 count_waiting(const WalcuCursor *cursor);
static WalcuReplyCacheUse *get_reply_cache_use(const WalcuCursor *cursor);
static const WalcuRequest *make_request(const WalcuCursor *cursor, const char *id, int64 passed);
static WalcuRequest *make_page_request(const WalcuCursor *cursor, const char *id, int64 passed,
									   const char *before);
static List *make_position_filters(const WalcuCursor *cursor, const char *id, const char *before);
static void start_next_page(WalcuCursor *cursor);
static bool next_is_wanted(const WalcuCursor *cursor);
static void request_again(WalcuCursor *cursor);
static bool go_to_next_page(WalcuCursor *cursor);
static bool has_more(const WalcuCursor *cursor);
static bool is_short(const WalcuCursor *cursor);
static bool skip_repeated(WalcuCursor *cursor);
pg_noreturn static void raise_changed(const WalcuCursor *cursor);
static bool is_beyond(const WalcuCursor *cursor, const char *id);
static void note_sort_keys(WalcuCursor *cursor, const WalcuDocument *document);
static void check_found_documents(const WalcuCursor *cursor);
static void check_order(const WalcuCursor *cursor);
static void check_skip(const WalcuCursor *cursor);
static const char *convert_to_utf8(const char *id);
static void drop_page(WalcuCursor *cursor, WalcuPage *page);
static void count_bytes(WalcuCursor *cursor, WalcuPage *page);

/* Open a cursor, in the current memory context, and send its first request. */
WalcuCursor *
cursor_open(WalcuCursorGroup *group, WalcuQueryPart *part, const char *from, const char *before)
{
	WalcuCursor *cursor = create_cursor(group, part);

	cursor->start = cursor->from = from;
	cursor->before = before;
	cursor->page = start_page(cursor, NULL, 0, NULL);
	return cursor;
}

/* Open a cursor that reads the results of a background job, and start the job. */
WalcuCursor *
cursor_open_job(WalcuCursorGroup *group, WalcuQueryPart *part)
{
	WalcuCursor *cursor = create_cursor(group, part);

	cursor->job = job_start(cursor->context, group->query, part, group->may_be_rejected, group->tally);
	return cursor;
}

/*
 * Take in what has arrived, and ask for what follows; wait tells that the caller is about to wait
 * for more.
 */
void
cursor_look(WalcuCursor *cursor, bool wait)
{
	if (cursor->ended)
		return;
	if (cursor->page == NULL)
	{
		job_look(cursor->job, wait);
		if (job_results(cursor->job))
			cursor->page = start_page(cursor, NULL, 0, NULL);
		return;
	}
	page_look(cursor->page, wait);
	if (cursor->page->whole && cursor->next == NULL && next_is_wanted(cursor))
		start_next_page(cursor);
}

/* Will cursor_take bring a document, or the cursor forward? */
bool
cursor_has_news(const WalcuCursor *cursor)
{
	const WalcuPage *page = cursor->page;

	return !cursor->ended && page && (page->queue_head < page->queue_length || page->whole || page->broken);
}

/*
 * The next document that is here; false when there is none yet, or no more (ended).  Its bytes are
 * good until the cursor is looked at, or asked for the next one.
 */
bool
cursor_take(WalcuCursor *cursor, WalcuDocument *document)
{
	while (!cursor->ended)
	{
		WalcuPage *page = cursor->page;
		StringInfo id = cursor->previous_id;

		if (!page_take(page, document, id))
		{
			if (page->broken)
				request_again(cursor);
			else if (page->whole)
				cursor->ended = is_beyond(cursor, cursor->id->data) || !go_to_next_page(cursor);
			return false;
		}
		count_bytes(cursor, page);
		if (skip_repeated(cursor))
			continue;
		cursor->previous_id = cursor->id;
		cursor->id = id;
		if (query_is_keyed(cursor->group->query))
			check_order(cursor);
		else
			check_skip(cursor);
		if (is_beyond(cursor, id->data))
			continue;
		if (page->queue_head == page->queue_length)
			note_sort_keys(cursor, document);
		if (cursor->taken++ == 0)
			appendStringInfoString(cursor->first_id, id->data);
		return true;
	}
	return false;
}

/* What is waited for. */
WalcuTransfer *
cursor_transfer(const WalcuCursor *cursor)
{
	return cursor->page ? cursor->page->transfer : job_transfer(cursor->job);
}

/* Did the service not take the filter? */
bool
cursor_is_rejected(const WalcuCursor *cursor)
{
	return cursor->page ? cursor->page->rejected : job_is_rejected(cursor->job);
}

/* Did the service take the filter? */
bool
cursor_is_answered(const WalcuCursor *cursor)
{
	return cursor->taken > 0 || (cursor->page && cursor->page->transfer->status / 100 == 2);
}

/* Why there is nothing to be had of its job, and pages are to be read; NULL when there is. */
const char *
cursor_obstacle(const WalcuCursor *cursor)
{
	if (cursor->job && cursor->page && cursor->page->unavailable)
		return psprintf("the results were answered %d", cursor->page->transfer->status);
	return cursor->job ? job_obstacle(cursor->job) : NULL;
}

/* What a cursor, of a part without an order of its own, has not asked for yet. */
WalcuCursorRest
cursor_rest(const WalcuCursor *cursor)
{
	WalcuPage *page = cursor->page;
	WalcuCursorRest rest = {.position = cursor->start,
							.end = cursor->before ? cursor->before : objectid_of_now()};
	const char *start = cursor->start ? cursor->start : cursor->first_id->data;
	StringInfoData last;
	WalcuDocument document;

	if (cursor->ended || !objectid_is_valid(rest.end) || (page->whole && !has_more(cursor)))
		return rest;
	/* another cursor would ask for other ranges than those that are held */
	if (cursor->next && cursor->next->replayed)
		return rest;
	initStringInfo(&last);
	if (page_last(page, &document, &last))
		rest.position = last.data;
	else if (cursor->taken > 0)
		rest.position = cursor->id->data;
	if (rest.position == NULL || !objectid_is_valid(rest.position) || strcmp(rest.position, rest.end) >= 0)
		return rest;
	if (rest.position == cursor->start)
		rest.documents = cursor->expected;
	else if (objectid_is_valid(start) && strcmp(start, rest.position) < 0)
		rest.documents = (cursor->earlier + page->documents) * objectid_width(rest.position, rest.end) /
						 objectid_width(start, rest.position);
	return rest;
}

/* Drop a cursor, at its end or before. */
void
cursor_close(WalcuCursor *cursor)
{
	if (cursor->page)
		count_bytes(cursor, cursor->page);
	if (cursor->next)
		count_bytes(cursor, cursor->next);
	MemoryContextDelete(cursor->context);
}

static WalcuCursor *
create_cursor(WalcuCursorGroup *group, WalcuQueryPart *part)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "walcu cursor", ALLOCSET_SMALL_SIZES);
	MemoryContext before = MemoryContextSwitchTo(context);
	WalcuCursor *cursor = palloc0(sizeof(WalcuCursor));

	cursor->context = context;
	cursor->group = group;
	cursor->part = part;
	cursor->first_id = makeStringInfo();
	cursor->id = makeStringInfo();
	cursor->previous_id = makeStringInfo();
	cursor->value_context = AllocSetContextCreate(context, "walcu keys", ALLOCSET_SMALL_SIZES);
	MemoryContextSwitchTo(before);
	return cursor;
}

/* Ask for the page behind a document's _id, if it has one, and behind so many documents. */
static WalcuPage *
start_page(WalcuCursor *cursor, const char *id, int64 passed, const WalcuAttempt *attempt)
{
	WalcuCursorGroup *group = cursor->group;
	const WalcuQuery *query = group->query;
	MemoryContext context = AllocSetContextCreate(cursor->context, "walcu page", ALLOCSET_SMALL_SIZES);
	MemoryContext before = MemoryContextSwitchTo(context);
	WalcuPage *page = page_start(context, query->options, query->credential, make_request(cursor, id, passed),
								 attempt, get_reply_cache_use(cursor));

	MemoryContextSwitchTo(before);
	page->missing_is_empty = (query->strategy == WALCU_BY_ID);
	page->may_be_unavailable = cursor->job && cursor->taken == 0;
	/* later, documents have been delivered that would come again */
	page->may_be_rejected = group->may_be_rejected && cursor->job == NULL && id == NULL && cursor->taken == 0;
	if (page->replayed)
		group->tally->reused++;
	else
	{
		group->tally->requests++;
		group->tally->retries += attempt != NULL;
	}
	return page;
}

/* Of the reply cache, if replies are to be had from there, or held; or NULL. */
static WalcuReplyCacheUse *
get_reply_cache_use(const WalcuCursor *cursor)
{
	return (cursor->job || !reply_cache_serves(&cursor->group->share)) ? NULL : &cursor->group->share;
}

static const WalcuRequest *
make_request(const WalcuCursor *cursor, const char *id, int64 passed)
{
	const WalcuQuery *query = cursor->group->query;
	WalcuRequest *request;

	if (query->strategy == WALCU_BY_ID)
		return query_document(query);
	if (cursor->job)
		return job_results(cursor->job);
	request = make_page_request(cursor, id, passed, cursor->before);
	request->before = cursor->before;
	if (cursor->before && get_reply_cache_use(cursor))
		request->unbounded = make_page_request(cursor, id, passed, NULL)->url.data;
	return request;
}

static WalcuRequest *
make_page_request(const WalcuCursor *cursor, const char *id, int64 passed, const char *before)
{
	const WalcuQuery *query = cursor->group->query;
	bool by_position = query_is_keyed(query) && id != NULL;

	return query_page(query, cursor->part, make_position_filters(cursor, by_position ? id : NULL, before),
					  by_position ? 0 : query->skip + passed,
					  cursor->group->delivered + count_waiting(cursor));
}

/* The documents that are here and not taken yet. */
static int64
count_waiting(const WalcuCursor *cursor)
{
	return cursor->page ? cursor->page->documents - page_taken(cursor->page) : 0;
}

/* What is true of the documents of the cursor behind one. */
static List *
make_position_filters(const WalcuCursor *cursor, const char *id, const char *before)
{
	/* a part of documents without a value has no such key */
	int missing = list_length(cursor->group->query->keys) - list_length(cursor->part->keys);
	List *filters = NIL;

	if (id)
		filters = list_make1(sort_after(cursor->part->keys, list_copy_tail(cursor->values, missing), id));
	else if (cursor->from)
		filters = list_make1(filter_test("_id", "$gte", filter_string(cursor->from)));
	if (before)
		filters = lappend(filters, filter_test("_id", "$lt", filter_string(before)));
	return filters;
}

/* The current page is whole: ask for the one behind its last document. */
static void
start_next_page(WalcuCursor *cursor)
{
	WalcuPage *page = cursor->page;
	const char *id = cursor->id->data;
	WalcuDocument last;
	StringInfoData last_id;

	initStringInfo(&last_id);
	if (page_last(page, &last, &last_id))
	{
		id = last_id.data;
		note_sort_keys(cursor, &last);
	}
	if (is_short(cursor))
	{
		cursor->from = MemoryContextStrdup(cursor->context, page->before);
		cursor->next = start_page(cursor, NULL, 0, NULL);
	}
	else if (!is_beyond(cursor, id))
		cursor->next = start_page(cursor, id, cursor->earlier + page->documents, NULL);
	pfree(last_id.data);
}

/* Is it likely that more than the current page, which is whole, will be read? */
static bool
next_is_wanted(const WalcuCursor *cursor)
{
	const WalcuQuery *query = cursor->group->query;

	cursor->group->page_size = Max(cursor->group->page_size, cursor->page->documents);
	return has_more(cursor) &&
		   (query->all_rows || query->wanted > cursor->group->delivered + count_waiting(cursor));
}

/* The current page broke: ask for what follows the last document taken. */
static void
request_again(WalcuCursor *cursor)
{
	WalcuPage *broken = cursor->page;
	WalcuAttempt attempt = retry_attempt(broken->transfer);
	int64 passed = cursor->earlier + page_taken(broken);

	cursor->page = start_page(cursor, cursor->taken > 0 ? cursor->id->data : NULL, passed, &attempt);
	/* what is no page comes whole again */
	if (cursor->job || cursor->group->query->strategy == WALCU_BY_ID)
		cursor->repeated = cursor->taken;
	else
		cursor->earlier = passed;
	drop_page(cursor, broken);
}

/* False at the end of the cursor. */
static bool
go_to_next_page(WalcuCursor *cursor)
{
	if (cursor->job)
		check_found_documents(cursor);
	if (!has_more(cursor))
		return false;
	if (cursor->next == NULL)
		start_next_page(cursor);
	cursor->earlier += cursor->page->documents;
	drop_page(cursor, cursor->page);
	cursor->page = cursor->next;
	cursor->next = NULL;
	return true;
}

/*
 * Is there a page after the current one, which is whole?  A page that is smaller than
 * asked for is not the end; without the header, an empty one is.
 */
static bool
has_more(const WalcuCursor *cursor)
{
	const WalcuTransfer *transfer = cursor->page->transfer;

	if (is_short(cursor))
		return true;
	if (cursor->group->query->strategy == WALCU_BY_ID || cursor->job || transfer->has_more == WALCU_MORE_NO)
		return false;
	if (cursor->page->documents == 0 && transfer->has_more == WALCU_MORE_YES)
		reply_raise_malformed(transfer, "it has no documents, and says that more follow");
	return cursor->page->documents > 0;
}

/* Is the current page the last one of a shorter range, that a cursor had which asked for it before? */
static bool
is_short(const WalcuCursor *cursor)
{
	const WalcuPage *page = cursor->page;

	return page->before && (page->documents == 0 || page->transfer->has_more == WALCU_MORE_NO) &&
		   (cursor->before == NULL || strcmp(page->before, cursor->before) < 0);
}

/* Was the document that was just found taken already, before a download broke? */
static bool
skip_repeated(WalcuCursor *cursor)
{
	if (cursor->repeated == 0)
		return false;
	cursor->repeated--;
	if (cursor->repeated == 0 && strcmp(cursor->previous_id->data, cursor->id->data) != 0)
		raise_changed(cursor);
	return true;
}

/* What was asked for again is not what it was. */
static void
raise_changed(const WalcuCursor *cursor)
{
	reply_raise_malformed(cursor->page->transfer, "it has not the documents that it had before it broke");
}

/* What another cursor took over is read there; here it only has to be in order. */
static bool
is_beyond(const WalcuCursor *cursor, const char *id)
{
	return cursor->before && strcmp(convert_to_utf8(id), cursor->before) >= 0;
}

/* Remember the keys of what may be the last document of its page. */
static void
note_sort_keys(WalcuCursor *cursor, const WalcuDocument *document)
{
	int count = list_length(cursor->group->query->keys);
	MemoryContext before;
	Datum *values;
	bool *nulls;

	if (count == 0)
		return;
	MemoryContextReset(cursor->value_context);
	before = MemoryContextSwitchTo(cursor->value_context);
	values = palloc0(count * sizeof(Datum));
	nulls = palloc(count * sizeof(bool));
	memset(nulls, true, count * sizeof(bool));
	decode_document(cursor->group->keys, document, values, nulls);
	cursor->values = NIL;
	for (int i = 0; i < count; i++)
		cursor->values = lappend(cursor->values, nulls[i] ? NULL : TextDatumGetCString(values[i]));
	MemoryContextSwitchTo(before);
}

/* A result is whole, or it is an error. */
static void
check_found_documents(const WalcuCursor *cursor)
{
	int64 found = job_found_documents(cursor->job);

	if (cursor->repeated > 0)
		raise_changed(cursor);
	if (found >= 0 && cursor->page->documents != found)
		reply_raise_malformed(cursor->page->transfer,
							  psprintf("it has " INT64_FORMAT " documents, and the job found " INT64_FORMAT,
									   cursor->page->documents, found));
}

/* Without an _id, or out of order, documents would be lost or repeated silently. */
static void
check_order(const WalcuCursor *cursor)
{
	const WalcuQuery *query = cursor->group->query;
	const char *id = cursor->id->data;
	bool is_first = cursor->previous_id->len == 0;
	const char *previous = is_first ? cursor->from : cursor->previous_id->data;

	/* where the empty _id is asked for, it comes first */
	if (id[0] == '\0' && !(is_first && query->id && query->id[0] == '\0'))
		ereport(ERROR, errcode(ERRCODE_FDW_ERROR),
				errmsg("a document of resource \"%s\" has no string as _id", query->options->resource),
				errdetail("It follows the document \"%s\".", cursor->previous_id->data),
				errhint("Set the option paging to 'skip'."));
	if (query->keys != NIL || previous == NULL)
		return;
	if (is_first ? strcmp(convert_to_utf8(id), previous) < 0
				 : strcmp(convert_to_utf8(id), convert_to_utf8(previous)) <= 0)
		ereport(ERROR, errcode(ERRCODE_FDW_ERROR),
				errmsg("documents of resource \"%s\" did not arrive in the order of _id",
					   query->options->resource),
				errdetail("Document \"%s\" came after \"%s\".", id, previous),
				errhint("The service may ignore the sort or the filter: check the option sort_format, "
						"or set the option paging to 'skip'."));
}

/* A service that ignores skip would begin each page alike, without end. */
static void
check_skip(const WalcuCursor *cursor)
{
	const char *id = cursor->id->data;

	if (cursor->job || cursor->earlier == 0 || page_taken(cursor->page) != 1 || id[0] == '\0' ||
		strcmp(id, cursor->first_id->data) != 0)
		return;
	ereport(
		ERROR, errcode(ERRCODE_FDW_ERROR),
		errmsg("document \"%s\" of resource \"%s\" came twice", id, cursor->group->query->options->resource),
		errhint("The service may ignore the parameter skip: set the option paging to 'key'."));
}

/* The service compares ids by their bytes in UTF-8. */
static const char *
convert_to_utf8(const char *id)
{
	return pg_server_to_any(id, strlen(id), PG_UTF8);
}

static void
drop_page(WalcuCursor *cursor, WalcuPage *page)
{
	count_bytes(cursor, page);
	page_release(page);
}

static void
count_bytes(WalcuCursor *cursor, WalcuPage *page)
{
	cursor->group->tally->bytes += page->transfer->received - page->counted_bytes;
	page->counted_bytes = page->transfer->received;
}
