/*
 * curl_easy.c
 *	  How curl is told to send a request: where to, over which protocols, on which connections.
 *
 * transfer.c calls this for each request; what is done with the reply is its own.
 */
#include "postgres.h"

#include "http/curl_easy.h"

#include "base/url.h"
#include "http/curl_multi.h"
#include "http/trace.h"

/* Seconds that a connection may have been idle before a write; servers commonly close it after 5 or more. */
#define LONGEST_IDLE 2L

/*
 * What curl reads at once, in bytes.  While it is paused curl holds what becomes of it, with gzip a thousand
 * times as much.
 */
#define READ_SIZE (16L * 1024)

/* By this the service's operators know whose requests these are. */
#define USER_AGENT                                                                                           \
	"User-Agent: walcu_fdw/" WALCU_FDW_VERSION                                                               \
	" (PostgreSQL " CppAsString2(PG_MAJORVERSION_NUM) "." CppAsString2(PG_MINORVERSION_NUM) ")"

/* Seconds that an address is remembered at most, which is curl's default. */
#define ADDRESS_AGE 60L

static bool configure_certificates(CURL *easy, const char *ca_file);
static void limit_connection_age(CURL *easy, long seconds);
static void configure_write(CURL *easy, const WalcuRequest *request);
static int on_debug(CURL *easy, curl_infotype type, char *data, size_t size, void *arg);

/* Set up an easy handle; false when curl is out of memory. */
bool
walcu_curl_easy_configure(CURL *easy, const WalcuOptions *options, const WalcuRequest *request)
{
	if (curl_easy_setopt(easy, CURLOPT_URL, request->url.data) != CURLE_OK ||
		curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method) != CURLE_OK)
		return false;
	if (options->ca_file && !configure_certificates(easy, options->ca_file))
		return false;
	/* what is for this machine would leave it for a proxy that the environment names */
	if (url_is_loopback(request->url.data) && curl_easy_setopt(easy, CURLOPT_PROXY, "") != CURLE_OK)
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
	if (!request_is_read(request))
		configure_write(easy, request);
	/*
	 * Rather one more part of an HTTP/2 connection than another connection.  TLS tells early whether
	 * that can be had; without it curl would wait for the first reply.
	 */
	curl_easy_setopt(easy, CURLOPT_PIPEWAIT, pg_strncasecmp(request->url.data, "https:", 6) == 0 ? 1L : 0L);
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long) CURL_HTTP_VERSION_2TLS);
	curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "");
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long) options->connect_timeout);
	curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, READ_SIZE);
	limit_connection_age(easy, (options->connection_lifetime + 999L) / 1000);
	return true;
}

/*
 * A name may lead elsewhere by and by: let no new request have a connection that is older, nor an address.
 * One that is under way ends as it began.
 */
static void
limit_connection_age(CURL *easy, long seconds)
{
	curl_easy_setopt(easy, CURLOPT_DNS_CACHE_TIMEOUT, Min(seconds, ADDRESS_AGE));
#if LIBCURL_VERSION_NUM >= 0x075000
	curl_easy_setopt(easy, CURLOPT_MAXLIFETIME_CONN, seconds);
#endif
}

/*
 * Set the lines of the request's head; false when curl is out of memory.  The list, as far as it was made, is
 * the caller's to free when the handle is done.
 */
bool
walcu_curl_easy_add_headers(CURL *easy, const WalcuRequest *request, const char *credential,
							struct curl_slist **headers)
{
	const char *lines[] = {
		"Accept: application/json",
		USER_AGENT,
		"Expect:", /* a body is small; do not ask before sending it */
		request->body ? "Content-Type: application/json" : NULL,
		credential,
		/* for the service's operators alone, who get credentials */
		credential ? trace_parent_line() : NULL,
		credential ? trace_request_id_line() : NULL,
	};

	for (int i = 0; i < lengthof(lines); i++)
	{
		struct curl_slist *list;

		if (lines[i] == NULL)
			continue;
		list = curl_slist_append(*headers, lines[i]);
		if (list == NULL)
			return false;
		*headers = list;
	}
	return curl_easy_setopt(easy, CURLOPT_HTTPHEADER, *headers) == CURLE_OK;
}

/*
 * Trust the certificates of a file, and none of the system's directory, which curl would read besides.  They
 * are read for each new connection, as curl would otherwise remember them for a day.  A proxy is another
 * matter: its certificate is checked against the system's.
 */
static bool
configure_certificates(CURL *easy, const char *ca_file)
{
#if LIBCURL_VERSION_NUM >= 0x075700
	curl_easy_setopt(easy, CURLOPT_CA_CACHE_TIMEOUT, 0L);
#endif
	return curl_easy_setopt(easy, CURLOPT_CAINFO, ca_file) == CURLE_OK &&
		   curl_easy_setopt(easy, CURLOPT_CAPATH, NULL) == CURLE_OK;
}

/*
 * A connection that has been idle for long may be closing, and the request be lost: whether it was is not
 * known.
 */
static void
configure_write(CURL *easy, const WalcuRequest *request)
{
	curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, LONGEST_IDLE);
	if (request->body == NULL)
	{
#if !TELLS_OF_SENDING
		/* curl would repeat it when a connection that was used before breaks, and cannot be kept from it */
		curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
#endif
		return;
	}
	curl_easy_setopt(easy, CURLOPT_POST, 1L);
	curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t) strlen(request->body));
#if TELLS_OF_SENDING
	/* it goes out together with the head, and is not copied: the request outlives the handle */
	curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request->body);
#endif
}

/* Let curl make a new connection, and note the version of its TLS in WALCU_TLS_SIZE bytes. */
void
walcu_curl_easy_tell_tls(CURL *easy, char *version)
{
	curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
	curl_easy_setopt(easy, CURLOPT_DEBUGFUNCTION, on_debug);
	curl_easy_setopt(easy, CURLOPT_DEBUGDATA, version);
	curl_easy_setopt(easy, CURLOPT_VERBOSE, 1L);
}

/* curl tells the version nowhere else: "SSL connection using TLSv1.3 / ..." */
static int
on_debug(CURL *easy, curl_infotype type, char *data, size_t size, void *arg)
{
	static const char before[] = "SSL connection using ";
	size_t start = sizeof(before) - 1;
	size_t kept = 0;
	char *version = arg;

	if (type != CURLINFO_TEXT || size <= start || memcmp(data, before, start) != 0)
		return 0;
	while (start + kept < size && kept < WALCU_TLS_SIZE - 1 && strchr(" /\r\n", data[start + kept]) == NULL)
		kept++;
	memcpy(version, data + start, kept);
	version[kept] = '\0';
	return 0;
}

/*
 * Returns whether curl has failed as it could not hold what it decompressed of a reply.  While paused it
 * holds 64 MB, and what it says of more differs by version: that memory is out, that it is too large, or
 * words.
 */
bool
walcu_curl_easy_is_full(CURLcode code, const char *message, bool paused)
{
	if (code == CURLE_OUT_OF_MEMORY)
		return paused;
	return code == CURLE_TOO_LARGE || strstr(message, "pause buffer") != NULL;
}
