/*
 * line.c
 *	  The requests to a server that wait or are under way, and who may begin when.
 *
 * A request stands in its server's queue until its time has come, fewer than max_connections others are under
 * way, and the session has descriptors for it (descriptors.c).  When these run short, what no request uses is
 * closed, the line used longest ago first; when everything is in use, servers take turns: a request that has
 * not begun is no error, and it begins when another one has ended.  So that this happens whoever waits for
 * whom, the session waits for all servers together.
 *
 * transfer.c calls this; connection.c has a line for each server.
 */
#include "postgres.h"

#include "http/line.h"

#include "base/compat.h"
#include "http/descriptors.h"
#include "http/rate_limit.h"
#include "http/wait_set.h"

/* Descriptors that a multi handle has open for itself: curl can be woken by them. */
#define OF_MULTI 2

/* Descriptors that a connection may need until it is made: to resolve the name, and to try two addresses. */
#define TO_CONNECT 3

/* The lines of the session. */
static struct
{
	dlist_head waiting;   /* These have requests that have not begun. */
	dlist_head starved;   /* So have these, and there were no descriptors for them. */
	dlist_head opened;    /* These have something open, the one used last behind the others. */
	bool may_have_room;   /* There may be descriptors again. */
	int given_to_connect; /* So many descriptors are for connections that are being made. */
	double waited;        /* The session has waited so many milliseconds for replies. */
	double wait_began;    /* Somebody else began to wait then (by walcu_curl_multi_now); 0 for nobody. */
	double wait_limit;    /* That wait takes so many milliseconds at most. */
} session = {DLIST_STATIC_INIT(session.waiting), DLIST_STATIC_INIT(session.starved),
			 DLIST_STATIC_INIT(session.opened)};

static void drive_lines(double limit, uint32 event);
static void take_turn(WalcuLine *line, WalcuLineTurn turn);
static void begin_waiting(void);
static bool begin_due(WalcuLine *line);
static void begin_handle(WalcuLine *line, WalcuCurlEasy *handle, double now);
static bool make_room(WalcuLine *line);
static bool close_unused(const WalcuLine *line);
static bool is_only_user(const WalcuLine *line);
static void close_sockets(WalcuLine *line);
static void take_in_finished(void);
static double tend_starved(double limit);
static double limit_wait(double limit);
static void expire_handle(WalcuCurlEasy *handle);
static int count_handles(dlist_head *handles, bool paused);
static bool has_turn(WalcuCurlEasy *handle, double now);
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

/* Let nothing begin for so many milliseconds. */
void
line_hold(WalcuLine *line, double milliseconds)
{
	double until = walcu_curl_multi_now() + milliseconds;
	dlist_iter iter;

	line->held_until = Max(line->held_until, until);
	line->next_begins = 0;
	/* places in the rate would all be past then; they are given back as they can be, the last one first */
	dlist_reverse_foreach(iter, &line->queue)
	{
		WalcuCurlEasy *handle = dlist_container(WalcuCurlEasy, node, iter.cur);

		if (handle->has_place)
			rate_limit_give_back(line->serverid, handle->place);
		handle->has_place = false;
	}
}

/* Take a handle back, finished or not.  Raises nothing: it runs on abort, too. */
void
line_remove(WalcuLine *line, WalcuCurlEasy *handle)
{
	if (!handle->queued)
		return;
	if (handle->added)
		walcu_curl_multi_remove(handle);
	else if (handle->has_place)
		rate_limit_give_back(line->serverid, handle->place);
	dlist_delete(&handle->node);
	handle->queued = false;
	line->next_begins = 0;
	session.may_have_room = true;
	if (dlist_is_empty(&line->queue))
		take_turn(line, WALCU_TURN_NONE);
	else
		take_turn(line, WALCU_TURN_WAITING);
}

/* Let a paused handle go on. */
void
line_resume(WalcuCurlEasy *handle)
{
	handle->paused = false;
	handle->began += session.waited - handle->paused_at;
	curl_easy_pause(handle->easy, CURLPAUSE_CONT);
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

/* Close what a line has open; false when it is in use.  Raises nothing. */
bool
line_close(WalcuLine *line)
{
	if (!line_is_idle(line))
		return false;
	if (line->multi)
		close_sockets(line);
	session.may_have_room = true;
	return true;
}

/* Put a line behind the others of a list, unless it is there already. */
static void
take_turn(WalcuLine *line, WalcuLineTurn turn)
{
	if (turn == line->turn)
		return;
	if (line->turn != WALCU_TURN_NONE)
		dlist_delete(&line->place);
	if (turn != WALCU_TURN_NONE)
		dlist_push_tail(turn == WALCU_TURN_WAITING ? &session.waiting : &session.starved, &line->place);
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
			if (!begin_due(dlist_container(WalcuLine, place, iter.cur)))
				break;
		}
	}
	dlist_foreach_modify(iter, &session.waiting)
		begin_due(dlist_container(WalcuLine, place, iter.cur));
}

/* Let begin what can of a line's queue; false when there are no descriptors for it. */
static bool
begin_due(WalcuLine *line)
{
	double now = walcu_curl_multi_now();
	int running = count_handles(&line->begun, false);
	double next = 0;
	dlist_mutable_iter iter;

	if (line->next_begins > now)
		return true;
	line->next_begins = 0;
	dlist_foreach_modify(iter, &line->queue)
	{
		WalcuCurlEasy *handle = dlist_container(WalcuCurlEasy, node, iter.cur);

		if (running >= line->max_running)
			break;
		if (may_begin(line, handle) > now || !has_turn(handle, now))
		{
			double begins = may_begin(line, handle);

			next = (next == 0) ? begins : Min(next, begins);
			continue;
		}
		if (!make_room(line))
		{
			take_turn(line, WALCU_TURN_STARVED);
			return false;
		}
		begin_handle(line, handle, now);
		running++;
	}
	if (running < line->max_running)
		line->next_begins = next;
	take_turn(line, dlist_is_empty(&line->queue) ? WALCU_TURN_NONE : WALCU_TURN_WAITING);
	return true;
}

static void
begin_handle(WalcuLine *line, WalcuCurlEasy *handle, double now)
{
	dlist_delete(&handle->node);
	handle->began = session.waited;
	handle->began_at = now;
	if (line->multi)
		dlist_delete(&line->opened);
	else
		line->multi = walcu_curl_multi_create();
	if (line->multi)
	{
		dlist_push_tail(&session.opened, &line->opened);
		walcu_curl_multi_limit(line->multi, line->max_running, line->sockets);
	}
	handle->done = line->multi == NULL || !walcu_curl_multi_add(line->multi, handle);
	handle->result = CURLE_OUT_OF_MEMORY; /* holds if it is done already */
	dlist_push_tail(handle->done ? &line->ended : &line->begun, &handle->node);
}

/*
 * Get descriptors for one more request over a line; false when there are none.  A reader that has enough
 * unread keeps its socket, so that the others need theirs beside it.
 */
static bool
make_room(WalcuLine *line)
{
	int paused = count_handles(&line->begun, true);
	int needed = count_handles(&line->begun, false) + paused + 1;
	int sockets = Max(Min(line->sockets, line->max_running + paused), needed);
	int more = OF_MULTI + sockets - line->descriptors;

	if (more > 0)
	{
		while (!descriptors_acquire(more + TO_CONNECT))
		{
			if (close_unused(line))
				continue;
			if (!is_only_user(line))
				return false;
			/* nobody would give any back: one request at a time always works */
			descriptors_reserve(more + TO_CONNECT);
			break;
		}
		session.given_to_connect += TO_CONNECT;
	}
	else
		descriptors_release(-more);
	line->descriptors += more;
	line->sockets = sockets;
	return true;
}

/* Close what another line has open, and no request uses; false when there is no such line. */
static bool
close_unused(const WalcuLine *line)
{
	dlist_iter iter;

	dlist_foreach(iter, &session.opened)
	{
		WalcuLine *other = dlist_container(WalcuLine, opened, iter.cur);

		if (other == line || !dlist_is_empty(&other->begun))
			continue;
		close_sockets(other);
		return true;
	}
	return false;
}

/* Is no request under way over any line? */
static bool
is_only_user(const WalcuLine *line)
{
	dlist_iter iter;

	dlist_foreach(iter, &session.opened)
	{
		if (!dlist_is_empty(&dlist_container(WalcuLine, opened, iter.cur)->begun))
			return false;
	}
	return true;
}

static void
close_sockets(WalcuLine *line)
{
	walcu_curl_multi_destroy(line->multi);
	line->multi = NULL;
	dlist_delete(&line->opened);
	descriptors_release(line->descriptors);
	line->descriptors = line->sockets = 0;
}

/* Take in that curl is done with some, and that connections were made. */
static void
take_in_finished(void)
{
	WalcuCurlEasy *handle;
	int surplus;

	while ((handle = walcu_curl_multi_take_finished()) != NULL)
	{
		dlist_push_tail(&handle->line->ended, &handle->node);
		if (handle->line->turn == WALCU_TURN_STARVED)
			take_turn(handle->line, WALCU_TURN_WAITING);
		session.may_have_room = true;
	}
	surplus = session.given_to_connect - TO_CONNECT * walcu_curl_multi_connecting();
	if (surplus <= 0)
		return;
	descriptors_release(surplus);
	session.given_to_connect -= surplus;
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
	dlist_iter line_iter;

	if (dlist_is_empty(&session.starved))
		return limit;
	dlist_foreach(line_iter, &session.opened)
	{
		dlist_mutable_iter iter;

		dlist_foreach_modify(iter, &dlist_container(WalcuLine, opened, line_iter.cur)->begun)
		{
			WalcuCurlEasy *handle = dlist_container(WalcuCurlEasy, node, iter.cur);
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
		double begins = dlist_container(WalcuLine, place, iter.cur)->next_begins;

		if (begins != 0 && (due == 0 || begins < due))
			due = begins;
	}
	if (due == 0 || limit == 0)
		return limit;
	left = due - walcu_curl_multi_now();
	left = Max(left, 0); /* below 0 is without limit */
	return (limit < 0) ? left : Min(limit, left);
}

/* Those whose reader has enough unread do not run: it may be waiting for the others. */
static int
count_handles(dlist_head *handles, bool paused)
{
	int count = 0;
	dlist_iter iter;

	dlist_foreach(iter, handles)
		count += dlist_container(WalcuCurlEasy, node, iter.cur)->paused == paused;
	return count;
}

/* Its time has come: does max_requests_per_second let it begin, too? */
static bool
has_turn(WalcuCurlEasy *handle, double now)
{
	double wait;

	if (handle->has_place)
		return true;
	wait = rate_limit_reserve(handle->options, &handle->place);
	handle->has_place = true;
	if (wait <= 0)
		return true;
	handle->not_before = now + wait;
	handle->reason = WALCU_PAUSE_RATE;
	return false;
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
	static uint32 events[WALCU_PAUSE_JOB + 1];
	static const char *const names[] = {"WalcuReply", "WalcuRateLimit", "WalcuRetry", "WalcuJob"};
	bool is_running = count_handles(&line->begun, false) > 0;
	WalcuPause reason = WALCU_PAUSE_NONE;

	if (!is_running && line->held_until > walcu_curl_multi_now())
		reason = WALCU_PAUSE_RETRY;
	else if (!is_running && !dlist_is_empty(&line->queue))
		reason = dlist_container(WalcuCurlEasy, node, dlist_head_node(&line->queue))->reason;
	return compat_wait_event(&events[reason], names[reason]);
}
