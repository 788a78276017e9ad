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

/* The job is for so many documents. */
#define MOST_DOCUMENTS 5

/* A job as far as it has come. */
typedef struct Job
{
	WalcuCheckRun *run;      /* It belongs to this run. */
	int wanted;              /* It is for so many documents of the main sample. */
	const char *obstacle;    /* It says why there are no results; NULL while there may be. */
	const char *results_url; /* The results are there; NULL while there are none. */
	json_t *found;           /* It says to have found so many documents; or NULL. */
	int looks;               /* It was looked at so many times. */
} Job;

static void start_job(Job *job, json_t **answer);
static void watch_job(Job *job, json_t *answer);
static bool take_job_answer(Job *job, json_t *answer);
static const char *get_text_member(json_t *answer, const char *name);
static const char *find_trusted_place(char *(*trust)(const WalcuOptions *options, const char *url,
													 const char *credential),
									  const WalcuCheckRun *run, const char *url, const char **words);
static void check_results(Job *job);
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
	if (job.obstacle)
	{
		row_add(run, "job", CHECK_FAILED, row_set_option(run, "fetch_mode", "parallel"),
				"%s Long scans read pages instead.", job.obstacle);
		return;
	}
	row_add(run, "job", CHECK_OK, NULL, "A job for %d documents was done after %d looks, in %.1f s.",
			job.wanted, job.looks, (walcu_curl_multi_now() - began) / 1000);
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
	if (reply.ok)
		*answer = reply.json;
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
	place = find_trusted_place(trust_job_url, run, url, &job->obstacle);
	while (place)
	{
		WalcuRequest *request = request_for_url(place, trust_shown(place, run->credential));
		WalcuCheckReply reply = ask_later(run, request, wait);

		wait = Min(2 * wait, LONGEST_WAIT);
		job->looks++;
		if (!reply.ok)
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

/*
 * Returns where a URL leads; NULL, and words, when credentials must not go there.  trust only raises errors.
 */
static const char *
find_trusted_place(char *(*trust)(const WalcuOptions *options, const char *url, const char *credential),
				   const WalcuCheckRun *run, const char *url, const char **words)
{
	MemoryContext context = CurrentMemoryContext;
	const char *volatile place = NULL;
	char *volatile message = NULL;

	PG_TRY();
	{
		place = trust(run->options, url, run->credential);
	}
	PG_CATCH();
	{
		ErrorData *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		if (ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_OPERATOR_INTERVENTION)
			ReThrowError(error);
		message = ask_sentence(error->message);
	}
	PG_END_TRY();
	if (message)
		*words = message;
	return place;
}

/* Can the results be had, and are they the documents? */
static void
check_results(Job *job)
{
	WalcuCheckRun *run = job->run;
	const char *words;
	const char *place = find_trusted_place(trust_results_url, run, job->results_url, &words);
	const char *authority;
	WalcuRequest *request;
	WalcuCheckReply reply;

	if (place == NULL)
	{
		row_add(
			run, "job results", CHECK_DIFFERS, advise_results_host(run, job->results_url),
			"The results are at %s, which is not one of the results_hosts. No credentials were sent there.",
			url_authority(job->results_url) ? url_authority(job->results_url) : "no usable place");
		return;
	}
	authority = url_authority(place);
	request = request_for_url(place, trust_shown(place, run->credential));
	request->is_download = true;
	reply = ask_one(run, request);
	if (reply.status >= 300 && reply.status < 400)
		row_add(run, "job results", CHECK_DIFFERS, row_set_option(run, "fetch_mode", "parallel"),
				"The results at %s are a redirect to %s. %s", authority,
				reply.head.location[0] ? trust_shown(reply.head.location, run->credential) : "nowhere",
				reply.failure);
	else if (!reply.ok || !json_is_array(reply.json))
		row_add(run, "job results", CHECK_FAILED, row_set_option(run, "fetch_mode", "parallel"),
				"The results at %s cannot be had. %s", authority,
				reply.failure ? reply.failure : "They are no array of documents.");
	else if (!has_all_documents(job, reply.json))
		row_add(run, "job results", CHECK_FAILED, row_set_option(run, "fetch_mode", "parallel"),
				"The results at %s are not the documents that were asked for.", authority);
	else if (job->found && json_integer_value(job->found) != json_array_size(reply.json))
		row_add(run, "job results", CHECK_FAILED, row_set_option(run, "fetch_mode", "parallel"),
				"The job says to have found %lld documents, and the results at %s have %zu.",
				(long long) json_integer_value(job->found), authority, json_array_size(reply.json));
	else
		row_add(run, "job results", CHECK_OK, NULL, "The results are at %s, as JSON.", authority);
}

/* The host is added to those that are trusted already. */
static char *
advise_results_host(const WalcuCheckRun *run, const char *url)
{
	const char *now = option_value_of(run->server_options, "results_hosts");
	const char *authority = url_authority(url);

	if (authority == NULL || (!url_is_safe(url) && !run->options->allow_http))
		return row_set_option(run, "fetch_mode", "parallel");
	/* the option replaces the default, which is the endpoint's host */
	return row_set_option(run, "results_hosts", now ? psprintf("%s, %s", now, authority) : authority);
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
