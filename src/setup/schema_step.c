/*
 * schema_step.c
 *	  The schemas that a setup puts something into.
 */
#include "postgres.h"

#include "setup/schema_step.h"

#include "base/text.h"
#include "catalog/namespace.h"
#include "setup/right.h"
#include "setup/step.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

/* Plans a schema where there is none.  Returns the one there is; InvalidOid for one that is to be made. */
Oid
schema_step_add(WalcuSetup *setup, const char *schema)
{
	Oid schemaid = get_namespace_oid(schema, true);

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

/* Has something in a schema, which may be one that is to be made, this name? */
bool
schema_step_is_taken(Oid schemaid, const char *name)
{
	return OidIsValid(schemaid) && OidIsValid(get_relname_relid(name, schemaid));
}
