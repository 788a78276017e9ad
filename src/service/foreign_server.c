/*
 * foreign_server.c
 *	  Servers of this wrapper that a user may use.
 *
 * SQL functions that are given the name of a server find it here.
 */
#include "postgres.h"

#include "service/foreign_server.h"

#include "base/compat.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

/*
 * Finds a server that the user may use.  Errors: 42704 for an unknown one, 42809 for one of another wrapper,
 * 42501 without USAGE on it.
 */
ForeignServer *
foreign_server_find(const char *name)
{
	ForeignServer *server = GetForeignServerByName(name, false);

	if (!foreign_server_is_of_walcu(server))
		ereport(
			ERROR, errcode(ERRCODE_WRONG_OBJECT_TYPE), errmsg("server \"%s\" is not one of walcu_fdw", name),
			errdetail("Its foreign-data wrapper is \"%s\".", GetForeignDataWrapper(server->fdwid)->fdwname));
	if (compat_aclcheck(ForeignServerRelationId, server->serverid, GetUserId(), ACL_USAGE) != ACLCHECK_OK)
		ereport(ERROR, errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				errmsg("permission denied for foreign server %s", server->servername),
				errhint("%s can GRANT USAGE ON FOREIGN SERVER %s TO %s.",
						quote_identifier(GetUserNameFromId(server->owner, false)),
						quote_identifier(server->servername),
						quote_identifier(GetUserNameFromId(GetUserId(), false))));
	return server;
}

/* Tells whether a server is one of this wrapper, whatever that is called. */
bool
foreign_server_is_of_walcu(const ForeignServer *server)
{
	Oid handler = GetForeignDataWrapper(server->fdwid)->fdwhandler;
	const char *name = OidIsValid(handler) ? get_func_name(handler) : NULL;

	return name && strcmp(name, "walcu_fdw_handler") == 0;
}

/* Error: HV00J for a server that does not say whose documents it has. */
void
foreign_server_require_dealer(const WalcuOptions *options)
{
	if (options->dealer_id == NULL)
		ereport(ERROR, errcode(ERRCODE_FDW_OPTION_NAME_NOT_FOUND),
				errmsg("server \"%s\" has no dealer_id", options->server_name),
				errhint("Use ALTER SERVER %s OPTIONS (ADD dealer_id '...').",
						quote_identifier(options->server_name)));
}
