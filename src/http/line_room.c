/*
 * line_room.c
 *	  Whether the session may have more open for a line, and what is closed when there is too little.
 *
 * A pool (pool.c) has descriptors for what curl may open (descriptors.c), and where the server has a limit
 * for all sessions, each of its sockets is counted (total_connections.c).  When there is too little, what no
 * request uses is closed, the pool used longest ago first.  line.c calls this; waiting is its part.
 */
#include "postgres.h"

#include "http/line_room.h"

#include "base/compat.h"
#include "http/descriptors.h"
#include "http/total_connections.h"
#include "storage/ipc.h"

/* Descriptors that a connection may need until it is made: to resolve the name, and to try two addresses. */
#define TO_CONNECT 3

/*
 * Who waits for a connection that another session has asks again after so many milliseconds, or up to
 * twice.
 */
#define ASK_AGAIN 20.0

/* So many descriptors are for connections that are being made. */
static int given_to_connect = 0;

static int count_needed(const WalcuPool *pool);
static bool acquire_descriptors(int count);
static bool count_sockets(WalcuLine *line, int sockets);
static void close_countable(const WalcuOrigin *origin);
static bool close_unused(void);
static bool is_only_user(void);
static void close_at_exit(int code, Datum arg);

/*
 * Get what one more request over a line needs: the pool that it is to use, NULL when there is no memory for
 * one.  False when there are no descriptors, or no connections: then the line says when it asks again.
 */
bool
line_room_make(WalcuLine *line, WalcuPool **pool)
{
	int sockets = 1;
	int more = POOL_DESCRIPTORS + sockets;

	if (line->origin == NULL)
		line->origin =
			origin_enter(&line->place, line->is_shared ? InvalidOid : line->serverid, line->max_running);
	*pool = pool_choose(line->origin);
	if (*pool)
	{
		sockets = count_needed(*pool);
		more = sockets - (*pool)->sockets;
	}
	line->asks_again = 0;
	if (more > 0 && !acquire_descriptors(more + TO_CONNECT))
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
	if (*pool)
		(*pool)->sockets = sockets;
	else
		*pool = pool_create(line->origin, sockets);
	if (*pool == NULL)
		descriptors_release(more);
	return true;
}

/*
 * Are an origin's connections better closed when they are not used, as all sessions together have many open
 * to its server?
 */
bool
line_room_is_wanted(const WalcuOrigin *origin)
{
	return origin && origin->counted > 0 && total_connections_are_scarce(origin->serverid, origin->max_total);
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

/*
 * How many sockets a pool is to have for one more request.  A reader that has enough unread keeps its socket,
 * so that the others need theirs beside it, until it goes on.
 */
static int
count_needed(const WalcuPool *pool)
{
	int most = pool->origin->max_running;
	dlist_iter iter;

	dlist_foreach(iter, walcu_curl_multi_handles(pool->multi))
		most += dlist_container(WalcuCurlEasy, sibling, iter.cur)->paused;
	return Max(Min(pool->sockets, most), walcu_curl_multi_count(pool->multi) + 1);
}

static bool
acquire_descriptors(int count)
{
	while (!descriptors_acquire(count))
	{
		if (close_unused())
			continue;
		if (!is_only_user())
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
	WalcuOrigin *origin = line->origin;
	bool has_some = line_room_count(&line->begun, false) > 0;
	int more = sockets - origin->counted;

	if (line->max_total == 0 || origin->serverid == InvalidOid)
		return true;
	origin->max_total = line->max_total;
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
				close_countable(origin);
			return false;
		}
	}
	origin->counted = sockets;
	return true;
}

/* Close what is open to other servers with a limit, and no request uses. */
static void
close_countable(const WalcuOrigin *origin)
{
	dlist_mutable_iter iter;

	dlist_foreach_modify(iter, pool_list())
	{
		WalcuPool *pool = dlist_container(WalcuPool, place, iter.cur);

		if (pool->origin != origin && pool->origin->counted > 0 && pool_is_unused(pool))
			pool_close(pool);
	}
}

/* The session ends: nobody else gives its connections back. */
static void
close_at_exit(int code, Datum arg)
{
	dlist_mutable_iter iter;

	dlist_foreach_modify(iter, pool_list())
		pool_close(dlist_container(WalcuPool, place, iter.cur));
}

/* Close the pool that was used longest ago of those that no request uses; false when there is none. */
static bool
close_unused(void)
{
	dlist_iter iter;

	dlist_foreach(iter, pool_list())
	{
		WalcuPool *pool = dlist_container(WalcuPool, place, iter.cur);

		if (!pool_is_unused(pool))
			continue;
		pool_close(pool);
		return true;
	}
	return false;
}

/* Is no request under way at all? */
static bool
is_only_user(void)
{
	dlist_iter iter;

	dlist_foreach(iter, pool_list())
	{
		if (!pool_is_unused(dlist_container(WalcuPool, place, iter.cur)))
			return false;
	}
	return true;
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
