/*
 * retry.c
 *	  What is tried again, and when.
 *
 * The cursors of a scan, jobs and single calls ask here when a request came to nothing.  A read is
 * tried again after what may be otherwise the next time; a write only when the service cannot have
 * carried it out.  The waits grow and are drawn at random in part, so that many who failed
 * together do not come back together.
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

/* After the time that the service asked for, this much more at most, in milliseconds. */
#define SPREAD 100.0

/* The user is told once a request has failed so often, or is to wait for so many milliseconds. */
#define TOLD_FAILURES 5
#define TOLD_WAIT     5000.0

static void tell_of_retry(const WalcuTransfer *transfer, const WalcuAttempt *attempt);
static bool is_worthwhile(const WalcuTransfer *transfer);
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
	const WalcuOptions *options = transfer->options;
	bool again;

	if ((!transfer->done && !malformed) || transfer->attempt.failed >= options->max_retries ||
		transfer->retry_after * 1000 > options->max_retry_wait || !is_worthwhile(transfer))
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
	double wait;

	attempt.reason = WALCU_PAUSE_RETRY;
	attempt.failed++;
	attempt.mishaps += !is_outage(transfer);
	attempt.lost = count_lost_time(transfer);
	if (transfer->retry_after > 0)
	{
		attempt.delay = transfer->retry_after * 1000 + compat_random() * SPREAD;
		tell_of_retry(transfer, &attempt);
		return attempt;
	}
	wait = Min(ldexp(FIRST_WAIT, transfer->attempt.failed), LONGEST_WAIT);
	wait = Min(wait, options->max_retry_wait);
	wait *= 1 - JITTER * compat_random();
	attempt.delay = Min(wait, options->request_timeout - attempt.lost);
	attempt.lost += attempt.delay;
	tell_of_retry(transfer, &attempt);
	return attempt;
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
	return transfer->attempt.lost + transfer->unanswered;
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
