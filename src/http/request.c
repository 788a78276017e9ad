/*
 * request.c
 *	  Build one call of the API: URL, query string and filter texts.
 *
 * The sources of a scan, single calls and EXPLAIN build their requests here, so
 * that what EXPLAIN shows is what is sent.  Every part that comes from data is
 * percent-encoded.  Nothing here talks to the service or knows credentials.
 */
#include "postgres.h"

#include "http/request.h"

#include "mb/pg_wchar.h"
#include "utils/json.h"

/* RFC 3986 lets a query have them as they are, which leaves room for more keys of a list. */
#define PLAIN_IN_VALUES ",:"

static void append_encoded(StringInfo url, const char *text, const char *plain);
static bool is_unreserved(unsigned char c);

/*
 * A request below /dealers/{dealer_id} of the server's endpoint, without any
 * further segment yet.
 */
WalcuRequest *
request_create(const WalcuOptions *options, const char *method)
{
	WalcuRequest *request = palloc0(sizeof(WalcuRequest));

	request->method = method;
	initStringInfo(&request->url);
	initStringInfo(&request->label);
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
	initStringInfo(&request->url);
	initStringInfo(&request->label);
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
}

/*
 * Can the document be asked for as GET /R/{id}?
 *
 * Servers and proxies fold "." and "..", refuse or split at an encoded slash, and
 * "all" is the background job.  Such an id is asked for with a filter instead.
 */
bool
request_id_fits_path(const char *id)
{
	if (id[0] == '\0' || strcmp(id, ".") == 0 || strcmp(id, "..") == 0 || strcmp(id, "all") == 0)
		return false;
	for (const char *c = id; *c; c++)
	{
		if (!is_unreserved((unsigned char) *c))
			return false;
	}
	return true;
}

/* The value of `project` for a list of paths, as the server's option says it is written. */
char *
request_field_list(WalcuListFormat format, List *fields)
{
	List *descending = NIL;

	for (int i = 0; i < list_length(fields); i++)
		descending = lappend_int(descending, false);
	return request_sort(format, fields, descending);
}

/* The value of `sort` for a list of paths, and one of whether each is descending. */
char *
request_sort(WalcuListFormat format, List *fields, List *descending)
{
	StringInfoData list;

	initStringInfo(&list);
	for (int i = 0; i < list_length(fields); i++)
	{
		const char *field = list_nth(fields, i);
		const char *sign = list_nth_int(descending, i) ? "-" : "";

		switch (format)
		{
			case WALCU_FORMAT_MONGOOSE:
				appendStringInfo(&list, "%s%s%s", i > 0 ? " " : "", sign, field);
				break;
			case WALCU_FORMAT_COMMA:
				appendStringInfo(&list, "%s%s%s", i > 0 ? "," : "", sign, field);
				break;
			case WALCU_FORMAT_JSON:
				appendStringInfoChar(&list, i > 0 ? ',' : '{');
				escape_json(&list, field);
				appendStringInfo(&list, ":%s1", sign);
				break;
		}
	}
	if (format == WALCU_FORMAT_JSON)
		appendStringInfoChar(&list, '}');
	return list.data;
}

/* The bytes that a parameter's value takes up in a URL. */
size_t
request_encoded_length(const char *text)
{
	StringInfoData encoded;

	initStringInfo(&encoded);
	append_encoded(&encoded, text, PLAIN_IN_VALUES);
	pfree(encoded.data);
	return encoded.len;
}

/*
 * URLs carry UTF-8, whatever the database's encoding is.  Of other characters, plain ones stay as they are.
 */
static void
append_encoded(StringInfo url, const char *text, const char *plain)
{
	char *utf8 = pg_server_to_any(text, strlen(text), PG_UTF8);

	for (const unsigned char *c = (const unsigned char *) utf8; *c; c++)
	{
		if (is_unreserved(*c) || strchr(plain, *c) != NULL)
			appendStringInfoChar(url, *c);
		else
			appendStringInfo(url, "%%%02X", *c);
	}
}

/* The characters that RFC 3986 never asks to be encoded. */
static bool
is_unreserved(unsigned char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
		   (c != '\0' && strchr("-._~", c) != NULL);
}
