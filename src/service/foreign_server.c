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
	ForeignDataWrapper *wrapper = GetForeignDataWrapper(server->fdwid);
	char *handler = OidIsValid(wrapper->fdwhandler) ? get_func_name(wrapper->fdwhandler) : NULL;

	if (handler == NULL || strcmp(handler, "walcu_fdw_handler") != 0)
		ereport(ERROR, errcode(ERRCODE_WRONG_OBJECT_TYPE),
				errmsg("server \"%s\" is not one of walcu_fdw", name),
				errdetail("Its foreign-data wrapper is \"%s\".", wrapper->fdwname));
	if (compat_aclcheck(ForeignServerRelationId, server->serverid, GetUserId(), ACL_USAGE) != ACLCHECK_OK)
		ereport(ERROR, errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				errmsg("permission denied for foreign server %s", server->servername),
				errhint("%s can GRANT USAGE ON FOREIGN SERVER %s TO %s.",
						quote_identifier(GetUserNameFromId(server->owner, false)),
						quote_identifier(server->servername),
						quote_identifier(GetUserNameFromId(GetUserId(), false))));
	return server;
}
