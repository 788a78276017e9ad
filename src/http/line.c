/*
 * line.c
 *	  The requests to a server that wait or are under way, and who may begin when.
 *
 * A request stands in its server's queue until its time has come (line_grant.c), fewer than max_connections
 * others are under way, and the session has descriptors for it (line_room.c).  When everything is in use,
 * servers take turns: a request that has not begun is no error, and it begins when another one has ended.  So
 * that this happens whoever waits for whom, the session waits for all servers together.
 *
 * So it is when all sessions have as many connections open as max_connections_total allows
 * (total_connections.c). A session that has some goes on with these.  One that waits for its first keeps
 * none that it can do without, to any server that counts them, as who has it may wait for those.
 *
 * transfer.c calls this; connection.c has a line for each server.
 */
#include "postgres.h"

#include "http/line.h"

#include "base/compat.h"
#include "http/granted_rate.h"
#include "http/line_grant.h"
#include "http/wait_set.h"

/* The lines of the session. */
static struct
{
	dlist_head waiting; /* These have requests that have not begun. */
	dlist_head starved; /* So have these, and there were no descriptors for them. */
	bool may_have_room; /* There may be descriptors again. */
	double waited;      /* The session has waited so many milliseconds for replies. */
	double wait_began;  /* Somebody else began to wait then (by walcu_curl_multi_now); 0 for nobody. */
	double wait_limit;  /* That wait takes so many milliseconds at most. */
} session = {DLIST_STATIC_INIT(session.waiting), DLIST_STATIC_INIT(session.starved)};

static void drive_lines(double limit, uint32 event);
static WalcuLine *find_wanted_running(void);
static void hold_line(WalcuLine *line, double milliseconds);
static void take_turn(WalcuLine *line, WalcuLineTurn turn);
static void begin_waiting(void);
static bool begin_due(WalcuLine *line);
static void begin_handle(WalcuLine *line, WalcuPool *pool, WalcuCurlEasy *handle, double now);
static void take_in_finished(void);
static double tend_starved(double limit);
static double limit_asking(double limit);
static double limit_wait(double limit);
static void expire_handle(WalcuCurlEasy *handle);
static double may_begin(const WalcuLine *line, const WalcuCurlEasy *handle);
static uint32 wait_event(WalcuLine *line);

void
line_init(WalcuLine *line, Oid serverid)
{
	memset(line, 0, sizeof(WalcuLine));
	line->serverid = serverid;
	dlist_init(&line->queue);
	dlist_init(&line->begun);
	dlist_init(&line->ended);
}

/* So many requests may be under way at once, and all sessions may have so many connections (0: no limit). */
void
line_limit(WalcuLine *line, int max_running, int max_total)
{
	if (line->origin)
		line->origin->max_running += max_running - line->max_running;
	line->max_running = max_running;
	line->max_total = max_total;
}

/* Let a handle begin as soon as its time has come and there is room. */
void
line_queue(WalcuLine *line, WalcuCurlEasy *handle)
{
	/* a wait before is not its own */
	line_end_wait();
	handle->line = line;
	handle->queued = true;
	dlist_push_tail(&line->queue, &handle->node);
	line->next_begins = 0;
	if (handle->reason == WALCU_PAUSE_RETRY)
		granted_rate_draw(line->serverid, &line->ticket, handle->not_before - walcu_curl_multi_now());
	if (line->turn == WALCU_TURN_NONE)
		take_turn(line, WALCU_TURN_WAITING);
	begin_waiting();
}

/* Let a handle that has nothing to send be one that has ended. */
void
line_join(WalcuLine *line, WalcuCurlEasy *handle)
{
	handle->line = line;
	handle->queued = true;
	handle->done = true;
	dlist_push_tail(&line->ended, &handle->node);
}

/*
 * A reply has come: note whether the service grants as many requests.  pause is for how many milliseconds
 * nothing is to be sent where it does not, or is away.
 */
void
line_note_reply(WalcuLine *line, WalcuCurlEasy *handle, int status, double pause)
{
	bool is_served = status != 0 && status != 429 && status < 500;

	if (status == 429)
		granted_rate_note_refused(line->serverid, handle->began_at, pause);
	else if (is_served)
		granted_rate_note_served(line->serverid, handle->rate);
	line_grant_end(line, handle, is_served);
	if ((status == 429 || status == 503) && pause > 0)
		hold_line(line, pause);
}

/* Take a handle back, finished or not.  Raises nothing: it runs on abort, too. */
void
line_remove(WalcuLine *line, WalcuCurlEasy *handle)
{
	if (!handle->queued)
		return;
	if (handle->added)
		walcu_curl_multi_remove(handle);
	else
		line_grant_give_back(line, handle);
	line_grant_end(line, handle, false);
	dlist_delete(&handle->node);
	handle->queued = false;
	line->next_begins = 0;
	session.may_have_room = true;
	if (dlist_is_empty(&line->queue))
	{
		take_turn(line, WALCU_TURN_NONE);
		granted_rate_give_back(line->serverid, &line->ticket);
	}
	else
		take_turn(line, WALCU_TURN_WAITING);
	/* another session may want what this one may not use again for long */
	if (line_is_idle(line) && line_room_is_wanted(line->origin))
		line_close(line);
}

/* Let a paused handle go on. */
void
line_resume(WalcuCurlEasy *handle)
{
	handle->paused = false;
	handle->began += session.waited - handle->paused_at;
	walcu_curl_multi_resume(handle);
}

/* Milliseconds that may still be waited for a handle that has begun. */
double
line_time_left(const WalcuCurlEasy *handle)
{
	double now = handle->paused ? handle->paused_at : session.waited;

	return handle->options->request_timeout - (now - handle->began);
}

/*
 * Let curl do what it can for all servers, after waiting at most limit milliseconds for something to do (0:
 * do not wait; below 0: no limit).  Returns after the first event; serves interrupts.  What is waited for is
 * a reply over this line.
 */
void
line_drive(WalcuLine *line, double limit)
{
	drive_lines(limit, limit != 0 ? wait_event(line) : PG_WAIT_EXTENSION);
}

/* Let curl do what it can for all servers, without waiting; serves interrupts. */
void
line_advance(void)
{
	drive_lines(0, PG_WAIT_EXTENSION);
}

/*
 * The session may do nothing for long, with replies under way: let them come, in limit milliseconds at most,
 * and close what other sessions may want.  What has a reader with enough unread stays.
 */
void
line_give_way(double limit)
{
	double until = walcu_curl_multi_now() + limit;
	WalcuLine *running;
	dlist_mutable_iter iter;

	while (limit > 0 && (running = find_wanted_running()) != NULL)
	{
		drive_lines(limit, wait_event(running));
		limit = until - walcu_curl_multi_now();
	}
	dlist_foreach_modify(iter, pool_list())
	{
		WalcuPool *pool = dlist_container(WalcuPool, place, iter.cur);

		if (!pool_is_unused(pool) || !line_room_is_wanted(pool->origin))
			continue;
		pool_close(pool);
		session.may_have_room = true;
	}
}

/* A line with requests under way whose connections other sessions may want; NULL when there is none. */
static WalcuLine *
find_wanted_running(void)
{
	dlist_iter pool_iter;

	dlist_foreach(pool_iter, pool_list())
	{
		WalcuPool *pool = dlist_container(WalcuPool, place, pool_iter.cur);
		dlist_iter iter;

		if (!line_room_is_wanted(pool->origin))
			continue;
		dlist_foreach(iter, walcu_curl_multi_handles(pool->multi))
		{
			WalcuCurlEasy *handle = dlist_container(WalcuCurlEasy, sibling, iter.cur);

			if (!handle->paused)
				return handle->line;
		}
	}
	return NULL;
}

static void
drive_lines(double limit, uint32 event)
{
	CHECK_FOR_INTERRUPTS();
	line_end_wait();
	begin_waiting();
	limit = limit_wait(tend_starved(limit));
	session.waited += walcu_curl_multi_drive(limit, event);
	take_in_finished();
	begin_waiting();
}

/* A clock, in milliseconds, that runs while the session waits for its servers. */
double
line_waited(void)
{
	return session.waited;
}

/*
 * Somebody else begins to wait for all servers, for limit milliseconds at most.  Returns the descriptor that
 * is ready when there is something to do.  The wait ends with the next line_drive, or the next wait.
 */
int
line_begin_wait(double limit)
{
	line_end_wait();
	limit = limit_wait(tend_starved(limit));
	session.wait_began = walcu_curl_multi_now();
	/* what is left of a timeout may be lost in rounding: then only the clock brings its end */
	session.wait_limit = Max(limit, 1);
	return wait_set_descriptor(limit);
}

/* Let that wait end in so many milliseconds at most (below 0: as before), or when a request may begin. */
void
line_hurry(double milliseconds)
{
	double limit = limit_wait(milliseconds);

	if (limit >= 0)
		wait_set_hurry(limit);
}

void
line_end_wait(void)
{
	double waited = walcu_curl_multi_now() - session.wait_began;

	if (session.wait_began != 0)
		session.waited += Min(waited, session.wait_limit);
	session.wait_began = 0;
}

/* Tells whether no request is under way. */
bool
line_is_idle(WalcuLine *line)
{
	return dlist_is_empty(&line->queue) && dlist_is_empty(&line->begun) && dlist_is_empty(&line->ended);
}

/* Tells whether it has connections open, perhaps together with others. */
bool
line_is_open(const WalcuLine *line)
{
	return line->origin && !dlist_is_empty(&line->origin->pools);
}

/*
 * Close what a line has open, unless others have it, too; false when the line is in use.  Raises nothing: it
 * runs on abort, too.
 */
bool
line_close(WalcuLine *line)
{
	if (!line_is_idle(line))
		return false;
	if (line->origin)
		origin_leave(line->origin, line->max_running);
	line->origin = NULL;
	session.may_have_room = true;
	return true;
}

/* Let nothing begin for so many milliseconds. */
static void
hold_line(WalcuLine *line, double milliseconds)
{
	double until = walcu_curl_multi_now() + milliseconds;
	dlist_iter iter;

	line->held_until = Max(line->held_until, until);
	line->next_begins = 0;
	/* places in the rate would all be past then; they are given back as they can be, the last one first */
	dlist_reverse_foreach(iter, &line->queue)
		line_grant_give_back(line, dlist_container(WalcuCurlEasy, node, iter.cur));
	granted_rate_give_back(line->serverid, &line->ticket);
}

/* Put a line behind the others of a list, unless it is there already. */
static void
take_turn(WalcuLine *line, WalcuLineTurn turn)
{
	if (turn == line->turn)
		return;
	if (line->turn != WALCU_TURN_NONE)
		dlist_delete(&line->link);
	if (turn != WALCU_TURN_NONE)
		dlist_push_tail(turn == WALCU_TURN_WAITING ? &session.waiting : &session.starved, &line->link);
	line->turn = turn;
}

/* Let begin what can. */
static void
begin_waiting(void)
{
	dlist_mutable_iter iter;

	if (session.may_have_room)
	{
		session.may_have_room = false;
		dlist_foreach_modify(iter, &session.starved)
		{
			if (!begin_due(dlist_container(WalcuLine, link, iter.cur)))
				break;
		}
	}
	dlist_foreach_modify(iter, &session.waiting)
		begin_due(dlist_container(WalcuLine, link, iter.cur));
}

/* Let begin what can of a line's queue; false when there are no descriptors for it. */
static bool
begin_due(WalcuLine *line)
{
	double now = walcu_curl_multi_now();
	int running = line_room_count(&line->begun, false);
	double next = 0;
	dlist_mutable_iter iter;

	if (line->next_begins > now)
		return true;
	line->next_begins = 0;
	dlist_foreach_modify(iter, &line->queue)
	{
		WalcuCurlEasy *handle = dlist_container(WalcuCurlEasy, node, iter.cur);
		WalcuPool *pool;

		if (running >= line->max_running)
			break;
		if (may_begin(line, handle) > now || !line_grant_take(line, handle, now))
		{
			double begins = may_begin(line, handle);

			next = (next == 0) ? begins : Min(next, begins);
			continue;
		}
		if (!line_room_make(line, &pool))
		{
			/* those that have connections go on with these, and others need not wait for them */
			if (line->asks_again != 0 && running > 0)
				break;
			take_turn(line, WALCU_TURN_STARVED);
			return line->asks_again != 0;
		}
		begin_handle(line, pool, handle, now);
		running++;
	}
	if (running < line->max_running)
		line->next_begins = next;
	take_turn(line, dlist_is_empty(&line->queue) ? WALCU_TURN_NONE : WALCU_TURN_WAITING);
	return true;
}

static void
begin_handle(WalcuLine *line, WalcuPool *pool, WalcuCurlEasy *handle, double now)
{
	dlist_delete(&handle->node);
	handle->began = session.waited;
	handle->began_at = now;
	if (pool)
	{
		pool_note_used(pool);
		walcu_curl_multi_limit(pool->multi, pool->sockets);
	}
	handle->done = pool == NULL || !walcu_curl_multi_add(pool->multi, handle);
	handle->result = CURLE_OUT_OF_MEMORY; /* holds if it is done already */
	dlist_push_tail(handle->done ? &line->ended : &line->begun, &handle->node);
}

/* Take in that curl is done with some, and that connections were made. */
static void
take_in_finished(void)
{
	WalcuCurlEasy *handle;

	while ((handle = walcu_curl_multi_take_finished()) != NULL)
	{
		dlist_push_tail(&handle->line->ended, &handle->node);
		if (handle->line->turn == WALCU_TURN_STARVED)
			take_turn(handle->line, WALCU_TURN_WAITING);
		session.may_have_room = true;
	}
	if (line_room_take_surplus())
		session.may_have_room = true;
}

/*
 * Some wait for descriptors: see that those who have them give them back.  A request that takes too long is
 * ended, as its own reader may be waiting for another.  When all have enough unread, one goes on reading into
 * memory until its end.  Returns the limit of a wait, 0 when something was done.
 */
static double
tend_starved(double limit)
{
	WalcuCurlEasy *paused = NULL;
	bool any_running = false;
	dlist_iter pool_iter;

	if (dlist_is_empty(&session.starved))
		return limit;
	limit = limit_asking(limit);
	dlist_foreach(pool_iter, pool_list())
	{
		WalcuPool *pool = dlist_container(WalcuPool, place, pool_iter.cur);
		dlist_mutable_iter iter;

		dlist_foreach_modify(iter, walcu_curl_multi_handles(pool->multi))
		{
			WalcuCurlEasy *handle = dlist_container(WalcuCurlEasy, sibling, iter.cur);
			/* a little more, so that it has passed when looked at */
			double left = line_time_left(handle) + 1;

			if (handle->paused)
			{
				paused = paused ? paused : handle;
				continue;
			}
			any_running = true;
			if (left <= 1)
				expire_handle(handle);
			limit = (left <= 1) ? 0 : (limit < 0) ? left : Min(limit, left);
		}
	}
	if (any_running || paused == NULL)
		return limit;
	paused->drains = true;
	line_resume(paused);
	return 0;
}

/* Some wait for connections that other sessions have, who do not tell when they give them back. */
static double
limit_asking(double limit)
{
	dlist_iter iter;

	dlist_foreach(iter, &session.starved)
	{
		const WalcuLine *line = dlist_container(WalcuLine, link, iter.cur);
		double left;

		/* hundreds of lines may wait, and the clock takes its time */
		if (line->asks_again == 0)
			continue;
		left = line->asks_again - walcu_curl_multi_now();
		session.may_have_room |= left <= 0;
		left = Max(left, 0);
		limit = (limit < 0) ? left : Min(limit, left);
	}
	return limit;
}

static void
expire_handle(WalcuCurlEasy *handle)
{
	walcu_curl_multi_remove(handle);
	handle->done = handle->expired = true;
	handle->result = CURLE_OPERATION_TIMEDOUT;
	dlist_delete(&handle->node);
	dlist_push_tail(&handle->line->ended, &handle->node);
	session.may_have_room = true;
}

/* The limit of a wait that is to end when curl, or a request that waits, is to be looked at. */
static double
limit_wait(double limit)
{
	double due = walcu_curl_multi_due();
	double left;
	dlist_iter iter;

	dlist_foreach(iter, &session.waiting)
	{
		double begins = dlist_container(WalcuLine, link, iter.cur)->next_begins;

		if (begins != 0 && (due == 0 || begins < due))
			due = begins;
	}
	if (due == 0 || limit == 0)
		return limit;
	left = due - walcu_curl_multi_now();
	left = Max(left, 0); /* below 0 is without limit */
	return (limit < 0) ? left : Min(limit, left);
}

/* When a handle may begin, by walcu_curl_multi_now, if there is room. */
static double
may_begin(const WalcuLine *line, const WalcuCurlEasy *handle)
{
	return Max(handle->not_before, line->held_until);
}

/* What the backend is said to wait for. */
static uint32
wait_event(WalcuLine *line)
{
	static uint32 events[WALCU_PAUSE_CONNECTION + 1];
	static const char *const names[] = {"WalcuReply", "WalcuRateLimit", "WalcuRetry", "WalcuJob",
										"WalcuConnection"};
	bool is_running = line_room_count(&line->begun, false) > 0;
	WalcuPause reason = WALCU_PAUSE_NONE;

	if (!is_running && line->held_until > walcu_curl_multi_now())
		reason = WALCU_PAUSE_RETRY;
	else if (!is_running && line->turn == WALCU_TURN_STARVED && line->asks_again != 0)
		reason = WALCU_PAUSE_CONNECTION;
	else if (!is_running && !dlist_is_empty(&line->queue))
		reason = dlist_container(WalcuCurlEasy, node, dlist_head_node(&line->queue))->reason;
	return compat_wait_event(&events[reason], names[reason]);
}
