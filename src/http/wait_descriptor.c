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

#include "base/reset_callback.h"

/*
 * Milliseconds until the descriptor tells in any case: before 18 the executor does not wake up for a cancel
 * by itself, and answers it when it calls.
 */
#define LONGEST_WAIT 50.0

struct WalcuWaitDescriptor
{
	int epoll; /* It is ready when one of the sockets is; -1 when there is none. */
	int timer; /* It is ready when the time has come. */
};

static void close_descriptors(void *arg);
static void add_descriptor(WalcuWaitDescriptor *watch, int fd, uint32_t events);

bool
wait_descriptor_is_possible(void)
{
	return true;
}

/* One that waits for nothing yet; its descriptors are closed with the context. */
WalcuWaitDescriptor *
wait_descriptor_create(MemoryContext context)
{
	WalcuWaitDescriptor *watch = MemoryContextAllocZero(context, sizeof(WalcuWaitDescriptor));

	watch->epoll = watch->timer = -1;
	reset_callback_add(context, close_descriptors, watch);
	return watch;
}

/*
 * Let it tell when a transfer has something to do, as things are now; at_once when there is something to do
 * already.  Without a transfer (NULL) there is nothing to do before the time has come.
 */
void
wait_descriptor_set(WalcuWaitDescriptor *watch, WalcuTransfer *transfer, bool at_once)
{
	double due = transfer ? transfer_due(transfer) : 0;
	double left = due - walcu_curl_multi_now();
	double wait = (due == 0) ? LONGEST_WAIT : Min(Max(left, 0), LONGEST_WAIT);
	int count = 0;
	/* what is left of a timeout may be lost in rounding: then only the clock brings its end */
	const struct pollfd *sockets = transfer ? transfer_begin_wait(transfer, Max(wait, 1), &count) : NULL;
	struct itimerspec when = {.it_value.tv_nsec = at_once ? 1 : (long) Max(ceil(wait * 1000 * 1000), 1)};

	close_descriptors(watch);
	watch->epoll = epoll_create1(EPOLL_CLOEXEC);
	watch->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (watch->epoll < 0 || watch->timer < 0 || timerfd_settime(watch->timer, 0, &when, NULL) < 0)
		ereport(ERROR, errcode_for_file_access(), errmsg("could not wait for several scans at once: %m"));
	add_descriptor(watch, watch->timer, EPOLLIN);
	for (int i = 0; i < count; i++)
		add_descriptor(watch, sockets[i].fd,
					   ((sockets[i].events & POLLIN) ? EPOLLIN : 0) |
						   ((sockets[i].events & POLLOUT) ? EPOLLOUT : 0));
}

int
wait_descriptor_descriptor(const WalcuWaitDescriptor *watch)
{
	return watch->epoll;
}

static void
close_descriptors(void *arg)
{
	WalcuWaitDescriptor *watch = arg;

	if (watch->epoll >= 0)
		close(watch->epoll);
	if (watch->timer >= 0)
		close(watch->timer);
	watch->epoll = watch->timer = -1;
}

static void
add_descriptor(WalcuWaitDescriptor *watch, int fd, uint32_t events)
{
	struct epoll_event event = {.events = events};

	if (epoll_ctl(watch->epoll, EPOLL_CTL_ADD, fd, &event) < 0)
		ereport(ERROR, errcode_for_file_access(), errmsg("could not wait for several scans at once: %m"));
}

#else

bool
wait_descriptor_is_possible(void)
{
	return false;
}

WalcuWaitDescriptor *
wait_descriptor_create(MemoryContext context)
{
	return NULL;
}

void
wait_descriptor_set(WalcuWaitDescriptor *watch, WalcuTransfer *transfer, bool at_once)
{
}

int
wait_descriptor_descriptor(const WalcuWaitDescriptor *watch)
{
	return -1;
}

#endif
