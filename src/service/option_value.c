/*
 * option_value.c
 *	  The values of options: read and checked one at a time.
 *
 * Called by option.c.  Every error is 22023, names
 * the option, and hints at what is valid.  Credentials are never shown, nor what might have
 * some in it.
 */
#include "postgres.h"

#include <math.h>

#include "service/option_value.h"

#include "base/compat.h"
#include "base/url.h"
#include "commands/defrem.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/varlena.h"

/* A rate is from one event in a quarter of an hour to as many a second as the clock can tell apart. */
#define MIN_RATE 0.001
#define MAX_RATE 1000000.0

/* A duration is from 1 ms to a day, in milliseconds. */
#define MAX_DURATION (24.0 * 60 * 60 * 1000)

/* A size is from 1 kB to half of what one allocation may be, in bytes. */
#define MIN_SIZE       1024.0
#define MAX_SIZE       (512.0 * 1024 * 1024)
#define MAX_LARGE_SIZE (1024.0 * 1024 * 1024 * 1024 * 1024)

#define COPY_HINT "Copy it again, without white space around it."
#define PLACES_HINT                                                                                          \
	"Give places separated by commas, such as \"cars.make\", or \"cars\" for all texts of a resource."
#define HOSTS_HINT "Give hosts, with or without a port, separated by commas, such as \"ext.crm.walcu.com\"."
#define HEADER_HINT                                                                                          \
	"Give the name of an HTTP header that carries credentials, such as \"X-Api-Key\" or \"Authorization\"."

/* RFC 9110 allows these characters in a header's name. */
#define TOKEN_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-.^_`|~"

pg_noreturn static void raise_invalid_value(const char *name, const char *text, const char *hint);
pg_noreturn static void raise_invalid_secret(const char *name, const char *reason, const char *hint);
static bool has_scheme(const char *text);
static bool has_control_character(const char *text);
static bool is_dotted_path(const char *text);

/* Returns the text of an option in a list of DefElem; NULL when it is not there. */
char *
option_value_of(List *list, const char *name)
{
	ListCell *lc;

	foreach(lc, list)
	{
		DefElem *option = lfirst(lc);

		if (strcmp(option->defname, name) == 0)
			return defGetString(option);
	}
	return NULL;
}

bool
option_value_boolean(const char *name, const char *text)
{
	bool value;

	if (!parse_bool(text, &value))
		raise_invalid_value(name, text, "Valid values are \"true\" and \"false\".");
	return value;
}

int
option_value_integer(const char *name, const char *text, int min, int max)
{
	double value;

	/* parse_int would round a fraction */
	if (!parse_real(text, &value, 0, NULL) || value != rint(value) || value < min || value > max)
		raise_invalid_value(name, text, psprintf("Valid values are whole numbers from %d to %d.", min, max));
	return (int) value;
}

/* Reads a cost, as postgres_fdw does. */
double
option_value_cost(const char *name, const char *text)
{
	double value;

	if (!parse_real(text, &value, 0, NULL) || !(value >= 0) || isinf(value))
		raise_invalid_value(name, text, "Valid values are numbers that are not negative.");
	return value;
}

/* Reads how often a second something may happen; 0 is no limit. */
double
option_value_rate(const char *name, const char *text)
{
	double value;

	if (!parse_real(text, &value, 0, NULL) || (value != 0 && !(value >= MIN_RATE && value <= MAX_RATE)))
		raise_invalid_value(name, text,
							"Valid values are numbers from 0.001 to 1000000, and 0 for no limit.");
	return value;
}

/* Reads a time in seconds, or with one of PostgreSQL's units.  Returns milliseconds. */
int
option_value_duration(const char *name, const char *text)
{
	double value;

	if (!parse_real(text, &value, GUC_UNIT_S, NULL) || !(value * 1000 >= 1) || value * 1000 > MAX_DURATION)
		raise_invalid_value(name, text,
							"Valid values are seconds, or times with a unit such as \"500ms\" or \"2min\", "
							"from 1 ms to 1 day.");
	return (int) rint(value * 1000);
}

/* Reads a size in bytes, or with one of PostgreSQL's units. */
int64
option_value_size(const char *name, const char *text)
{
	double value;

	if (!parse_real(text, &value, GUC_UNIT_BYTE, NULL) || !(value >= MIN_SIZE) || value > MAX_SIZE)
		raise_invalid_value(
			name, text, "Valid values are bytes, or sizes with a unit such as \"16MB\", from 1kB to 512MB.");
	return (int64) value;
}

/* Reads a size as option_value_size does, for what is not held in memory as a whole. */
int64
option_value_large_size(const char *name, const char *text)
{
	double value;

	if (!parse_real(text, &value, GUC_UNIT_BYTE, NULL) || !(value >= MIN_SIZE) || value > MAX_LARGE_SIZE)
		raise_invalid_value(
			name, text, "Valid values are bytes, or sizes with a unit such as \"16GB\", from 1kB to 1024TB.");
	return (int64) value;
}

/* Returns the position of the text in a list of names that ends in NULL. */
int
option_value_choice(const char *name, const char *text, const char *const *choices)
{
	StringInfoData hint;

	for (int i = 0; choices[i]; i++)
	{
		if (strcmp(text, choices[i]) == 0)
			return i;
	}
	initStringInfo(&hint);
	for (int i = 0; choices[i]; i++)
		appendStringInfo(&hint, "%s\"%s\"", i > 0 ? ", " : "Valid values are ", choices[i]);
	appendStringInfoChar(&hint, '.');
	raise_invalid_value(name, text, hint.data);
}

/* Checks an absolute URL, which must not have what a request adds itself. */
void
option_check_endpoint(const char *name, const char *text)
{
	CURLU *url = url_parse(text);

	if (!has_scheme(text) || strpbrk(text, "?#@\\") != NULL || !url_has_host(url))
		raise_invalid_value(name, text,
							"Give an http or https URL without a user, query or fragment, such as "
							"\"" WALCU_PUBLIC_ENDPOINT "\".");
	if (strstr(psprintf("%s/", url_part(url, CURLUPART_PATH)), "/dealers/") != NULL)
		raise_invalid_value(
			name, text,
			"Give the part before \"/dealers\"; what follows it belongs in the option dealer_id.");
}

/* Checks a dealer or a resource, which is one segment of a URL's path and needs no encoding. */
void
option_check_segment(const char *name, const char *text)
{
	if (!url_is_plain_segment(text))
		raise_invalid_value(
			name, text,
			"Give letters, digits, \"-\", \"_\", \".\" and \"~\", but not \".\", \"..\" or \"all\" "
			"alone.");
}

void
option_check_absolute_path(const char *name, const char *text)
{
	if (!is_absolute_path(text))
		raise_invalid_value(name, text, "Give an absolute path of a file on the database server.");
}

void
option_check_hosts(const char *name, const char *text)
{
	ListCell *lc;
	List *hosts = option_split_list(text);

	if (hosts == NIL)
		raise_invalid_value(name, text, HOSTS_HINT);
	foreach(lc, hosts)
	{
		char *host = lfirst(lc);

		if (strpbrk(host, "/?#@\\") != NULL || host[strlen(host) - 1] == ':' ||
			!url_has_host(url_parse(psprintf("https://%s/", host))))
			raise_invalid_value(name, text, HOSTS_HINT);
	}
}

/* Returns the members of a comma-separated list; NIL when it is not such a list. */
List *
option_split_list(const char *text)
{
	List *members;

	return SplitGUCList(pstrdup(text), ',', &members) ? members : NIL;
}

/* Checks a list of places: resources, or dotted paths that begin with one. */
void
option_check_places(const char *name, const char *text)
{
	List *places = option_split_list(text);
	ListCell *lc;

	if (places == NIL)
		raise_invalid_value(name, text, PLACES_HINT);
	foreach(lc, places)
	{
		if (!is_dotted_path(lfirst(lc)))
			raise_invalid_value(name, text, PLACES_HINT);
	}
}

/* Checks a dotted path in the document; "." is the whole of it. */
void
option_check_path(const char *name, const char *text)
{
	if (strcmp(text, ".") != 0 && !is_dotted_path(text))
		raise_invalid_value(
			name, text,
			"Give the names of members separated by dots, such as \"status.status\", or \".\" for "
			"the whole document.");
}

/* Checks a dotted path to a list in the document. */
void
option_check_list_path(const char *name, const char *text)
{
	if (!is_dotted_path(text) || text[0] == '^')
		raise_invalid_value(
			name, text,
			"Give the names of members separated by dots that lead to a list in the document, such "
			"as \"car_list\".");
}

static bool
is_dotted_path(const char *text)
{
	size_t length = strlen(text);

	return length > 0 && text[0] != '.' && text[length - 1] != '.' && strstr(text, "..") == NULL;
}

void
option_check_parameter(const char *name, const char *text)
{
	if (strcmp(text, "search") != 0)
		raise_invalid_value(name, text, "The only valid value is \"search\".");
}

/* Checks that the options of a column go together.  Error: 22023 for two that say what it shows. */
void
option_check_column(List *list)
{
	static const char *const shown[] = {"path", "parameter", "ordinality"};
	const char *first = NULL;

	for (int i = 0; i < lengthof(shown); i++)
	{
		if (option_value_of(list, shown[i]) == NULL)
			continue;
		if (first)
			ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("a column cannot have both the options \"%s\" and \"%s\"", first, shown[i]),
					errhint("A column shows either a place in the document, a parameter of the query, or the "
							"position of an element."));
		first = shown[i];
	}
}

/*
 * Returns why a text cannot be the secret of an option, or of the file that the option names; NULL when it
 * can. It is part of a header line and sent as it is: servers would take away spaces around it.  A password
 * may be empty and have spaces around it, as it is sent encoded.
 */
const char *
option_secret_fault(const char *name, const char *text)
{
	bool is_password = strncmp(name, "password", strlen("password")) == 0;

	if (text[0] == '\0' && !is_password)
		return "It is empty.";
	if (has_control_character(text))
		return "It contains a control character.";
	if (!is_password && (text[0] == ' ' || text[strlen(text) - 1] == ' '))
		return "It begins or ends with a space.";
	/* of the three, only a token has the scheme put in front of it */
	if (strncmp(name, "token", strlen("token")) == 0 &&
		pg_strncasecmp(text, "Bearer ", strlen("Bearer ")) == 0)
		return "It begins with the word Bearer, which is sent in front of every token.";
	return NULL;
}

void
option_check_secret(const char *name, const char *text)
{
	const char *fault = option_secret_fault(name, text);

	if (fault)
		raise_invalid_secret(name, fault, strstr(fault, "Bearer") ? "Give the token without it." : COPY_HINT);
}

void
option_check_username(const char *name, const char *text)
{
	option_check_secret(name, text);
	if (strchr(text, ':') != NULL)
		raise_invalid_secret(
			name, "HTTP Basic authentication allows no colon in it.",
			"Where it is an application id and its secret key in one, give the part behind the "
			"colon as password.");
}

/*
 * Checks a header's name, by RFC 9110; it must not be one that HTTP itself or this extension sends.  The
 * name is not shown either, as whoever confuses name and value gives the credential here.
 */
void
option_check_header_name(const char *name, const char *text)
{
	static const char *const taken[] = {
		"Accept",         "Accept-Encoding",     "Connection",       "Content-Encoding",
		"Content-Length", "Content-Type",        "Expect",           "Host",
		"Keep-Alive",     "Proxy-Authorization", "Proxy-Connection", "TE",
		"Trailer",        "Transfer-Encoding",   "Upgrade",          "User-Agent",
	};
	bool valid = text[0] != '\0' && text[strspn(text, TOKEN_CHARACTERS)] == '\0';

	for (int i = 0; i < lengthof(taken); i++)
		valid &= pg_strcasecmp(text, taken[i]) != 0;
	if (!valid)
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("invalid value for option \"%s\"", name), errhint(HEADER_HINT));
}

/* Raises the error for a value.  A URL with a user or a query is not shown, as it may contain a password. */
static void
raise_invalid_value(const char *name, const char *text, const char *hint)
{
	bool shown = strpbrk(text, "@?") == NULL;

	ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			shown ? errmsg("invalid value for option \"%s\": \"%s\"", name, text)
				  : errmsg("invalid value for option \"%s\"", name),
			errhint("%s", hint));
}

static void
raise_invalid_secret(const char *name, const char *reason, const char *hint)
{
	ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("invalid value for option \"%s\"", name),
			errdetail("%s", reason), errhint("%s", hint));
}

/* Tells whether a URL begins with a scheme and two slashes.  curl would also take one slash, or three. */
static bool
has_scheme(const char *text)
{
	static const char *const schemes[] = {"http://", "https://"};

	for (int i = 0; i < lengthof(schemes); i++)
	{
		size_t length = strlen(schemes[i]);

		if (pg_strncasecmp(text, schemes[i], length) == 0 && text[length] != '/')
			return true;
	}
	return false;
}

static bool
has_control_character(const char *text)
{
	for (const unsigned char *c = (const unsigned char *) text; *c; c++)
	{
		if (*c < ' ' || *c == 0x7f)
			return true;
	}
	return false;
}
