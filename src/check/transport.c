/*
 * transport.c
 *	  Checks of how the service is reached: host, TLS, HTTP, compression, and its limits on requests.
 *
 * The description is asked for first, without credentials.  What is to be said of all requests alike is said
 * when they have been sent.
 */
#include "postgres.h"

#include <math.h>

#include "check/transport.h"

#include "base/text.h"
#include "base/url.h"
#include "check/ask.h"
#include "check/row.h"
#include "check/sample.h"
#include "http/connection.h"
#include "service/openapi.h"
#include "utils/timestamp.h"

/* The served description is read so many levels deep. */
#define LEVELS 16

/* A request that takes longer, in milliseconds, is worth a word. */
#define SLOW 1000.0

/* So many replies in a row, once requests were refused, tell which rate the service serves. */
#define ENOUGH_SERVED 10

/* A served description that is to be read. */
typedef struct Description
{
	WalcuCheckRun *run; /* It is for this run. */
	json_t *json;       /* It came as this. */
} Description;

static void read_live_description(void *arg);
static double compute_rate(const WalcuCheckRun *run);
static double measure_served_rate(const WalcuCheckRun *run);
static double read_told_rate(const char *rate);
static bool read_rate_number(const char *rate, const char *name, double *number);
static char *show_rate_lines(const WalcuCheckRun *run);

/* Is somebody there?  Whatever is answered tells so. */
void
transport_check_reachable(WalcuCheckRun *run)
{
	WalcuRequest *request = request_description(run->options);
	WalcuCheckReply reply;

	request->tells_tls = true;
	reply = ask_without_credential(run, request);
	run->description_status = reply.status;
	run->description_failure = reply.failure;
	if (reply.status == 0)
	{
		row_add(run, "reachable", CHECK_FAILED, NULL, "%s %s", reply.failure,
				reply.hint ? reply.hint : "Check the server option endpoint.");
		run->stopped = true;
		return;
	}
	row_add(run, "reachable", CHECK_OK, NULL, "%s answers.", url_authority(run->options->endpoint));
	/* what is no description is said so by description.c */
	if (reply.ok)
		run->description_failure =
			ask_try(run->context, read_live_description, &(Description){run, reply.json}, NULL);
}

static void
read_live_description(void *arg)
{
	WalcuCheckRun *run = ((Description *) arg)->run;
	char *text = sample_json(((Description *) arg)->json);

	run->live = openapi_resources(text, strlen(text), LEVELS);
}

/* curl verifies every certificate, or there is no connection. */
void
transport_check_tls(WalcuCheckRun *run)
{
	const char *endpoint = run->options->endpoint;

	if (pg_strncasecmp(endpoint, "https:", 6) == 0)
		row_add(run, "tls", CHECK_OK, NULL, "%s, and the certificate was verified%s.",
				run->tls[0] ? run->tls : "TLS",
				run->options->ca_file ? " by the file of the option ca_file" : "");
	else if (url_is_loopback(endpoint))
		row_add(run, "tls", CHECK_OK, NULL, "Plain http, which does not leave this machine.");
	else
		row_add(run, "tls", CHECK_DIFFERS, NULL,
				"Plain http: credentials and data travel unencrypted. Use https if the service has it.");
}

void
transport_sum_up_latency(WalcuCheckRun *run)
{
	double mean;

	if (run->took_count == 0)
		return;
	mean = run->took_sum / run->took_count;
	row_add(run, "latency", mean < SLOW ? CHECK_OK : CHECK_DIFFERS, NULL,
			"A request takes %.0f ms on average, the quickest took %.0f ms.", mean, run->took_least);
}

void
transport_sum_up_version(WalcuCheckRun *run)
{
	if (run->took_count > 0)
		row_add(run, "http version", CHECK_OK, NULL, "HTTP/%s%s.", run->version,
				run->version[0] > '1' ? ": requests share one connection" : "");
}

void
transport_sum_up_compression(WalcuCheckRun *run)
{
	if (run->took_count > 0)
		row_add(run, "compression", run->is_encoded ? CHECK_OK : CHECK_DIFFERS, NULL,
				run->is_encoded ? "Replies are compressed."
								: "Replies are not compressed, though every request asks for it. "
								  "Long scans take longer; the service alone can change that.");
}

/* Does the service limit the rate of requests? */
void
transport_sum_up_limits(WalcuCheckRun *run)
{
	double rate = compute_rate(run);
	double now = run->options->max_requests_per_second;
	bool has_limit = now > 0 && (rate <= 0 || now <= rate);
	char *advice = NULL;

	if (run->took_count == 0)
		return;
	if (rate > 0 && !has_limit)
		advice = row_set_option(run, "max_requests_per_second", psprintf("%g", rate));
	if (run->refused > 0)
		row_add(run, "limits", CHECK_DIFFERS, advice, "The service answered 429 to %d of %s%s. %s",
				run->refused, text_counted(run->sent, "request"),
				run->retry_after > 0 ? psprintf(" and asked to wait up to %g s", ceil(run->retry_after)) : "",
				advice ? "Slow down."
					   : "No rate follows from that; what is refused so is sent again after a wait.");
	else if (run->rate[0])
		row_add(run, "limits", advice ? CHECK_DIFFERS : CHECK_OK, advice, "The service tells of a limit: %s.",
				show_rate_lines(run));
	else
		row_add(run, "limits", CHECK_OK, NULL, "No reply told of a limit, and none was 429.");
}

/* Returns how many requests a second may be sent; 0 when there is nothing to tell it by. */
static double
compute_rate(const WalcuCheckRun *run)
{
	double told = run->rate[0] ? read_told_rate(run->rate) : 0;
	double now = run->options->max_requests_per_second;
	double found;

	/* a limit that was in force already, and did not help, is not what counts */
	if (told > 0 && !(run->refused > 0 && now > 0 && now <= told))
		return strtod(psprintf("%.2g", told), NULL);
	found = measure_served_rate(run);
	return found < 10 ? ceil(found * 10) / 10 : ceil(found);
}

/*
 * Returns how many requests a second the service has served since it first refused one, at its best; 0 when
 * the refusals need not have to do with their rate, as the service asks for no wait.
 */
static double
measure_served_rate(const WalcuCheckRun *run)
{
	double rate = 0;

	if (run->retry_after <= 0)
		return 0;
	for (int i = ENOUGH_SERVED; i < run->served; i++)
	{
		double took = run->served_at[i] - run->served_at[i - ENOUGH_SERVED];

		rate = Max(rate, ENOUGH_SERVED * 1000 / Max(took, 1));
	}
	return rate;
}

/*
 * Reads "RateLimit-Policy: 100;w=60", or "X-RateLimit-Limit: 100" with "X-RateLimit-Reset: 60", or the like.
 * What is left and the time until it is reset make a rate, too, but of another moment.
 */
static double
read_told_rate(const char *rate)
{
	double limit;
	double window;

	if (!read_rate_number(rate, "limit", &limit) && !read_rate_number(rate, "policy", &limit))
		return 0;
	if (strstr(rate, "w=") != NULL)
		window = strtod(strstr(rate, "w=") + 2, NULL);
	else if (!read_rate_number(rate, "reset", &window) || window > SECS_PER_DAY)
		return 0;
	return (limit > 0 && window > 0) ? limit / window : 0;
}

/* Reads the number of the line whose name ends so. */
static bool
read_rate_number(const char *rate, const char *name, double *number)
{
	for (const char *line = rate; *line; line += strcspn(line, "\n") + (strchr(line, '\n') != NULL))
	{
		size_t length = strcspn(line, ":\n");
		size_t wanted = strlen(name);
		char *end;

		if (line[length] != ':' || length < wanted ||
			pg_strncasecmp(line + length - wanted, name, wanted) != 0)
			continue;
		*number = strtod(line + length + 1, &end);
		return end > line + length + 1;
	}
	return false;
}

/* Numbers that are others with every request do not belong into a row. */
static char *
show_rate_lines(const WalcuCheckRun *run)
{
	StringInfoData text;

	initStringInfo(&text);
	for (const char *line = run->rate; *line; line += strcspn(line, "\n") + (strchr(line, '\n') != NULL))
	{
		char *shown = pnstrdup(line, strcspn(line, "\n"));

		if (text_contains(pnstrdup(line, strcspn(line, ":\n")), "remaining"))
			continue;
		appendStringInfo(&text, "%s%s", text.len > 0 ? ", " : "", ask_printable(run, shown));
	}
	return text.data;
}

void
transport_sum_up_requests(WalcuCheckRun *run)
{
	bool all = !run->is_starved;

	row_add(run, "requests", all ? CHECK_OK : CHECK_UNKNOWN, NULL, "%s %s sent%s, in %.1f s.",
			text_counted(run->sent, "request"), run->sent == 1 ? "was" : "were",
			all ? "" : ", as many as may be: some checks were left out",
			(walcu_curl_multi_now() - run->began) / 1000);
}
