/*
 * connection.c
 *	  The backend's connection to each server, kept across queries.
 *
 * Holds the cache of connections: a line (line.c) for each foreign server, so that TCP and TLS connections
 * outlive a query, but not a change of the server or of credentials, unless another server shares them
 * (pool.c).
 * Credentials travel with each transfer and are not kept here.
 * transfer.c calls this, and command/connection_functions.c for SQL.
 */
#include "postgres.h"

#include "http/connection.h"

#include "access/xact.h"
#include "base/file.h"
#include "catalog/pg_foreign_server.h"
#include "http/wait_set.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

struct WalcuConnection
{
	Oid serverid;             /* This is the hash key. */
	WalcuLine line;           /* Requests are sent over this. */
	bool kept;                /* The option keep_connections says this. */
	uint32 server_hash;       /* PostgreSQL tells of a change of the server by this. */
	bool outdated;            /* The server, or somebody's credentials, were changed or dropped. */
	WalcuFileVersion ca_file; /* The file was like this when requests began to rely on it. */
	TimestampTz statement;    /* The statement whose requests are counted began then. */
	int requests;             /* That statement has sent so many requests. */
};

/* The cache of connections, by server. */
static HTAB *connections = NULL;

/* Some of them may be outdated. */
static bool may_be_outdated = false;

static void create_connections(void);
static void set_place(WalcuConnection *connection, const WalcuOptions *options);
static void on_server_change(Datum arg, int cache, uint32 hash);
static void on_mapping_change(Datum arg, int cache, uint32 hash);
static void close_at_transaction_end(XactEvent event, void *arg);
static void close_outdated(void);
static void close_if_ca_file_changed(WalcuConnection *connection, const WalcuOptions *options);

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
		line_init(&connection->line, connection->serverid);
		connection->server_hash =
			GetSysCacheHashValue1(FOREIGNSERVEROID, ObjectIdGetDatum(options->serverid));
	}
	line_limit(&connection->line, options->max_connections, options->max_connections_total);
	connection->kept = options->keep_connections;
	close_if_ca_file_changed(connection, options);
	if (connection->line.origin == NULL)
		set_place(connection, options);
	/* writes that wait for the commit are sent to a server that the transaction has dropped, too */
	if (!line_is_open(&connection->line))
		connection->outdated =
			!SearchSysCacheExists1(FOREIGNSERVEROID, ObjectIdGetDatum(connection->serverid));
	may_be_outdated |= connection->outdated;
	return connection;
}

/* What requests are sent over.  It stays where it is as long as the backend lives. */
WalcuLine *
connection_line(WalcuConnection *connection)
{
	return &connection->line;
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

/* Take a handle back, finished or not.  Raises nothing: it runs on abort, too. */
void
connection_remove(WalcuConnection *connection, WalcuCurlEasy *handle)
{
	line_remove(&connection->line, handle);
	/* what a transaction's end could not close yet, as its portals go later */
	if (connection->outdated && !connection->kept)
		connection_close(connection);
}

static void
create_connections(void)
{
	HASHCTL control = {.keysize = sizeof(Oid), .entrysize = sizeof(WalcuConnection)};

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		ereport(ERROR, errcode(ERRCODE_FDW_ERROR), errmsg("could not initialize libcurl"));
	wait_set_open();
	connections = hash_create("walcu_fdw connections", 8, &control, HASH_ELEM | HASH_BLOBS);
	CacheRegisterSyscacheCallback(FOREIGNSERVEROID, on_server_change, (Datum) 0);
	CacheRegisterSyscacheCallback(USERMAPPINGOID, on_mapping_change, (Datum) 0);
	RegisterXactCallback(close_at_transaction_end, NULL);
}

/*
 * Where the server's connections lead.  Servers share them whose endpoints have the same scheme, host and
 * port, and which trust the same certificates.  A server that counts its connections, or closes them with the
 * transaction, has its own.
 */
static void
set_place(WalcuConnection *connection, const WalcuOptions *options)
{
	WalcuLine *line = &connection->line;
	const char *host = strstr(options->endpoint, "://");
	size_t before_path = host ? host + 3 - options->endpoint + strcspn(host + 3, "/") : 0;
	StringInfoData text;

	line->is_shared = options->keep_connections && options->max_connections_total == 0;
	initStringInfo(&text);
	appendStringInfo(&text, "%u %s ", line->is_shared ? InvalidOid : connection->serverid,
					 options->ca_file ? options->ca_file : "");
	appendBinaryStringInfo(&text, (char *) &connection->ca_file, sizeof(WalcuFileVersion));
	appendBinaryStringInfo(&text, options->endpoint, before_path);
	line->place = digest_of(text.data, text.len);
	pfree(text.data);
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
	may_be_outdated = true;
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
			connection->outdated = may_be_outdated = true;
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

	/* this is asked for each request, and there may be hundreds of servers */
	if (!may_be_outdated)
		return;
	may_be_outdated = false;
	hash_seq_init(&status, connections);
	while ((connection = hash_seq_search(&status)) != NULL)
	{
		if (connection->outdated && !connection_close(connection))
			may_be_outdated = true;
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
		connection->outdated = may_be_outdated = true;
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
		if (line_is_open(&connection->line))
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
	return line_is_idle(&connection->line);
}

/* Close what it has open, unless other servers share that; false when it is in use.  Raises nothing. */
bool
connection_close(WalcuConnection *connection)
{
	if (!line_close(&connection->line))
		return false;
	connection->outdated = false;
	return true;
}
