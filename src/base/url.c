/*
 * url.c
 *	  The parts of a URL, and where it leads.
 *
 * Options are checked with it, and the places that a background job names.  curl takes
 * URLs apart, as it does when it sends a request there, so that both understand them alike.
 */
#include "postgres.h"

#include <arpa/inet.h>

#include "base/url.h"

#include "base/reset_callback.h"

static void release_url(void *url);
static bool is_loopback(const char *host);

/*
 * Returns a URL as curl understands it; NULL when curl does not take it. It is freed with the current
 * memory context.
 */
CURLU *
url_parse(const char *text)
{
	MemoryContextCallback *callback = reset_callback_add(CurrentMemoryContext, release_url, NULL);
	CURLU *url = curl_url();

	if (url == NULL)
		ereport(ERROR, errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory"));
	callback->arg = url;
	return (curl_url_set(url, CURLUPART_URL, text, CURLU_PATH_AS_IS) == CURLUE_OK) ? url : NULL;
}

/* Returns a part of a URL, or an empty string when it has none.  The port may be the scheme's default. */
char *
url_part(CURLU *url, CURLUPart part)
{
	char *value;
	char *copy;

	if (curl_url_get(url, part, &value, part == CURLUPART_PORT ? CURLU_DEFAULT_PORT : 0) != CURLUE_OK)
		return "";
	copy = pstrdup(value);
	curl_free(value);
	return copy;
}

/*
 * Tells whether a request can be sent to a URL.  What has a percent sign is not a host, and curl itself
 * reads it in two ways.
 */
bool
url_has_host(CURLU *url)
{
	const char *host = url ? url_part(url, CURLUPART_HOST) : "";

	return host[0] != '\0' && strchr(host, '%') == NULL && strcmp(url_part(url, CURLUPART_PORT), "0") != 0;
}

/* Tells whether credentials may be sent to a URL: by https, or to this very machine. */
bool
url_is_safe(const char *text)
{
	CURLU *url = url_parse(text);

	return url && (pg_strcasecmp(url_part(url, CURLUPART_SCHEME), "https") == 0 ||
				   is_loopback(url_part(url, CURLUPART_HOST)));
}

/* Tells whether a URL leads to this very machine. */
bool
url_is_loopback(const char *text)
{
	CURLU *url = url_parse(text);

	return url && is_loopback(url_part(url, CURLUPART_HOST));
}

/*
 * Returns the host and port of a URL in one spelling, "ext.crm.walcu.com:443"; NULL when it has none.  The
 * zone of an address belongs to it: "[fe80::1]%eth0:443".
 */
char *
url_authority(const char *text)
{
	CURLU *url = url_parse(text);
	const char *zone;
	char *authority;

	if (!url_has_host(url))
		return NULL;
	zone = url_part(url, CURLUPART_ZONEID);
	authority = psprintf("%s%s%s:%s", url_part(url, CURLUPART_HOST), zone[0] ? "%" : "", zone,
						 url_part(url, CURLUPART_PORT));
	for (char *c = authority; *c; c++)
		*c = pg_tolower((unsigned char) *c);
	return authority;
}

/* Tells whether a character is one of those that RFC 3986 never asks to be encoded. */
bool
url_is_unreserved(unsigned char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
		   (c != '\0' && strchr("-._~", c) != NULL);
}

/*
 * Tells whether a text can be a segment of a URL's path as it stands, and names a resource or a document
 * there.
 *
 * Servers and proxies fold "." and "..", and refuse an encoded slash or split the path at it.  "all" in
 * the place of an _id is the service's background job, and servers may take no notice of capitals.
 */
bool
url_is_plain_segment(const char *text)
{
	if (text[0] == '\0' || strcmp(text, ".") == 0 || strcmp(text, "..") == 0 ||
		pg_strcasecmp(text, "all") == 0)
		return false;
	for (const char *c = text; *c; c++)
	{
		if (!url_is_unreserved((unsigned char) *c))
			return false;
	}
	return true;
}

/*
 * Returns a URL as curl has understood it, so that it is understood so again; NULL when no request can be
 * sent to it.  curl writes the host %312 as 12, which it then reads as the address 0.0.0.12: such a URL has
 * no meaning that all agree on.
 */
char *
url_canonical(const char *text)
{
	CURLU *url = url_parse(text);
	char *canonical = url_has_host(url) ? url_part(url, CURLUPART_URL) : NULL;
	CURLU *again = canonical ? url_parse(canonical) : NULL;

	return (url_has_host(again) && strcmp(url_part(again, CURLUPART_URL), canonical) == 0) ? canonical : NULL;
}

/*
 * Returns what a message may show of a text that is meant as a URL, whether it is one or not: nothing of its
 * query, where signatures stand, nor of a user and a password before its host.  What curl does not take for a
 * URL may have them anywhere before an @.
 */
char *
url_without_secrets(const char *text)
{
	const char *host = text;
	const char *end = text + strlen(text);

	if (url_parse(text) != NULL)
	{
		host += strcspn(text, ":") + 1;
		host += strspn(host, "/\\");
		end = host + strcspn(host, "/?#");
	}
	for (const char *at = end; at > host; at--)
	{
		if (at[-1] == '@')
			return psprintf("%.*s*****%.*s", (int) (host - text), text, (int) strcspn(at - 1, "?#"), at - 1);
	}
	return pnstrdup(text, strcspn(text, "?#"));
}

static void
release_url(void *url)
{
	curl_url_cleanup(url);
}

/* Tells whether a host is this very machine.  curl has already written addresses in their plain form. */
static bool
is_loopback(const char *host)
{
	struct in_addr address;

	if (pg_strcasecmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0)
		return true;
	return inet_pton(AF_INET, host, &address) == 1 && ntohl(address.s_addr) >> 24 == 127;
}
