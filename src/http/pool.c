/*
 * pool.c
 *	  The connections that the session has open, by where they lead, which servers share.
 *
 * The dealers of a group are servers of one service.  What one of them has open the next one uses, so that
 * 500 dealers need no 500 handshakes.  An origin (RFC 6454: scheme, host and port) has pools of a few
 * connections each, as libcurl closes what it keeps only all at once.  A server that counts its connections,
 * or does not keep them, has an origin to itself.
 *
 * line_room.c decides what is opened and closed here, and connection.c which origin a server has.
 */
#include "postgres.h"

#include "http/pool.h"

#include "http/descriptors.h"
#include "http/total_connections.h"
#include "utils/hsearch.h"

/* So many connections are in a pool that servers share, at most. */
#define CONNECTIONS_A_POOL 16

/* The origins that lines lead to. */
static HTAB *origins = NULL;

/* All pools, the one used last behind the others. */
static dlist_head pools = DLIST_STATIC_INIT(pools);

/*
 * The origin of this key, which one line more leads to, with so many requests under way at most; serverid is
 * that of the only one that may, or none.
 */
WalcuOrigin *
origin_enter(const WalcuDigest *key, Oid serverid, int max_running)
{
	HASHCTL control = {.keysize = sizeof(WalcuDigest), .entrysize = sizeof(WalcuOrigin)};
	WalcuOrigin *origin;
	bool found;

	if (origins == NULL)
		origins = hash_create("walcu_fdw origins", 8, &control, HASH_ELEM | HASH_BLOBS);
	origin = hash_search(origins, key, HASH_ENTER, &found);
	if (!found)
	{
		origin->serverid = serverid;
		origin->users = origin->max_running = origin->max_total = origin->counted = 0;
		dlist_init(&origin->pools);
	}
	origin->users++;
	origin->max_running += max_running;
	return origin;
}

/* One line less leads there: with the last one all is closed.  Raises nothing: it runs on abort, too. */
void
origin_leave(WalcuOrigin *origin, int max_running)
{
	dlist_mutable_iter iter;

	origin->max_running -= max_running;
	if (--origin->users > 0)
		return;
	dlist_foreach_modify(iter, &origin->pools)
		pool_close(dlist_container(WalcuPool, sibling, iter.cur));
	hash_search(origins, &origin->key, HASH_REMOVE, NULL);
}

/* All pools, by their member place. */
dlist_head *
pool_list(void)
{
	return &pools;
}

/* A pool for one request more: one with a connection that is not in use, else with room for one; or NULL. */
WalcuPool *
pool_choose(WalcuOrigin *origin)
{
	WalcuPool *with_room = NULL;
	dlist_iter iter;

	dlist_foreach(iter, &origin->pools)
	{
		WalcuPool *pool = dlist_container(WalcuPool, sibling, iter.cur);

		if (walcu_curl_multi_count(pool->multi) < pool->sockets)
			return pool;
		if (with_room == NULL && (origin->serverid != InvalidOid || pool->sockets < CONNECTIONS_A_POOL))
			with_room = pool;
	}
	return with_room;
}

/* A pool that may have so many sockets open; NULL when there is no memory for it. */
WalcuPool *
pool_create(WalcuOrigin *origin, int sockets)
{
	WalcuPool *pool = calloc(1, sizeof(WalcuPool));

	if (pool == NULL)
		return NULL;
	pool->multi = walcu_curl_multi_create();
	if (pool->multi == NULL)
	{
		free(pool);
		return NULL;
	}
	pool->origin = origin;
	pool->sockets = sockets;
	dlist_push_tail(&origin->pools, &pool->sibling);
	dlist_push_tail(&pools, &pool->place);
	return pool;
}

void
pool_note_used(WalcuPool *pool)
{
	dlist_delete(&pool->place);
	dlist_push_tail(&pools, &pool->place);
}

/* Tells whether no request is under way over its connections. */
bool
pool_is_unused(const WalcuPool *pool)
{
	return walcu_curl_multi_count(pool->multi) == 0;
}

/* Close its connections, and end what is under way over them.  Raises nothing: it runs on abort, too. */
void
pool_close(WalcuPool *pool)
{
	walcu_curl_multi_destroy(pool->multi);
	descriptors_release(POOL_DESCRIPTORS + pool->sockets);
	total_connections_release(pool->origin->serverid, pool->origin->counted);
	pool->origin->counted = 0;
	dlist_delete(&pool->sibling);
	dlist_delete(&pool->place);
	free(pool);
}
