/*
 * request.c
 *	  Build one call of the API: URL, query string and filter texts.
 *
 * Scans (fetch/query.c), writes, single calls and EXPLAIN build their requests here, so
 * that what EXPLAIN shows is what is sent.  Every part that comes from data is
 * percent-encoded.  Nothing here talks to the service or knows credentials.
 */
#include "postgres.h"

#include "http/request.h"

#include "base/text.h"
#include "base/url.h"
#include "base/utf8.h"
#include "miscadmin.h"

/* RFC 3986 lets a query have them as they are, which leaves room for more keys of a list. */
#define PLAIN_IN_VALUES ",:"

/* Most URLs have fewer bytes than these, and hundreds of requests may be under way. */
#define FIRST_ROOM 256

static void append_encoded(StringInfo url, const char *text, const char *plain);
static bool is_plain(unsigned char c, const char *plain);

/*
 * A request below /dealers/{dealer_id} of the server's endpoint, without any
 * further segment yet.
 */
WalcuRequest *
request_create(const WalcuOptions *options, const char *method)
{
	WalcuRequest *request = palloc0(sizeof(WalcuRequest));

	request->method = method;
	text_init(&request->url, FIRST_ROOM);
	text_init(&request->label, FIRST_ROOM);
	appendStringInfo(&request->url, "%s/dealers/", options->endpoint);
	append_encoded(&request->url, options->dealer_id, "");
	appendStringInfo(&request->label, "%s ", method);
	return request;
}

/* The request for the service's own OpenAPI document. */
WalcuRequest *
request_description(const WalcuOptions *options)
{
	return request_for_url(psprintf("%s/.well-known/service-desc", options->endpoint),
						   "/.well-known/service-desc");
}

/* A GET of a URL that is ready; label is what messages show of it. */
WalcuRequest *
request_for_url(const char *url, const char *label)
{
	WalcuRequest *request = palloc0(sizeof(WalcuRequest));

	request->method = "GET";
	text_init(&request->url, FIRST_ROOM);
	text_init(&request->label, FIRST_ROOM);
	appendStringInfoString(&request->url, url);
	appendStringInfo(&request->label, "GET %s", label);
	return request;
}

/* A read can be asked again; a write that may have arrived cannot. */
bool
request_is_read(const WalcuRequest *request)
{
	return strcmp(request->method, "GET") == 0;
}

/* Append a path segment; callers see to it that it is not a dot segment. */
void
request_add_segment(WalcuRequest *request, const char *segment)
{
	appendStringInfoChar(&request->url, '/');
	append_encoded(&request->url, segment, "");
	appendStringInfo(&request->label, "/%s", segment);
}

/* Append a parameter of the query string. */
void
request_add_parameter(WalcuRequest *request, const char *name, const char *value)
{
	char separator = request->has_query ? '&' : '?';

	appendStringInfoChar(&request->url, separator);
	append_encoded(&request->url, name, "");
	appendStringInfoChar(&request->url, '=');
	append_encoded(&request->url, value, PLAIN_IN_VALUES);
	appendStringInfo(&request->label, "%c%s=%s", separator, name, value);
	request->has_query = true;
	if (strcmp(name, "search") == 0 || strcmp(name, "group_by") == 0)
		request->extra = name;
	request->has_format |= strcmp(name, "sort") == 0 || strcmp(name, "project") == 0;
}

/* The bytes that a parameter's value takes up in a URL. */
size_t
request_encoded_length(const char *text)
{
	const char *utf8 = utf8_require(text);
	size_t length = 0;

	for (const unsigned char *c = (const unsigned char *) utf8; *c; c++)
	{
		/* a list of a million keys is measured as a whole before it is split */
		if ((((const char *) c - utf8) & 0xFFFF) == 0)
			CHECK_FOR_INTERRUPTS();
		length += is_plain(*c, PLAIN_IN_VALUES) ? 1 : strlen("%22");
	}
	return length;
}

/*
 * URLs carry UTF-8, whatever the database's encoding is.  Of other characters, plain ones stay as they are.
 */
static void
append_encoded(StringInfo url, const char *text, const char *plain)
{
	static const char digits[] = "0123456789ABCDEF";
	const char *utf8 = utf8_require(text);

	for (const unsigned char *c = (const unsigned char *) utf8; *c; c++)
	{
		if ((((const char *) c - utf8) & 0xFFFF) == 0)
			CHECK_FOR_INTERRUPTS();
		if (is_plain(*c, plain))
			appendStringInfoChar(url, *c);
		else
		{
			appendStringInfoChar(url, '%');
			appendStringInfoChar(url, digits[*c >> 4]);
			appendStringInfoChar(url, digits[*c & 0xF]);
		}
	}
}

static bool
is_plain(unsigned char c, const char *plain)
{
	return url_is_unreserved(c) || strchr(plain, c) != NULL;
}
