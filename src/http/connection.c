/*
 * connection.c
 *	  The backend's line to each server, and who may use it when.
 *
 * Holds the cache of connections: a curl multi handle for each foreign server, so that
 * TCP and TLS connections outlive a query, but not a change of the server or of credentials.
 * Credentials travel with each transfer and are not kept here.  Transfers stand in a queue
 * until their time has come and fewer than max_connections others are under way.
 * transfer.c calls this, and command/connection_functions.c for SQL.
 */
#include "postgres.h"

#include "http/connection.h"

#include "access/xact.h"
#include "base/compat.h"
#include "base/file.h"
#include "catalog/pg_foreign_server.h"
#include "http/rate_limit.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

struct WalcuConnection
{
	Oid serverid;          /* This is the hash key. */
	WalcuCurlMulti *multi; /* It is NULL until it is needed, or needed again. */
	dlist_head queue;      /* These handles (WalcuCurlEasy) have not begun; the first to begin comes first. */
	dlist_head begun;      /* These handles were added to multi, or failed to be. */
	int max_running;       /* The option max_connections says this. */
	double held_until;  /* Nothing begins before (by walcu_curl_multi_now): the service asked for a pause. */
	bool kept;          /* The option keep_connections says this. */
	uint32 server_hash; /* PostgreSQL tells of a change of the server by this. */
	bool outdated;      /* The server, or somebody's credentials, were changed or dropped. */
	double waited;      /* The backend has waited so many milliseconds for replies. */
	double wait_began;  /* Somebody else began to wait for it then (by walcu_curl_multi_now); 0 for nobody. */
	double wait_limit;  /* That wait takes so many milliseconds at most. */
	WalcuFileVersion ca_file; /* The file was like this when requests began to rely on it. */
	TimestampTz statement;    /* The statement whose requests are counted began then. */
	int requests;             /* That statement has sent so many requests. */
};

/* The cache of connections, by server. */
static HTAB *connections = NULL;

static void create_connections(void);
static void open_multi(WalcuConnection *connection, const WalcuOptions *options);
static void on_server_change(Datum arg, int cache, uint32 hash);
static void on_mapping_change(Datum arg, int cache, uint32 hash);
static void close_at_transaction_end(XactEvent event, void *arg);
static void close_outdated(void);
static void close_if_ca_file_changed(WalcuConnection *connection, const WalcuOptions *options);
static void end_wait(WalcuConnection *connection);
static int count_running(WalcuConnection *connection);
static int count_paused(WalcuConnection *connection);
static void begin_due(WalcuConnection *connection);
static bool has_turn(WalcuCurlEasy *handle, double now);
static double may_begin(const WalcuConnection *connection, const WalcuCurlEasy *handle);
static uint32 wait_event(WalcuConnection *connection);

/* The connection to a server, made when there is none yet. */
WalcuConnection *
connection_get(const WalcuOptions *options)
{
	WalcuConnection *connection;
	bool found;

	if (connections == NULL)
		create_connections();
	close_outdated();
	connection = hash_search(connections, &options->serverid, HASH_ENTER, &found);
	if (!found)
	{
		memset((char *) connection + sizeof(Oid), 0, sizeof(WalcuConnection) - sizeof(Oid));
		dlist_init(&connection->queue);
		dlist_init(&connection->begun);
		connection->server_hash =
			GetSysCacheHashValue1(FOREIGNSERVEROID, ObjectIdGetDatum(options->serverid));
	}
	connection->max_running = options->max_connections;
	connection->kept = options->keep_connections;
	close_if_ca_file_changed(connection, options);
	if (connection->multi == NULL)
		open_multi(connection, options);
	return connection;
}

/* Opens a connection.  Errors: 53200. */
static void
open_multi(WalcuConnection *connection, const WalcuOptions *options)
{
	connection->multi = walcu_curl_multi_create();
	if (connection->multi == NULL)
		ereport(ERROR, errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory"),
				errdetail("Failed while preparing connections to server \"%s\".", options->server_name));
	/* writes that wait for the commit are sent to a server that the transaction has dropped, too */
	connection->outdated = !SearchSysCacheExists1(FOREIGNSERVEROID, ObjectIdGetDatum(connection->serverid));
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

/* Returns how many requests max_requests leaves for the statement. */
int
connection_requests_left(const WalcuOptions *options)
{
	const WalcuConnection *connection = connection_get(options);
	bool has_begun = connection->statement == GetCurrentStatementStartTimestamp();

	if (options->max_requests == 0)
		return PG_INT32_MAX;
	return options->max_requests - (has_begun ? Min(connection->requests, options->max_requests) : 0);
}

/* Let a handle begin as soon as its time has come and there is room. */
void
connection_queue(WalcuConnection *connection, WalcuCurlEasy *handle)
{
	dlist_push_tail(&connection->queue, &handle->node);
	handle->queued = true;
	begin_due(connection);
}

/*
 * Let a handle that has nothing to send keep the connection open until it is removed, as one that has ended
 * does.
 */
void
connection_join(WalcuConnection *connection, WalcuCurlEasy *handle)
{
	dlist_push_tail(&connection->begun, &handle->node);
	handle->queued = true;
	handle->done = true;
}

/* Let nothing begin for so many milliseconds. */
void
connection_hold(WalcuConnection *connection, double milliseconds)
{
	double until = walcu_curl_multi_now() + milliseconds;
	dlist_iter iter;

	connection->held_until = Max(connection->held_until, until);
	/* places in the rate would all be past then; they are given back as they can be, the last one first */
	dlist_reverse_foreach(iter, &connection->queue)
	{
		WalcuCurlEasy *handle = dlist_container(WalcuCurlEasy, node, iter.cur);

		if (handle->has_place)
			rate_limit_give_back(connection->serverid, handle->place);
		handle->has_place = false;
	}
}

/* Take a handle back, finished or not.  Raises nothing: it runs on abort, too. */
void
connection_remove(WalcuConnection *connection, WalcuCurlEasy *handle)
{
	if (!handle->queued)
		return;
	if (handle->added)
		walcu_curl_multi_remove(connection->multi, handle);
	else if (handle->has_place)
		rate_limit_give_back(connection->serverid, handle->place);
	dlist_delete(&handle->node);
	handle->queued = false;
	/* what a transaction's end could not close yet, as its portals go later */
	if (connection->outdated && !connection->kept)
		connection_close(connection);
}

/*
 * Let curl do what it can, after waiting at most limit milliseconds for something to do (0: do
 * not wait; below 0: no limit).  Returns after the first event; serves interrupts.
 */
void
connection_drive(WalcuConnection *connection, double limit)
{
	double due;

	CHECK_FOR_INTERRUPTS();
	end_wait(connection);
	begin_due(connection);
	due = connection_due(connection);
	if (due > 0)
	{
		due -= walcu_curl_multi_now(); /* Max would look at the clock twice, and below 0 is without limit */
		due = Max(due, 0);
		limit = (limit < 0) ? due : Min(limit, due);
	}
	connection->waited += walcu_curl_multi_drive(connection->multi, limit, wait_event(connection));
	begin_due(connection);
}

/*
 * Somebody else begins to wait for the connection's sockets, for limit milliseconds at most.  The wait ends
 * with the next connection_drive, or the next wait.
 */
void
connection_begin_wait(WalcuConnection *connection, double limit)
{
	end_wait(connection);
	connection->wait_began = walcu_curl_multi_now();
	connection->wait_limit = limit;
}

static void
end_wait(WalcuConnection *connection)
{
	double waited = walcu_curl_multi_now() - connection->wait_began;

	if (connection->wait_began != 0)
		connection->waited += Min(waited, connection->wait_limit);
	connection->wait_began = 0;
}

/* A clock, in milliseconds, that runs while the backend waits for this server. */
double
connection_waited(const WalcuConnection *connection)
{
	return connection->waited;
}

/* When something is to be done even if no socket is ready, by walcu_curl_multi_now; 0 for never. */
double
connection_due(WalcuConnection *connection)
{
	double due = walcu_curl_multi_timer(connection->multi);
	dlist_iter iter;

	if (count_running(connection) >= connection->max_running)
		return due;
	dlist_foreach(iter, &connection->queue)
	{
		double begin = may_begin(connection, dlist_container(WalcuCurlEasy, node, iter.cur));

		due = (due == 0) ? begin : Min(due, begin);
	}
	return due;
}

/* The sockets that curl waits for. */
const struct pollfd *
connection_sockets(const WalcuConnection *connection, int *count)
{
	return walcu_curl_multi_sockets(connection->multi, count);
}

static void
create_connections(void)
{
	HASHCTL control = {.keysize = sizeof(Oid), .entrysize = sizeof(WalcuConnection)};

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		ereport(ERROR, errcode(ERRCODE_FDW_ERROR), errmsg("could not initialize libcurl"));
	connections = hash_create("walcu_fdw connections", 8, &control, HASH_ELEM | HASH_BLOBS);
	CacheRegisterSyscacheCallback(FOREIGNSERVEROID, on_server_change, (Datum) 0);
	CacheRegisterSyscacheCallback(USERMAPPINGOID, on_mapping_change, (Datum) 0);
	RegisterXactCallback(close_at_transaction_end, NULL);
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

/* Whose credentials they are is not told; they change rarely. */
static void
on_mapping_change(Datum arg, int cache, uint32 hash)
{
	on_server_change(arg, cache, 0);
}

/* Close what is not to outlive a transaction: what was dropped in it, too. */
static void
close_at_transaction_end(XactEvent event, void *arg)
{
	HASH_SEQ_STATUS status;
	WalcuConnection *connection;

	if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT && event != XACT_EVENT_PREPARE)
		return;
	hash_seq_init(&status, connections);
	while ((connection = hash_seq_search(&status)) != NULL)
	{
		if ((!connection->kept || connection->outdated) && !connection_close(connection))
			connection->outdated = true;
	}
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
		if (connection->outdated)
			connection_close(connection);
	}
}

/*
 * What a connection was trusted for stands in a file, which may be replaced at any time: then connections are
 * made anew, and TLS sessions with them.  Errors: 42809 it is no regular file.
 */
static void
close_if_ca_file_changed(WalcuConnection *connection, const WalcuOptions *options)
{
	WalcuFileVersion now;

	file_version(options->ca_file, &now);
	if (file_version_equals(&now, &connection->ca_file))
		return;
	connection->ca_file = now;
	if (!connection_close(connection))
		connection->outdated = true;
}

/* Those whose reader has enough unread do not count: it may be waiting for the others. */
static int
count_running(WalcuConnection *connection)
{
	int running = 0;
	dlist_iter iter;

	dlist_foreach(iter, &connection->begun)
	{
		const WalcuCurlEasy *handle = dlist_container(WalcuCurlEasy, node, iter.cur);

		running += !handle->done && !handle->paused;
	}
	return running;
}

static int
count_paused(WalcuConnection *connection)
{
	int paused = 0;
	dlist_iter iter;

	dlist_foreach(iter, &connection->begun)
	{
		const WalcuCurlEasy *handle = dlist_container(WalcuCurlEasy, node, iter.cur);

		paused += !handle->done && handle->paused;
	}
	return paused;
}

static void
begin_due(WalcuConnection *connection)
{
	int running;
	double now;
	dlist_mutable_iter iter;

	if (dlist_is_empty(&connection->queue))
		return;
	running = count_running(connection);
	/* a reader that has enough unread keeps its socket, so that the others need theirs beside it */
	walcu_curl_multi_limit(connection->multi, connection->max_running,
						   connection->max_running + count_paused(connection));
	now = walcu_curl_multi_now();
	dlist_foreach_modify(iter, &connection->queue)
	{
		WalcuCurlEasy *handle = dlist_container(WalcuCurlEasy, node, iter.cur);

		if (running >= connection->max_running)
			return;
		if (may_begin(connection, handle) > now || !has_turn(handle, now))
			continue;
		dlist_delete(&handle->node);
		dlist_push_tail(&connection->begun, &handle->node);
		handle->began = connection->waited;
		handle->began_at = now;
		handle->done = !walcu_curl_multi_add(connection->multi, handle);
		handle->result = CURLE_OUT_OF_MEMORY; /* holds if it is done already */
		running++;
	}
}

/* Its time has come: does max_requests_per_second let it begin, too? */
static bool
has_turn(WalcuCurlEasy *handle, double now)
{
	double wait;

	if (handle->has_place)
		return true;
	wait = rate_limit_reserve(handle->options, &handle->place);
	handle->has_place = true;
	if (wait <= 0)
		return true;
	handle->not_before = now + wait;
	handle->reason = WALCU_PAUSE_RATE;
	return false;
}

/* When a handle may begin, by walcu_curl_multi_now, if there is room. */
static double
may_begin(const WalcuConnection *connection, const WalcuCurlEasy *handle)
{
	return Max(handle->not_before, connection->held_until);
}

/* What the backend is said to wait for. */
static uint32
wait_event(WalcuConnection *connection)
{
	static uint32 events[WALCU_PAUSE_JOB + 1];
	static const char *const names[] = {"WalcuReply", "WalcuRateLimit", "WalcuRetry", "WalcuJob"};
	WalcuPause reason = WALCU_PAUSE_NONE;

	if (count_running(connection) == 0 && connection->held_until > walcu_curl_multi_now())
		reason = WALCU_PAUSE_RETRY;
	else if (count_running(connection) == 0 && !dlist_is_empty(&connection->queue))
		reason = dlist_container(WalcuCurlEasy, node, dlist_head_node(&connection->queue))->reason;
	return compat_wait_event(&events[reason], names[reason]);
}

/* The connections that have something open, of WalcuConnection. */
List *
connection_list(void)
{
	HASH_SEQ_STATUS status;
	WalcuConnection *connection;
	List *open = NIL;

	if (connections == NULL)
		return NIL;
	hash_seq_init(&status, connections);
	while ((connection = hash_seq_search(&status)) != NULL)
	{
		if (connection->multi)
			open = lappend(open, connection);
	}
	return open;
}

/* Tells the server's OID, which may be that of a dropped one. */
Oid
connection_server(const WalcuConnection *connection)
{
	return connection->serverid;
}

/* Tells whether the server, or somebody's credentials, were changed or dropped since it was opened. */
bool
connection_is_outdated(const WalcuConnection *connection)
{
	return connection->outdated;
}

/* Tells whether no request is under way. */
bool
connection_is_idle(WalcuConnection *connection)
{
	return dlist_is_empty(&connection->queue) && dlist_is_empty(&connection->begun);
}

/* Close what a connection has open; false when it is in use.  Raises nothing. */
bool
connection_close(WalcuConnection *connection)
{
	if (!connection_is_idle(connection))
		return false;
	if (connection->multi)
		walcu_curl_multi_destroy(connection->multi);
	connection->multi = NULL;
	connection->outdated = false;
	return true;
}
