/*
 * schema_step.c
 *	  The schemas that a setup puts something into.
 */
#include "postgres.h"

#include "setup/schema_step.h"

#include "base/text.h"
#include "catalog/catalog.h"
#include "catalog/namespace.h"
#include "setup/right.h"
#include "setup/step.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

static void require_schema_name(const char *schema);

/*
 * Plans a schema where there is none.  Returns the one there is; InvalidOid for one that is to be made.
 * Errors: 22023 and 42939 for a name that no schema can have, 42501 where a right is missing.
 */
Oid
schema_step_add(WalcuSetup *setup, const char *schema)
{
	Oid schemaid = get_namespace_oid(schema, true);

	require_schema_name(schema);
	if (OidIsValid(schemaid))
		right_to_use_schema(schemaid);
	else if (!text_in_list(setup->new_schemas, schema))
	{
		right_to_make_schema(schema);
		step_run(setup, "create schema", quote_identifier(schema),
				 psprintf("CREATE SCHEMA %s", quote_identifier(schema)), NULL);
		setup->new_schemas = lappend(setup->new_schemas, pstrdup(schema));
	}
	return schemaid;
}

/* PostgreSQL would refuse the name when the schema is made, and say nothing of it in a dry run. */
static void
require_schema_name(const char *schema)
{
	if (schema[0] == '\0')
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("schema must not be empty"),
				errhint("Leave it out, or give NULL: then the schema has the name of the server."));
	if (IsReservedName(schema))
		ereport(ERROR, errcode(ERRCODE_RESERVED_NAME), errmsg("unacceptable schema name \"%s\"", schema),
				errdetail("The prefix \"pg_\" is reserved for system schemas."),
				errhint("Give another name as the argument schema."));
}

/* Has something in a schema, which may be one that is to be made, this name? */
bool
schema_step_is_taken(Oid schemaid, const char *name)
{
	return OidIsValid(schemaid) && OidIsValid(get_relname_relid(name, schemaid));
}
