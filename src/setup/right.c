/*
 * right.c
 *	  Which rights a setup needs, and which of them the user lacks.
 *
 * PostgreSQL would refuse the statements itself, in the middle of them and without saying who can help.  All
 * errors are 42501.
 */
#include "postgres.h"

#include "setup/right.h"

#include "access/htup_details.h"
#include "base/compat.h"
#include "catalog/pg_class.h"
#include "commands/dbcommands.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

static void require_schema_right(Oid schemaid, AclMode mode, const char *right);
static Oid find_owner(Oid relid);
static const char *name_user(Oid userid);

/* The schema is to be made in this database. */
void
right_to_make_schema(const char *schema)
{
	const char *database = quote_identifier(get_database_name(MyDatabaseId));

	if (compat_aclcheck(DatabaseRelationId, MyDatabaseId, GetUserId(), ACL_CREATE) != ACLCHECK_OK)
		ereport(
			ERROR, errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			errmsg("permission denied to make schema \"%s\"", schema),
			errhint(
				"A superuser can CREATE SCHEMA %s AUTHORIZATION %s, or GRANT CREATE ON DATABASE %s TO %s.",
				quote_identifier(schema), name_user(GetUserId()), database, name_user(GetUserId())));
}

/* Tables of the schema are to be looked at. */
void
right_to_use_schema(Oid schemaid)
{
	require_schema_right(schemaid, ACL_USAGE, "USAGE");
}

/* Tables are to be made in the schema. */
void
right_to_make_tables(Oid schemaid)
{
	require_schema_right(schemaid, ACL_CREATE, "CREATE");
}

static void
require_schema_right(Oid schemaid, AclMode mode, const char *right)
{
	const char *schema = get_namespace_name(schemaid);

	if (compat_aclcheck(NamespaceRelationId, schemaid, GetUserId(), mode) != ACLCHECK_OK)
		ereport(ERROR, errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				errmsg("permission denied for schema %s", schema),
				errhint("Its owner can GRANT %s ON SCHEMA %s TO %s.", right, quote_identifier(schema),
						name_user(GetUserId())));
}

/* A table, or a view, is to be altered. */
void
right_to_alter(Oid relid)
{
	if (!compat_ownercheck(RelationRelationId, relid, GetUserId()))
		ereport(ERROR, errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				errmsg("must be owner of %s \"%s\"",
					   get_rel_relkind(relid) == RELKIND_VIEW ? "view" : "table", get_rel_name(relid)),
				errhint("Run walcu_fdw_setup as %s.", name_user(find_owner(relid))));
}

/* A table is to be analyzed. */
void
right_to_analyze(Oid relid)
{
	if (pg_class_aclcheck(relid, GetUserId(), ACL_MAINTAIN) != ACLCHECK_OK &&
		!compat_ownercheck(RelationRelationId, relid, GetUserId()))
		ereport(ERROR, errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				errmsg("permission denied to analyze table \"%s\"", get_rel_name(relid)),
				errhint("Run walcu_fdw_setup as %s, or without statistics.", name_user(find_owner(relid))));
}

static Oid
find_owner(Oid relid)
{
	HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	Oid owner;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for relation %u", relid);
	owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);
	return owner;
}

static const char *
name_user(Oid userid)
{
	return quote_identifier(GetUserNameFromId(userid, false));
}
