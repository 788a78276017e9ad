/*
 * curl_multi.h
 *	  Curl multi handles, what they wait for, and waiting on all of that together.
 */
#ifndef WALCU_CURL_MULTI_H
#define WALCU_CURL_MULTI_H

#include "postgres.h"

#include <curl/curl.h>

#include "lib/ilist.h"
#include "service/option.h"

/* Before, curl does not tell when it begins to send a request. */
#define TELLS_OF_SENDING (LIBCURL_VERSION_NUM >= 0x075000)

/* Why a request is not sent at once. */
typedef enum WalcuPause
{
	WALCU_PAUSE_NONE, /* only too many others are under way */
	WALCU_PAUSE_RATE, /* max_requests_per_second, or what the service grants */
	WALCU_PAUSE_RETRY,
	WALCU_PAUSE_JOB,
	WALCU_PAUSE_CONNECTION /* max_connections_total */
} WalcuPause;

typedef struct WalcuCurlMulti WalcuCurlMulti;

/* A curl easy handle of a transfer; curl's private pointer leads back to it. */
typedef struct WalcuCurlEasy
{
	CURL *easy;                  /* It is libcurl's own handle. */
	WalcuCurlMulti *multi;       /* The handle was last added to this one. */
	struct WalcuLine *line;      /* The request goes over this line. */
	dlist_node node;             /* It links the handle in one of the line's lists, */
	dlist_node sibling;          /* and this among those that are attached to the multi handle. */
	bool queued;                 /* The handle is in one of them. */
	bool added;                  /* The handle was added to a multi handle. */
	bool attached;               /* It has not been taken back from that yet. */
	bool paused;                 /* Its reader has enough unread. */
	bool drains;                 /* It is not paused any more, as others need its descriptors. */
	bool done;                   /* curl is done with it. */
	CURLcode result;             /* It says how that ended; it is valid once done. */
	bool expired;                /* It had taken too long, and was ended for that. */
	const WalcuOptions *options; /* These settings are in force for the request. */
	bool has_place;              /* It has a place in the rate of requests to its server. */
	int64 place;                 /* It is that place. */
	bool is_granted;             /* The server is thought to grant it now, */
	double rate;                 /* at this rate; 0 where none is known. */
	bool is_counted;             /* It is counted among those under way to the server (slow_start.c). */
	double not_before;           /* It may be added then (by walcu_curl_multi_now). */
	WalcuPause reason;           /* It says why not_before is what it is. */
	bool once;                   /* It may reach the service once at most, as it is a write. */
	bool connecting;             /* It was added, and curl has no connection to the service for it yet. */
	bool begun;                  /* curl was about to send its first byte to the service. */
	bool broken;                 /* The connection broke when some of it was sent, and it may be sent once. */
	long sent_before;            /* So many bytes had been sent by then, to a proxy. */
	double began_at;             /* It was added then (by walcu_curl_multi_now). */
	double began;                /* This is the same on the session's clock of waiting. */
	double paused_at;            /* It was paused then, on the same clock. */
} WalcuCurlEasy;

extern WalcuCurlMulti *walcu_curl_multi_create(void);
extern void walcu_curl_multi_destroy(WalcuCurlMulti *multi);
extern bool walcu_curl_multi_add(WalcuCurlMulti *multi, WalcuCurlEasy *handle);
extern void walcu_curl_multi_remove(WalcuCurlEasy *handle);
extern dlist_head *walcu_curl_multi_handles(WalcuCurlMulti *multi);
extern int walcu_curl_multi_count(const WalcuCurlMulti *multi);
extern void walcu_curl_multi_limit(WalcuCurlMulti *multi, int most);
extern bool walcu_curl_multi_was_sent(const WalcuCurlEasy *handle);
extern double walcu_curl_multi_drive(double limit, uint32 wait_event);
extern WalcuCurlEasy *walcu_curl_multi_take_finished(void);
extern int walcu_curl_multi_connecting(void);
extern void walcu_curl_multi_resume(WalcuCurlEasy *handle);
extern double walcu_curl_multi_due(void);
extern double walcu_curl_multi_now(void);

#endif /* WALCU_CURL_MULTI_H */
