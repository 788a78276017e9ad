/*
 * transfer.c
 *	  Send one request and take in its reply, within limits.
 *
 * The cursors of a scan, jobs and single calls start a transfer, advance it until it holds what they need,
 * and consume its bytes.  A transfer lives in a memory context of its own below the caller's: when that goes,
 * by success, error or cancel, curl's side of it goes too.
 *
 * curl's callbacks run in here; they only note what arrives.  Whether a failure is the end, retry.c says.
 */
#include "postgres.h"

#include "http/transfer.h"

#include "base/reset_callback.h"
#include "base/text.h"
#include "http/connection.h"
#include "http/curl_easy.h"
#include "http/latency.h"
#include "http/reply_buffer.h"
#include "http/stats.h"
#include "http/trace.h"
#include "utils/memutils.h"

/* The body's bytes a reader may leave unread before curl is told to pause. */
#define WINDOW_SIZE (1024 * 1024)

/* What is read of a reply that is not a success: enough for any message. */
#define ERROR_BODY_SIZE (64 * 1024)

typedef struct Transfer
{
	WalcuTransfer shared;        /* Readers see this; it must be the first member. */
	WalcuCurlEasy handle;        /* curl sends the request by this. */
	MemoryContext context;       /* It holds the transfer. */
	WalcuConnection *connection; /* The request goes to its server, */
	WalcuLine *line;             /* over this. */
	WalcuStats *stats;           /* It is counted here. */
	struct curl_slist *headers;  /* curl sends these lines. */
	WalcuReplyBuffer buffer;     /* It holds the body's bytes. */
	size_t allowance;            /* So many unread bytes may stand in buffer. */
	size_t head_size;            /* The reply's head has so many bytes so far. */
#if !TELLS_OF_SENDING
	size_t body_sent; /* curl has so many bytes of the request's body. */
#endif
	bool has_enough; /* curl was told to end a body that is no success. */
	bool is_stirred; /* Something has come since it was looked at. */
	char nothing[1]; /* A body without bytes begins here, as C's functions take no NULL for it. */
} Transfer;

static bool configure_transfer(Transfer *transfer, const char *credential);
static void on_context_reset(void *arg);
static void on_replay_reset(void *arg);
static double count_wait(WalcuStats *stats);
static void count_outcome(Transfer *transfer);
static size_t on_header(char *data, size_t size, size_t count, void *arg);
#if !TELLS_OF_SENDING
static size_t on_read(char *buffer, size_t size, size_t count, void *arg);
#endif
static size_t on_body(char *data, size_t size, size_t count, void *arg);
static size_t take_error_body(Transfer *transfer, const char *data, size_t length);
static size_t give_up(Transfer *transfer, WalcuCurlErrorKind kind);
static bool append_body(Transfer *transfer, const char *data, size_t length);
static void resume_reading(Transfer *transfer, bool wait);
static bool has_expired(const Transfer *transfer);
static void note_limits(Transfer *transfer);
static WalcuCurlErrorKind classify_failure(const Transfer *transfer);
static int read_proxy_status(const Transfer *transfer);
static void fail_transfer(Transfer *transfer, WalcuCurlErrorKind kind);
static void finish_transfer(Transfer *transfer);

/*
 * Let a request be sent as soon as may be.  Nothing is waited for.
 *
 * credential is a whole header line, or NULL for a call that needs none.  attempt is NULL for
 * a request that is not tried again.  options and request must live as long as parent.
 */
WalcuTransfer *
transfer_start(MemoryContext parent, const WalcuOptions *options, const char *credential,
			   const WalcuRequest *request, const WalcuAttempt *attempt)
{
	WalcuStats *stats = stats_of(options);
	WalcuConnection *connection = connection_get(options);
	MemoryContext context;
	MemoryContext before;
	Transfer *transfer;
	bool configured;

	connection_count_request(connection, options);
	context = AllocSetContextCreate(parent, "walcu transfer", ALLOCSET_SMALL_SIZES);
	transfer = MemoryContextAllocZero(context, sizeof(Transfer));
	transfer->shared.options = options;
	transfer->shared.request = request;
	if (attempt)
		transfer->shared.attempt = *attempt;
	transfer->shared.data = transfer->nothing;
	transfer->context = context;
	transfer->connection = connection;
	transfer->line = connection_line(connection);
	transfer->stats = stats;
	stats->requests[stats_method(request->method)]++;
	stats->retries += transfer->shared.attempt.failed > 0;
	transfer->allowance = WINDOW_SIZE;
	transfer->handle.options = options;
	transfer->handle.once = !request_is_read(request);
	transfer->handle.not_before = walcu_curl_multi_now() + transfer->shared.attempt.delay;
	transfer->handle.reason = transfer->shared.attempt.reason;
	reset_callback_add(context, on_context_reset, transfer);
	before = MemoryContextSwitchTo(context);
	transfer->handle.easy = curl_easy_init();
	configured = transfer->handle.easy && configure_transfer(transfer, credential);
	MemoryContextSwitchTo(before);
	if (configured)
		line_queue(transfer->line, &transfer->handle);
	else
		fail_transfer(transfer, WALCU_CURL_ERROR_MEMORY);
	return &transfer->shared;
}

/*
 * A transfer that has ended, with a reply that came before.  Nothing is sent, and nothing counted.  The reply
 * may go; options and request must live as long as parent.
 */
WalcuTransfer *
transfer_replay(MemoryContext parent, const WalcuOptions *options, const WalcuRequest *request,
				const WalcuReply *reply)
{
	WalcuConnection *connection = connection_get(options);
	MemoryContext context = AllocSetContextCreate(parent, "walcu transfer", ALLOCSET_SMALL_SIZES);
	Transfer *transfer = MemoryContextAllocZero(context, sizeof(Transfer));
	WalcuTransfer *shared = &transfer->shared;

	shared->options = options;
	shared->request = request;
	shared->status = reply->status;
	shared->head.has_more = reply->has_more;
	shared->done = true;
	shared->data = memcpy(MemoryContextAlloc(context, reply->length + 1), reply->body, reply->length);
	shared->length = reply->length;
	shared->data[shared->length] = '\0';
	transfer->context = context;
	transfer->connection = connection;
	transfer->line = connection_line(connection);
	transfer->stats = stats_of(options);
	reset_callback_add(context, on_replay_reset, transfer);
	line_join(transfer->line, &transfer->handle);
	return shared;
}

/* Let a body that has no more bytes stay as it is while it is consumed, for transfer_reply. */
void
transfer_keep(WalcuTransfer *shared, size_t bytes)
{
	((Transfer *) shared)->buffer.keep = bytes;
}

/* The reply of a transfer that has ended; false when some of it is missing, or was not kept. */
bool
transfer_reply(const WalcuTransfer *shared, WalcuReply *reply)
{
	const Transfer *transfer = (const Transfer *) shared;

	reply->status = shared->status;
	reply->has_more = shared->head.has_more;
	reply->body = shared->data - transfer->buffer.consumed;
	reply->length = transfer->buffer.consumed + shared->length;
	return shared->done && shared->failure.kind == WALCU_CURL_ERROR_NONE && reply->length == shared->received;
}

/*
 * Take in what has arrived; with wait, wait until something has.  Once it returns with done set,
 * the reply is whole, unless failure says why it is not: http_error_check raises that.
 */
void
transfer_advance(WalcuTransfer *transfer, bool wait)
{
	uint64 before = transfer->received;
	int status = transfer->status;

	do
	{
		transfer_look(transfer, wait);
		if (!transfer->done)
			transfer_drive(transfer, wait ? -1 : 0);
		transfer_look(transfer, wait);
	} while (wait && !transfer->done && transfer->received == before && transfer->status == status);
}

/*
 * Notice the end of a transfer that others' waiting has brought, and let more of it in.  A reader
 * that is about to wait has used what it could of the unread bytes.
 */
void
transfer_look(WalcuTransfer *shared, bool wait)
{
	Transfer *transfer = (Transfer *) shared;

	if (shared->done)
		return;
	transfer->is_stirred = false;
	if (!transfer->handle.done)
		resume_reading(transfer, wait);
	if (has_expired(transfer))
		fail_transfer(transfer, WALCU_CURL_ERROR_TIMEOUT);
	else if (transfer->handle.done)
		finish_transfer(transfer);
	if (shared->done)
		trace_log_if_slow(&transfer->handle, shared->request, shared->status, shared->received);
}

/* Has something happened since the transfer was looked at? */
bool
transfer_is_stirred(const WalcuTransfer *shared)
{
	const Transfer *transfer = (const Transfer *) shared;

	return !shared->done && (transfer->is_stirred || transfer->handle.done || has_expired(transfer));
}

/*
 * Let this transfer, and all others, go on, after waiting at most limit milliseconds for something to happen
 * (0: do not wait; below 0: as long as the transfer may take).
 */
void
transfer_drive(WalcuTransfer *shared, double limit)
{
	Transfer *transfer = (Transfer *) shared;
	double before;

	line_end_wait();
	before = count_wait(transfer->stats);
	/* what is here has only to be looked at */
	if (shared->done || transfer->handle.done)
		limit = 0;
	if (transfer->handle.added && limit != 0)
	{
		/* a little more, so that it has passed when looked at */
		double left = Max(line_time_left(&transfer->handle), 0) + 1;

		limit = (limit < 0) ? left : Min(limit, left);
	}
	line_drive(transfer->line, limit);
	transfer->stats->waited += line_waited() - before;
}

/* Somebody else waits for this transfer, among others, as long as line_begin_wait says. */
void
transfer_await(WalcuTransfer *shared)
{
	Transfer *transfer = (Transfer *) shared;

	transfer->stats->awaited_since = count_wait(transfer->stats);
	transfer->stats->is_awaited = true;
	line_hurry((transfer->handle.added && !shared->done) ? Max(line_time_left(&transfer->handle), 0) : -1);
}

/* The errdetail of what is raised about a request: which it was, and how often it was tried. */
int
transfer_errdetail(const WalcuTransfer *transfer)
{
	const char *label = text_shown(transfer->request->label.data, TEXT_OF_REQUEST);

	if (transfer->attempt.failed > 0)
		return errdetail("The request was %s; it was tried %d times.", label, transfer->attempt.failed + 1);
	return errdetail("The request was %s.", label);
}

/*
 * Where a reply redirects to, once it is whole: a URL as curl reads it, relative to that of the request; NULL
 * when the reply is no redirect.
 */
char *
transfer_redirect_url(const WalcuTransfer *shared)
{
	CURL *easy = ((const Transfer *) shared)->handle.easy;
	char *url = NULL;

	if (easy)
		curl_easy_getinfo(easy, CURLINFO_REDIRECT_URL, &url);
	return url ? pstrdup(url) : NULL;
}

/* May the service, or a proxy, have got some of the request? */
bool
transfer_was_sent(const WalcuTransfer *shared)
{
	return walcu_curl_multi_was_sent(&((const Transfer *) shared)->handle);
}

/* Tell that the first bytes of data have been read and may go. */
void
transfer_consume(WalcuTransfer *shared, size_t bytes)
{
	Transfer *transfer = (Transfer *) shared;

	Assert(bytes <= shared->length);
	transfer->buffer.consumed += bytes;
	shared->data += bytes;
	shared->length -= bytes;
}

/* Has a reply that is whole no body at all? */
bool
transfer_is_empty(const WalcuTransfer *shared)
{
	return shared->done && shared->received == 0 &&
		   (shared->status == 204 || reply_head_tells_end(&shared->head));
}

/* Drop a transfer, finished or not. */
void
transfer_release(WalcuTransfer *shared)
{
	MemoryContextDelete(((Transfer *) shared)->context);
}

static void
on_context_reset(void *arg)
{
	Transfer *transfer = arg;

	count_wait(transfer->stats);
	count_outcome(transfer);
	if (transfer->handle.easy)
	{
		connection_remove(transfer->connection, &transfer->handle);
		curl_easy_cleanup(transfer->handle.easy);
	}
	curl_slist_free_all(transfer->headers);
	reply_buffer_free(&transfer->buffer);
}

static void
on_replay_reset(void *arg)
{
	Transfer *transfer = arg;

	connection_remove(transfer->connection, &transfer->handle);
}

/* Count what somebody else has waited, up to now (by line_waited). */
static double
count_wait(WalcuStats *stats)
{
	if (stats->is_awaited)
		stats->waited += line_waited() - stats->awaited_since;
	stats->is_awaited = false;
	return line_waited();
}

static void
count_outcome(Transfer *transfer)
{
	WalcuStats *stats = transfer->stats;
	const WalcuTransfer *shared = &transfer->shared;

	if (transfer->handle.began_at == 0) /* it never left the queue */
		stats->requests[stats_method(shared->request->method)]--;
	else if (shared->status == 0 || shared->failure.kind != WALCU_CURL_ERROR_NONE)
		stats->failures++;
	else
		stats->replies[stats_class(shared->status)]++;
}

/* Set up the easy handle; false when curl is out of memory. */
static bool
configure_transfer(Transfer *transfer, const char *credential)
{
	CURL *easy = transfer->handle.easy;

	if (!walcu_curl_easy_configure(easy, transfer->shared.options, transfer->shared.request) ||
		!walcu_curl_easy_add_headers(easy, transfer->shared.request,
									 transfer->shared.request->is_bare ? NULL : credential,
									 &transfer->headers))
		return false;
	if (transfer->shared.request->tells_tls)
		walcu_curl_easy_tell_tls(easy, transfer->shared.tls);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->shared.failure.message);
#if !TELLS_OF_SENDING
	/* curl is kept from repeating a request by not being able to */
	curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_read);
	curl_easy_setopt(easy, CURLOPT_READDATA, transfer);
#endif
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
	/* what a proxy says of a tunnel is not the service's reply */
	curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	return true;
}

/* A line of the reply's head, or a trailer behind its body, which says nothing that is asked for. */
static size_t
on_header(char *data, size_t size, size_t count, void *arg)
{
	Transfer *transfer = arg;
	WalcuTransfer *shared = &transfer->shared;
	size_t length = size * count;
	long status = 0;

	transfer->is_stirred = true;
	transfer->head_size += length;
	if (transfer->head_size > TRANSFER_MAX_HEAD_SIZE)
	{
		shared->failure.kind = WALCU_CURL_ERROR_HEAD_SIZE;
		return 0; /* not what came: curl gives up */
	}
	if (shared->status != 0)
		return length;
	reply_head_take_line(&shared->head, data, length);
	if (reply_head_is_end(data, length))
		curl_easy_getinfo(transfer->handle.easy, CURLINFO_RESPONSE_CODE, &status);
	if (status >= 200) /* 1xx announce the real one */
	{
		shared->status = (int) status;
		shared->retry_after = reply_head_retry_after(&shared->head);
	}
	return length;
}

#if !TELLS_OF_SENDING

/* A piece of the request's body. */
static size_t
on_read(char *buffer, size_t size, size_t count, void *arg)
{
	Transfer *transfer = arg;
	const char *rest = transfer->shared.request->body + transfer->body_sent;
	size_t length = strnlen(rest, size * count);

	memcpy(buffer, rest, length);
	transfer->body_sent += length;
	return length;
}

#endif

/* A piece of the reply's body, as it is when it has been decompressed. */
static size_t
on_body(char *data, size_t size, size_t count, void *arg)
{
	Transfer *transfer = arg;
	WalcuTransfer *shared = &transfer->shared;
	size_t length = size * count;

	transfer->is_stirred = true;
	if (shared->status >= 300)
		return take_error_body(transfer, data, length);
	if (shared->length >= transfer->allowance && !transfer->handle.drains)
	{
		transfer->handle.paused = true;
		transfer->handle.paused_at = line_waited();
		return CURL_WRITEFUNC_PAUSE;
	}
	if (shared->received + length > shared->options->max_reply_size)
		return give_up(transfer, WALCU_CURL_ERROR_REPLY_SIZE);
	return append_body(transfer, data, length) ? length : give_up(transfer, WALCU_CURL_ERROR_MEMORY);
}

/* The beginning of a body that is no success: what is behind that is not waited for. */
static size_t
take_error_body(Transfer *transfer, const char *data, size_t length)
{
	size_t room = ERROR_BODY_SIZE - transfer->shared.length;

	if (!append_body(transfer, data, Min(length, room)))
		return give_up(transfer, WALCU_CURL_ERROR_MEMORY);
	transfer->has_enough = length >= room;
	return transfer->has_enough ? CURL_WRITEFUNC_ERROR : length;
}

/* Let curl end the transfer, for this reason. */
static size_t
give_up(Transfer *transfer, WalcuCurlErrorKind kind)
{
	transfer->shared.failure.kind = kind;
	return CURL_WRITEFUNC_ERROR;
}

static bool
append_body(Transfer *transfer, const char *data, size_t length)
{
	WalcuTransfer *shared = &transfer->shared;
	size_t mark = shared->received == 0 ? reply_buffer_pass_mark(&transfer->buffer, data, length) : 0;

	data += mark;
	length -= mark;
	if (!reply_buffer_append(&transfer->buffer, shared->length, data, length))
		return false;
	shared->data = transfer->buffer.start + transfer->buffer.consumed;
	shared->length += length;
	shared->received += length;
	transfer->stats->bytes += length;
	return true;
}

/*
 * Let more in.  A reader that waits has used what it could of the unread bytes, so
 * that they do not count; one that only looks gets a window in all.
 */
static void
resume_reading(Transfer *transfer, bool wait)
{
	transfer->allowance = WINDOW_SIZE + (wait ? transfer->shared.length : 0);
	if (transfer->handle.paused && transfer->shared.length < transfer->allowance)
		line_resume(&transfer->handle);
}

/* Has it taken longer than it may, or was it ended for that? */
static bool
has_expired(const Transfer *transfer)
{
	return transfer->handle.expired ||
		   (transfer->handle.added && !transfer->handle.done && line_time_left(&transfer->handle) <= 0);
}

/* curl is done with it, for better or worse. */
static void
finish_transfer(Transfer *transfer)
{
	WalcuCurlError *failure = &transfer->shared.failure;

	transfer->shared.done = true;
	transfer->shared.took = walcu_curl_multi_now() - transfer->handle.began_at;
	if (transfer->shared.status / 100 == 2)
		latency_note_request(transfer->shared.options, transfer->shared.took);
	note_limits(transfer);
	failure->code = transfer->has_enough ? CURLE_OK : transfer->handle.result;
	/* curl is content with a head that ends before its last line, and with a change of protocols */
	if (failure->code == CURLE_OK && transfer->shared.status == 0)
	{
		failure->code = CURLE_PARTIAL_FILE;
		strlcpy(failure->message, "The reply ended within its head", sizeof(failure->message));
	}
	if (failure->code != CURLE_OK)
		fail_transfer(transfer, classify_failure(transfer));
}

static WalcuCurlErrorKind
classify_failure(const Transfer *transfer)
{
	const WalcuCurlError *failure = &transfer->shared.failure;

	/* noted by a callback */
	if (failure->kind != WALCU_CURL_ERROR_NONE)
		return failure->kind;
	if (failure->code == CURLE_TOO_LARGE && transfer->head_size > 0 && transfer->shared.status == 0)
		return WALCU_CURL_ERROR_LINE_SIZE;
	if (transfer->shared.head.is_encoded &&
		walcu_curl_easy_is_full(failure->code, failure->message, transfer->handle.paused))
		return WALCU_CURL_ERROR_EXPANSION;
	return failure->code == CURLE_OUT_OF_MEMORY ? WALCU_CURL_ERROR_MEMORY : WALCU_CURL_ERROR_CURL;
}

/* A pause that the service asks for, and that will be made, is one of every request. */
static void
note_limits(Transfer *transfer)
{
	const WalcuTransfer *shared = &transfer->shared;
	double pause = shared->retry_after * 1000;
	bool is_made = shared->attempt.held + pause <= shared->options->max_retry_wait &&
				   shared->attempt.failed - shared->attempt.refused < shared->options->max_retries;

	line_note_reply(transfer->line, &transfer->handle, shared->status, is_made ? pause : 0);
}

static int
read_proxy_status(const Transfer *transfer)
{
	long status = 0;

	if (transfer->handle.easy)
		curl_easy_getinfo(transfer->handle.easy, CURLINFO_HTTP_CONNECTCODE, &status);
	return (int) status;
}

static void
fail_transfer(Transfer *transfer, WalcuCurlErrorKind kind)
{
	WalcuTransfer *shared = &transfer->shared;
	WalcuCurlError *failure = &shared->failure;

	failure->kind = kind;
	failure->sent = transfer_was_sent(shared);
	failure->proxy_status = read_proxy_status(transfer);
	/* curl tells how it was kept from repeating the request, and not what had become of it */
	if (transfer->handle.broken)
		failure->message[0] = '\0';
	shared->done = true;
}
