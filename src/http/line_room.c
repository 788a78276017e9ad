/*
 * line_room.c
 *	  Whether the session may have more open for a line, and what is closed when there is too little.
 *
 * A line has descriptors for what curl may open (descriptors.c), and where the server has a limit for all
 * sessions, each of its sockets is counted (total_connections.c).  When there is too little, what no request
 * uses is closed.  line.c calls this; waiting is its part.
 */
#include "postgres.h"

#include "http/line_room.h"

#include "base/compat.h"
#include "http/descriptors.h"
#include "http/total_connections.h"
#include "storage/ipc.h"

/* Descriptors that a multi handle has open for itself: curl can be woken by them. */
#define OF_MULTI 2

/* Descriptors that a connection may need until it is made: to resolve the name, and to try two addresses. */
#define TO_CONNECT 3

/*
 * Who waits for a connection that another session has asks again after so many milliseconds, or up to
 * twice.
 */
#define ASK_AGAIN 20.0

/* The lines that have something open, the one used last behind the others. */
static dlist_head opened = DLIST_STATIC_INIT(opened);

/* So many descriptors are for connections that are being made. */
static int given_to_connect = 0;

static bool acquire_descriptors(const WalcuLine *line, int count);
static bool count_sockets(WalcuLine *line, int sockets);
static void close_countable(const WalcuLine *line);
static bool close_unused(const WalcuLine *line);
static bool is_only_user(const WalcuLine *line);
static void close_at_exit(int code, Datum arg);

/*
 * Get what one more request over a line needs.  False when there are no descriptors, or no connections:
 * then the line says when it asks again.  A reader that has enough unread keeps its socket, so that the
 * others need theirs beside it.
 */
bool
line_room_make(WalcuLine *line)
{
	int paused = line_room_count(&line->begun, true);
	int needed = line_room_count(&line->begun, false) + paused + 1;
	int sockets = Max(Min(line->sockets, line->max_running + paused), needed);
	int more = OF_MULTI + sockets - line->descriptors;

	line->asks_again = 0;
	if (more > 0 && !acquire_descriptors(line, more + TO_CONNECT))
		return false;
	if (!count_sockets(line, sockets))
	{
		descriptors_release(more > 0 ? more + TO_CONNECT : 0);
		return false;
	}
	if (more > 0)
		given_to_connect += TO_CONNECT;
	else
		descriptors_release(-more);
	line->descriptors += more;
	line->sockets = sockets;
	return true;
}

/* The line has a multi handle, and is the one used last. */
void
line_room_note_opened(WalcuLine *line)
{
	dlist_push_tail(&opened, &line->opened);
}

/* The lines that have something open, by their member opened. */
dlist_head *
line_room_opened(void)
{
	return &opened;
}

/* Is what a line has open better closed when it is not used, as all sessions together have much open? */
bool
line_room_is_wanted(const WalcuLine *line)
{
	return line->counted > 0 && total_connections_are_scarce(line->serverid, line->max_total);
}

/* Take back what connections needed that are made by now; false when there is nothing. */
bool
line_room_take_surplus(void)
{
	int surplus = given_to_connect - TO_CONNECT * walcu_curl_multi_connecting();

	if (surplus <= 0)
		return false;
	descriptors_release(surplus);
	given_to_connect -= surplus;
	return true;
}

static bool
acquire_descriptors(const WalcuLine *line, int count)
{
	while (!descriptors_acquire(count))
	{
		if (close_unused(line))
			continue;
		if (!is_only_user(line))
			return false;
		/* nobody would give any back: one request at a time always works */
		descriptors_reserve(count);
		break;
	}
	return true;
}

/*
 * Count the sockets that a line is to have, where the server has a limit for all sessions; false when it has
 * been reached.  The half of them is there for the first connections of sessions.
 */
static bool
count_sockets(WalcuLine *line, int sockets)
{
	bool has_some = line_room_count(&line->begun, false) > 0;
	int more = sockets - line->counted;

	if (line->max_total == 0)
		return true;
	if (more <= 0)
		total_connections_release(line->serverid, -more);
	else
	{
		static bool will_close = false;

		if (!will_close)
			before_shmem_exit(close_at_exit, (Datum) 0);
		will_close = true;
		if (!total_connections_acquire(line->serverid, more,
									   has_some ? line->max_total / 2 : line->max_total))
		{
			line->asks_again = walcu_curl_multi_now() + ASK_AGAIN * (1 + compat_random());
			if (!has_some)
				close_countable(line);
			return false;
		}
	}
	line->counted = sockets;
	return true;
}

/* Close what other lines have open to servers with a limit, and no request uses. */
static void
close_countable(const WalcuLine *line)
{
	dlist_mutable_iter iter;

	dlist_foreach_modify(iter, &opened)
	{
		WalcuLine *other = dlist_container(WalcuLine, opened, iter.cur);

		if (other != line && other->counted > 0 && dlist_is_empty(&other->begun))
			line_room_close(other);
	}
}

/* The session ends: nobody else gives its connections back. */
static void
close_at_exit(int code, Datum arg)
{
	dlist_mutable_iter line_iter;

	dlist_foreach_modify(line_iter, &opened)
	{
		WalcuLine *line = dlist_container(WalcuLine, opened, line_iter.cur);
		dlist_iter iter;

		dlist_foreach(iter, &line->begun)
			walcu_curl_multi_remove(dlist_container(WalcuCurlEasy, node, iter.cur));
		line_room_close(line);
	}
}

/* Close what another line has open, and no request uses; false when there is no such line. */
static bool
close_unused(const WalcuLine *line)
{
	dlist_iter iter;

	dlist_foreach(iter, &opened)
	{
		WalcuLine *other = dlist_container(WalcuLine, opened, iter.cur);

		if (other == line || !dlist_is_empty(&other->begun))
			continue;
		line_room_close(other);
		return true;
	}
	return false;
}

/* Is no request under way over any line? */
static bool
is_only_user(const WalcuLine *line)
{
	dlist_iter iter;

	dlist_foreach(iter, &opened)
	{
		if (!dlist_is_empty(&dlist_container(WalcuLine, opened, iter.cur)->begun))
			return false;
	}
	return true;
}

/* Raises nothing: it runs on abort, too. */
void
line_room_close(WalcuLine *line)
{
	walcu_curl_multi_destroy(line->multi);
	line->multi = NULL;
	dlist_delete(&line->opened);
	descriptors_release(line->descriptors);
	total_connections_release(line->serverid, line->counted);
	line->descriptors = line->sockets = line->counted = 0;
}

/* Those whose reader has enough unread do not run: it may be waiting for the others. */
int
line_room_count(dlist_head *handles, bool paused)
{
	int count = 0;
	dlist_iter iter;

	dlist_foreach(iter, handles)
		count += dlist_container(WalcuCurlEasy, node, iter.cur)->paused == paused;
	return count;
}
