/*
 * wait_descriptor.c
 *	  One descriptor that tells when a transfer has something to do.
 *
 * The executor can wait for one descriptor of each scan (async.c), and curl waits for several sockets
 * and a time.  Linux can wait for all of that behind one descriptor; elsewhere scans are not run beside
 * each other.
 */
#include "postgres.h"

#include "http/wait_descriptor.h"

#ifdef __linux__

#include <math.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

/*
 * Milliseconds until the descriptor tells in any case: before 18 the executor does not wake up for a cancel
 * by itself, and answers it when it calls.
 */
#define LONGEST_WAIT 50.0

struct WalcuWatch
{
	int epoll; /* -1 when there is none */
	int timer;
	MemoryContextCallback on_reset;
};

static void close_descriptors(void *arg);
static void add(WalcuWatch *watch, int fd, uint32_t events);

bool
watch_is_possible(void)
{
	return true;
}

/* A watch of nothing yet; its descriptors are closed with the context. */
WalcuWatch *
watch_create(MemoryContext context)
{
	WalcuWatch *watch = MemoryContextAllocZero(context, sizeof(WalcuWatch));

	watch->epoll = watch->timer = -1;
	watch->on_reset.func = close_descriptors;
	watch->on_reset.arg = watch;
	MemoryContextRegisterResetCallback(context, &watch->on_reset);
	return watch;
}

/*
 * Let it tell when a transfer has something to do, as things are now; at_once when there is something to do
 * already.
 */
void
watch_set(WalcuWatch *watch, WalcuTransfer *transfer, bool at_once)
{
	double due = transport_due(transfer);
	double left = due - multi_now();
	double wait = (due == 0) ? LONGEST_WAIT : Min(Max(left, 0), LONGEST_WAIT);
	int count;
	/* what is left of a timeout may be lost in rounding: then only the clock brings its end */
	const struct pollfd *sockets = transport_begin_wait(transfer, Max(wait, 1), &count);
	struct itimerspec when = {.it_value.tv_nsec = at_once ? 1 : (long) Max(ceil(wait * 1000 * 1000), 1)};

	close_descriptors(watch);
	watch->epoll = epoll_create1(EPOLL_CLOEXEC);
	watch->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (watch->epoll < 0 || watch->timer < 0 || timerfd_settime(watch->timer, 0, &when, NULL) < 0)
		ereport(ERROR, errcode_for_file_access(), errmsg("could not wait for several scans at once: %m"));
	add(watch, watch->timer, EPOLLIN);
	for (int i = 0; i < count; i++)
		add(watch, sockets[i].fd,
			((sockets[i].events & POLLIN) ? EPOLLIN : 0) | ((sockets[i].events & POLLOUT) ? EPOLLOUT : 0));
}

int
watch_descriptor(const WalcuWatch *watch)
{
	return watch->epoll;
}

static void
close_descriptors(void *arg)
{
	WalcuWatch *watch = arg;

	if (watch->epoll >= 0)
		close(watch->epoll);
	if (watch->timer >= 0)
		close(watch->timer);
	watch->epoll = watch->timer = -1;
}

static void
add(WalcuWatch *watch, int fd, uint32_t events)
{
	struct epoll_event event = {.events = events};

	if (epoll_ctl(watch->epoll, EPOLL_CTL_ADD, fd, &event) < 0)
		ereport(ERROR, errcode_for_file_access(), errmsg("could not wait for several scans at once: %m"));
}

#else

bool
watch_is_possible(void)
{
	return false;
}

WalcuWatch *
watch_create(MemoryContext context)
{
	return NULL;
}

void
watch_set(WalcuWatch *watch, WalcuTransfer *transfer, bool at_once)
{
}

int
watch_descriptor(const WalcuWatch *watch)
{
	return -1;
}

#endif
