/*
 * acting_user.c
 *	  Whose rights work on a table has.
 *
 * A copy is read and written as its owner, whoever calls: what its owner has put around the table, a trigger
 * say, must not run with more rights than his own.  REFRESH MATERIALIZED VIEW does the same.  The extension's
 * own tables are written as their owner, by statements of copies/ and outbox/ alone, under settings that make
 * the names in them mean what they say.
 */
#include "postgres.h"

#include "base/acting_user.h"

#include "access/htup_details.h"
#include "base/compat.h"
#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

static WalcuActingUser become_user(Oid userid, int restrictions);
static Oid find_table_owner(Oid relid);

/* Acts as the owner of a table until acting_user_return, or until the end of a transaction that fails. */
WalcuActingUser
acting_user_become_owner(Oid relid)
{
	return become_user(find_table_owner(relid), SECURITY_RESTRICTED_OPERATION);
}

/* The same for a table of the extension, with names that nobody can have made mean something else. */
WalcuActingUser
acting_user_become_keeper(Oid relid)
{
	WalcuActingUser before =
		become_user(find_table_owner(relid), SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION);

	(void) set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
	return before;
}

static WalcuActingUser
become_user(Oid userid, int restrictions)
{
	WalcuActingUser before;

	GetUserIdAndSecContext(&before.userid, &before.context);
	SetUserIdAndSecContext(userid, before.context | restrictions);
	before.gucs_level = NewGUCNestLevel();
	return before;
}

void
acting_user_return(WalcuActingUser before)
{
	AtEOXact_GUC(false, before.gucs_level);
	SetUserIdAndSecContext(before.userid, before.context);
}

/* Errors: 42P01 for a table that is gone, 42501 unless the current user owns it. */
void
acting_user_require_owner(Oid relid)
{
	(void) find_table_owner(relid);
	if (!compat_ownercheck(RelationRelationId, relid, GetUserId()))
		aclcheck_error(ACLCHECK_NOT_OWNER, OBJECT_TABLE, get_rel_name(relid));
}

static Oid
find_table_owner(Oid relid)
{
	HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	Oid owner;

	if (!HeapTupleIsValid(tuple))
		ereport(ERROR, errcode(ERRCODE_UNDEFINED_TABLE),
				errmsg("relation with OID %u does not exist", relid));
	owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);
	return owner;
}
