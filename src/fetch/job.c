/*
 * job.c
 *	  A background job of the service, from its start to where its results are.
 *
 * GET /R/all starts a job and tells its job_url; that is asked for, with growing waits, until it tells the
 * results_url (source: the API's description).  A cursor (cursor.c) starts a job, looks at it until there are
 * results, and reads them, following redirects without credentials.  A job that comes to nothing is no error:
 * its obstacle tells why, and fetch.c reads pages instead.  Only where the user wants nothing but jobs
 * (fetch_mode 'job') are those errors that somebody has to mend.
 *
 * Where the statement has read the results of the very job already, that one is adopted: its results are read
 * once more (reply_cache.c), and only if they are not to be had any more is another job started.
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

/* So many redirects of results are followed, one after the other. */
#define MAX_REDIRECTS 5

/* The most that an answer about a job may have, in bytes. */
#define MAX_ANSWER (1024 * 1024)

struct WalcuJob
{
	MemoryContext context;       /* It holds the job. */
	const WalcuQuery *query;     /* The job is for this query. */
	WalcuTally *tally;           /* It counts what the job takes. */
	const WalcuRequest *request; /* This starts the job. */
	bool is_adopted;             /* Another scan has started it, and read its results. */
	WalcuTransfer *transfer;     /* This call is under way. */
	const WalcuRequest *poll; /* It asks for the job's state; NULL until the service has told the job_url. */
	double wait;              /* The next look at it is so many milliseconds later. */
	double started;           /* The job was started then (by walcu_curl_multi_now). */
	bool is_dispensable;      /* Whatever the job comes to, it is no error. */
	bool may_be_rejected;     /* There is less to ask for, should the service not take the filter. */
	bool rejected;            /* The service did not take the filter. */
	const char *obstacle;     /* It says why there will be no results; NULL while there may be. */
	const WalcuRequest *results;  /* It asks for the results, after redirects; NULL while there are none. */
	const WalcuRequest *original; /* It asks for the results where the service says that they are. */
	int redirects;                /* So many redirects lead from there to results. */
	int64 found;                  /* The job has found so many documents; -1 when it does not say. */
};

/* What an answer says of a job. */
typedef struct Answer
{
	const char *status;      /* It is the service's word for the state. */
	const char *job_url;     /* The state can be asked for there; or NULL. */
	const char *results_url; /* The results are there; or NULL. */
	int64 found_documents;   /* There are so many; -1 when it does not say. */
} Answer;

static void begin_job(WalcuJob *job);
static void adopt_job(WalcuJob *job, const WalcuReadJob *read);
static void ask_at_place(WalcuJob *job, const char *place);
static void send_job_request(WalcuJob *job, const WalcuRequest *request, const WalcuAttempt *attempt);
static void find_obstacle_or_answer(WalcuJob *job);
static void take_whole_answer(WalcuJob *job);
static void take_answer(WalcuJob *job);
static void take_results(WalcuJob *job, const Answer *answer);
static bool read_answer(const WalcuTransfer *transfer, Answer *answer);
static char *get_member_text(json_t *object, const char *name);
static void poll_later(WalcuJob *job, const Answer *answer);
static WalcuRequest *request_for_place(const char *url, const char *credential);
static bool is_at_work(const char *status);
static bool is_overdue(const WalcuJob *job);
static void note_overdue(WalcuJob *job);

/* Start a job for the documents of a part; job, query and tally must outlive it. */
WalcuJob *
job_start(MemoryContext parent, const WalcuQuery *query, const WalcuQueryPart *part, bool may_be_rejected,
		  WalcuTally *tally)
{
	MemoryContext context = AllocSetContextCreate(parent, "walcu job", ALLOCSET_SMALL_SIZES);
	MemoryContext before = MemoryContextSwitchTo(context);
	WalcuJob *job = palloc0(sizeof(WalcuJob));
	const WalcuReadJob *read;

	job->context = context;
	job->query = query;
	job->tally = tally;
	job->request = query_job(query, part);
	job->is_dispensable = query->options->fetch_mode != WALCU_FETCH_JOB;
	job->may_be_rejected = may_be_rejected;
	read = reply_cache_find_job(query->cache, query->credential, job->request);
	if (read)
		adopt_job(job, read);
	else
		begin_job(job);
	MemoryContextSwitchTo(before);
	return job;
}

/* Start a job in place of one that was adopted, and whose results are not to be had any more. */
void
job_start_again(WalcuJob *job)
{
	MemoryContext before = MemoryContextSwitchTo(job->context);

	job->is_adopted = false;
	job->results = job->original = NULL;
	job->redirects = 0;
	begin_job(job);
	MemoryContextSwitchTo(before);
}

/* The results have been read to their end: let the statement's other scans know where they are. */
void
job_note_read(const WalcuJob *job)
{
	WalcuReadJob read = {.url = job->original->url.data, .found = job->found};

	if (job->results != job->original)
		read.place = job->results->url.data;
	reply_cache_note_job(job->query->cache, job->query->credential, job->request, &read);
}

static void
begin_job(WalcuJob *job)
{
	job->wait = FIRST_WAIT;
	job->started = walcu_curl_multi_now();
	job->found = -1;
	job->tally->jobs++;
	stats_of(job->query->options)->jobs++;
	send_job_request(job, job->request, NULL);
}

static void
adopt_job(WalcuJob *job, const WalcuReadJob *read)
{
	job->is_adopted = true;
	job->found = read->found;
	job->original = request_for_place(read->url, job->query->credential);
	job->results = job->original;
	if (read->place)
		ask_at_place(job, read->place);
}

/* The results are at a place that a redirect led to, and that gets no credentials. */
static void
ask_at_place(WalcuJob *job, const char *place)
{
	WalcuRequest *request = request_for_place(place, job->query->credential);

	request->is_bare = true;
	job->results = request;
}

/*
 * Take in what has arrived; before_wait tells that the caller is about to wait for more.  Errors, unless the
 * job is dispensable: 53400 when job_timeout has passed, 08P01 for a place that may not get credentials, and
 * what the service's status means.
 */
void
job_look(WalcuJob *job, bool before_wait)
{
	MemoryContext before;
	WalcuTransfer *transfer = job->transfer;

	if (job->results || job->obstacle || job->rejected)
		return;
	before = MemoryContextSwitchTo(job->context);
	if (is_overdue(job))
	{
		note_overdue(job);
		MemoryContextSwitchTo(before);
		return;
	}
	transfer_look(transfer, before_wait);
	/* where jobs are what fails, pages will tell more */
	if (job->may_be_rejected && job->poll == NULL && transfer->status != 500 && retry_is_refused(transfer))
		job->rejected = true;
	else if (retry_is_possible(transfer, false))
	{
		WalcuAttempt attempt = retry_attempt(transfer);

		send_job_request(job, transfer->request, &attempt);
	}
	else if (transfer->failure.kind == WALCU_CURL_ERROR_NONE &&
			 (transfer->status == 404 || transfer->status >= 500))
		job->obstacle = transfer->done ? psprintf("the service answered %d", transfer->status) : NULL;
	else if (job->is_dispensable)
		find_obstacle_or_answer(job);
	else
	{
		http_error_check(transfer, job->query->credential);
		take_whole_answer(job);
	}
	MemoryContextSwitchTo(before);
}

/* The request for the job's results; NULL while there are none. */
const WalcuRequest *
job_results(const WalcuJob *job)
{
	return job->results;
}

/* Has another scan of the statement started the job, and read its results? */
bool
job_is_adopted(const WalcuJob *job)
{
	return job->is_adopted;
}

/* Is whatever the job comes to no error, as pages can be read instead, or another job started? */
bool
job_is_dispensable(const WalcuJob *job)
{
	return job->is_dispensable || job->is_adopted;
}

/* The results were answered with a redirect: ask there from now on; false when it is not to be followed. */
bool
job_follow_redirect(WalcuJob *job, const WalcuTransfer *transfer)
{
	MemoryContext before = MemoryContextSwitchTo(job->context);
	char *url = transfer_redirect_url(transfer);
	char *place = NULL;

	if (url && job->redirects < MAX_REDIRECTS)
		place = trust_redirect_url(job->query->options, transfer->request->url.data, url);
	if (place)
	{
		ask_at_place(job, place);
		job->redirects++;
	}
	MemoryContextSwitchTo(before);
	return place != NULL;
}

/* Ask for the results where the service said that they are: signatures of places may have expired. */
void
job_forget_redirects(WalcuJob *job)
{
	job->results = job->original;
	job->redirects = 0;
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

/* What would be an error is an obstacle to a job that can be done without. */
static void
find_obstacle_or_answer(WalcuJob *job)
{
	const WalcuTransfer *transfer = job->transfer;
	const char *obstacle = http_error_obstacle(transfer, job->query->credential);

	if (obstacle && transfer->failure.kind != WALCU_CURL_ERROR_NONE)
		job->obstacle = psprintf("the job was %s", obstacle);
	else if (obstacle)
		job->obstacle = psprintf("the service %s", obstacle);
	else
		take_whole_answer(job);
}

/* An answer is taken when it is whole, or already longer than any. */
static void
take_whole_answer(WalcuJob *job)
{
	if (job->transfer->done || job->transfer->length > MAX_ANSWER)
		take_answer(job);
}

static void
take_answer(WalcuJob *job)
{
	const char *credential = job->query->credential;
	Answer answer;

	if (job->transfer->length > MAX_ANSWER)
		job->obstacle = "the service's answer is too long";
	else if (!read_answer(job->transfer, &answer))
		job->obstacle = "the service's answer is not a job";
	else if (strcmp(answer.status, "finished") == 0 && answer.results_url)
		take_results(job, &answer);
	else if (is_at_work(answer.status) && (job->poll || answer.job_url))
		poll_later(job, &answer);
	else
		job->obstacle = psprintf("the job is \"%s\"", http_error_printable(answer.status, credential));
}

static void
take_results(WalcuJob *job, const Answer *answer)
{
	const WalcuOptions *options = job->query->options;
	const char *credential = job->query->credential;
	const char *place = trust_results_url(options, answer->results_url);

	if (place == NULL && !job->is_dispensable)
		trust_raise_results_url(options, answer->results_url, credential);
	if (place == NULL)
	{
		job->obstacle = psprintf("the results are at \"%s\", which is not one of results_hosts",
								 trust_shown(answer->results_url, credential));
		return;
	}
	job->original = request_for_place(place, credential);
	job->results = job->original;
	job->found = answer->found_documents;
	latency_note_job(options, walcu_curl_multi_now() - job->started);
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
		const char *place = trust_job_url(job->query->options, answer->job_url);

		if (place == NULL && !job->is_dispensable)
			trust_raise_job_url(job->query->options, answer->job_url, job->query->credential);
		if (place == NULL)
		{
			job->obstacle = psprintf("the job is at \"%s\", which is not the endpoint's host",
									 trust_shown(answer->job_url, job->query->credential));
			return;
		}
		job->poll = request_for_place(place, job->query->credential);
	}
	job->wait = Min(2 * job->wait, LONGEST_WAIT);
	send_job_request(job, job->poll, &attempt);
}

static WalcuRequest *
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

static bool
is_overdue(const WalcuJob *job)
{
	return walcu_curl_multi_now() - job->started >= job->query->options->job_timeout;
}

/* It is not waited for any more.  Error 53400, unless the job is dispensable. */
static void
note_overdue(WalcuJob *job)
{
	const WalcuOptions *options = job->query->options;
	double seconds = options->job_timeout / 1000.0;

	if (!job->is_dispensable)
		ereport(ERROR, errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				errmsg("a background job of server \"%s\" did not finish within %g s", options->server_name,
					   seconds),
				transfer_errdetail(job->transfer),
				errhint("Raise the option job_timeout, narrow the query, or set the option fetch_mode to "
						"'parallel'."));
	job->obstacle = psprintf("the job did not finish within %g s", seconds);
}
