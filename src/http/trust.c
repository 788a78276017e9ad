/*
 * trust.c
 *	  Which of the places that the service names may get credentials.
 *
 * A background job (job.c) tells where its state and its results are.  Credentials go there only
 * when the definition of the server says so: whoever could answer in the service's name must not be
 * able to have them sent elsewhere.
 */
#include "postgres.h"

#include "http/trust.h"

#include "base/url.h"
#include "http/http_error.h"
#include "service/option_value.h"

/* Where the public service keeps results (source: the API's description, "GET /R/all"). */
#define PUBLIC_RESULTS_HOST "ext.crm.walcu.com"

static bool is_plain(const WalcuOptions *options, const char *url);
static List *list_results_hosts(const WalcuOptions *options);
static bool is_at(const char *url, const char *host);

/* Errors: 08P01 unless a job's URL is on the endpoint's own host and port. */
void
trust_check_job(const WalcuOptions *options, const char *url, const char *credential)
{
	const char *authority = url_authority(url);

	if (is_plain(options, url) && authority && strcmp(authority, url_authority(options->endpoint)) == 0)
		return;
	ereport(ERROR, errcode(ERRCODE_PROTOCOL_VIOLATION),
			errmsg("a background job of server \"%s\" is at \"%s\", which is not its endpoint's host",
				   options->server_name, trust_shown(url, credential)),
			errdetail("No credentials were sent there."),
			errhint("If the service is reached through a gateway that does not rewrite its replies, set the "
					"option fetch_mode to 'parallel'."));
}

/* Errors: 08P01 unless a job's results are on one of the hosts that results_hosts lists. */
void
trust_check_results(const WalcuOptions *options, const char *url, const char *credential)
{
	ListCell *lc;

	if (is_plain(options, url))
	{
		foreach(lc, list_results_hosts(options))
		{
			if (is_at(url, lfirst(lc)))
				return;
		}
	}
	ereport(ERROR, errcode(ERRCODE_PROTOCOL_VIOLATION),
			errmsg("results of a background job of server \"%s\" are at \"%s\", which is not one of its "
				   "results_hosts",
				   options->server_name, trust_shown(url, credential)),
			errdetail("No credentials were sent there."),
			errhint("If that place is right, add its host to the server option results_hosts."));
}

/* A URL as messages show it: without its query, where signatures stand. */
char *
trust_shown(const char *url, const char *credential)
{
	return http_error_printable(pnstrdup(url, strcspn(url, "?#")), credential);
}

/* Is it a URL that credentials may travel to, if the host is right? */
static bool
is_plain(const WalcuOptions *options, const char *url)
{
	CURLU *parts = url_parse(url);

	return parts && url_part(parts, CURLUPART_USER)[0] == '\0' &&
		   (url_is_safe(url) ||
			(options->allow_http && pg_strcasecmp(url_part(parts, CURLUPART_SCHEME), "http") == 0));
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
