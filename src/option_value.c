/*
 * option_value.c
 *	  The values of options: read and checked one at a time.
 *
 * Called by option.c only.  Every error is 22023, names the option, and hints at
 * what is valid.  Values of credentials are never shown.
 */
#include "postgres.h"

#include <ctype.h>
#include <curl/curl.h>
#include <math.h>

#include "option_value.h"

#include "request.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/varlena.h"

/* Milliseconds: from 1 ms to a day. */
#define MAX_DURATION (24.0 * 60 * 60 * 1000)

/* Bytes: from 1 kB to half of what one allocation may be. */
#define MIN_SIZE 1024.0
#define MAX_SIZE (512.0 * 1024 * 1024)

static void invalid_value(const char *name, const char *text, const char *hint) pg_attribute_noreturn();
static void invalid_secret(const char *name, const char *reason) pg_attribute_noreturn();
static char *url_part(CURLU *url, CURLUPart part);
static bool is_loopback(const char *host);
static bool is_host(const char *text);

bool
option_value_boolean(const char *name, const char *text)
{
	bool value;

	if (!parse_bool(text, &value))
		invalid_value(name, text, "Valid values are \"true\" and \"false\".");
	return value;
}

int
option_value_integer(const char *name, const char *text, int min, int max)
{
	int value;

	if (!parse_int(text, &value, 0, NULL) || value < min || value > max)
		invalid_value(name, text, psprintf("Valid values are whole numbers from %d to %d.", min, max));
	return value;
}

/* A cost, as postgres_fdw takes it. */
double
option_value_cost(const char *name, const char *text)
{
	double value;

	if (!parse_real(text, &value, 0, NULL) || value < 0 || isinf(value) || isnan(value))
		invalid_value(name, text, "Valid values are numbers that are not negative.");
	return value;
}

/* A time in seconds, or with one of PostgreSQL's units; returns milliseconds. */
int
option_value_duration(const char *name, const char *text)
{
	double value;

	if (!parse_real(text, &value, GUC_UNIT_S, NULL) || !(value * 1000 >= 1) || value * 1000 > MAX_DURATION)
		invalid_value(name, text,
					  "Valid values are seconds, or times with a unit such as \"500ms\" or \"2min\", "
					  "from 1 ms to 1 day.");
	return (int) (value * 1000);
}

/* A size in bytes, or with one of PostgreSQL's units. */
int64
option_value_size(const char *name, const char *text)
{
	double value;

	if (!parse_real(text, &value, GUC_UNIT_BYTE, NULL) || !(value >= MIN_SIZE) || value > MAX_SIZE)
		invalid_value(name, text,
					  "Valid values are bytes, or sizes with a unit such as \"16MB\", from 1kB to 512MB.");
	return (int64) value;
}

/* The position of the text in a list of names that ends in NULL. */
int
option_value_choice(const char *name, const char *text, const char *const *choices)
{
	StringInfoData hint;

	initStringInfo(&hint);
	for (int i = 0; choices[i]; i++)
	{
		if (strcmp(text, choices[i]) == 0)
			return i;
		appendStringInfo(&hint, "%s\"%s\"", i > 0 ? ", " : "Valid values are ", choices[i]);
	}
	appendStringInfoChar(&hint, '.');
	invalid_value(name, text, hint.data);
}

/* An absolute URL without anything a request puts there itself. */
void
option_check_endpoint(const char *name, const char *text)
{
	CURLU *url = curl_url();
	bool valid = false;

	if (url && curl_url_set(url, CURLUPART_URL, text, 0) == CURLUE_OK)
	{
		char *scheme = url_part(url, CURLUPART_SCHEME);

		valid = (pg_strcasecmp(scheme, "http") == 0 || pg_strcasecmp(scheme, "https") == 0) &&
				url_part(url, CURLUPART_HOST)[0] != '\0' && url_part(url, CURLUPART_USER)[0] == '\0' &&
				url_part(url, CURLUPART_PASSWORD)[0] == '\0' && strpbrk(text, "?# \t\r\n\\@") == NULL;
	}
	curl_url_cleanup(url);
	if (!valid)
		invalid_value(name, text,
					  "Give an http or https URL without user, query and fragment, such as \"https://"
					  "api.crm.walcu.com\".");
}

/* May credentials travel there?  By https, or to this very machine. */
bool
option_endpoint_is_safe(const char *endpoint)
{
	CURLU *url = curl_url();
	bool safe = false;

	if (url && curl_url_set(url, CURLUPART_URL, endpoint, 0) == CURLUE_OK)
		safe = pg_strcasecmp(url_part(url, CURLUPART_SCHEME), "https") == 0 ||
			   is_loopback(url_part(url, CURLUPART_HOST));
	curl_url_cleanup(url);
	return safe;
}

/* A dealer or a resource: one segment of a URL's path that needs no encoding. */
void
option_check_segment(const char *name, const char *text)
{
	if (!request_id_fits_path(text))
		invalid_value(name, text, "Valid characters are letters, digits, \"-\", \"_\", \".\" and \"~\".");
}

void
option_check_absolute_path(const char *name, const char *text)
{
	if (!is_absolute_path(text))
		invalid_value(name, text, "Give an absolute path of a file on the database server.");
}

void
option_check_hosts(const char *name, const char *text)
{
	ListCell *lc;
	List *hosts = option_split_hosts(text);

	if (hosts == NIL)
		invalid_value(name, text, "Give hosts, with or without a port, separated by commas.");
	foreach(lc, hosts)
	{
		if (!is_host(lfirst(lc)))
			invalid_value(name, text, "Give hosts, with or without a port, separated by commas.");
	}
}

/* The hosts of a comma-separated list, without white space around them. */
List *
option_split_hosts(const char *text)
{
	List *hosts = NIL;
	char *copy = pstrdup(text);
	char *rest = NULL;

	for (char *host = strtok_r(copy, ", \t", &rest); host; host = strtok_r(NULL, ", \t", &rest))
		hosts = lappend(hosts, host);
	return hosts;
}

/* A dotted path in the document; "." is the whole of it. */
void
option_check_path(const char *name, const char *text)
{
	size_t length = strlen(text);

	if (strcmp(text, ".") == 0)
		return;
	if (length == 0 || text[0] == '.' || text[length - 1] == '.' || strstr(text, "..") != NULL)
		invalid_value(name, text,
					  "Give the names of members separated by dots, such as \"status.status\", or \".\" for "
					  "the whole document.");
}

void
option_check_parameter(const char *name, const char *text)
{
	if (strcmp(text, "search") != 0)
		invalid_value(name, text, "The only valid value is \"search\".");
}

/* Part of a header line: not empty, and without a way to end the line. */
void
option_check_secret(const char *name, const char *text)
{
	if (text[0] == '\0')
		invalid_secret(name, "It is empty.");
	for (const unsigned char *c = (const unsigned char *) text; *c; c++)
	{
		if (*c < ' ' || *c == 0x7f)
			invalid_secret(name, "It has a control character in it.");
	}
	if (text[0] == ' ' || text[strlen(text) - 1] == ' ')
		invalid_secret(name, "It begins or ends with a space.");
}

/* A header's name by RFC 9110, and none that HTTP itself or this extension sends. */
void
option_check_header_name(const char *name, const char *text)
{
	static const char *const taken[] = {
		"Accept", "Accept-Encoding", "Connection",        "Content-Length", "Content-Type", "Expect", "Host",
		"TE",     "Trailer",         "Transfer-Encoding", "Upgrade",        "User-Agent",
	};

	if (text[0] == '\0')
		invalid_value(name, text, "Give the name of an HTTP header, such as \"X-Api-Key\".");
	for (const unsigned char *c = (const unsigned char *) text; *c; c++)
	{
		if (!isalnum(*c) && strchr("!#$%&'*+-.^_`|~", *c) == NULL)
			invalid_value(name, text, "Give the name of an HTTP header, such as \"X-Api-Key\".");
	}
	for (int i = 0; i < lengthof(taken); i++)
	{
		if (pg_strcasecmp(text, taken[i]) == 0)
			invalid_value(name, text, "This header has a meaning of its own and cannot carry credentials.");
	}
}

static void
invalid_value(const char *name, const char *text, const char *hint)
{
	ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			errmsg("invalid value for option \"%s\": \"%s\"", name, text), errhint("%s", hint));
}

static void
invalid_secret(const char *name, const char *reason)
{
	ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("invalid value for option \"%s\"", name),
			errdetail("%s", reason), errhint("Copy it again, without white space around it."));
}

/* A part of a URL; an empty string when it has none. */
static char *
url_part(CURLU *url, CURLUPart part)
{
	char *value;
	char *copy;

	if (curl_url_get(url, part, &value, 0) != CURLUE_OK)
		return "";
	copy = pstrdup(value);
	curl_free(value);
	return copy;
}

static bool
is_loopback(const char *host)
{
	int last;

	if (pg_strcasecmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0)
		return true;
	/* curl has made four numbers of any way to write an address */
	return sscanf(host, "127.%*d.%*d.%d", &last) == 1 && strspn(host, "0123456789.") == strlen(host);
}

static bool
is_host(const char *text)
{
	CURLU *url = curl_url();
	char *full = psprintf("https://%s/", text);
	bool valid =
		url && strpbrk(text, "/?#@\\") == NULL && curl_url_set(url, CURLUPART_URL, full, 0) == CURLUE_OK;

	curl_url_cleanup(url);
	return valid;
}
