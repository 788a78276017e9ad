/*
 * retry.c
 *	  What is tried again, and when.
 *
 * The cursors of a scan, jobs and single calls ask here when a request came to nothing.  A read is tried
 * again after what may be otherwise the next time; a write only when the service cannot have carried it
 * out.  The waits grow and are drawn at random in part, so that many who failed together do not come back
 * together.
 *
 * What a service refuses as one request too many (429) is no failure of it, and how often that happens says
 * only how many others ask: it is waited for as long as max_retry_wait says, however often that is.
 *
 * A service that is deployed anew is away for half a minute.  With the defaults, max_retries 12 and
 * request_timeout 60 s, an outage is waited for for 35 s at least, and 58 s at most.
 */
#include "postgres.h"

#include <math.h>

#include "http/retry.h"

#include "base/compat.h"
#include "access/xact.h"
#include "http/curl_error.h"
#include "http/stats.h"
#include "miscadmin.h"

/*
 * The longest wait before the first retry, in milliseconds; it doubles with each, up to the longest of all.
 */
#define FIRST_WAIT   200.0
#define LONGEST_WAIT 7500.0

/* The part of a wait that is drawn at random. */
#define JITTER 0.4

/*
 * After the time that the service asked for, so many milliseconds more at most, and this part of it: as
 * much for each time that it has asked, up to so many.
 */
#define SPREAD      50.0
#define SPREAD_PART 0.05
#define SPREADS     4

/* The user is told once a request has failed so often, or is to wait for so many milliseconds. */
#define TOLD_FAILURES 5
#define TOLD_WAIT     5000.0

static void tell_of_retry(const WalcuTransfer *transfer, const WalcuAttempt *attempt);
static bool is_worthwhile(const WalcuTransfer *transfer);
static bool is_refused(const WalcuTransfer *transfer);
static bool is_within_limits(const WalcuTransfer *transfer);
static double draw_wait(const WalcuTransfer *transfer);
static bool is_outage(const WalcuTransfer *transfer);
static double count_lost_time(const WalcuTransfer *transfer);
static bool is_transient_status(int status);

/*
 * Is a request that came to nothing to be sent again?  malformed tells that its reply, as far as
 * it is here, is not what the API promises.
 */
bool
retry_is_possible(const WalcuTransfer *transfer, bool malformed)
{
	bool again;

	if ((!transfer->done && !malformed) || !is_within_limits(transfer))
		return false;
	if (transfer->failure.kind != WALCU_CURL_ERROR_NONE)
		again = walcu_curl_error_is_transient(&transfer->failure) &&
				(request_is_read(transfer->request) || !transfer->failure.sent);
	else if (request_is_read(transfer->request))
		again = malformed || is_transient_status(transfer->status);
	else
		again = transfer->status == 429;
	return again;
}

/*
 * Is it answered in a way that may be the fault of its filter?  Some services answer 400 or 422 to a value
 * that they cannot cast, others 500 again and again.
 */
bool
retry_is_refused(const WalcuTransfer *transfer)
{
	int status = transfer->status;

	return transfer->done && transfer->failure.kind == WALCU_CURL_ERROR_NONE &&
		   (status == 400 || status == 422 ||
			(status == 500 && (transfer->attempt.failed > 0 || !retry_is_possible(transfer, false))));
}

/* When it is to be sent again.  The user is told when that takes long: an error may be long in coming. */
WalcuAttempt
retry_attempt(const WalcuTransfer *transfer)
{
	const WalcuOptions *options = transfer->options;
	WalcuAttempt attempt = transfer->attempt;
	bool refused = is_refused(transfer);

	attempt.reason = WALCU_PAUSE_RETRY;
	attempt.failed++;
	attempt.refused += refused;
	attempt.mishaps += !is_outage(transfer);
	attempt.lost = count_lost_time(transfer);
	attempt.delay = draw_wait(transfer);
	if (transfer->retry_after == 0 && refused)
		attempt.delay = Min(attempt.delay, options->max_retry_wait - attempt.held);
	else if (transfer->retry_after == 0)
	{
		attempt.delay = Min(attempt.delay, options->request_timeout - attempt.lost);
		attempt.lost += attempt.delay;
	}
	if (refused)
		attempt.held += (transfer->retry_after > 0) ? transfer->retry_after * 1000 : attempt.delay;
	tell_of_retry(transfer, &attempt);
	return attempt;
}

/*
 * How many milliseconds to wait before the next try, by what the service asks for, or by how many there
 * were.
 */
static double
draw_wait(const WalcuTransfer *transfer)
{
	const WalcuAttempt *attempt = &transfer->attempt;
	const char *said = transfer->head.retry_after;
	double pause = transfer->retry_after * 1000;
	bool is_now = said[0] != '\0' && said[strspn(said, "0")] == '\0';
	double wait;

	if (pause > 0 || (is_refused(transfer) && is_now))
		return pause + compat_random() * Min(attempt->refused + 1, SPREADS) * (SPREAD + SPREAD_PART * pause);
	wait = Min(ldexp(FIRST_WAIT, attempt->failed), LONGEST_WAIT);
	wait = Min(wait, transfer->options->max_retry_wait);
	return wait * (1 - JITTER * compat_random());
}

/* Tells once a statement and resource. */
static void
tell_of_retry(const WalcuTransfer *transfer, const WalcuAttempt *attempt)
{
	WalcuStats *stats = stats_of(transfer->options);
	TimestampTz statement = GetCurrentStatementStartTimestamp();
	bool is_unanswered = transfer->failure.kind != WALCU_CURL_ERROR_NONE;
	char *hint = NULL;
	char *wait = "";

	/* workers of any kind have nobody to tell */
	if ((attempt->failed < TOLD_FAILURES && attempt->delay < TOLD_WAIT) || stats->told == statement ||
		MyBackendType != B_BACKEND)
		return;
	stats->told = statement;
	if (is_unanswered)
		hint = walcu_curl_error_hint(transfer);
	if (attempt->delay >= TOLD_WAIT)
		wait = psprintf(" in %.0f s", attempt->delay / 1000.0);
	ereport(NOTICE,
			errmsg("a request to server \"%s\" has failed %d time%s, and is sent again%s",
				   transfer->options->server_name, attempt->failed, attempt->failed == 1 ? "" : "s", wait),
			is_unanswered            ? errdetail("There was no reply: %s.", walcu_curl_error_text(transfer))
			: transfer->status < 300 ? errdetail("The reply was malformed.")
									 : errdetail("The service answered %d.", transfer->status),
			hint ? errhint("%s", hint) : 0);
}

/* Was it one request too many for the service? */
static bool
is_refused(const WalcuTransfer *transfer)
{
	return transfer->status == 429 && transfer->failure.kind == WALCU_CURL_ERROR_NONE;
}

/* Do the options allow for one more try? */
static bool
is_within_limits(const WalcuTransfer *transfer)
{
	const WalcuOptions *options = transfer->options;
	const WalcuAttempt *attempt = &transfer->attempt;
	double pause = transfer->retry_after * 1000;

	if (is_refused(transfer))
		return options->max_retries > 0 && attempt->held < options->max_retry_wait &&
			   attempt->held + pause <= options->max_retry_wait;
	return attempt->failed - attempt->refused < options->max_retries && pause <= options->max_retry_wait &&
		   is_worthwhile(transfer);
}

/* Is there time left for it, and hope?  What the service itself asks to wait does not count. */
static bool
is_worthwhile(const WalcuTransfer *transfer)
{
	if (!is_outage(transfer) && transfer->attempt.mishaps >= transfer->options->max_mishaps)
		return false;
	return transfer->retry_after > 0 || count_lost_time(transfer) < transfer->options->request_timeout;
}

/* Is the service, or what stands before it, away or busy, so that it may take a while until it is not? */
static bool
is_outage(const WalcuTransfer *transfer)
{
	int status = transfer->status;

	if (transfer->failure.kind != WALCU_CURL_ERROR_NONE)
		return walcu_curl_error_is_outage(&transfer->failure);
	return status == 429 || (status >= 502 && status <= 504);
}

static double
count_lost_time(const WalcuTransfer *transfer)
{
	return transfer->attempt.lost + (transfer->status == 0 ? transfer->took : 0);
}

static bool
is_transient_status(int status)
{
	static const int statuses[] = {408, 429, 500, 502, 503, 504};

	for (int i = 0; i < lengthof(statuses); i++)
	{
		if (statuses[i] == status)
			return true;
	}
	return false;
}
