/*
 * curl_multi.c
 *	  A curl multi handle, what it waits for, and waiting on that.
 *
 * curl tells of its sockets and its timer through callbacks; they are waited for together
 * with the backend's latch.  Nothing that can raise an error runs inside a curl callback.  Only
 * connection.c calls this, and async.c looks at the sockets.
 */
#include "postgres.h"

#include <math.h>
#include <signal.h>

#include "http/curl_multi.h"

#include "base/compat.h"
#include "libpq/pqsignal.h"
#include "portability/instr_time.h"

/*
 * Milliseconds after which curl is called while a line to the service is being made, even if it waits for
 * nothing.  When the address that it tries is silent or refuses, libcurl 7.88 leaves it, and opens a socket
 * to the next one only when it is called again: its own program, which calls at least once a second, never
 * notices.
 */
#define LONGEST_CONNECT_WAIT 250.0

#ifndef CURL_IGNORE_DEPRECATION
#define CURL_IGNORE_DEPRECATION(statements) statements
#endif

/* Before, curl does not tell when it begins to send a request. */
#define TELLS_OF_SENDING (LIBCURL_VERSION_NUM >= 0x075000)

struct WalcuCurlMulti
{
	CURLM *curl; /* It is libcurl's own handle. */
	struct pollfd
		*sockets; /* curl waits for these; malloc has made the room, as it grows inside callbacks of curl. */
	int nsockets; /* There are so many of them. */
	int sockets_size; /* There is room for so many. */
	double timer;     /* curl wants to be called then (by walcu_curl_multi_now); 0 for never. */
	int connecting;   /* So many handles have no connection yet. */
	double looked_at; /* curl last looked at all handles then, or the first of these was added. */
};

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_data);
static int on_timer(CURLM *curl, long timeout_ms, void *arg);
static int on_begin_sending(void *arg, char *remote_ip, char *local_ip, int remote_port, int local_port);
static void begin_connecting(WalcuCurlMulti *multi, WalcuCurlEasy *handle);
static void end_connecting(WalcuCurlEasy *handle);
static long count_sent_bytes(const WalcuCurlEasy *handle);
static bool act_on_sockets(WalcuCurlMulti *multi);
static void act_on_all(WalcuCurlMulti *multi);
static void act_on_socket(WalcuCurlMulti *multi, curl_socket_t fd, int events);
static void wait_for_event(WalcuCurlMulti *multi, double limit, uint32 wait_event);
static void note_finished(WalcuCurlMulti *multi);

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
	curl_multi_setopt(multi->curl, CURLMOPT_SOCKETFUNCTION, on_socket);
	curl_multi_setopt(multi->curl, CURLMOPT_SOCKETDATA, multi);
	curl_multi_setopt(multi->curl, CURLMOPT_TIMERFUNCTION, on_timer);
	curl_multi_setopt(multi->curl, CURLMOPT_TIMERDATA, multi);
	return multi;
}

/* Close what it has open.  No handle may be added.  Raises nothing: it runs on abort, too. */
void
walcu_curl_multi_destroy(WalcuCurlMulti *multi)
{
	curl_multi_cleanup(multi->curl);
	free(multi->sockets);
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
	if (handle->added)
		begin_connecting(multi, handle);
	return handle->added;
}

/* Take a handle back, finished or not.  Raises nothing: it runs on abort, too. */
void
walcu_curl_multi_remove(WalcuCurlMulti *multi, WalcuCurlEasy *handle)
{
	end_connecting(handle);
	curl_multi_remove_handle(multi->curl, handle->easy);
	handle->added = false;
}

/* Keep so many connections when they are idle, and open no more than so many. */
void
walcu_curl_multi_limit(WalcuCurlMulti *multi, int kept, int most)
{
	curl_multi_setopt(multi->curl, CURLMOPT_MAXCONNECTS, (long) kept);
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
 * Let curl do what it can, after waiting at most limit milliseconds for something to do (0: do
 * not wait; below 0: no limit).  Returns after the first event, and how many milliseconds it
 * has waited; serves interrupts.
 */
double
walcu_curl_multi_drive(WalcuCurlMulti *multi, double limit, uint32 wait_event)
{
	double before = walcu_curl_multi_now();
	double due = walcu_curl_multi_timer(multi);
	double waited = 0;

	if (due != 0)
		limit = (limit < 0) ? Max(due - before, 0) : Min(limit, Max(due - before, 0));
	if (!act_on_sockets(multi) && limit != 0)
	{
		wait_for_event(multi, limit, wait_event);
		waited = walcu_curl_multi_now() - before;
		act_on_sockets(multi);
	}
	if (multi->timer != 0 && multi->timer <= walcu_curl_multi_now())
	{
		multi->timer = 0;
		act_on_socket(multi, CURL_SOCKET_TIMEOUT, 0);
	}
	if (multi->connecting > 0 && multi->looked_at + LONGEST_CONNECT_WAIT <= walcu_curl_multi_now())
		act_on_all(multi);
	note_finished(multi);
	return waited;
}

/* The sockets that curl waits for. */
const struct pollfd *
walcu_curl_multi_sockets(const WalcuCurlMulti *multi, int *count)
{
	*count = multi->nsockets;
	return multi->sockets;
}

/* When curl is to be called at the latest, by walcu_curl_multi_now; 0 for never. */
double
walcu_curl_multi_timer(const WalcuCurlMulti *multi)
{
	double look = multi->looked_at + LONGEST_CONNECT_WAIT;

	if (multi->connecting == 0)
		return multi->timer;
	return (multi->timer == 0) ? look : Min(multi->timer, look);
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
	WalcuCurlMulti *multi = arg;
	int i = 0;

	while (i < multi->nsockets && multi->sockets[i].fd != fd)
		i++;
	if (what == CURL_POLL_REMOVE)
	{
		if (i < multi->nsockets)
			multi->sockets[i] = multi->sockets[--multi->nsockets];
		return 0;
	}
	if (i == multi->sockets_size)
	{
		int size = Max(8, 2 * multi->sockets_size);
		struct pollfd *sockets = realloc(multi->sockets, size * sizeof(struct pollfd));

		if (sockets == NULL)
			return -1;
		multi->sockets = sockets;
		multi->sockets_size = size;
	}
	if (i == multi->nsockets)
		multi->nsockets++;
	multi->sockets[i].fd = fd;
	multi->sockets[i].events = ((what & CURL_POLL_IN) ? POLLIN : 0) | ((what & CURL_POLL_OUT) ? POLLOUT : 0);
	return 0;
}

static int
on_timer(CURLM *curl, long timeout_ms, void *arg)
{
	WalcuCurlMulti *multi = arg;

	multi->timer = (timeout_ms < 0) ? 0 : walcu_curl_multi_now() + timeout_ms;
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

static void
begin_connecting(WalcuCurlMulti *multi, WalcuCurlEasy *handle)
{
#if TELLS_OF_SENDING
	handle->connecting = true;
	if (multi->connecting++ == 0)
		multi->looked_at = walcu_curl_multi_now();
#endif
}

static void
end_connecting(WalcuCurlEasy *handle)
{
	if (handle->connecting)
		handle->multi->connecting--;
	handle->connecting = false;
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
act_on_sockets(WalcuCurlMulti *multi)
{
	int count = multi->nsockets;
	struct pollfd *sockets;
	bool any = false;

	if (count == 0 || poll(multi->sockets, count, 0) <= 0)
		return false;
	/* curl changes the array meanwhile */
	sockets = palloc(count * sizeof(struct pollfd));
	memcpy(sockets, multi->sockets, count * sizeof(struct pollfd));
	for (int i = 0; i < count; i++)
	{
		short happened = sockets[i].revents;

		if (happened == 0)
			continue;
		any = true;
		act_on_socket(multi, sockets[i].fd,
					  ((happened & (POLLIN | POLLHUP)) ? CURL_CSELECT_IN : 0) |
						  ((happened & POLLOUT) ? CURL_CSELECT_OUT : 0) |
						  ((happened & (POLLERR | POLLNVAL)) ? CURL_CSELECT_ERR : 0));
	}
	pfree(sockets);
	return any;
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
}

static void
wait_for_event(WalcuCurlMulti *multi, double limit, uint32 wait_event)
{
	WaitEventSet *set = compat_create_wait_event_set(multi->nsockets + 2);
	WaitEvent event;

	AddWaitEventToSet(set, WL_LATCH_SET, PGINVALID_SOCKET, MyLatch, NULL);
	if (IsUnderPostmaster)
		AddWaitEventToSet(set, WL_EXIT_ON_PM_DEATH, PGINVALID_SOCKET, NULL, NULL);
	for (int i = 0; i < multi->nsockets; i++)
	{
		uint32 events = ((multi->sockets[i].events & POLLIN) ? WL_SOCKET_READABLE : 0) |
						((multi->sockets[i].events & POLLOUT) ? WL_SOCKET_WRITEABLE : 0);

		if (events != 0)
			AddWaitEventToSet(set, events, multi->sockets[i].fd, NULL, NULL);
	}
	WaitEventSetWait(set, limit < 0 ? -1 : (long) ceil(limit), &event, 1, wait_event);
	FreeWaitEventSet(set);
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
}

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
		end_connecting(handle);
		handle->done = true;
		handle->result = handle->broken ? CURLE_GOT_NOTHING : message->data.result;
	}
}
