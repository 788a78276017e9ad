/*
 * trust.c
 *	  Which of the places that the service names may get credentials.
 *
 * A background job (job.c) tells where its state and its results are.  Credentials go there only
 * when the definition of the server says so: whoever could answer in the service's name must not be
 * able to have them sent elsewhere.  Where results redirect to, no credentials go, but the bytes that come
 * are taken for documents: that, too, is for the definition of the server to say.
 */
#include "postgres.h"

#include "http/trust.h"

#include "base/url.h"
#include "http/http_error.h"
#include "service/option_value.h"

/* Where the public service keeps results (source: the API's description, "GET /R/all"). */
#define PUBLIC_RESULTS_HOST "ext.crm.walcu.com"

static char *find_plain_place(const WalcuOptions *options, const char *url);
static bool is_at_results_host(const WalcuOptions *options, const char *place);
static List *list_results_hosts(const WalcuOptions *options);
static bool is_at(const char *url, const char *host);
static bool is_encrypted(const char *url);

/* The URL to ask for a job's state; NULL unless that is on the endpoint's own host and port. */
char *
trust_job_url(const WalcuOptions *options, const char *url)
{
	char *place = find_plain_place(options, url);

	return (place && strcmp(url_authority(place), url_authority(options->endpoint)) == 0) ? place : NULL;
}

/* The URL to ask for a job's results; NULL unless that is on one of the hosts of list_results_hosts. */
char *
trust_results_url(const WalcuOptions *options, const char *url)
{
	char *place = find_plain_place(options, url);

	return (place && is_at_results_host(options, place)) ? place : NULL;
}

/*
 * The URL to ask, without credentials, where a URL of results redirects to; NULL when results_redirects does
 * not let it be followed.  What came encrypted is not asked for in clear, and only this machine may lead to
 * this machine, unless its owner lists it: what listens here may take others for friends.
 */
char *
trust_redirect_url(const WalcuOptions *options, const char *from, const char *to)
{
	char *place = find_plain_place(options, to);

	if (place == NULL || options->results_redirects == WALCU_REDIRECTS_OFF ||
		(is_encrypted(from) && !is_encrypted(place)))
		return NULL;
	if (is_at_results_host(options, place))
		return place;
	if (options->results_redirects == WALCU_REDIRECTS_LISTED ||
		(url_is_loopback(place) && !url_is_loopback(from)))
		return NULL;
	return place;
}

/* Error 08P01: credentials would not be right where a job is. */
void
trust_raise_job_url(const WalcuOptions *options, const char *url, const char *credential)
{
	ereport(ERROR, errcode(ERRCODE_PROTOCOL_VIOLATION),
			errmsg("a background job of server \"%s\" is at \"%s\", which is not its endpoint's host",
				   options->server_name, trust_shown(url, credential)),
			errdetail("No credentials were sent there."),
			errhint("If the service is reached through a gateway that does not rewrite its replies, set the "
					"option fetch_mode to 'parallel'."));
}

/* Error 08P01: credentials would not be right where a job's results are. */
void
trust_raise_results_url(const WalcuOptions *options, const char *url, const char *credential)
{
	ereport(ERROR, errcode(ERRCODE_PROTOCOL_VIOLATION),
			errmsg("results of a background job of server \"%s\" are at \"%s\", which is not one of its "
				   "results_hosts",
				   options->server_name, trust_shown(url, credential)),
			errdetail("No credentials were sent there."),
			errhint("If that place is right, add its host to the server option results_hosts."));
}

/* A URL as messages show it: without its query, where signatures stand, and without a user's name. */
char *
trust_shown(const char *url, const char *credential)
{
	return http_error_printable(url_without_secrets(url), credential);
}

/*
 * Where a URL leads, as curl writes it, if credentials may travel there should the host be right; else NULL.
 * What is judged is also what is asked, so that no two readings of one URL can differ.
 */
static char *
find_plain_place(const WalcuOptions *options, const char *url)
{
	char *place = url_canonical(url);
	CURLU *parts = place ? url_parse(place) : NULL;
	bool is_http;

	if (!url_has_host(parts) || url_part(parts, CURLUPART_USER)[0] || url_part(parts, CURLUPART_PASSWORD)[0])
		return NULL;
	is_http = pg_strcasecmp(url_part(parts, CURLUPART_SCHEME), "http") == 0;
	if (!is_http && pg_strcasecmp(url_part(parts, CURLUPART_SCHEME), "https") != 0)
		return NULL;
	return (url_is_safe(place) || options->allow_http) ? place : NULL;
}

static bool
is_at_results_host(const WalcuOptions *options, const char *place)
{
	ListCell *lc;

	foreach(lc, list_results_hosts(options))
	{
		if (is_at(place, lfirst(lc)))
			return true;
	}
	return false;
}

/* The hosts that are trusted with results: what the option says, or what goes with the endpoint. */
static List *
list_results_hosts(const WalcuOptions *options)
{
	if (options->results_hosts != NIL)
		return options->results_hosts;
	if (strcmp(options->endpoint, WALCU_PUBLIC_ENDPOINT) == 0)
		return list_make1(PUBLIC_RESULTS_HOST);
	return list_make1(url_authority(options->endpoint));
}

/* Does a URL lead to a host, given with a port, or without for the scheme's own? */
static bool
is_at(const char *url, const char *host)
{
	CURLU *parts = url_parse(url);
	char *wanted = url_authority(psprintf("%s://%s", url_part(parts, CURLUPART_SCHEME), host));

	return wanted && strcmp(url_authority(url), wanted) == 0;
}

static bool
is_encrypted(const char *url)
{
	CURLU *parts = url_parse(url);

	return parts && pg_strcasecmp(url_part(parts, CURLUPART_SCHEME), "https") == 0;
}
