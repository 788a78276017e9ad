/*
 * curl_multi.c
 *	  Curl multi handles, what they wait for, and waiting on all of that together.
 *
 * curl tells of its sockets and its timers through callbacks.  Whoever waits for one server lets the others
 * go on, too: nobody knows whose reply, or whose descriptor, is needed next.  Nothing that can raise an error
 * runs inside a curl callback.  pool.c has the multi handles, and line.c drives them; the clock is for all.
 */
#include "postgres.h"

#include <signal.h>

#include "http/curl_multi.h"

#include "http/wait_set.h"
#include "lib/pairingheap.h"
#include "libpq/pqsignal.h"
#include "portability/instr_time.h"

/*
 * Milliseconds after which curl is called while a line to the service is being made, even if it waits for
 * nothing.  When the address that it tries is silent or refuses, libcurl 7.88 leaves it, and opens a socket
 * to the next one only when it is called again: its own program, which calls at least once a second, never
 * notices.
 */
#define LONGEST_CONNECT_WAIT 250.0

/* Sockets that curl acts on at once, at most: the others have their turn the next time. */
#define READY_AT_ONCE 64

#ifndef CURL_IGNORE_DEPRECATION
#define CURL_IGNORE_DEPRECATION(statements) statements
#endif

struct WalcuCurlMulti
{
	CURLM *curl;           /* It is libcurl's own handle. */
	dlist_head handles;    /* These are attached (WalcuCurlEasy), */
	int count;             /* and are so many. */
	pairingheap_node node; /* It links the handle with the others that are to be called at a time. */
	double due;            /* That is then (by walcu_curl_multi_now); 0 when the handle is not among them. */
	double timer;          /* curl wants to be called then; 0 for never. */
	int connecting;        /* So many handles have no connection yet. */
	double looked_at;      /* curl last looked at all handles then, or the first of these was added. */
};

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_data);
static int on_timer(CURLM *curl, long timeout_ms, void *arg);
static int on_begin_sending(void *arg, char *remote_ip, char *local_ip, int remote_port, int local_port);
static int compare_due(const pairingheap_node *a, const pairingheap_node *b, void *arg);
static void settle_due(WalcuCurlMulti *multi);
static void begin_connecting(WalcuCurlMulti *multi, WalcuCurlEasy *handle);
static void end_connecting(WalcuCurlEasy *handle);
static long count_sent_bytes(const WalcuCurlEasy *handle);
static bool act_on_sockets(void);
static void act_on_due(void);
static void act_on_all(WalcuCurlMulti *multi);
static void act_on_socket(WalcuCurlMulti *multi, curl_socket_t fd, int events);
static void note_finished(WalcuCurlMulti *multi);

/* The multi handles that are to be called at a time, the first one first. */
static pairingheap calls = {compare_due, NULL, NULL};

/* The handles that curl is done with, and nobody was told of yet. */
static dlist_head finished = DLIST_STATIC_INIT(finished);

/* So many handles have no connection yet, of all multi handles. */
static int connecting = 0;

/* A paused handle went on, and what it was given then was not looked at yet. */
static bool has_resumed = false;

/* NULL when there is no memory for it. */
WalcuCurlMulti *
walcu_curl_multi_create(void)
{
	WalcuCurlMulti *multi = calloc(1, sizeof(WalcuCurlMulti));

	if (multi == NULL)
		return NULL;
	multi->curl = curl_multi_init();
	if (multi->curl == NULL)
	{
		free(multi);
		return NULL;
	}
	dlist_init(&multi->handles);
	curl_multi_setopt(multi->curl, CURLMOPT_SOCKETFUNCTION, on_socket);
	curl_multi_setopt(multi->curl, CURLMOPT_SOCKETDATA, multi);
	curl_multi_setopt(multi->curl, CURLMOPT_TIMERFUNCTION, on_timer);
	curl_multi_setopt(multi->curl, CURLMOPT_TIMERDATA, multi);
	return multi;
}

/* Take its handles back, and close what it has open.  Raises nothing: it runs on abort, too. */
void
walcu_curl_multi_destroy(WalcuCurlMulti *multi)
{
	dlist_mutable_iter iter;

	dlist_foreach_modify(iter, &multi->handles)
		walcu_curl_multi_remove(dlist_container(WalcuCurlEasy, sibling, iter.cur));
	curl_multi_cleanup(multi->curl);
	multi->timer = 0;
	settle_due(multi);
	free(multi);
}

/* Let a request be sent; false when curl has no memory for it. */
bool
walcu_curl_multi_add(WalcuCurlMulti *multi, WalcuCurlEasy *handle)
{
	handle->multi = multi;
	curl_easy_setopt(handle->easy, CURLOPT_PRIVATE, handle);
#if TELLS_OF_SENDING
	curl_easy_setopt(handle->easy, CURLOPT_PREREQFUNCTION, on_begin_sending);
	curl_easy_setopt(handle->easy, CURLOPT_PREREQDATA, handle);
#endif
	handle->added = curl_multi_add_handle(multi->curl, handle->easy) == CURLM_OK;
	handle->attached = handle->added;
	if (!handle->added)
		return false;
	dlist_push_tail(&multi->handles, &handle->sibling);
	multi->count++;
	begin_connecting(multi, handle);
	return true;
}

/* Take a handle back, unless that was done when it was finished.  Raises nothing: it runs on abort, too. */
void
walcu_curl_multi_remove(WalcuCurlEasy *handle)
{
	if (!handle->attached)
		return;
	end_connecting(handle);
	curl_multi_remove_handle(handle->multi->curl, handle->easy);
	handle->attached = false;
	dlist_delete(&handle->sibling);
	handle->multi->count--;
}

/* The handles that are attached, by their member sibling. */
dlist_head *
walcu_curl_multi_handles(WalcuCurlMulti *multi)
{
	return &multi->handles;
}

/* How many those are. */
int
walcu_curl_multi_count(const WalcuCurlMulti *multi)
{
	return multi->count;
}

/* Open no more connections than so many, and keep them when they are idle. */
void
walcu_curl_multi_limit(WalcuCurlMulti *multi, int most)
{
	curl_multi_setopt(multi->curl, CURLMOPT_MAXCONNECTS, (long) most);
	curl_multi_setopt(multi->curl, CURLMOPT_MAX_TOTAL_CONNECTIONS, (long) most);
}

/*
 * May the service have got some of a request?  What a proxy was told before does not count, nor does
 * what TLS says before.
 */
bool
walcu_curl_multi_was_sent(const WalcuCurlEasy *handle)
{
	if (!handle->added)
		return false;
#if TELLS_OF_SENDING
	if (!handle->begun)
		return false;
#endif
	return handle->broken || count_sent_bytes(handle) > handle->sent_before;
}

/*
 * Let curl do what it can for all servers, after waiting at most limit milliseconds for something to do (0:
 * do not wait; below 0: no limit), which walcu_curl_multi_due has bounded.  Returns after the first events,
 * and how many milliseconds it has waited; serves interrupts.
 */
double
walcu_curl_multi_drive(double limit, uint32 wait_event)
{
	double before = walcu_curl_multi_now();
	double waited = 0;

	if (!act_on_sockets() && limit != 0)
	{
		wait_set_wait(limit, wait_event);
		waited = walcu_curl_multi_now() - before;
		act_on_sockets();
	}
	act_on_due();
	has_resumed = false;
	return waited;
}

/* A handle that curl is done with, and that is in no list any more; NULL when there is none. */
WalcuCurlEasy *
walcu_curl_multi_take_finished(void)
{
	if (dlist_is_empty(&finished))
		return NULL;
	return dlist_container(WalcuCurlEasy, node, dlist_pop_head_node(&finished));
}

/*
 * Let a paused handle go on.  curl hands out at once what it holds for it; since 8.x it does not ask to be
 * called afterwards, so that nothing would end a wait although there is something to look at.
 */
void
walcu_curl_multi_resume(WalcuCurlEasy *handle)
{
	curl_easy_pause(handle->easy, CURLPAUSE_CONT);
	has_resumed = true;
}

/* How many handles have no connection to their server yet. */
int
walcu_curl_multi_connecting(void)
{
	return connecting;
}

/* When a wait is to end at the latest, by walcu_curl_multi_now; 0 for never. */
double
walcu_curl_multi_due(void)
{
	if (has_resumed)
		return walcu_curl_multi_now();
	return pairingheap_is_empty(&calls)
			   ? 0
			   : pairingheap_container(WalcuCurlMulti, node, pairingheap_first(&calls))->due;
}

/* Milliseconds by a clock that nobody sets. */
double
walcu_curl_multi_now(void)
{
	instr_time now;

	INSTR_TIME_SET_CURRENT(now);
	return INSTR_TIME_GET_MILLISEC(now);
}

/* curl tells which sockets it waits for.  -1 makes the transfers fail. */
static int
on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_data)
{
	if (what == CURL_POLL_REMOVE)
	{
		wait_set_drop(fd);
		return 0;
	}
	return wait_set_put(
			   fd, ((what & CURL_POLL_IN) ? WAIT_SET_IN : 0) | ((what & CURL_POLL_OUT) ? WAIT_SET_OUT : 0),
			   arg)
			   ? 0
			   : -1;
}

static int
on_timer(CURLM *curl, long timeout_ms, void *arg)
{
	WalcuCurlMulti *multi = arg;

	multi->timer = (timeout_ms < 0) ? 0 : walcu_curl_multi_now() + timeout_ms;
	settle_due(multi);
	return 0;
}

/*
 * curl has a line to the service, and is about to send a request.  When it is here for the second time, the
 * line broke before a reply came: curl would repeat the request on another one, as it may do with reads.
 */
static int
on_begin_sending(void *arg, char *remote_ip, char *local_ip, int remote_port, int local_port)
{
	WalcuCurlEasy *handle = arg;

	end_connecting(handle);
	if (handle->once && walcu_curl_multi_was_sent(handle))
	{
		handle->broken = true;
		return 1; /* CURL_PREREQFUNC_ABORT */
	}
	handle->begun = true;
	handle->sent_before = count_sent_bytes(handle);
	return 0; /* CURL_PREREQFUNC_OK */
}

/* The heap has the greatest first. */
static int
compare_due(const pairingheap_node *a, const pairingheap_node *b, void *arg)
{
	double first = pairingheap_const_container(WalcuCurlMulti, node, a)->due;
	double second = pairingheap_const_container(WalcuCurlMulti, node, b)->due;

	return (first < second) - (first > second);
}

/* Find out anew when a multi handle is to be called. */
static void
settle_due(WalcuCurlMulti *multi)
{
	double look = (multi->connecting > 0) ? multi->looked_at + LONGEST_CONNECT_WAIT : 0;
	double due = (multi->timer == 0 || (look != 0 && look < multi->timer)) ? look : multi->timer;

	if (due == multi->due)
		return;
	if (multi->due != 0)
		pairingheap_remove(&calls, &multi->node);
	multi->due = due;
	if (due != 0)
		pairingheap_add(&calls, &multi->node);
}

static void
begin_connecting(WalcuCurlMulti *multi, WalcuCurlEasy *handle)
{
#if TELLS_OF_SENDING
	handle->connecting = true;
	connecting++;
	if (multi->connecting++ == 0)
		multi->looked_at = walcu_curl_multi_now();
	settle_due(multi);
#endif
}

static void
end_connecting(WalcuCurlEasy *handle)
{
	if (!handle->connecting)
		return;
	handle->connecting = false;
	connecting--;
	handle->multi->connecting--;
	settle_due(handle->multi);
}

/* Bytes of requests that were sent for a handle, those to a proxy included. */
static long
count_sent_bytes(const WalcuCurlEasy *handle)
{
	long bytes = 0;

	if (curl_easy_getinfo(handle->easy, CURLINFO_REQUEST_SIZE, &bytes) != CURLE_OK)
		return LONG_MAX;
	return bytes;
}

/* Let curl read and write what can be, without waiting; false when nothing can. */
static bool
act_on_sockets(void)
{
	WalcuReadySocket ready[READY_AT_ONCE];
	int count = wait_set_poll(ready, READY_AT_ONCE);
	bool any = false;

	for (int i = 0; i < count; i++)
	{
		int events = ready[i].events;
		/* what curl did with one before may have closed it */
		WalcuCurlMulti *multi = wait_set_owner(ready[i].fd);

		if (multi == NULL)
			continue;
		any = true;
		act_on_socket(multi, ready[i].fd,
					  ((events & WAIT_SET_IN) ? CURL_CSELECT_IN : 0) |
						  ((events & WAIT_SET_OUT) ? CURL_CSELECT_OUT : 0) |
						  ((events & WAIT_SET_ERROR) ? CURL_CSELECT_ERR : 0));
	}
	return any;
}

/* Let curl act where the time has come. */
static void
act_on_due(void)
{
	double now = walcu_curl_multi_now();

	while (!pairingheap_is_empty(&calls))
	{
		WalcuCurlMulti *multi = pairingheap_container(WalcuCurlMulti, node, pairingheap_first(&calls));

		if (multi->due > now)
			return;
		if (multi->timer != 0 && multi->timer <= now)
		{
			multi->timer = 0;
			settle_due(multi);
			act_on_socket(multi, CURL_SOCKET_TIMEOUT, 0);
		}
		if (multi->connecting > 0 && multi->looked_at + LONGEST_CONNECT_WAIT <= now)
			act_on_all(multi);
	}
}

/*
 * Let curl act on a socket or its timer.  curl resolves names in threads, which
 * inherit the signal mask: a signal for the backend must not be delivered there.
 */
static void
act_on_socket(WalcuCurlMulti *multi, curl_socket_t fd, int events)
{
	sigset_t saved;
	int running;

	sigprocmask(SIG_SETMASK, &BlockSig, &saved);
	curl_multi_socket_action(multi->curl, fd, events, &running);
	sigprocmask(SIG_SETMASK, &saved, NULL);
	note_finished(multi);
}

/* Let curl look at every handle.  It says that nobody needs that, and does not do so when somebody does. */
static void
act_on_all(WalcuCurlMulti *multi)
{
	sigset_t saved;
	int running;

	sigprocmask(SIG_SETMASK, &BlockSig, &saved);
	CURL_IGNORE_DEPRECATION(curl_multi_socket_all(multi->curl, &running);)
	sigprocmask(SIG_SETMASK, &saved, NULL);
	multi->looked_at = walcu_curl_multi_now();
	settle_due(multi);
	note_finished(multi);
}

/*
 * Take back what curl is done with: it needs no socket any more, while its reader may hold it for long.  What
 * curl knows of the reply stays.
 */
static void
note_finished(WalcuCurlMulti *multi)
{
	CURLMsg *message;
	int remaining;

	while ((message = curl_multi_info_read(multi->curl, &remaining)) != NULL)
	{
		WalcuCurlEasy *handle;

		if (message->msg != CURLMSG_DONE ||
			curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &handle) != CURLE_OK)
			continue;
		handle->done = true;
		handle->result = handle->broken ? CURLE_GOT_NOTHING : message->data.result;
		walcu_curl_multi_remove(handle);
		dlist_delete(&handle->node);
		dlist_push_tail(&finished, &handle->node);
	}
}
