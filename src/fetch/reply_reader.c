/*
 * reply_reader.c
 *	  The documents of one reply that has them all: a document by its _id, or a job's results.
 *
 * A fetch (fetch.c) opens cursors here that no page follows in.  What broke comes whole again, so that
 * documents which were taken already are passed over.
 */
#include "postgres.h"

#include "fetch/reply_reader.h"

#include "http/http_error.h"
#include "http/retry.h"
#include "http/trust.h"
#include "service/id_place.h"

/*
 * So many bytes of results that can be done without are read before the first document is given: then
 * whatever is wrong with a small result is found while pages can still take its place.  It is less than what
 * a transfer lets in before it waits for a reader.
 */
#define HELD_BYTES (256 * 1024)

static bool is_odd_id(const WalcuQuery *query);
static WalcuPage *start_reply(WalcuCursor *cursor, const WalcuAttempt *attempt);
static void look_at_document(WalcuCursor *cursor, bool before_wait);
static void look_at_job(WalcuCursor *cursor, bool before_wait);
static void start_own_job(WalcuCursor *cursor);
static void follow_redirect(WalcuCursor *cursor);
static void compare_unread_results(WalcuCursor *cursor);
static const WalcuRequest *make_document_request(const WalcuCursor *cursor, const char *id, int64 passed);
static const WalcuRequest *make_results_request(const WalcuCursor *cursor, const char *id, int64 passed);
static bool accept_unless_repeated(WalcuCursor *cursor, const WalcuDocument *document);
static void finish_document(WalcuCursor *cursor);
static void finish_results(WalcuCursor *cursor);
static void request_reply_again(WalcuCursor *cursor);
static const char *find_job_obstacle(const WalcuCursor *cursor);
pg_noreturn static void raise_changed(const WalcuCursor *cursor);

static const WalcuCursorReader document_reader = {
	.look = look_at_document,
	.make_request = make_document_request,
	.accept = accept_unless_repeated,
	.finish_page = finish_document,
	.request_again = request_reply_again,
};

static const WalcuCursorReader job_reader = {
	.look = look_at_job,
	.make_request = make_results_request,
	.accept = accept_unless_repeated,
	.finish_page = finish_results,
	.request_again = request_reply_again,
	.find_obstacle = find_job_obstacle,
};

/* Open a cursor, in the current memory context, and ask for the document that the query names. */
WalcuCursor *
reply_reader_open_document(WalcuCursorGroup *group, WalcuQueryPart *part)
{
	WalcuCursor *cursor = cursor_create(group, part, &document_reader);

	cursor->page = start_reply(cursor, NULL);
	return cursor;
}

/* Open a cursor that reads the results of a background job, which is started unless they are known. */
WalcuCursor *
reply_reader_open_job(WalcuCursorGroup *group, WalcuQueryPart *part)
{
	WalcuCursor *cursor = cursor_create(group, part, &job_reader);

	cursor->job = job_start(cursor->context, group->query, part, group->may_be_rejected, group->tally);
	if (job_results(cursor->job))
		cursor->page = start_reply(cursor, NULL);
	return cursor;
}

/* Is the _id none that every service takes for one? */
static bool
is_odd_id(const WalcuQuery *query)
{
	return !objectid_is_cast(query->id) && id_place_own_type(query->options) != WALCU_ID_STRING;
}

static WalcuPage *
start_reply(WalcuCursor *cursor, const WalcuAttempt *attempt)
{
	WalcuPage *page = cursor_start_page(cursor, NULL, 0, attempt);

	page->missing_is_empty = page->splitter.null_is_none = cursor->job == NULL;
	page->may_be_rejected = cursor->job == NULL && is_odd_id(cursor->group->query);
	page->may_be_redirected = cursor->job != NULL;
	/* later, documents have been delivered that pages would bring again */
	page->may_be_unavailable = cursor->job && cursor->taken == 0;
	page->may_be_useless = page->may_be_unavailable && job_is_dispensable(cursor->job);
	page->held_bytes = page->may_be_useless ? HELD_BYTES : 0;
	return page;
}

static void
look_at_document(WalcuCursor *cursor, bool before_wait)
{
	page_look(cursor->page, before_wait);
}

static void
look_at_job(WalcuCursor *cursor, bool before_wait)
{
	if (cursor->page)
	{
		page_look(cursor->page, before_wait);
		if (cursor->page->redirected)
			follow_redirect(cursor);
		else
			compare_unread_results(cursor);
		if (cursor->page->obstacle && job_is_adopted(cursor->job))
			start_own_job(cursor);
		return;
	}
	job_look(cursor->job, before_wait);
	if (job_results(cursor->job))
		cursor->page = start_reply(cursor, NULL);
}

/* The results that another scan has read are not to be had any more. */
static void
start_own_job(WalcuCursor *cursor)
{
	cursor_drop_page(cursor, cursor->page);
	cursor->page = NULL;
	job_start_again(cursor->job);
}

/* Ask for the results where the service has them, without credentials: it may be anybody's host. */
static void
follow_redirect(WalcuCursor *cursor)
{
	WalcuPage *page = cursor->page;
	WalcuAttempt attempt = page->transfer->attempt;

	if (job_follow_redirect(cursor->job, page->transfer))
	{
		attempt.delay = 0;
		cursor->page = start_reply(cursor, &attempt);
		cursor_drop_page(cursor, page);
		return;
	}
	if (!page->may_be_useless)
		http_error_check(page->transfer, page->credential);
	page->redirected = false;
	page->obstacle = MemoryContextStrdup(
		page->context, psprintf("a redirect of the results, which is not followed, leads to \"%s\"",
								trust_shown(page->transfer->head.location, page->credential)));
}

/* A result that is known to be wrong before anybody has seen some of it can be done without. */
static void
compare_unread_results(WalcuCursor *cursor)
{
	WalcuPage *page = cursor->page;
	int64 found = job_found_documents(cursor->job);

	if (page->may_be_useless && page->whole && page_taken(page) == 0 && found >= 0 &&
		page->documents != found)
		page->obstacle =
			MemoryContextStrdup(page->context, psprintf("the results have " INT64_FORMAT
														" documents, but the job found " INT64_FORMAT,
														page->documents, found));
}

static const WalcuRequest *
make_document_request(const WalcuCursor *cursor, const char *id, int64 passed)
{
	return query_document(cursor->group->query);
}

static const WalcuRequest *
make_results_request(const WalcuCursor *cursor, const char *id, int64 passed)
{
	return job_results(cursor->job);
}

/* A document that was taken before a download broke comes again, and in its old place. */
static bool
accept_unless_repeated(WalcuCursor *cursor, const WalcuDocument *document)
{
	StringInfo id = cursor->id;

	if (cursor->repeated == 0)
		return true;
	cursor->repeated--;
	/* the last one taken stays the one that the next is compared with */
	cursor->id = cursor->previous_id;
	cursor->previous_id = id;
	if (cursor->repeated == 0 && strcmp(id->data, cursor->id->data) != 0)
		raise_changed(cursor);
	return false;
}

static void
finish_document(WalcuCursor *cursor)
{
	cursor->ended = true;
}

/* A result is whole, or it is an error. */
static void
finish_results(WalcuCursor *cursor)
{
	int64 found = job_found_documents(cursor->job);

	if (cursor->repeated > 0)
		raise_changed(cursor);
	if (found >= 0 && cursor->page->documents != found)
		http_error_raise_malformed(cursor->page->transfer,
								   psprintf("it has " INT64_FORMAT
											" documents, but the job found " INT64_FORMAT,
											cursor->page->documents, found));
	job_note_read(cursor->job);
	cursor->ended = true;
}

static void
request_reply_again(WalcuCursor *cursor)
{
	WalcuPage *broken = cursor->page;
	WalcuAttempt attempt = retry_attempt(broken->transfer);

	if (cursor->job)
		job_forget_redirects(cursor->job);
	cursor->page = start_reply(cursor, &attempt);
	cursor->repeated = cursor->taken;
	cursor_drop_page(cursor, broken);
}

static const char *
find_job_obstacle(const WalcuCursor *cursor)
{
	if (cursor->page && cursor->page->obstacle)
		return cursor->page->obstacle;
	return job_obstacle(cursor->job);
}

/* What was asked for again is not what it was. */
static void
raise_changed(const WalcuCursor *cursor)
{
	http_error_raise_malformed(cursor->page->transfer,
							   "it no longer has the documents that it had before the connection broke");
}
