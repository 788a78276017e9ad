/*
 * wait_set.c
 *	  The sockets that the session waits for, of all servers together.
 *
 * curl tells when it begins and ceases to wait for a socket (curl_multi.c), and what it told stays here
 * between waits, so that a wait costs the same however many sockets there are.  Linux waits for all of them
 * behind one descriptor, which the executor can wait for, too, when Append runs scans beside each other;
 * elsewhere scans are not run so, and each wait names the sockets anew.
 *
 * wait_set_put and wait_set_drop run inside callbacks of curl, and raise nothing.
 */
#include "postgres.h"

#include <math.h>
#include <poll.h>

#include "http/wait_set.h"

#include "base/compat.h"
#include "http/descriptors.h"

#ifdef __linux__

#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

/* Events that are taken at once, at most. */
#define MOST_EVENTS 64

/* A nanosecond, in milliseconds: the timer takes 0 for never. */
#define AT_ONCE 0.000001

/*
 * PostgreSQL waits for whole milliseconds; the timer ends waits that are shorter than so many, as they may be
 * for the turn of a request, of which there are many in a second.
 */
#define LONGEST_EXACT 100.0

static struct
{
	int epoll;            /* It is ready when a socket or the timer is. */
	int timer;            /* It is ready when the executor's wait is to end. */
	double ends;          /* That is so many milliseconds after the wait began; 0 for never. */
	void **owners;        /* These own the sockets, by descriptor; malloc has made the room. */
	int nowners;          /* There is room for so many. */
	WaitEventSet *events; /* It is what the session waits for by itself: epoll, and its latch. */
} set = {.epoll = -1, .timer = -1};

static int open_descriptors(void);
static uint32_t epoll_events(int events);
static bool reserve_owner(int fd);
static void set_timer(double milliseconds);

#else

static struct
{
	struct pollfd *sockets; /* These are waited for; malloc has made the room. */
	void **owners;          /* These own them. */
	int nsockets;           /* There are so many. */
	int size;               /* There is room for so many. */
} set;

static int find_socket(int fd);

#endif

#ifdef __linux__

/* Opens what the session waits with.  Errors: that of the system when there is no descriptor to be had. */
void
wait_set_open(void)
{
	if (set.epoll < 0)
		set.epoll = open_descriptors();
	if (set.events)
		return;
	set.events = compat_create_wait_event_set(3, true);
	AddWaitEventToSet(set.events, WL_LATCH_SET, PGINVALID_SOCKET, MyLatch, NULL);
	if (IsUnderPostmaster)
		AddWaitEventToSet(set.events, WL_EXIT_ON_PM_DEATH, PGINVALID_SOCKET, NULL, NULL);
	AddWaitEventToSet(set.events, WL_SOCKET_READABLE, set.epoll, NULL, NULL);
}

/* Returns the epoll, which waits for the timer. */
static int
open_descriptors(void)
{
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	struct epoll_event event = {.events = EPOLLIN, .data.fd = timer};

	if (epoll < 0 || timer < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, timer, &event) < 0)
	{
		int error = errno;

		if (epoll >= 0)
			close(epoll);
		if (timer >= 0)
			close(timer);
		errno = error;
		ereport(ERROR, errcode_for_file_access(), errmsg("could not prepare to wait for replies: %m"));
	}
	descriptors_reserve(2);
	set.timer = timer;
	return epoll;
}

/* Lets a socket be waited for; false when there is no memory for that. */
bool
wait_set_put(int fd, int events, void *owner)
{
	struct epoll_event event = {.events = epoll_events(events), .data.fd = fd};

	if (!reserve_owner(fd))
		return false;
	/* one that was closed without a word has left by itself, and may be here again */
	if (epoll_ctl(set.epoll, set.owners[fd] ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event) < 0 &&
		epoll_ctl(set.epoll, errno == EEXIST ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event) < 0)
		return false;
	set.owners[fd] = owner;
	return true;
}

void
wait_set_drop(int fd)
{
	struct epoll_event event = {0};

	if (wait_set_owner(fd) == NULL)
		return;
	epoll_ctl(set.epoll, EPOLL_CTL_DEL, fd, &event);
	set.owners[fd] = NULL;
}

/* NULL for a socket that is not waited for. */
void *
wait_set_owner(int fd)
{
	return fd < set.nowners ? set.owners[fd] : NULL;
}

/* Tells which sockets are ready, so many at most, without waiting. */
int
wait_set_poll(WalcuReadySocket *ready, int size)
{
	struct epoll_event events[MOST_EVENTS];
	int count = epoll_wait(set.epoll, events, Min(size, MOST_EVENTS), 0);
	int nready = 0;

	for (int i = 0; i < count; i++)
	{
		uint32_t happened = events[i].events;

		if (events[i].data.fd == set.timer)
		{
			set_timer(0);
			continue;
		}
		ready[nready].fd = events[i].data.fd;
		ready[nready++].events = ((happened & (EPOLLIN | EPOLLHUP)) ? WAIT_SET_IN : 0) |
								 ((happened & EPOLLOUT) ? WAIT_SET_OUT : 0) |
								 ((happened & EPOLLERR) ? WAIT_SET_ERROR : 0);
	}
	return nready;
}

/* Waits for a socket, so many milliseconds at most (below 0: without limit).  Serves interrupts. */
void
wait_set_wait(double limit, uint32 wait_event)
{
	WaitEvent event;

	if (limit > 0 && limit < LONGEST_EXACT)
		set_timer(limit);
	WaitEventSetWait(set.events, limit < 0 ? -1 : (long) ceil(limit), &event, 1, wait_event);
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
}

/* Is there one descriptor for all sockets? */
bool
wait_set_has_descriptor(void)
{
	return true;
}

/* The descriptor that is ready when a socket is, and in so many milliseconds in any case. */
int
wait_set_descriptor(double milliseconds)
{
	set_timer(Max(milliseconds, AT_ONCE));
	return set.epoll;
}

/* Lets that descriptor be ready in so many milliseconds, unless it will be earlier. */
void
wait_set_hurry(double milliseconds)
{
	if (set.ends == 0 || milliseconds < set.ends)
		set_timer(Max(milliseconds, AT_ONCE));
}

static uint32_t
epoll_events(int events)
{
	return ((events & WAIT_SET_IN) ? EPOLLIN : 0) | ((events & WAIT_SET_OUT) ? EPOLLOUT : 0);
}

static bool
reserve_owner(int fd)
{
	int size = Max(64, set.nowners);
	void **owners;

	while (size <= fd)
		size *= 2;
	if (size == set.nowners)
		return true;
	owners = realloc(set.owners, size * sizeof(void *));
	if (owners == NULL)
		return false;
	memset(owners + set.nowners, 0, (size - set.nowners) * sizeof(void *));
	set.owners = owners;
	set.nowners = size;
	return true;
}

/* 0 is for never. */
static void
set_timer(double milliseconds)
{
	double nanoseconds = ceil(milliseconds * 1000 * 1000);
	struct itimerspec when = {.it_value.tv_sec = (time_t) (nanoseconds / 1e9),
							  .it_value.tv_nsec = (long) fmod(nanoseconds, 1e9)};

	timerfd_settime(set.timer, 0, &when, NULL);
	set.ends = milliseconds;
}

#else

void
wait_set_open(void)
{
}

bool
wait_set_put(int fd, int events, void *owner)
{
	int i = find_socket(fd);

	if (i == set.size)
	{
		int size = Max(8, 2 * set.size);
		struct pollfd *sockets = realloc(set.sockets, size * sizeof(struct pollfd));
		void **owners = sockets ? realloc(set.owners, size * sizeof(void *)) : NULL;

		if (sockets)
			set.sockets = sockets;
		if (owners == NULL)
			return false;
		set.owners = owners;
		set.size = size;
	}
	if (i == set.nsockets)
		set.nsockets++;
	set.sockets[i].fd = fd;
	set.sockets[i].events = ((events & WAIT_SET_IN) ? POLLIN : 0) | ((events & WAIT_SET_OUT) ? POLLOUT : 0);
	set.owners[i] = owner;
	return true;
}

void
wait_set_drop(int fd)
{
	int i = find_socket(fd);

	if (i == set.nsockets)
		return;
	set.nsockets--;
	set.sockets[i] = set.sockets[set.nsockets];
	set.owners[i] = set.owners[set.nsockets];
}

void *
wait_set_owner(int fd)
{
	int i = find_socket(fd);

	return i < set.nsockets ? set.owners[i] : NULL;
}

int
wait_set_poll(WalcuReadySocket *ready, int size)
{
	int nready = 0;

	if (set.nsockets == 0 || poll(set.sockets, set.nsockets, 0) <= 0)
		return 0;
	for (int i = 0; i < set.nsockets && nready < size; i++)
	{
		short happened = set.sockets[i].revents;

		if (happened == 0)
			continue;
		ready[nready].fd = set.sockets[i].fd;
		ready[nready++].events = ((happened & (POLLIN | POLLHUP)) ? WAIT_SET_IN : 0) |
								 ((happened & POLLOUT) ? WAIT_SET_OUT : 0) |
								 ((happened & (POLLERR | POLLNVAL)) ? WAIT_SET_ERROR : 0);
	}
	return nready;
}

void
wait_set_wait(double limit, uint32 wait_event)
{
	WaitEventSet *events = compat_create_wait_event_set(set.nsockets + 2, false);
	WaitEvent event;

	AddWaitEventToSet(events, WL_LATCH_SET, PGINVALID_SOCKET, MyLatch, NULL);
	if (IsUnderPostmaster)
		AddWaitEventToSet(events, WL_EXIT_ON_PM_DEATH, PGINVALID_SOCKET, NULL, NULL);
	for (int i = 0; i < set.nsockets; i++)
	{
		uint32 wanted = ((set.sockets[i].events & POLLIN) ? WL_SOCKET_READABLE : 0) |
						((set.sockets[i].events & POLLOUT) ? WL_SOCKET_WRITEABLE : 0);

		if (wanted != 0)
			AddWaitEventToSet(events, wanted, set.sockets[i].fd, NULL, NULL);
	}
	WaitEventSetWait(events, limit < 0 ? -1 : (long) ceil(limit), &event, 1, wait_event);
	FreeWaitEventSet(events);
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
}

bool
wait_set_has_descriptor(void)
{
	return false;
}

int
wait_set_descriptor(double milliseconds)
{
	return -1;
}

void
wait_set_hurry(double milliseconds)
{
}

/* The number of a socket; that of the next one to come when it is not waited for. */
static int
find_socket(int fd)
{
	int i = 0;

	while (i < set.nsockets && set.sockets[i].fd != fd)
		i++;
	return i;
}

#endif
