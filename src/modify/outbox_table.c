/*
 * outbox_table.c
 *	  The table of writes that are recorded to be sent later: where it is.
 *
 * The extension can be moved to another schema, so that its tables are looked for where it is now.
 * outbox_record.c adds entries, and the files of outbox/ send them.
 */
#include "postgres.h"

#include "modify/outbox_table.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/pg_extension.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#define EXTENSION_NAME "walcu_fdw"
#define ENTRIES_NAME   "walcu_fdw_outbox_entries"
#define NUMBERS_NAME   "walcu_fdw_outbox_entries_id_seq"

static Oid find_relation(const char *name);

/* Returns the schema that the extension is in; InvalidOid where the database does not have it. */
Oid
outbox_table_schema(void)
{
	Relation catalog = table_open(ExtensionRelationId, AccessShareLock);
	Oid schema = InvalidOid;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple tuple;

	ScanKeyInit(&key, Anum_pg_extension_extname, BTEqualStrategyNumber, F_NAMEEQ,
				CStringGetDatum(EXTENSION_NAME));
	scan = systable_beginscan(catalog, ExtensionNameIndexId, true, NULL, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
		schema = ((Form_pg_extension) GETSTRUCT(tuple))->extnamespace;
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
	return schema;
}

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
	Oid schema = outbox_table_schema();
	Oid relation = OidIsValid(schema) ? get_relname_relid(name, schema) : InvalidOid;

	if (!OidIsValid(relation))
		ereport(ERROR, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				errmsg("the extension walcu_fdw has no outbox in this database"),
				errdetail("The relation %s is not there.", name),
				errhint("ALTER EXTENSION walcu_fdw UPDATE, or CREATE EXTENSION walcu_fdw, makes it."));
	return relation;
}
