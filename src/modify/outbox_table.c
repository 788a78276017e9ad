/*
 * outbox_table.c
 *	  The table of writes that are recorded to be sent later: where it is.
 *
 * The extension can be moved to another schema, so that its tables are looked for where it is now.
 * outbox_record.c adds entries, and the files of outbox/ send them.
 */
#include "postgres.h"

#include "modify/outbox_table.h"

#include "base/extension.h"
#include "utils/lsyscache.h"

#define ENTRIES_NAME "walcu_fdw_outbox_entries"
#define NUMBERS_NAME "walcu_fdw_outbox_entries_id_seq"

static Oid find_relation(const char *name);

/* Returns the table of the entries.  Error: 55000 where the extension's objects are of a version without. */
Oid
outbox_table_entries(void)
{
	return find_relation(ENTRIES_NAME);
}

/* Returns the sequence that numbers the entries.  Error: that of outbox_table_entries. */
Oid
outbox_table_numbers(void)
{
	return find_relation(NUMBERS_NAME);
}

static Oid
find_relation(const char *name)
{
	Oid schema = extension_schema();
	Oid relation = OidIsValid(schema) ? get_relname_relid(name, schema) : InvalidOid;

	if (!OidIsValid(relation))
		ereport(ERROR, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				errmsg("the extension walcu_fdw has no outbox in this database"),
				errdetail("The relation %s is not there.", name),
				errhint("ALTER EXTENSION walcu_fdw UPDATE, or CREATE EXTENSION walcu_fdw, makes it."));
	return relation;
}
