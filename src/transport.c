/*
 * transport.c
 *	  Send one request and take in its reply, within limits.
 *
 * The sources of a scan and single calls start a transfer, advance it until it
 * holds what they need, and consume its bytes.  A transfer lives in a memory context
 * of its own below the caller's: when that goes, by success, error or cancel, curl's
 * side of it goes too.
 *
 * curl's callbacks run in here; they only note what arrives.  Failures become
 * SQL errors in transport_advance.  What a status means is reply.c's business.
 */
#include "postgres.h"

#include "connection.h"
#include "option_value.h"
#include "portability/instr_time.h"
#include "transport.h"
#include "utils/memutils.h"

/* The body's bytes a reader may leave unread before curl is told to pause. */
#define WINDOW_SIZE (1024 * 1024)

/* What is kept of a reply that is not a success: enough for any message. */
#define ERROR_BODY_SIZE (64 * 1024)

#define UNKNOWN_HINT "Whether the service carried it out is not known; look before you repeat it."

typedef struct Transfer
{
	WalcuTransfer shared; /* must be first */
	WalcuHandle handle;
	MemoryContext context;
	MemoryContextCallback on_reset;
	WalcuConnection *connection;
	struct curl_slist *headers;
	char *buffer; /* malloc'ed: it grows inside a curl callback */
	size_t capacity;
	size_t consumed;  /* bytes at the start of buffer already read */
	size_t allowance; /* unread bytes that may stand in buffer */
	bool paused;
	bool out_of_memory;
	double waited; /* milliseconds spent waiting for this transfer */
	char message[CURL_ERROR_SIZE];
} Transfer;

/* How curl's failures are reported; the last row is every other. */
static const struct
{
	CURLcode code;
	int sqlstate;
	bool sent; /* the service may have got the request, if anything was sent */
} failures[] = {
	{CURLE_COULDNT_RESOLVE_HOST, ERRCODE_SQLCLIENT_UNABLE_TO_ESTABLISH_SQLCONNECTION, false},
	{CURLE_COULDNT_RESOLVE_PROXY, ERRCODE_SQLCLIENT_UNABLE_TO_ESTABLISH_SQLCONNECTION, false},
	{CURLE_COULDNT_CONNECT, ERRCODE_SQLCLIENT_UNABLE_TO_ESTABLISH_SQLCONNECTION, false},
	{CURLE_SSL_CONNECT_ERROR, ERRCODE_SQLCLIENT_UNABLE_TO_ESTABLISH_SQLCONNECTION, false},
	{CURLE_PEER_FAILED_VERIFICATION, ERRCODE_SQLCLIENT_UNABLE_TO_ESTABLISH_SQLCONNECTION, false},
	{CURLE_SSL_CACERT_BADFILE, ERRCODE_SQLCLIENT_UNABLE_TO_ESTABLISH_SQLCONNECTION, false},
	{CURLE_WEIRD_SERVER_REPLY, ERRCODE_PROTOCOL_VIOLATION, true},
	{CURLE_UNSUPPORTED_PROTOCOL, ERRCODE_PROTOCOL_VIOLATION, true},
	{CURLE_BAD_CONTENT_ENCODING, ERRCODE_PROTOCOL_VIOLATION, true},
	{CURLE_OUT_OF_MEMORY, ERRCODE_OUT_OF_MEMORY, true},
	{CURLE_OK, ERRCODE_CONNECTION_FAILURE, true},
};

static bool configure(Transfer *transfer, const char *credential);
static bool add_headers(Transfer *transfer, const char *credential);
static void on_context_reset(void *arg);
static size_t on_header(char *data, size_t size, size_t count, void *arg);
static size_t on_body(char *data, size_t size, size_t count, void *arg);
static bool header_value(const char *line, size_t length, const char *name, char *value, size_t size);
static bool is_read(const Transfer *transfer);
static bool has_begun(const Transfer *transfer);
static bool make_room(Transfer *transfer, size_t bytes);
static void resume(Transfer *transfer, bool wait);
static void raise_failure(Transfer *transfer);
static void raise_timeout(Transfer *transfer);
static void raise_out_of_memory(Transfer *transfer);

/*
 * Send a request.  Nothing is waited for.
 *
 * credential is a whole header line, or NULL for a call that needs none.  options and
 * request must live as long as parent.
 */
WalcuTransfer *
transport_start(MemoryContext parent, const WalcuOptions *options, const char *credential,
				const WalcuRequest *request)
{
	WalcuConnection *connection = connection_get(options);
	MemoryContext context;
	MemoryContext before;
	Transfer *transfer;
	bool started;

	connection_count_request(connection, options);
	context = AllocSetContextCreate(parent, "walcu transfer", ALLOCSET_SMALL_SIZES);
	transfer = MemoryContextAllocZero(context, sizeof(Transfer));
	transfer->shared.options = options;
	transfer->shared.request = request;
	transfer->context = context;
	transfer->connection = connection;
	transfer->allowance = WINDOW_SIZE;
	transfer->on_reset.func = on_context_reset;
	transfer->on_reset.arg = transfer;
	MemoryContextRegisterResetCallback(context, &transfer->on_reset);

	before = MemoryContextSwitchTo(context);
	transfer->handle.easy = curl_easy_init();
	started = transfer->handle.easy && configure(transfer, credential) &&
			  connection_add(connection, &transfer->handle);
	MemoryContextSwitchTo(before);
	if (!started)
		raise_out_of_memory(transfer);
	return &transfer->shared;
}

/*
 * Take in what has arrived; with wait, wait until something has.  Once it returns
 * with done set, the reply is whole.  Errors: 08001 nothing could be sent, 08006 the
 * connection broke or request_timeout passed, 08P01 the reply is no HTTP, 08007 the
 * same for a request that writes and may have been carried out.
 */
void
transport_advance(WalcuTransfer *shared, bool wait)
{
	Transfer *transfer = (Transfer *) shared;
	size_t before = shared->received;
	int status = shared->status;

	if (shared->done)
		return;
	resume(transfer, wait);
	do
	{
		double left = shared->options->request_timeout - transfer->waited;
		instr_time start;
		instr_time elapsed;

		if (left <= 0)
			raise_timeout(transfer);
		INSTR_TIME_SET_CURRENT(start);
		connection_drive(transfer->connection, wait ? (long) left + 1 : 0);
		INSTR_TIME_SET_CURRENT(elapsed);
		INSTR_TIME_SUBTRACT(elapsed, start);
		transfer->waited += INSTR_TIME_GET_MILLISEC(elapsed);
		if (transfer->handle.done && transfer->handle.result != CURLE_OK)
			raise_failure(transfer);
		shared->done = transfer->handle.done;
	} while (wait && !shared->done && shared->received == before && shared->status == status);
}

/* Tell that the first bytes of data have been read and may go. */
void
transport_consume(WalcuTransfer *shared, size_t bytes)
{
	Transfer *transfer = (Transfer *) shared;

	Assert(bytes <= shared->length);
	transfer->consumed += bytes;
	shared->data += bytes;
	shared->length -= bytes;
}

/* Drop a transfer, finished or not. */
void
transport_release(WalcuTransfer *shared)
{
	MemoryContextDelete(((Transfer *) shared)->context);
}

static void
on_context_reset(void *arg)
{
	Transfer *transfer = arg;

	if (transfer->handle.easy)
	{
		connection_remove(transfer->connection, &transfer->handle);
		curl_easy_cleanup(transfer->handle.easy);
	}
	curl_slist_free_all(transfer->headers);
	free(transfer->buffer);
}

/* Set up the easy handle; false when curl is out of memory. */
static bool
configure(Transfer *transfer, const char *credential)
{
	CURL *easy = transfer->handle.easy;
	const WalcuOptions *options = transfer->shared.options;
	const WalcuRequest *request = transfer->shared.request;

	if (curl_easy_setopt(easy, CURLOPT_URL, request->url.data) != CURLE_OK ||
		curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method) != CURLE_OK ||
		!add_headers(transfer, credential))
		return false;
	if (request->body && curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, request->body) != CURLE_OK)
		return false;
	if (options->ca_file && curl_easy_setopt(easy, CURLOPT_CAINFO, options->ca_file) != CURLE_OK)
		return false;
	/* what is for this machine would leave it for a proxy that the environment names */
	if (option_url_is_loopback(request->url.data) && curl_easy_setopt(easy, CURLOPT_PROXY, "") != CURLE_OK)
		return false;

#if LIBCURL_VERSION_NUM >= 0x075500
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
#else
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS, CURLPROTO_HTTP | CURLPROTO_HTTPS);
#endif
#if LIBCURL_VERSION_NUM >= 0x075700
	/* a cancelled name look-up must not be waited for */
	curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
#endif
	/* on a connection used before, curl would repeat a request that got no reply */
	if (!is_read(transfer))
		curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long) CURL_HTTP_VERSION_2TLS);
	curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "");
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long) options->connect_timeout);
	curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, 128L * 1024);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->message);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
	return true;
}

static bool
add_headers(Transfer *transfer, const char *credential)
{
	const char *lines[] = {
		"Accept: application/json",
		"User-Agent: walcu_fdw",
		"Expect:", /* a body is small; do not ask before sending it */
		transfer->shared.request->body ? "Content-Type: application/json" : NULL,
		credential,
	};

	for (int i = 0; i < lengthof(lines); i++)
	{
		struct curl_slist *list;

		if (lines[i] == NULL)
			continue;
		list = curl_slist_append(transfer->headers, lines[i]);
		if (list == NULL)
			return false;
		transfer->headers = list;
	}
	return curl_easy_setopt(transfer->handle.easy, CURLOPT_HTTPHEADER, transfer->headers) == CURLE_OK;
}

/* A line of the reply's head.  The empty line ends it. */
static size_t
on_header(char *data, size_t size, size_t count, void *arg)
{
	Transfer *transfer = arg;
	WalcuTransfer *shared = &transfer->shared;
	size_t length = size * count;
	char value[16];

	if (header_value(data, length, "MAPP-has-more", value, sizeof(value)))
		shared->has_more = (pg_strcasecmp(value, "true") == 0)    ? WALCU_MORE_YES
						   : (pg_strcasecmp(value, "false") == 0) ? WALCU_MORE_NO
																  : WALCU_MORE_UNKNOWN;
	header_value(data, length, "Content-Type", shared->content_type, sizeof(shared->content_type));
	header_value(data, length, "Location", shared->location, sizeof(shared->location));
	if (length > 0 && (data[0] == '\r' || data[0] == '\n'))
	{
		long status = 0;

		curl_easy_getinfo(transfer->handle.easy, CURLINFO_RESPONSE_CODE, &status);
		if (status >= 200) /* 1xx announce the real one */
			shared->status = (int) status;
	}
	return length;
}

/* A piece of the reply's body. */
static size_t
on_body(char *data, size_t size, size_t count, void *arg)
{
	Transfer *transfer = arg;
	WalcuTransfer *shared = &transfer->shared;
	size_t length = size * count;
	size_t kept = length;

	if (shared->status >= 300)
		kept = Min(length, ERROR_BODY_SIZE - Min(shared->length, ERROR_BODY_SIZE));
	else if (shared->length >= transfer->allowance)
	{
		transfer->paused = true;
		return CURL_WRITEFUNC_PAUSE;
	}
	if (!make_room(transfer, kept))
	{
		transfer->out_of_memory = true;
		return length + 1; /* not what came: curl gives up */
	}
	memcpy(shared->data + shared->length, data, kept);
	shared->length += kept;
	shared->received += length;
	return length;
}

/* The value of a header, when the line is of that name; a long one is cut. */
static bool
header_value(const char *line, size_t length, const char *name, char *value, size_t size)
{
	size_t name_length = strlen(name);
	const char *start = line + name_length + 1;
	const char *end = line + length;

	if (length <= name_length || line[name_length] != ':' || pg_strncasecmp(line, name, name_length) != 0)
		return false;
	while (start < end && (*start == ' ' || *start == '\t'))
		start++;
	while (end > start && strchr(" \t\r\n", end[-1]) != NULL)
		end--;
	strlcpy(value, start, Min(size, (size_t) (end - start) + 1));
	return true;
}

/* Room for more bytes behind the unread ones, which may move to the buffer's start. */
static bool
make_room(Transfer *transfer, size_t bytes)
{
	WalcuTransfer *shared = &transfer->shared;
	size_t needed = shared->length + bytes;

	if (transfer->consumed + needed <= transfer->capacity)
		return true;
	if (transfer->consumed > 0)
	{
		memmove(transfer->buffer, shared->data, shared->length);
		transfer->consumed = 0;
	}
	if (needed > transfer->capacity)
	{
		size_t capacity = Max(needed, 2 * transfer->capacity);
		char *buffer = realloc(transfer->buffer, capacity);

		if (buffer == NULL)
			return false;
		transfer->buffer = buffer;
		transfer->capacity = capacity;
	}
	shared->data = transfer->buffer;
	return true;
}

/*
 * Let more in.  A reader that waits has used what it could of the unread bytes, so
 * that they do not count; one that only looks gets a window in all.
 */
static void
resume(Transfer *transfer, bool wait)
{
	transfer->allowance = WINDOW_SIZE + (wait ? transfer->shared.length : 0);
	if (transfer->paused && transfer->shared.length < transfer->allowance)
	{
		transfer->paused = false;
		curl_easy_pause(transfer->handle.easy, CURLPAUSE_CONT);
	}
}

/* A read can be asked again; a write that may have arrived cannot. */
static bool
is_read(const Transfer *transfer)
{
	return strcmp(transfer->shared.request->method, "GET") == 0;
}

/* Has any of the request been sent, to the service or to a proxy? */
static bool
has_begun(const Transfer *transfer)
{
	long bytes = 0;

	return curl_easy_getinfo(transfer->handle.easy, CURLINFO_REQUEST_SIZE, &bytes) != CURLE_OK || bytes > 0;
}

static void
raise_failure(Transfer *transfer)
{
	const WalcuTransfer *shared = &transfer->shared;
	CURLcode code = transfer->handle.result;
	int sqlstate;
	bool begun = has_begun(transfer);
	bool unknown;
	int row = 0;

	if (transfer->out_of_memory)
		raise_out_of_memory(transfer);
	while (row < lengthof(failures) - 1 && failures[row].code != code)
		row++;
	sqlstate = failures[row].sqlstate;
	if (!begun && sqlstate == ERRCODE_CONNECTION_FAILURE)
		sqlstate = ERRCODE_SQLCLIENT_UNABLE_TO_ESTABLISH_SQLCONNECTION;
	unknown = failures[row].sent && begun && !is_read(transfer);
	ereport(ERROR, errcode(unknown ? ERRCODE_TRANSACTION_RESOLUTION_UNKNOWN : sqlstate),
			errmsg("could not get a reply from server \"%s\": %s", shared->options->server_name,
				   transfer->message[0] ? transfer->message : curl_easy_strerror(code)),
			errdetail("The request was %s.", shared->request->label.data),
			unknown ? errhint(UNKNOWN_HINT) : 0);
}

static void
raise_timeout(Transfer *transfer)
{
	const WalcuTransfer *shared = &transfer->shared;
	bool begun = has_begun(transfer);
	bool unknown = begun && !is_read(transfer);
	double seconds = shared->options->request_timeout / 1000.0;

	ereport(ERROR,
			errcode(!begun    ? ERRCODE_SQLCLIENT_UNABLE_TO_ESTABLISH_SQLCONNECTION
					: unknown ? ERRCODE_TRANSACTION_RESOLUTION_UNKNOWN
							  : ERRCODE_CONNECTION_FAILURE),
			begun ? errmsg("server \"%s\" did not finish its reply within %g s", shared->options->server_name,
						   seconds)
				  : errmsg("could not connect to server \"%s\" within %g s", shared->options->server_name,
						   seconds),
			errdetail("The request was %s.", shared->request->label.data),
			unknown ? errhint(UNKNOWN_HINT) : errhint("The server option request_timeout sets this limit."));
}

static void
raise_out_of_memory(Transfer *transfer)
{
	ereport(ERROR, errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory"),
			errdetail("Failed on a request to server \"%s\".", transfer->shared.options->server_name));
}
