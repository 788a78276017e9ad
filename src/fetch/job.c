/*
 * job.c
 *	  A background job of the service, from its start to where its results are.
 *
 * GET /R/all starts a job and tells its job_url; that is asked for, with growing waits, until it tells the
 * results_url (source: the API's description).  A cursor (cursor.c) starts a job, looks at it until there are
 * results, and reads them.  A job that comes to nothing is no error: its obstacle tells why, and fetch.c
 * reads pages instead.
 */
#include "postgres.h"

#include <jansson.h>

#include "fetch/job.h"

#include "http/http_error.h"
#include "http/latency.h"
#include "http/retry.h"
#include "http/stats.h"
#include "http/trust.h"
#include "utils/memutils.h"

/* Milliseconds between two looks at a job: at first, and at most. */
#define FIRST_WAIT   100.0
#define LONGEST_WAIT 2000.0

/* The most that an answer about a job may have, in bytes. */
#define MAX_ANSWER (1024 * 1024)

struct WalcuJob
{
	MemoryContext context;    /* It holds the job. */
	const WalcuQuery *query;  /* The job is for this query. */
	WalcuTally *tally;        /* It counts what the job takes. */
	WalcuTransfer *transfer;  /* This call is under way. */
	const WalcuRequest *poll; /* It asks for the job's state; NULL until the service has told the job_url. */
	double wait;              /* The next look at it is so many milliseconds later. */
	double started;           /* The job was started then (by walcu_curl_multi_now). */
	bool may_be_rejected;     /* There is less to ask for, should the service not take the filter. */
	bool rejected;            /* The service did not take the filter. */
	const char *obstacle;     /* It says why there will be no results; NULL while there may be. */
	const WalcuRequest *results; /* It asks for the results; NULL while there are none. */
	int64 found;                 /* The job has found so many documents; -1 when it does not say. */
};

/* What an answer says of a job. */
typedef struct Answer
{
	const char *status;      /* It is the service's word for the state. */
	const char *job_url;     /* The state can be asked for there; or NULL. */
	const char *results_url; /* The results are there; or NULL. */
	int64 found_documents;   /* There are so many; -1 when it does not say. */
} Answer;

static void send_job_request(WalcuJob *job, const WalcuRequest *request, const WalcuAttempt *attempt);
static void take_answer(WalcuJob *job);
static bool read_answer(const WalcuTransfer *transfer, Answer *answer);
static char *get_member_text(json_t *object, const char *name);
static void poll_later(WalcuJob *job, const Answer *answer);
static const WalcuRequest *request_for_place(const char *url, const char *credential);
static bool is_at_work(const char *status);
static void check_deadline(const WalcuJob *job);

/* Start a job for the documents of a part; job, query and tally must outlive it. */
WalcuJob *
job_start(MemoryContext parent, const WalcuQuery *query, const WalcuQueryPart *part, bool may_be_rejected,
		  WalcuTally *tally)
{
	MemoryContext context = AllocSetContextCreate(parent, "walcu job", ALLOCSET_SMALL_SIZES);
	MemoryContext before = MemoryContextSwitchTo(context);
	WalcuJob *job = palloc0(sizeof(WalcuJob));

	job->context = context;
	job->query = query;
	job->tally = tally;
	job->wait = FIRST_WAIT;
	job->started = walcu_curl_multi_now();
	job->may_be_rejected = may_be_rejected;
	job->found = -1;
	tally->jobs++;
	stats_of(query->options)->jobs++;
	send_job_request(job, query_job(query, part), NULL);
	MemoryContextSwitchTo(before);
	return job;
}

/*
 * Take in what has arrived; before_wait tells that the caller is about to wait for more.  Errors: 53400 when
 * job_timeout has passed, 08P01 for a place that may not get credentials, and what the service's
 * status means.
 */
void
job_look(WalcuJob *job, bool before_wait)
{
	MemoryContext before;
	WalcuTransfer *transfer = job->transfer;

	if (job->results || job->obstacle || job->rejected)
		return;
	check_deadline(job);
	transfer_look(transfer, before_wait);
	before = MemoryContextSwitchTo(job->context);
	if (retry_is_possible(transfer, false))
	{
		WalcuAttempt attempt = retry_attempt(transfer);

		send_job_request(job, transfer->request, &attempt);
	}
	else if (transfer->status == 400 && job->may_be_rejected && job->poll == NULL)
		job->rejected = transfer->done;
	else if (transfer->failure.kind == WALCU_CURL_ERROR_NONE &&
			 (transfer->status == 404 || transfer->status >= 500))
		job->obstacle = transfer->done ? psprintf("the service answered %d", transfer->status) : NULL;
	else
	{
		http_error_check(transfer, job->query->credential);
		if (transfer->length > MAX_ANSWER)
			job->obstacle = "the service's answer is too long";
		else if (transfer->done)
			take_answer(job);
	}
	MemoryContextSwitchTo(before);
}

/* The request for the job's results; NULL while there are none. */
const WalcuRequest *
job_results(const WalcuJob *job)
{
	return job->results;
}

/* How many documents the job says to have found; -1 when it does not. */
int64
job_found_documents(const WalcuJob *job)
{
	return job->found;
}

/* Did the service not take the filter? */
bool
job_is_rejected(const WalcuJob *job)
{
	return job->rejected;
}

/* Why there will be no results; NULL while there may be. */
const char *
job_obstacle(const WalcuJob *job)
{
	return job->obstacle;
}

/* What is waited for. */
WalcuTransfer *
job_transfer(const WalcuJob *job)
{
	return job->transfer;
}

/* Make a call in place of the one before. */
static void
send_job_request(WalcuJob *job, const WalcuRequest *request, const WalcuAttempt *attempt)
{
	if (job->transfer)
		transfer_release(job->transfer);
	job->transfer =
		transfer_start(job->context, job->query->options, job->query->credential, request, attempt);
	job->tally->requests++;
	job->tally->retries += attempt && attempt->failed > 0;
}

static void
take_answer(WalcuJob *job)
{
	const WalcuOptions *options = job->query->options;
	const char *credential = job->query->credential;
	Answer answer;

	if (!read_answer(job->transfer, &answer))
		job->obstacle = "the service's answer is not a job";
	else if (strcmp(answer.status, "finished") == 0 && answer.results_url)
	{
		job->results =
			request_for_place(trust_results_url(options, answer.results_url, credential), credential);
		job->found = answer.found_documents;
		latency_note_job(options, walcu_curl_multi_now() - job->started);
	}
	else if (is_at_work(answer.status) && (job->poll || answer.job_url))
		poll_later(job, &answer);
	else
		job->obstacle = psprintf("the job is \"%s\"", http_error_printable(answer.status, credential));
}

/* False when it has not even a status. */
static bool
read_answer(const WalcuTransfer *transfer, Answer *answer)
{
	json_t *document = transfer->length > 0 ? json_loadb(transfer->data, transfer->length, 0, NULL) : NULL;
	json_t *job = json_is_array(document) ? json_array_get(document, 0) : document;
	json_t *found = json_object_get(job, "found_documents");

	/* nothing between here and json_decref raises but palloc, when memory is out */
	answer->status = get_member_text(job, "status");
	answer->job_url = get_member_text(job, "job_url");
	answer->results_url = get_member_text(job, "results_url");
	answer->found_documents = json_is_integer(found) ? (int64) json_integer_value(found) : -1;
	json_decref(document);
	return answer->status != NULL;
}

static char *
get_member_text(json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text ? pstrdup(text) : NULL;
}

/* Ask for the job's state, a while from now. */
static void
poll_later(WalcuJob *job, const Answer *answer)
{
	WalcuAttempt attempt = {.delay = job->wait, .reason = WALCU_PAUSE_JOB};

	if (job->poll == NULL)
	{
		char *place = trust_job_url(job->query->options, answer->job_url, job->query->credential);

		job->poll = request_for_place(place, job->query->credential);
	}
	job->wait = Min(2 * job->wait, LONGEST_WAIT);
	send_job_request(job, job->poll, &attempt);
}

static const WalcuRequest *
request_for_place(const char *url, const char *credential)
{
	WalcuRequest *request = request_for_url(url, trust_shown(url, credential));

	request->is_download = true;
	return request;
}

/* Any other word is one for a job that failed (it is not published which). */
static bool
is_at_work(const char *status)
{
	return strcmp(status, "queued") == 0 || strcmp(status, "processing") == 0;
}

static void
check_deadline(const WalcuJob *job)
{
	const WalcuOptions *options = job->query->options;

	if (walcu_curl_multi_now() - job->started < options->job_timeout)
		return;
	ereport(
		ERROR, errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
		errmsg("a background job of server \"%s\" did not finish within %g s", options->server_name,
			   options->job_timeout / 1000.0),
		transfer_errdetail(job->transfer),
		errhint(
			"Raise the option job_timeout, narrow the query, or set the option fetch_mode to 'parallel'."));
}
