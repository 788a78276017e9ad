/*
 * line.h
 *	  The requests to a server that wait or are under way, and who may begin when.
 */
#ifndef WALCU_LINE_H
#define WALCU_LINE_H

#include "postgres.h"

#include "http/curl_multi.h"

/* In which list of lines one is. */
typedef enum WalcuLineTurn
{
	WALCU_TURN_NONE,
	WALCU_TURN_WAITING, /* it has requests that have not begun */
	WALCU_TURN_STARVED  /* and there are no descriptors for them */
} WalcuLineTurn;

typedef struct WalcuLine
{
	Oid serverid;          /* It leads to this server. */
	WalcuCurlMulti *multi; /* It is NULL until it is needed, or needed again. */
	int sockets;           /* It may have so many open. */
	int descriptors;       /* It was given so many. */
	dlist_node opened; /* It links the lines that have something open, the one used last behind the others. */
	dlist_head queue;  /* These handles (WalcuCurlEasy) have not begun; the first to begin comes first. */
	dlist_head begun;  /* These were added to multi, and are not done. */
	dlist_head ended;  /* These are done, but for their readers. */
	int max_running;   /* The option max_connections says this. */
	double held_until; /* Nothing begins before (by walcu_curl_multi_now): the service asked for a pause. */
	double next_begins; /* The queue need not be looked at before; 0 when it is to be looked at. */
	WalcuLineTurn turn; /* It is in this list of lines, */
	dlist_node place;   /* by this. */
} WalcuLine;

extern void line_init(WalcuLine *line, Oid serverid);
extern void line_queue(WalcuLine *line, WalcuCurlEasy *handle);
extern void line_join(WalcuLine *line, WalcuCurlEasy *handle);
extern void line_hold(WalcuLine *line, double milliseconds);
extern void line_remove(WalcuLine *line, WalcuCurlEasy *handle);
extern void line_resume(WalcuCurlEasy *handle);
extern double line_time_left(const WalcuCurlEasy *handle);
extern void line_drive(WalcuLine *line, double limit);
extern void line_advance(void);
extern double line_waited(void);
extern int line_begin_wait(double limit);
extern void line_hurry(double milliseconds);
extern void line_end_wait(void);
extern bool line_is_idle(WalcuLine *line);
extern bool line_close(WalcuLine *line);

#endif /* WALCU_LINE_H */
