/*
 * curl_error.c
 *	  A reply that did not come, or not whole: what that means in SQL.
 *
 * retry.c asks whether it may be otherwise the next time, and http_error.c raises it when it is the
 * end.
 */
#include "postgres.h"

#include "http/curl_error.h"

#include "mb/pg_wchar.h"

/* What OpenSSL and GnuTLS say of what is no TLS, in some of their versions. */
static const char *const not_tls_words[] = {"wrong version number", "packet length too long",
											"unexpected TLS packet"};

/* How curl's failures are reported; the last row is every other. */
static const struct
{
	CURLcode code;
	int sqlstate;
	bool sent;      /* the service may have got the request, if anything was sent */
	bool transient; /* it may be otherwise the next time */
} failures[] = {
	{CURLE_COULDNT_RESOLVE_HOST, ERRCODE_SQLCLIENT_UNABLE_TO_ESTABLISH_SQLCONNECTION, false, true},
	{CURLE_COULDNT_RESOLVE_PROXY, ERRCODE_SQLCLIENT_UNABLE_TO_ESTABLISH_SQLCONNECTION, false, true},
	{CURLE_COULDNT_CONNECT, ERRCODE_SQLCLIENT_UNABLE_TO_ESTABLISH_SQLCONNECTION, false, true},
	{CURLE_SSL_CONNECT_ERROR, ERRCODE_SQLCLIENT_UNABLE_TO_ESTABLISH_SQLCONNECTION, false, true},
	{CURLE_PEER_FAILED_VERIFICATION, ERRCODE_SQLCLIENT_UNABLE_TO_ESTABLISH_SQLCONNECTION, false, false},
	{CURLE_SSL_CACERT_BADFILE, ERRCODE_SQLCLIENT_UNABLE_TO_ESTABLISH_SQLCONNECTION, false, false},
	{CURLE_WEIRD_SERVER_REPLY, ERRCODE_PROTOCOL_VIOLATION, true, true},
	{CURLE_UNSUPPORTED_PROTOCOL, ERRCODE_PROTOCOL_VIOLATION, true, false},
	{CURLE_BAD_CONTENT_ENCODING, ERRCODE_PROTOCOL_VIOLATION, true, true},
	{CURLE_OK, ERRCODE_CONNECTION_FAILURE, true, true},
};

static int find_curl_row(CURLcode code);
static bool is_no_tls(const WalcuCurlError *failure);
static bool is_unknown(const WalcuTransfer *transfer);
static const char *read_curl_message(const WalcuCurlError *failure);
pg_noreturn static void raise_curl(const WalcuTransfer *transfer);
pg_noreturn static void raise_timeout(const WalcuTransfer *transfer);
pg_noreturn static void raise_size(const WalcuTransfer *transfer);
static int errmsg_size(const WalcuTransfer *transfer);

/* May it be otherwise the next time? */
bool
walcu_curl_error_is_transient(const WalcuCurlError *failure)
{
	int status = failure->proxy_status;
	bool refused = status / 100 == 4 && status != 408 && status != 429;

	return failure->kind == WALCU_CURL_ERROR_CURL && failures[find_curl_row(failure->code)].transient &&
		   !refused;
}

/*
 * Is the service not there, as it is while it is started anew?  A name that nobody knows is rather a mistake.
 */
bool
walcu_curl_error_is_outage(const WalcuCurlError *failure)
{
	bool is_unknown_name =
		failure->code == CURLE_COULDNT_RESOLVE_HOST || failure->code == CURLE_COULDNT_RESOLVE_PROXY;

	return walcu_curl_error_is_transient(failure) && !is_unknown_name &&
		   failures[find_curl_row(failure->code)].sqlstate != ERRCODE_PROTOCOL_VIOLATION;
}

/*
 * Raise a transfer's failure: 08001 nothing could be sent, 08006 the connection broke or
 * request_timeout passed, 08P01 the reply is no HTTP, 54000 it is too large, 08007 any of these for a
 * request that writes and may have been carried out.
 */
void
walcu_curl_error_raise(const WalcuTransfer *transfer)
{
	switch (transfer->failure.kind)
	{
		case WALCU_CURL_ERROR_TIMEOUT:
			raise_timeout(transfer);
		case WALCU_CURL_ERROR_HEAD_SIZE:
		case WALCU_CURL_ERROR_LINE_SIZE:
		case WALCU_CURL_ERROR_REPLY_SIZE:
		case WALCU_CURL_ERROR_EXPANSION:
			raise_size(transfer);
		case WALCU_CURL_ERROR_CURL:
			raise_curl(transfer);
		default:
			ereport(ERROR, errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory"),
					errdetail("Failed on a request to server \"%s\".", transfer->options->server_name));
	}
}

/* What a failure is in a few words, where it is not raised.  Error: 53200 memory is out. */
const char *
walcu_curl_error_text(const WalcuTransfer *transfer)
{
	switch (transfer->failure.kind)
	{
		case WALCU_CURL_ERROR_CURL:
			return read_curl_message(&transfer->failure);
		case WALCU_CURL_ERROR_TIMEOUT:
			return psprintf("not finished within %g s", transfer->options->request_timeout / 1000.0);
		case WALCU_CURL_ERROR_MEMORY:
			walcu_curl_error_raise(transfer);
		default:
			return "too large";
	}
}

static int
find_curl_row(CURLcode code)
{
	int row = 0;

	while (row < lengthof(failures) - 1 && failures[row].code != code)
		row++;
	return row;
}

/* Does a port answer that is asked for TLS, but does not speak it? */
static bool
is_no_tls(const WalcuCurlError *failure)
{
	for (int i = 0; i < lengthof(not_tls_words); i++)
	{
		if (failure->code == CURLE_SSL_CONNECT_ERROR && strstr(failure->message, not_tls_words[i]) != NULL)
			return true;
	}
	return false;
}

/* May the service have carried out what cannot be repeated? */
static bool
is_unknown(const WalcuTransfer *transfer)
{
	const WalcuCurlError *failure = &transfer->failure;

	return failure->sent && !request_is_read(transfer->request) &&
		   (failure->kind != WALCU_CURL_ERROR_CURL || failures[find_curl_row(failure->code)].sent);
}

static void
raise_curl(const WalcuTransfer *transfer)
{
	const WalcuCurlError *failure = &transfer->failure;
	int sqlstate = failures[find_curl_row(failure->code)].sqlstate;
	bool unknown = is_unknown(transfer);
	char *hint = unknown ? CURL_ERROR_UNKNOWN_HINT : walcu_curl_error_hint(transfer);

	if (!failure->sent && sqlstate == ERRCODE_CONNECTION_FAILURE)
		sqlstate = ERRCODE_SQLCLIENT_UNABLE_TO_ESTABLISH_SQLCONNECTION;
	ereport(ERROR, errcode(unknown ? ERRCODE_TRANSACTION_RESOLUTION_UNKNOWN : sqlstate),
			errmsg("could not get a reply from server \"%s\": %s", transfer->options->server_name,
				   read_curl_message(failure)),
			transfer_errdetail(transfer), hint ? errhint("%s", hint) : 0);
}

/*
 * Where no connection could be made, the place may be a wrong one: tells which it was.  NULL where the reason
 * is known to be another, or the place is one that the service has named.
 */
char *
walcu_curl_error_hint(const WalcuTransfer *transfer)
{
	const WalcuCurlError *failure = &transfer->failure;
	const char *endpoint = transfer->options->endpoint;
	size_t length = strlen(endpoint);
	const char *url = transfer->request->url.data;

	if (failure->sent || failure->proxy_status != 0 || failure->code == CURLE_COULDNT_RESOLVE_PROXY ||
		failure->code == CURLE_SSL_CACERT_BADFILE)
		return NULL;
	if (strncmp(url, endpoint, length) != 0 || url[length] != '/')
		return NULL;
	if (is_no_tls(failure))
		return psprintf(
			"Check the server option endpoint: what answers at \"%s\" does not speak TLS.  Another "
			"port may, or http:// is meant.",
			endpoint);
	return psprintf("Check the server option endpoint: \"%s\" was asked.", endpoint);
}

/* curl repeats what hosts and certificates are called, and cuts its message at any byte. */
static const char *
read_curl_message(const WalcuCurlError *failure)
{
	const char *message = failure->message;

	if (message[0] == '\0')
		return curl_easy_strerror(failure->code);
	return pnstrdup(message, pg_encoding_verifymbstr(GetDatabaseEncoding(), message, (int) strlen(message)));
}

static void
raise_timeout(const WalcuTransfer *transfer)
{
	bool sent = transfer->failure.sent;
	bool unknown = is_unknown(transfer);
	double seconds = transfer->options->request_timeout / 1000.0;
	char *endpoint = walcu_curl_error_hint(transfer);

	ereport(ERROR,
			errcode(!sent     ? ERRCODE_SQLCLIENT_UNABLE_TO_ESTABLISH_SQLCONNECTION
					: unknown ? ERRCODE_TRANSACTION_RESOLUTION_UNKNOWN
							  : ERRCODE_CONNECTION_FAILURE),
			sent ? errmsg("server \"%s\" did not finish its reply within %g s",
						  transfer->options->server_name, seconds)
				 : errmsg("could not connect to server \"%s\" within %g s", transfer->options->server_name,
						  seconds),
			transfer_errdetail(transfer),
			unknown ? errhint(CURL_ERROR_UNKNOWN_HINT)
					: errhint("%s%sThe server option request_timeout sets this limit.",
							  endpoint ? endpoint : "", endpoint ? " " : ""));
}

static void
raise_size(const WalcuTransfer *transfer)
{
	bool unknown = is_unknown(transfer);
	const char *hint = unknown ? CURL_ERROR_UNKNOWN_HINT : NULL;

	if (transfer->failure.kind == WALCU_CURL_ERROR_REPLY_SIZE && !unknown)
		hint = "The option max_reply_size sets this limit.";
	if (transfer->failure.kind == WALCU_CURL_ERROR_EXPANSION && !unknown)
		hint = "The option max_reply_size limits what a reply becomes in all.";
	ereport(ERROR, errcode(unknown ? ERRCODE_TRANSACTION_RESOLUTION_UNKNOWN : ERRCODE_PROGRAM_LIMIT_EXCEEDED),
			errmsg_size(transfer), transfer_errdetail(transfer), hint ? errhint("%s", hint) : 0);
}

/* The errmsg of what is too large. */
static int
errmsg_size(const WalcuTransfer *transfer)
{
	const WalcuOptions *options = transfer->options;

	switch (transfer->failure.kind)
	{
		case WALCU_CURL_ERROR_HEAD_SIZE:
			return errmsg("the header of a reply from server \"%s\" is longer than %d bytes",
						  options->server_name, TRANSFER_MAX_HEAD_SIZE);
		case WALCU_CURL_ERROR_LINE_SIZE:
			return errmsg("a line in the header of a reply from server \"%s\" is longer than %d bytes",
						  options->server_name, CURL_MAX_HTTP_HEADER);
		case WALCU_CURL_ERROR_EXPANSION:
			return errmsg("a compressed reply from server \"%s\" becomes too much at once",
						  options->server_name);
		default:
			return errmsg("a reply from server \"%s\" is longer than " INT64_FORMAT " bytes",
						  options->server_name, options->max_reply_size);
	}
}
