/*
 * page.c
 *	  One reply of documents, taken apart while it arrives.
 *
 * Cursors and page_at_offset.c start pages and take documents from them.  A page finds
 * documents as far as bytes have come, so that the last one's _id is known, and the
 * next page can be asked for, while the first ones are still being decoded.
 */
#include "postgres.h"

#include "fetch/page.h"

#include "base/utf8.h"
#include "http/http_error.h"
#include "http/retry.h"
#include "json/convert.h"
#include "json/skim.h"
#include "json/transcode.h"
#include "lib/stringinfo.h"
#include "utils/memutils.h"

/* What a reply is that has something else than documents in it. */
#define NO_LIST "it is not a list of documents"

/* What can be done without is asked for again so many times at most. */
#define MAX_USELESS_TRIES 4

static bool replay_reply(WalcuPage *page, const WalcuOptions *options, const WalcuRequest *request);
static void take_in_bytes(WalcuPage *page, bool before_wait);
static bool is_tolerated(WalcuPage *page);
static bool is_dispensable(const WalcuPage *page);
static const char *find_reply_obstacle(const WalcuPage *page);
static bool is_worth_repeating(const WalcuPage *page);
static bool is_followed_up(const WalcuPage *page);
static void find_documents(WalcuPage *page);
static bool is_doubtful_none(const WalcuPage *page);
static bool is_json(const WalcuPage *page, const WalcuSpan *span);
static void drop_blanks(WalcuPage *page);
static void enqueue_document(WalcuPage *page, const WalcuSpan *span);
static void check_size(const WalcuPage *page, uint64 size);
static void check_depth(const WalcuPage *page);
static bool read_id(WalcuPage *page, const WalcuSpan *span, StringInfo id);
static const char *show_id(const WalcuPage *page, char **shown, const StringInfo id);

/*
 * Ask for a page, which takes over the context; request may stand in it.  With a share of a reply cache, a
 * reply that is held is had from there.
 */
WalcuPage *
page_start(MemoryContext context, const WalcuOptions *options, const char *credential,
		   const WalcuRequest *request, const WalcuAttempt *attempt, WalcuReplyCacheUse *share)
{
	WalcuPage *page = MemoryContextAllocZero(context, sizeof(WalcuPage));

	page->context = context;
	page->credential = credential;
	page->share = share;
	page->splitter.max_depth = options->max_document_depth;
	page->before = request->before;
	if (share == NULL || !replay_reply(page, options, request))
		page->transfer = transfer_start(context, options, credential, request, attempt);
	if (share && !page->replayed)
		transfer_keep(page->transfer, reply_cache_room(share));
	return page;
}

/* Take in what has arrived; before_wait tells that the caller is about to wait for more. */
void
page_look(WalcuPage *page, bool before_wait)
{
	if (page->whole || page->broken || page->rejected || page->obstacle || page->redirected)
		return;
	take_in_bytes(page, before_wait);
	if (page->whole && page->share && !page->replayed)
		reply_cache_hold(page->share, page->transfer, page->credential);
}

/*
 * The next document that is whole, with its _id in UTF-8 (empty when it has no string there); false
 * when there is none yet.  Its bytes are good until the page is advanced or the next one taken.
 */
bool
page_take(WalcuPage *page, WalcuDocument *document, StringInfo id)
{
	WalcuTransfer *transfer = page->transfer;
	const WalcuSpan *span;

	if (!page_has_document(page))
		return false;
	span = &page->queue[page->queue_head++];
	transfer_consume(transfer, span->start - page->base);
	page->base = span->start;
	read_id(page, span, id);
	page->lacks_id = span->id_start == 0;
	document->data = transfer->data;
	document->length = (int) span->length;
	document->id = show_id(page, &page->taken_id, id);
	return true;
}

/* Reads the _id of one of the documents found and not taken yet.  Returns false when there is no such one. */
bool
page_id(WalcuPage *page, int position, StringInfo id)
{
	if (page->queue_head + position >= page->queue_length)
		return false;
	read_id(page, &page->queue[page->queue_head + position], id);
	return true;
}

/* Tells whether one of the documents found and not taken yet has no member but its _id. */
bool
page_has_only_id(const WalcuPage *page, int position)
{
	const WalcuSpan *span = page->queue + page->queue_head + position;
	WalcuSkimmer skimmer;
	char *at;

	if (page->queue_head + position >= page->queue_length || span->id_length == 0)
		return false;
	at = page->transfer->data + (span->start - page->base);
	skimmer = (WalcuSkimmer){.end = at + span->length};
	/* no member stands before the _id, and none behind it */
	if (strncmp(skim_space(&skimmer, at + 1), "\"_id\"", 5) != 0)
		return false;
	at = skim_space(&skimmer, at + span->id_start + span->id_length + 1);
	return skim_peek(&skimmer, at) == '}';
}

/*
 * The last document found and not taken yet, with its _id; false when there is none.  Its bytes
 * are good as those of page_take are.
 */
bool
page_last(WalcuPage *page, WalcuDocument *document, StringInfo id)
{
	const WalcuSpan *span;

	if (page->queue_head == page->queue_length)
		return false;
	span = &page->queue[page->queue_length - 1];
	read_id(page, span, id);
	document->data = page->transfer->data + (span->start - page->base);
	document->length = (int) span->length;
	document->id = show_id(page, &page->last_id, id);
	return true;
}

/* How many documents have been taken. */
int64
page_taken(const WalcuPage *page)
{
	return page->documents - (page->queue_length - page->queue_head);
}

/* Is there a document to take? */
bool
page_has_document(const WalcuPage *page)
{
	bool is_held = !page->whole && page->transfer->received < page->held_bytes;

	return page->queue_head < page->queue_length && !is_held;
}

/* Will the reader find something new of it: a document, or its end? */
bool
page_has_news(const WalcuPage *page)
{
	return page_has_document(page) || page->whole || page->broken || page->rejected;
}

void
page_release(WalcuPage *page)
{
	MemoryContextDelete(page->context);
}

static bool
replay_reply(WalcuPage *page, const WalcuOptions *options, const WalcuRequest *request)
{
	const char *before;
	const WalcuReply *reply = reply_cache_find(page->share, options, page->credential, request, &before);

	if (reply == NULL)
		return false;
	page->before = before ? MemoryContextStrdup(page->context, before) : NULL;
	page->transfer = transfer_replay(page->context, options, request, reply);
	page->replayed = true;
	return true;
}

static void
take_in_bytes(WalcuPage *page, bool before_wait)
{
	WalcuTransfer *transfer = page->transfer;
	const char *obstacle;

	transfer_look(transfer, before_wait);
	if (transfer->status != 0 && transfer->status < 300)
	{
		/* before any document is taken, however fast the whole body has come */
		if (!page->may_be_useless)
			http_error_check_type(transfer, page->credential);
		find_documents(page);
	}
	if (page->whole)
		return;
	if (is_dispensable(page) && (obstacle = find_reply_obstacle(page)) != NULL)
	{
		page->obstacle = MemoryContextStrdup(page->context, obstacle);
		return;
	}
	if ((page->may_be_rejected && retry_is_refused(transfer)) ||
		(page->sort_may_be_rejected && transfer->status != 500 && retry_is_refused(transfer)))
		page->rejected = true;
	else if (retry_is_possible(transfer, page->malformed && !page->is_final))
		page->broken = true;
	else if (page->malformed)
		http_error_raise_malformed(transfer, page->malformed);
	else if (!is_tolerated(page) && (transfer->done || !is_dispensable(page)))
		http_error_check(transfer, page->credential);
}

/* Can the reader do without it still? */
static bool
is_dispensable(const WalcuPage *page)
{
	return page->may_be_useless && page_taken(page) == 0;
}

/*
 * Why nothing is to be had of a reply that its reader can do without; NULL while something may be, or a
 * redirect tells where.  What is no list of documents from its beginning would hardly become one, and other
 * pages are to be had sooner than a host that has gone.
 */
static const char *
find_reply_obstacle(const WalcuPage *page)
{
	const WalcuTransfer *transfer = page->transfer;
	const char *obstacle;

	if (is_followed_up(page))
		return NULL;
	if (page->malformed && (page->documents == 0 || !is_worth_repeating(page)))
		return psprintf("the results are malformed: %s", page->malformed);
	if (page->malformed || is_worth_repeating(page))
		return NULL;
	obstacle = http_error_obstacle(transfer, page->credential);
	return obstacle ? psprintf("the results were %s", obstacle) : NULL;
}

/* Is it worth while to ask again for what can be done without? */
static bool
is_worth_repeating(const WalcuPage *page)
{
	return page->transfer->attempt.failed < MAX_USELESS_TRIES &&
		   retry_is_possible(page->transfer, page->malformed != NULL);
}

/* Is it an answer that tells where the documents are? */
static bool
is_followed_up(const WalcuPage *page)
{
	const WalcuTransfer *transfer = page->transfer;
	int status = transfer->status;

	return page->may_be_redirected && transfer->failure.kind == WALCU_CURL_ERROR_NONE &&
		   transfer->head.location[0] != '\0' &&
		   ((status >= 301 && status <= 303) || status == 307 || status == 308);
}

/* Is it, or will it be, an answer that the reader can do with? */
static bool
is_tolerated(WalcuPage *page)
{
	const WalcuTransfer *transfer = page->transfer;
	int status = transfer->status;

	if (transfer->failure.kind != WALCU_CURL_ERROR_NONE)
		return false;
	if (status == 404 && page->missing_is_empty)
		page->whole = transfer->done;
	else if (((status == 400 || status == 422) && (page->may_be_rejected || page->sort_may_be_rejected)) ||
			 (status == 500 && page->may_be_rejected))
		page->rejected = transfer->done;
	else if (is_followed_up(page))
		page->redirected = transfer->done;
	else if ((status == 404 || status >= 500) && page->may_be_unavailable)
	{
		if (transfer->done)
			page->obstacle =
				MemoryContextStrdup(page->context, psprintf("the results were answered %d", status));
	}
	else
		return false;
	return true;
}

static void
find_documents(WalcuPage *page)
{
	WalcuTransfer *transfer = page->transfer;
	WalcuSplitResult result;
	WalcuSpan span;

	while ((result = split_next(&page->splitter, transfer->data, page->base, transfer->length, &span)) ==
		   WALCU_SPLIT_DOCUMENT)
	{
		check_size(page, span.length);
		check_depth(page);
		/* before anyone misses the _id */
		if (span.id_length == 0 && !is_json(page, &span))
		{
			page->malformed = "a document in it is not valid JSON";
			return;
		}
		/* what a storage host says of an error may come with a status of success */
		if (span.id_length == 0 && page->splitter.bare && transfer->request->is_download)
		{
			page->malformed = NO_LIST;
			page->is_final = true;
			return;
		}
		enqueue_document(page, &span);
		page->documents++;
	}
	check_depth(page);
	drop_blanks(page);
	if (result == WALCU_SPLIT_MORE)
		check_size(page, page->splitter.position - split_needed_from(&page->splitter));
	if (result == WALCU_SPLIT_MALFORMED)
		page->malformed = NO_LIST;
	else if (transfer->done && transfer->failure.kind == WALCU_CURL_ERROR_NONE)
	{
		page->whole = result == WALCU_SPLIT_END || (page->missing_is_empty && transfer_is_empty(transfer));
		page->malformed = page->whole ? NULL : "it ends too early";
		if (page->whole && is_doubtful_none(page))
		{
			page->whole = false;
			page->malformed = "it has nothing in it";
		}
	}
}

/*
 * Is it null, or nothing, where a document was asked for?  Some services say so that there is none; but a
 * fault can look the same, so that it is believed when it is said again.
 */
static bool
is_doubtful_none(const WalcuPage *page)
{
	return page->missing_is_empty && page->documents == 0 &&
		   (page->splitter.null_length > 0 || transfer_is_empty(page->transfer)) &&
		   page->transfer->attempt.failed == 0 && retry_is_possible(page->transfer, true);
}

/* Most documents have an _id, and are looked at when they are decoded. */
static bool
is_json(const WalcuPage *page, const WalcuSpan *span)
{
	char *document = page->transfer->data + (span->start - page->base);
	WalcuSkimmer skimmer = {.end = document + span->length};

	return skim_value(&skimmer, document) == skimmer.end;
}

/* What stands between documents is of no use, and may be of any length. */
static void
drop_blanks(WalcuPage *page)
{
	uint64 needed = split_needed_from(&page->splitter);

	if (page->queue_head < page->queue_length || needed == page->base)
		return;
	transfer_consume(page->transfer, needed - page->base);
	page->base = needed;
}

static void
enqueue_document(WalcuPage *page, const WalcuSpan *span)
{
	if (page->queue_head == page->queue_length)
		page->queue_head = page->queue_length = 0;
	if (page->queue_length == page->queue_size)
	{
		page->queue_size = Max(64, 2 * page->queue_size);
		if (page->queue == NULL)
			page->queue = MemoryContextAlloc(page->context, page->queue_size * sizeof(WalcuSpan));
		else
			page->queue = repalloc_huge(page->queue, page->queue_size * sizeof(WalcuSpan));
	}
	page->queue[page->queue_length++] = *span;
}

static void
check_size(const WalcuPage *page, uint64 size)
{
	const WalcuOptions *options = page->transfer->options;

	if (size > options->max_document_size)
		ereport(ERROR, errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				errmsg("a document of resource \"%s\" is longer than " INT64_FORMAT " bytes",
					   options->resource, options->max_document_size),
				transfer_errdetail(page->transfer), errhint("The option max_document_size sets this limit."));
}

static void
check_depth(const WalcuPage *page)
{
	const WalcuOptions *options = page->transfer->options;

	if (page->splitter.too_deep)
		ereport(ERROR, errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				errmsg("a document of resource \"%s\" is nested more than %d levels deep", options->resource,
					   options->max_document_depth),
				transfer_errdetail(page->transfer),
				errhint("The option max_document_depth sets this limit."));
}

/* Read a document's _id, in UTF-8; false, with id empty, when it has no string there. */
static bool
read_id(WalcuPage *page, const WalcuSpan *span, StringInfo id)
{
	char *token = page->transfer->data + (span->start - page->base) + span->id_start - 1;
	WalcuJson value = {.type = JSON_TOKEN_STRING, .text = token, .length = span->id_length + 2};
	const char *text;
	int length;

	resetStringInfo(id);
	if (span->id_length == 0)
		return false;
	if (!pg_verify_mbstr(PG_UTF8, value.text, value.length, true))
		ereport(ERROR, errcode(ERRCODE_CHARACTER_NOT_IN_REPERTOIRE),
				errmsg("the _id of a document of resource \"%s\" is not valid UTF-8",
					   page->transfer->options->resource),
				transfer_errdetail(page->transfer));
	if (!utf8_is_server_encoding())
		transcode_unescape(&value);
	if (!convert_string(&value, &text, &length))
		return false;
	appendBinaryStringInfo(id, text, length);
	return true;
}

/* An _id in this database's encoding, kept in the page until another takes its place. */
static const char *
show_id(const WalcuPage *page, char **shown, const StringInfo id)
{
	if (utf8_is_server_encoding())
		return id->data;
	if (*shown)
		pfree(*shown);
	*shown = MemoryContextStrdup(page->context, utf8_to_server_escaped(id->data, id->len));
	return *shown;
}
