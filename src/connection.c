/*
 * connection.c
 *	  The backend's line to each server, and waiting on it.
 *
 * Holds the one cache of the extension: a curl multi handle for each foreign
 * server, so that TCP and TLS connections outlive a query, but not a change of the
 * server.  Credentials travel with each transfer and are not kept here.  Only
 * transport.c calls this.
 *
 * Waiting is on the backend's latch together with curl's sockets.  Nothing that can
 * raise an error runs inside a curl callback.
 */
#include "postgres.h"

#include <math.h>
#include <signal.h>

#include "compat.h"
#include "connection.h"
#include "libpq/pqsignal.h"
#include "pgstat.h"
#include "portability/instr_time.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

typedef struct WatchedSocket
{
	curl_socket_t fd;
	uint32 events; /* WL_SOCKET_READABLE, WL_SOCKET_WRITEABLE */
} WatchedSocket;

struct WalcuConnection
{
	Oid serverid;           /* hash key */
	CURLM *multi;           /* NULL until it is needed, or needed again */
	int handles;            /* added to multi */
	uint32 server_hash;     /* by which PostgreSQL tells of a change of the server */
	bool outdated;          /* the server was changed or dropped */
	WatchedSocket *sockets; /* malloc'ed: it grows inside a curl callback */
	int nsockets;
	int sockets_size;
	double timer;          /* when curl wants to be called, by now_ms; 0 for never */
	TimestampTz statement; /* start of the statement that requests counts */
	int requests;
};

/* The cache of connections, by server. */
static HTAB *connections = NULL;

static void connections_create(void);
static void on_server_change(Datum arg, int cache, uint32 hash);
static void close_outdated(void);
static bool multi_create(WalcuConnection *connection);
static int on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_data);
static int on_timer(CURLM *multi, long timeout_ms, void *arg);
static long wait_limit(WalcuConnection *connection, long max_wait);
static double now_ms(void);
static int wait_for_events(WalcuConnection *connection, long timeout, WaitEvent *events, int nevents);
static void curl_action(WalcuConnection *connection, curl_socket_t fd, int events);
static void note_finished(WalcuConnection *connection);

/* The connection to a server, made when there is none yet. */
WalcuConnection *
connection_get(const WalcuOptions *options)
{
	WalcuConnection *connection;
	bool found;

	if (connections == NULL)
		connections_create();
	close_outdated();
	connection = hash_search(connections, &options->serverid, HASH_ENTER, &found);
	if (!found)
	{
		memset((char *) connection + sizeof(Oid), 0, sizeof(WalcuConnection) - sizeof(Oid));
		connection->server_hash =
			GetSysCacheHashValue1(FOREIGNSERVEROID, ObjectIdGetDatum(options->serverid));
	}
	if (connection->multi == NULL && !multi_create(connection))
		ereport(ERROR, errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory"),
				errdetail("Failed while preparing connections to server \"%s\".", options->server_name));
	return connection;
}

/*
 * Count a request about to be sent against max_requests of the statement that
 * the client is running; nested statements count towards it.
 */
void
connection_count_request(WalcuConnection *connection, const WalcuOptions *options)
{
	TimestampTz statement = GetCurrentStatementStartTimestamp();

	if (connection->statement != statement)
	{
		connection->statement = statement;
		connection->requests = 0;
	}
	if (options->max_requests > 0 && connection->requests >= options->max_requests)
		ereport(ERROR, errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				errmsg("statement needs more than %d requests to server \"%s\"", options->max_requests,
					   options->server_name),
				errhint("Narrow the query, or raise the server option max_requests."));
	connection->requests++;
}

/* Hand an easy handle to curl; false when curl has no memory for it. */
bool
connection_add(WalcuConnection *connection, WalcuHandle *handle)
{
	curl_easy_setopt(handle->easy, CURLOPT_PRIVATE, handle);
	handle->added = curl_multi_add_handle(connection->multi, handle->easy) == CURLM_OK;
	connection->handles += handle->added;
	return handle->added;
}

/* Take a handle back, finished or not.  Raises nothing: it runs on abort, too. */
void
connection_remove(WalcuConnection *connection, WalcuHandle *handle)
{
	if (!handle->added)
		return;
	curl_multi_remove_handle(connection->multi, handle->easy);
	handle->added = false;
	connection->handles--;
}

/*
 * Let curl do what it can, after waiting at most max_wait milliseconds for
 * something to do (0: do not wait; -1: no limit).  Returns after the first event;
 * serves interrupts.
 */
void
connection_drive(WalcuConnection *connection, long max_wait)
{
	int size = connection->nsockets + 2;
	WaitEvent *events = palloc(size * sizeof(WaitEvent));
	int nevents;

	CHECK_FOR_INTERRUPTS();
	nevents = wait_for_events(connection, wait_limit(connection, max_wait), events, size);
	for (int i = 0; i < nevents; i++)
	{
		if (events[i].events & WL_LATCH_SET)
		{
			ResetLatch(MyLatch);
			CHECK_FOR_INTERRUPTS();
		}
		else
			curl_action(connection, events[i].fd,
						((events[i].events & WL_SOCKET_READABLE) ? CURL_CSELECT_IN : 0) |
							((events[i].events & WL_SOCKET_WRITEABLE) ? CURL_CSELECT_OUT : 0));
	}
	if (connection->timer != 0 && connection->timer <= now_ms())
	{
		connection->timer = 0;
		curl_action(connection, CURL_SOCKET_TIMEOUT, 0);
	}
	note_finished(connection);
	pfree(events);
}

static void
connections_create(void)
{
	HASHCTL control = {.keysize = sizeof(Oid), .entrysize = sizeof(WalcuConnection)};

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		ereport(ERROR, errcode(ERRCODE_FDW_ERROR), errmsg("could not initialize libcurl"));
	connections = hash_create("walcu_fdw connections", 8, &control, HASH_ELEM | HASH_BLOBS);
	CacheRegisterSyscacheCallback(FOREIGNSERVEROID, on_server_change, (Datum) 0);
}

/* PostgreSQL tells of a changed or dropped server at any time; 0 means all of them. */
static void
on_server_change(Datum arg, int cache, uint32 hash)
{
	HASH_SEQ_STATUS status;
	WalcuConnection *connection;

	hash_seq_init(&status, connections);
	while ((connection = hash_seq_search(&status)) != NULL)
		connection->outdated |= (hash == 0 || hash == connection->server_hash);
}

/*
 * Close what changed or dropped servers have open.  Their entries stay, as the count of
 * requests does, and those with transfers under way wait until these have ended.
 */
static void
close_outdated(void)
{
	HASH_SEQ_STATUS status;
	WalcuConnection *connection;

	hash_seq_init(&status, connections);
	while ((connection = hash_seq_search(&status)) != NULL)
	{
		if (!connection->outdated || connection->handles > 0)
			continue;
		curl_multi_cleanup(connection->multi);
		free(connection->sockets);
		connection->multi = NULL;
		connection->sockets = NULL;
		connection->nsockets = connection->sockets_size = 0;
		connection->timer = 0;
		connection->outdated = false;
	}
}

static bool
multi_create(WalcuConnection *connection)
{
	CURLM *multi = curl_multi_init();

	if (multi == NULL)
		return false;
	curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, connection);
	curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timer);
	curl_multi_setopt(multi, CURLMOPT_TIMERDATA, connection);
	connection->multi = multi;
	return true;
}

/* curl tells which sockets it waits for.  -1 makes the transfers fail. */
static int
on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_data)
{
	WalcuConnection *connection = arg;
	int i = 0;

	while (i < connection->nsockets && connection->sockets[i].fd != fd)
		i++;
	if (what == CURL_POLL_REMOVE)
	{
		if (i < connection->nsockets)
			connection->sockets[i] = connection->sockets[--connection->nsockets];
		return 0;
	}
	if (i == connection->sockets_size)
	{
		int size = Max(8, 2 * connection->sockets_size);
		WatchedSocket *sockets = realloc(connection->sockets, size * sizeof(WatchedSocket));

		if (sockets == NULL)
			return -1;
		connection->sockets = sockets;
		connection->sockets_size = size;
	}
	if (i == connection->nsockets)
		connection->nsockets++;
	connection->sockets[i].fd = fd;
	connection->sockets[i].events =
		((what & CURL_POLL_IN) ? WL_SOCKET_READABLE : 0) | ((what & CURL_POLL_OUT) ? WL_SOCKET_WRITEABLE : 0);
	return 0;
}

static int
on_timer(CURLM *multi, long timeout_ms, void *arg)
{
	WalcuConnection *connection = arg;

	connection->timer = (timeout_ms < 0) ? 0 : now_ms() + timeout_ms;
	return 0;
}

/* The caller's limit, or curl's timer when that is sooner. */
static long
wait_limit(WalcuConnection *connection, long max_wait)
{
	long timer;

	if (connection->timer == 0)
		return max_wait;
	timer = (long) Max(ceil(connection->timer - now_ms()), 0);
	return (max_wait < 0) ? timer : Min(timer, max_wait);
}

/* A clock that nobody sets. */
static double
now_ms(void)
{
	instr_time now;

	INSTR_TIME_SET_CURRENT(now);
	return INSTR_TIME_GET_MILLISEC(now);
}

static int
wait_for_events(WalcuConnection *connection, long timeout, WaitEvent *events, int nevents)
{
	WaitEventSet *set = compat_create_wait_event_set(nevents);
	int occurred;

	AddWaitEventToSet(set, WL_LATCH_SET, PGINVALID_SOCKET, MyLatch, NULL);
	AddWaitEventToSet(set, WL_EXIT_ON_PM_DEATH, PGINVALID_SOCKET, NULL, NULL);
	for (int i = 0; i < connection->nsockets; i++)
	{
		if (connection->sockets[i].events != 0)
			AddWaitEventToSet(set, connection->sockets[i].events, connection->sockets[i].fd, NULL, NULL);
	}
	occurred = WaitEventSetWait(set, timeout, events, nevents, PG_WAIT_EXTENSION);
	FreeWaitEventSet(set);
	return occurred;
}

/*
 * Let curl act on a socket or its timer.  curl resolves names in threads, which
 * inherit the signal mask: a signal for the backend must not be delivered there.
 */
static void
curl_action(WalcuConnection *connection, curl_socket_t fd, int events)
{
	sigset_t saved;
	int running;

	sigprocmask(SIG_SETMASK, &BlockSig, &saved);
	curl_multi_socket_action(connection->multi, fd, events, &running);
	sigprocmask(SIG_SETMASK, &saved, NULL);
}

static void
note_finished(WalcuConnection *connection)
{
	CURLMsg *message;
	int remaining;

	while ((message = curl_multi_info_read(connection->multi, &remaining)) != NULL)
	{
		WalcuHandle *handle;

		if (message->msg != CURLMSG_DONE ||
			curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &handle) != CURLE_OK)
			continue;
		handle->done = true;
		handle->result = message->data.result;
	}
}
