/*
 * retry.c
 *	  What is tried again, and when.
 *
 * The cursors of a scan, jobs and single calls ask here when a request came to nothing.  A read is
 * tried again after what may be otherwise the next time; a write only when the service cannot have
 * carried it out.  The waits grow and are drawn at random ("full jitter"), so that many who failed
 * together do not come back together.
 */
#include "postgres.h"

#include <math.h>

#include "http/retry.h"

#include "base/compat.h"
#include "http/curl_error.h"

/* The longest wait before the first retry, in milliseconds; it doubles with each. */
#define FIRST_WAIT 200.0

/* After the time that the service asked for, this much more at most, in milliseconds. */
#define SPREAD 100.0

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
		transfer->retry_after * 1000 > options->max_retry_wait)
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

/* When it is to be sent again. */
WalcuAttempt
retry_attempt(const WalcuTransfer *transfer)
{
	WalcuAttempt attempt = {.reason = WALCU_PAUSE_RETRY, .failed = transfer->attempt.failed + 1};

	if (transfer->retry_after > 0)
		attempt.delay = transfer->retry_after * 1000 + compat_random() * SPREAD;
	else
		attempt.delay = compat_random() *
						Min(ldexp(FIRST_WAIT, transfer->attempt.failed), transfer->options->max_retry_wait);
	return attempt;
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
