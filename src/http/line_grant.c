/*
 * line_grant.c
 *	  Whether the service grants a request over a line now: by the rates that are known of it.
 *
 * The option max_requests_per_second sets one (rate_limit.c), another one is what the service has granted so
 * far (granted_rate.c); and before anything is known of it, requests begin slowly (slow_start.c).  line.c
 * calls this for what is to begin, and says what became of it.
 */
#include "postgres.h"

#include "http/line_grant.h"

#include "http/granted_rate.h"
#include "http/rate_limit.h"
#include "http/slow_start.h"

/* Who waits for other sessions' replies looks again after so many milliseconds. */
#define LOOK_FOR_REPLIES 10.0

static double wait_for_grant(WalcuLine *line, WalcuCurlEasy *handle);

/*
 * Its time has come: does max_requests_per_second let it begin, too, and what the service has granted so
 * far?
 */
bool
line_grant_take(WalcuLine *line, WalcuCurlEasy *handle, double now)
{
	double wait = 0;

	if (!handle->has_place)
		wait = rate_limit_reserve(handle->options, &handle->place);
	handle->has_place = true;
	if (wait <= 0 && !handle->is_granted && !handle->options->finds_rate)
		wait = wait_for_grant(line, handle);
	if (wait <= 0)
	{
		handle->is_granted = true;
		return true;
	}
	handle->not_before = now + wait;
	handle->reason = WALCU_PAUSE_RATE;
	return false;
}

/* Raises nothing: it runs on abort, too. */
void
line_grant_give_back(const WalcuLine *line, WalcuCurlEasy *handle)
{
	if (handle->has_place)
		rate_limit_give_back(line->serverid, handle->place);
	handle->has_place = handle->is_granted = false;
	line_grant_end(line, handle, false);
}

/* Counts a request no more among those under way.  Raises nothing: it runs on abort, too. */
void
line_grant_end(const WalcuLine *line, WalcuCurlEasy *handle, bool was_served)
{
	if (handle->is_counted)
		slow_start_give_back(line->serverid, was_served);
	handle->is_counted = false;
}

/*
 * Returns the milliseconds after which to ask again whether the service may grant the request; 0 when it is
 * to be sent now.
 */
static double
wait_for_grant(WalcuLine *line, WalcuCurlEasy *handle)
{
	double wait = granted_rate_wait(line->serverid, &line->ticket, &handle->rate);

	if (wait > 0 || handle->rate > 0)
		return wait;
	handle->is_counted = slow_start_take(line->serverid);
	return handle->is_counted ? 0 : LOOK_FOR_REPLIES;
}
