/*
 * pool.h
 *	  The connections that the session has open, by where they lead, which servers share.
 */
#ifndef WALCU_POOL_H
#define WALCU_POOL_H

#include "postgres.h"

#include "base/digest.h"
#include "http/curl_multi.h"

/* Descriptors that a pool has open beside its sockets: its multi handle can be woken by them. */
#define POOL_DESCRIPTORS 2

/* A place that connections lead to.  Servers with the same one share what is open to it. */
typedef struct WalcuOrigin
{
	WalcuDigest key;  /* This is the hash key. */
	Oid serverid;     /* Only this server has its connections here; InvalidOid where servers share them. */
	int users;        /* So many lines lead here, */
	int max_running;  /* and have so many requests under way at most. */
	int max_total;    /* That server's option max_connections_total says this; 0 for none. */
	int counted;      /* So many of its sockets are counted for that as open (total_connections.c). */
	dlist_head pools; /* These have its connections; the oldest pool comes first. */
} WalcuOrigin;

/* Some of the connections to an origin: few enough to be closed together when others need descriptors. */
typedef struct WalcuPool
{
	WalcuOrigin *origin;   /* Its connections lead there. */
	WalcuCurlMulti *multi; /* They are this one's. */
	int sockets;           /* It may have so many open. */
	dlist_node sibling;    /* It links the pools of the origin, */
	dlist_node place;      /* and all pools, the one used last behind the others. */
} WalcuPool;

extern WalcuOrigin *origin_enter(const WalcuDigest *key, Oid serverid, int max_running);
extern void origin_leave(WalcuOrigin *origin, int max_running);
extern dlist_head *pool_list(void);
extern WalcuPool *pool_choose(WalcuOrigin *origin);
extern WalcuPool *pool_create(WalcuOrigin *origin, int sockets);
extern void pool_note_used(WalcuPool *pool);
extern bool pool_is_unused(const WalcuPool *pool);
extern void pool_close(WalcuPool *pool);

#endif /* WALCU_POOL_H */
