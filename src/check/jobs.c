/*
 * jobs.c
 *	  A check of background jobs: start, state, results.
 *
 * A job for a few documents is started, looked at until it has ended, and its results are compared with the
 * documents.  Credentials go where the options allow it (trust.c), and nowhere else.
 */
#include "postgres.h"

#include <jansson.h>

#include "check/jobs.h"

#include "base/text.h"
#include "base/url.h"
#include "check/ask.h"
#include "check/row.h"
#include "check/sample.h"
#include "http/connection.h"
#include "http/trust.h"
#include "pushdown/filter.h"
#include "service/option_value.h"

/* A job is looked at so many times, with waits of so many milliseconds. */
#define MOST_LOOKS   7
#define FIRST_WAIT   100.0
#define LONGEST_WAIT 2000.0

/* So many redirects are followed. */
#define MOST_REDIRECTS 5

/* The job is for so many documents. */
#define MOST_DOCUMENTS 5

/* A job as far as it has come. */
typedef struct Job
{
	WalcuCheckRun *run;      /* It belongs to this run. */
	int wanted;              /* It is for so many documents of the main sample. */
	const char *obstacle;    /* It says why there are no results; NULL while there may be. */
	const char *results_url; /* The results are there; NULL while there are none. */
	const char *storage;     /* The results redirect to this host; or NULL. */
	json_t *found;           /* It says to have found so many documents; or NULL. */
	bool is_unasked;         /* There was no answer, which does not tell anything. */
	int looks;               /* It was looked at so many times. */
} Job;

static void start_job(Job *job, json_t **answer);
static void watch_job(Job *job, json_t *answer);
static bool take_job_answer(Job *job, json_t *answer);
static const char *get_text_member(json_t *answer, const char *name);
static void check_results(Job *job);
static void add_results_row(Job *job, const char *host, const WalcuCheckReply *reply);
static bool follow_redirects(Job *job, const char *from, WalcuCheckReply *reply);
static char *advise_redirect(const WalcuCheckRun *run, const char *from, const char *to);
static char *advise_results_host(const WalcuCheckRun *run, const char *url);
static bool has_all_documents(const Job *job, json_t *documents);

/* Do jobs bring what they should? */
void
jobs_check(WalcuCheckRun *run)
{
	Job job = {.run = run, .wanted = Min(run->main->count, MOST_DOCUMENTS)};
	double began = walcu_curl_multi_now();
	json_t *answer = NULL;

	if (run->options->fetch_mode == WALCU_FETCH_PAGES || run->options->fetch_mode == WALCU_FETCH_PARALLEL)
	{
		row_add(run, "job", CHECK_OK, NULL,
				"The option fetch_mode says that no jobs are used. Drop it to have them checked.");
		return;
	}
	start_job(&job, &answer);
	if (answer)
		watch_job(&job, answer);
	if (job.is_unasked)
	{
		row_add(run, "job", CHECK_UNKNOWN, NULL, "%s", job.obstacle);
		return;
	}
	if (job.obstacle)
	{
		row_add(run, "job", CHECK_FAILED, row_set_option(run, "fetch_mode", "parallel"),
				"%s Long scans read pages instead.", job.obstacle);
		return;
	}
	row_add(run, "job", CHECK_OK, NULL, "A job for %s was done after %s, in %.1f s.",
			text_counted(job.wanted, "document"), text_counted(job.looks, "look"),
			(walcu_curl_multi_now() - began) / 1000);
	check_results(&job);
}

static void
start_job(Job *job, json_t **answer)
{
	WalcuCheckRun *run = job->run;
	WalcuRequest *request = ask_path(run, "GET", run->main->resource, "all");
	List *ids = NIL;
	WalcuCheckReply reply;

	for (int i = 0; i < job->wanted; i++)
		ids = lappend(ids, sample_json(json_object_get(sample_document(run->main, i), "_id")));
	request_add_parameter(request, "q", psprintf("{\"_id\":{\"$in\":%s}}", filter_list(ids)));
	reply = ask_one(run, request);
	job->is_unasked = reply.status == 0;
	if (reply.ok)
		*answer = reply.json;
	else if (job->is_unasked)
		job->obstacle = reply.failure;
	else
		job->obstacle = psprintf("A job cannot be started. %s", reply.failure);
}

/* Looks at a job until it has ended, or long enough. */
static void
watch_job(Job *job, json_t *answer)
{
	WalcuCheckRun *run = job->run;
	const char *url = get_text_member(answer, "job_url");
	const char *place;
	double wait = FIRST_WAIT;

	if (!take_job_answer(job, answer))
		return;
	if (url == NULL)
	{
		job->obstacle = "The answer does not tell the job_url.";
		return;
	}
	place = trust_job_url(run->options, url);
	if (place == NULL)
		job->obstacle = "The job is not on the host of the endpoint, and no credentials were sent there.";
	while (place)
	{
		WalcuRequest *request = request_for_url(place, trust_shown(place, run->credential));
		WalcuCheckReply reply = ask_later(run, request, wait);

		wait = Min(2 * wait, LONGEST_WAIT);
		job->looks++;
		job->is_unasked = reply.status == 0;
		if (job->is_unasked)
			job->obstacle = reply.failure;
		else if (!reply.ok)
			job->obstacle = psprintf("The job's state cannot be had. %s", reply.failure);
		else if (take_job_answer(job, reply.json) && job->looks >= MOST_LOOKS)
			job->obstacle = psprintf("The job has not ended after %d looks.", job->looks);
		if (job->obstacle || job->results_url)
			return;
	}
}

/* Returns whether the job is still at work. */
static bool
take_job_answer(Job *job, json_t *answer)
{
	const char *status = get_text_member(answer, "status");

	if (status == NULL)
		job->obstacle = "The answer is not a job: it has no status.";
	else if (strcmp(status, "finished") == 0)
	{
		json_t *object = json_is_array(answer) ? json_array_get(answer, 0) : answer;

		job->results_url = get_text_member(answer, "results_url");
		job->found = json_object_get(object, "found_documents");
		if (job->results_url == NULL)
			job->obstacle = "The finished job does not tell the results_url.";
	}
	else if (strcmp(status, "queued") == 0 || strcmp(status, "processing") == 0)
		return true;
	else
		job->obstacle = psprintf("The job ended as \"%s\".", ask_printable(job->run, status));
	return false;
}

static const char *
get_text_member(json_t *answer, const char *name)
{
	return json_string_value(
		json_object_get(json_is_array(answer) ? json_array_get(answer, 0) : answer, name));
}

/* Can the results be had, and are they the documents? */
static void
check_results(Job *job)
{
	WalcuCheckRun *run = job->run;
	const char *place = trust_results_url(run->options, job->results_url);
	const char *host = url_authority(job->results_url);
	WalcuRequest *request;
	WalcuCheckReply reply;

	if (place == NULL)
	{
		row_add(
			run, "job results", CHECK_DIFFERS, advise_results_host(run, job->results_url),
			"The results are at %s, which is not one of the results_hosts. No credentials were sent there.",
			host ? ask_printable(run, host) : "no usable place");
		return;
	}
	request = request_for_url(place, trust_shown(place, run->credential));
	request->is_download = true;
	reply = ask_one(run, request);
	if (reply.redirect && !follow_redirects(job, place, &reply))
		return;
	add_results_row(job, host, &reply);
}

static void
add_results_row(Job *job, const char *host, const WalcuCheckReply *reply)
{
	WalcuCheckRun *run = job->run;
	char *words;

	if (!reply->ok || !json_is_array(reply->json))
		words = psprintf("cannot be had. %s",
						 reply->failure ? reply->failure : "They are no array of documents.");
	else if (!has_all_documents(job, reply->json))
		words = "are not the documents that were asked for.";
	else if (job->found && json_integer_value(job->found) != json_array_size(reply->json))
		words = "are not as many as the job says to have found.";
	else
	{
		row_add(run, "job results", CHECK_OK, NULL, "The results are at %s, as JSON%s.", host,
				job->storage ? psprintf(", after a redirect to %s without credentials", job->storage) : "");
		return;
	}
	row_add(run, "job results", CHECK_FAILED, row_set_option(run, "fetch_mode", "parallel"),
			"The results at %s %s", job->storage ? job->storage : host, words);
}

/*
 * Asks where results redirect to, without credentials.  Returns false, with a row, where that must not be.
 */
static bool
follow_redirects(Job *job, const char *from, WalcuCheckReply *reply)
{
	WalcuCheckRun *run = job->run;

	for (int i = 0; i < MOST_REDIRECTS && reply->redirect; i++)
	{
		char *place = trust_redirect_url(run->options, from, reply->redirect);
		const char *host = url_authority(reply->redirect);
		WalcuRequest *request;

		if (place == NULL)
		{
			row_add(run, "job results", CHECK_DIFFERS, advise_redirect(run, from, reply->redirect),
					"The results at %s redirect to %s, which is not followed. No credentials would go there.",
					url_authority(from), host ? ask_printable(run, host) : "no usable place");
			return false;
		}
		job->storage = url_authority(place);
		request = request_for_url(place, trust_shown(place, run->credential));
		request->is_download = true;
		request->is_bare = true;
		*reply = ask_one(run, request);
		from = place;
	}
	return true;
}

/* What lets a redirect be followed: the option for all hosts by https, or the host by its name. */
static char *
advise_redirect(const WalcuCheckRun *run, const char *from, const char *to)
{
	WalcuOptions options = *run->options;
	const char *now = option_value_of(run->server_options, "results_hosts");
	const char *hosts = now ? now : url_authority(from);
	char *host = url_authority(to);

	options.results_redirects = WALCU_REDIRECTS_HTTPS;
	if (trust_redirect_url(&options, from, to))
		return row_set_option(run, "results_redirects", "https");
	options.results_redirects = WALCU_REDIRECTS_LISTED;
	options.results_hosts = list_make1(host ? host : "");
	if (host == NULL || trust_redirect_url(&options, from, to) == NULL)
		return row_set_option(run, "fetch_mode", "parallel");
	if (run->options->results_redirects == WALCU_REDIRECTS_OFF)
		return row_set_option(run, "results_redirects", "listed");
	return row_set_option(run, "results_hosts", psprintf("%s, %s", hosts, host));
}

/* The host is added to those that are trusted already. */
static char *
advise_results_host(const WalcuCheckRun *run, const char *url)
{
	WalcuOptions options = *run->options;
	const char *now = option_value_of(run->server_options, "results_hosts");
	char *host = url_authority(url);

	options.results_hosts = list_make1(host ? host : "");
	if (host == NULL || trust_results_url(&options, url) == NULL)
		return row_set_option(run, "fetch_mode", "parallel");
	return row_set_option(run, "results_hosts", now ? psprintf("%s, %s", now, host) : host);
}

static bool
has_all_documents(const Job *job, json_t *documents)
{
	int right = 0;

	for (size_t i = 0; i < json_array_size(documents); i++)
	{
		const char *id = json_string_value(json_object_get(json_array_get(documents, i), "_id"));
		int number = id ? sample_find_id(job->run->main, id) : -1;

		right += number >= 0 && number < job->wanted;
	}
	return right == job->wanted && json_array_size(documents) == job->wanted;
}
