/*
 * connection_functions.c
 *	  The SQL functions that show and close this session's connections.
 *
 * They are named as postgres_fdw's, and do what those do.  SQL calls in here.
 */
#include "postgres.h"

#include "base/compat.h"
#include "fmgr.h"
#include "foreign/foreign.h"
#include "funcapi.h"
#include "http/connection.h"
#include "utils/builtins.h"

static bool close_or_warn(WalcuConnection *connection);

PG_FUNCTION_INFO_V1(walcu_fdw_get_connections);

/*
 * walcu_fdw_get_connections() returns setof (server_name text, valid boolean, in_use boolean)
 *
 * The servers that this session has a connection to.  server_name is NULL for one that this transaction has
 * dropped; valid is false when the server or a user mapping was changed since, so that the connection is
 * closed before it is used again; in_use tells that a request is under way.
 */
Datum
walcu_fdw_get_connections(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	ListCell *lc;

	compat_init_materialized_srf(fcinfo);
	foreach(lc, connection_list())
	{
		WalcuConnection *connection = lfirst(lc);
		ForeignServer *server = GetForeignServerExtended(connection_server(connection), FSV_MISSING_OK);
		Datum values[] = {server ? CStringGetTextDatum(server->servername) : (Datum) 0,
						  BoolGetDatum(server && !connection_is_outdated(connection)),
						  BoolGetDatum(!connection_is_idle(connection))};
		bool nulls[] = {server == NULL, false, false};

		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	PG_RETURN_VOID();
}

PG_FUNCTION_INFO_V1(walcu_fdw_disconnect);

/*
 * walcu_fdw_disconnect(server_name text) returns boolean
 *
 * Close this session's connection to a server.  False, with a warning, when a request of an open cursor is
 * under way, and false when there is none.  Errors: 42704 there is no such server.
 */
Datum
walcu_fdw_disconnect(PG_FUNCTION_ARGS)
{
	Oid serverid = GetForeignServerByName(text_to_cstring(PG_GETARG_TEXT_PP(0)), false)->serverid;
	ListCell *lc;

	foreach(lc, connection_list())
	{
		if (connection_server(lfirst(lc)) == serverid)
			PG_RETURN_BOOL(close_or_warn(lfirst(lc)));
	}
	PG_RETURN_BOOL(false);
}

PG_FUNCTION_INFO_V1(walcu_fdw_disconnect_all);

/* walcu_fdw_disconnect_all() returns boolean: as walcu_fdw_disconnect, all of them; true if any was closed */
Datum
walcu_fdw_disconnect_all(PG_FUNCTION_ARGS)
{
	bool any = false;
	ListCell *lc;

	foreach(lc, connection_list())
		any |= close_or_warn(lfirst(lc));
	PG_RETURN_BOOL(any);
}

static bool
close_or_warn(WalcuConnection *connection)
{
	ForeignServer *server;

	if (connection_close(connection))
		return true;
	server = GetForeignServerExtended(connection_server(connection), FSV_MISSING_OK);
	ereport(WARNING, server ? errmsg("cannot close the connection to server \"%s\" because it is in use",
									 server->servername)
							: errmsg("cannot close the connection to a dropped server because it is in use"));
	return false;
}
