/*
 * line_room.h
 *	  A line to a server, and whether the session may have more open for it.
 */
#ifndef WALCU_LINE_ROOM_H
#define WALCU_LINE_ROOM_H

#include "postgres.h"

#include "http/pool.h"

/* In which list of lines one is. */
typedef enum WalcuLineTurn
{
	WALCU_TURN_NONE,
	WALCU_TURN_WAITING, /* it has requests that have not begun */
	WALCU_TURN_STARVED  /* and there are no descriptors for them, or no connections */
} WalcuLineTurn;

typedef struct WalcuLine
{
	Oid serverid;        /* It leads to this server, */
	WalcuDigest place;   /* by connections to the origin of this key, */
	bool is_shared;      /* which it may share with lines of the same place. */
	WalcuOrigin *origin; /* It is NULL until it is needed, or needed again. */
	int64 ticket;        /* The first of its queue has this in the rate that the server grants; 0 for none. */
	dlist_head queue;    /* These handles (WalcuCurlEasy) have not begun; the first to begin comes first. */
	dlist_head begun;    /* These were added to a pool's multi handle, and are not done. */
	dlist_head ended;    /* These are done, but for their readers. */
	int max_running;     /* The option max_connections says this, */
	int max_total;       /* and max_connections_total this. */
	double held_until;   /* Nothing begins before (by walcu_curl_multi_now): the service asked for a pause. */
	double asks_again;   /* There was no connection for it, which it asks for again then; 0 if it does not. */
	double next_begins;  /* The queue need not be looked at before; 0 when it is to be looked at. */
	WalcuLineTurn turn;  /* It is in this list of lines, */
	dlist_node link;     /* by this. */
} WalcuLine;

extern bool line_room_make(WalcuLine *line, WalcuPool **pool);
extern bool line_room_is_wanted(const WalcuOrigin *origin);
extern bool line_room_take_surplus(void);
extern int line_room_count(dlist_head *handles, bool paused);

#endif /* WALCU_LINE_ROOM_H */
