/*
 * copy_columns.c
 *	  What a copy can have of a foreign table.
 *
 * A table over several dealers is read as a whole; what its columns show, a foreign table tells that is a
 * partition of it.
 */
#include "postgres.h"

#include "copies/copy_columns.h"

#include "access/htup_details.h"
#include "access/relation.h"
#include "access/sysattr.h"
#include "base/text.h"
#include "catalog/pg_class.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "foreign/foreign.h"
#include "service/foreign_server.h"
#include "service/foreign_table.h"
#include "service/option.h"
#include "service/option_column.h"
#include "service/reference.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

static Oid find_foreign_table(Oid relid);
static void read_source_column(WalcuCopySource *source, Form_pg_attribute attribute);
static bool leads_to_document(const char *resource, const char *path, List *references);
static const char *find_collation_clause(Form_pg_attribute attribute);

/*
 * Looks at a foreign table, or a table over several.  Errors: 42809 for another kind of table, or one whose
 * rows are elements of lists; 42703 where no column shows _id.
 */
WalcuCopySource *
copy_columns_of_source(Oid relid)
{
	WalcuCopySource *source = palloc0(sizeof(WalcuCopySource));
	Relation relation;

	source->relid = relid;
	source->foreign = find_foreign_table(relid);
	if (option_array_of_table(source->foreign))
		ereport(ERROR, errcode(ERRCODE_WRONG_OBJECT_TYPE),
				errmsg("the rows of \"%s\" are elements of lists, which have no _id", get_rel_name(relid)),
				errhint("Copy the table of the documents, and make a view of the lists in the copy."));
	relation = relation_open(relid, AccessShareLock);
	for (int i = 0; i < RelationGetNumberOfAttributes(relation); i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(RelationGetDescr(relation), i);

		if (!attribute->attisdropped)
			read_source_column(source, attribute);
	}
	relation_close(relation, AccessShareLock);
	if (source->id == NULL)
		ereport(ERROR, errcode(ERRCODE_UNDEFINED_COLUMN),
				errmsg("no column of \"%s\" shows _id", get_rel_name(relid)),
				errhint("A copy knows its rows by that: add a column for it."));
	return source;
}

/* Returns the table, or the first of its partitions that is ours. */
static Oid
find_foreign_table(Oid relid)
{
	bool is_parent = get_rel_relkind(relid) == RELKIND_PARTITIONED_TABLE;
	ListCell *lc;

	foreach(lc, is_parent ? find_all_inheritors(relid, AccessShareLock, NULL) : list_make1_oid(relid))
	{
		if (get_rel_relkind(lfirst_oid(lc)) == RELKIND_FOREIGN_TABLE &&
			foreign_server_is_of_walcu(GetForeignServer(GetForeignTable(lfirst_oid(lc))->serverid)))
			return lfirst_oid(lc);
	}
	ereport(ERROR, errcode(ERRCODE_WRONG_OBJECT_TYPE),
			errmsg("\"%s\" is not a foreign table of walcu_fdw", get_rel_name(relid)),
			errhint("Name one, or a table that has some as partitions."));
}

static void
read_source_column(WalcuCopySource *source, Form_pg_attribute attribute)
{
	char *name = pstrdup(NameStr(attribute->attname));
	const WalcuColumn *option =
		option_for_column(source->foreign, get_attnum(source->foreign, NameStr(attribute->attname)));

	/* it has something in a condition only */
	if (option->parameter)
		return;
	source->columns = lappend(source->columns, name);
	if (strcmp(option->path, "_id") == 0 && source->id == NULL)
		source->id = name;
	else if (strcmp(option->path, "updated_at") == 0 && attribute->atttypid == TIMESTAMPTZOID &&
			 source->updated_at == NULL)
		source->updated_at = name;
}

/* Returns those columns (char *) that have ids of other documents, one each. */
List *
copy_columns_of_ids(const WalcuCopySource *source)
{
	const char *resource = option_resource_of_table(source->foreign);
	List *references = reference_read();
	List *ids = NIL;
	ListCell *lc;

	foreach(lc, source->columns)
	{
		AttrNumber number = get_attnum(source->foreign, lfirst(lc));

		if (get_atttype(source->foreign, number) == TEXTOID &&
			leads_to_document(resource, option_for_column(source->foreign, number)->path, references))
			ids = lappend(ids, lfirst(lc));
	}
	return ids;
}

/* Tells whether a place has ids of documents that are tables: users are none, and what is computed varies. */
static bool
leads_to_document(const char *resource, const char *path, List *references)
{
	List *targets = reference_targets(references, resource, path);

	return targets != NIL && !text_in_list(targets, "users") && strncmp(path, "computed.", 9) != 0;
}

/* A copy that has these columns alone cannot tell the newest date if that is not among them. */
void
copy_columns_keep(WalcuCopySource *source, List *columns)
{
	if (source->updated_at && !text_in_list(columns, source->updated_at))
		source->updated_at = NULL;
}

/*
 * Returns the columns (char *) of the primary key of a copy, which rows are known by.  Errors: 42P10 where
 * _id is not one of them.
 */
List *
copy_columns_key(Oid copy, const char *id)
{
	Relation relation = relation_open(copy, AccessShareLock);
	Bitmapset *numbers = RelationGetIndexAttrBitmap(relation, INDEX_ATTR_BITMAP_PRIMARY_KEY);
	List *key = NIL;

	for (int i = 0; i < RelationGetNumberOfAttributes(relation); i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(RelationGetDescr(relation), i);

		if (bms_is_member(attribute->attnum - FirstLowInvalidHeapAttributeNumber, numbers))
			key = lappend(key, pstrdup(NameStr(attribute->attname)));
	}
	relation_close(relation, AccessShareLock);
	if (!text_in_list(key, id))
		ereport(
			ERROR, errcode(ERRCODE_INVALID_COLUMN_REFERENCE),
			errmsg("the primary key of \"%s\" does not have the column \"%s\"", get_rel_name(copy), id),
			errhint("ALTER TABLE %s ADD PRIMARY KEY (%s);", foreign_table_name(copy), quote_identifier(id)));
	return key;
}

/* Returns how a column is declared in another table: name, type and collation. */
char *
copy_columns_declare(Oid relid, const char *column)
{
	HeapTuple tuple = SearchSysCacheAttName(relid, column);
	Form_pg_attribute attribute;
	char *declaration;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for column \"%s\" of relation %u", column, relid);
	attribute = (Form_pg_attribute) GETSTRUCT(tuple);
	declaration = psprintf("%s %s%s", quote_identifier(column),
						   format_type_with_typemod(attribute->atttypid, attribute->atttypmod),
						   find_collation_clause(attribute));
	ReleaseSysCache(tuple);
	return declaration;
}

static const char *
find_collation_clause(Form_pg_attribute attribute)
{
	HeapTuple tuple;
	Form_pg_collation collation;
	const char *clause;

	if (!OidIsValid(attribute->attcollation) ||
		attribute->attcollation == get_typcollation(attribute->atttypid))
		return "";
	tuple = SearchSysCache1(COLLOID, ObjectIdGetDatum(attribute->attcollation));
	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for collation %u", attribute->attcollation);
	collation = (Form_pg_collation) GETSTRUCT(tuple);
	clause = psprintf(" COLLATE %s", quote_qualified_identifier(get_namespace_name(collation->collnamespace),
																NameStr(collation->collname)));
	ReleaseSysCache(tuple);
	return clause;
}

/*
 * A column that one of both tables has no more would no longer be brought up to date.  Error: 42703 for the
 * first of them.
 */
void
copy_columns_require_both(const WalcuCopy *copy)
{
	ListCell *lc;

	foreach(lc, copy->columns)
	{
		const char *name = lfirst(lc);
		bool is_in_source = get_attnum(copy->source, name) != InvalidAttrNumber;

		if (is_in_source && get_attnum(copy->relid, name) != InvalidAttrNumber)
			continue;
		ereport(
			ERROR, errcode(ERRCODE_UNDEFINED_COLUMN),
			errmsg("column \"%s\" is missing in \"%s\"", name, is_in_source ? copy->name : copy->source_name),
			errhint("Give it the name that it has in \"%s\", or make the columns those that both have, with "
					"SELECT walcu_fdw_copy_columns(%s).",
					is_in_source ? copy->source_name : copy->name, quote_literal_cstr(copy->name)));
	}
}
