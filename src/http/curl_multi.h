/*
 * curl_multi.h
 *	  A curl multi handle, what it waits for, and waiting on that.
 */
#ifndef WALCU_CURL_MULTI_H
#define WALCU_CURL_MULTI_H

#include "postgres.h"

#include <curl/curl.h>
#include <poll.h>

#include "lib/ilist.h"
#include "service/option.h"

/* Why a request is not sent at once. */
typedef enum WalcuPause
{
	WALCU_PAUSE_NONE, /* only too many others are under way */
	WALCU_PAUSE_RATE, /* max_requests_per_second */
	WALCU_PAUSE_RETRY,
	WALCU_PAUSE_JOB
} WalcuPause;

typedef struct WalcuCurlMulti WalcuCurlMulti;

/* A curl easy handle of a transfer; curl's private pointer leads back to it. */
typedef struct WalcuCurlEasy
{
	CURL *easy;
	WalcuCurlMulti *multi; /* that it was added to last */
	dlist_node node;       /* in its connection's queue */
	bool queued;           /* is it? */
	bool added;            /* to a multi handle */
	bool paused;           /* its reader has enough unread */
	bool done;
	CURLcode result; /* valid once done */
	const WalcuOptions *options;
	bool has_place; /* in the rate of requests to its server */
	int64 place;
	double not_before; /* when it may be added, by walcu_curl_multi_now */
	WalcuPause reason; /* of not_before */
	bool once;         /* it may reach the service once at most: it is a write */
	bool connecting;   /* added, and curl has no line to the service for it yet */
	bool begun;        /* curl was about to send its first byte to the service */
	bool broken;       /* the line broke when some of it was sent, and it may be sent once */
	long sent_before;  /* bytes that had been sent by then, to a proxy */
	double began_at;   /* when it was added, by walcu_curl_multi_now */
	double began;      /* the same on its connection's clock of waiting */
	double paused_at;  /* on the same clock */
} WalcuCurlEasy;

extern WalcuCurlMulti *walcu_curl_multi_create(void);
extern void walcu_curl_multi_destroy(WalcuCurlMulti *multi);
extern bool walcu_curl_multi_add(WalcuCurlMulti *multi, WalcuCurlEasy *handle);
extern void walcu_curl_multi_remove(WalcuCurlMulti *multi, WalcuCurlEasy *handle);
extern void walcu_curl_multi_limit(WalcuCurlMulti *multi, int kept, int most);
extern bool walcu_curl_multi_was_sent(const WalcuCurlEasy *handle);
extern double walcu_curl_multi_drive(WalcuCurlMulti *multi, double limit, uint32 wait_event);
extern const struct pollfd *walcu_curl_multi_sockets(const WalcuCurlMulti *multi, int *count);
extern double walcu_curl_multi_timer(const WalcuCurlMulti *multi);
extern double walcu_curl_multi_now(void);

#endif /* WALCU_CURL_MULTI_H */
