/*
 * updatable.c
 *	  Which tables may be written, and what the rows to be written must bring along.
 *
 * The planner asks here.  PostgreSQL itself adds the whole old row to an UPDATE.
 */
#include "postgres.h"

#include "modify/updatable.h"

#include "catalog/pg_type.h"
#include "modify/row.h"
#include "nodes/makefuncs.h"
#include "optimizer/appendinfo.h"
#include "parser/parsetree.h"
#include "service/option.h"
#include "service/option_column.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

static void check_rows_are_documents(Oid relid);
static void check_id_type(Relation relation, AttrNumber column);

/*
 * FdwRoutine.IsForeignRelUpdatable.  The catalogs' views ask this of every table, even if it lacks options.
 */
int
updatable_operations(Relation relation)
{
	if (!option_table_is_updatable(RelationGetRelid(relation)))
		return 0;
	return (1 << CMD_INSERT) | (1 << CMD_UPDATE) | (1 << CMD_DELETE);
}

/*
 * FdwRoutine.PlanForeignModify.  PostgreSQL makes the same check when the statement begins, and does not say
 * which option to look for.  Error: 55000 for a table that may not be written.
 */
List *
updatable_plan(PlannerInfo *root, ModifyTable *plan, Index target, int subplan)
{
	Oid relid = planner_rt_fetch(target, root)->relid;

	if (option_table_is_updatable(relid))
		return NIL;
	check_rows_are_documents(relid);
	ereport(ERROR, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			errmsg("foreign table \"%s\" does not allow %s", get_rel_name(relid),
				   plan->operation == CMD_INSERT   ? "inserts"
				   : plan->operation == CMD_UPDATE ? "updates"
												   : "deletes"),
			errhint("Set the option updatable to 'true', on the table or its server, to allow that."));
}

/* Checks that a table does not show the elements of a list.  Error: 55000. */
static void
check_rows_are_documents(Oid relid)
{
	const char *array = option_array_of_table(relid);

	if (array)
		ereport(
			ERROR, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			errmsg("rows of foreign table \"%s\" cannot be written", get_rel_name(relid)),
			errdetail("They are elements of the list \"%s\" in documents of resource \"%s\".", array,
					  option_resource_of_table(relid)),
			errhint("Update the list as a whole, in the column of type jsonb that shows it in a table of the "
					"documents: one with the path \"%s\" and without the option array.",
					array));
}

/*
 * FdwRoutine.AddForeignUpdateTargets.  Error: 0A000 when no column shows _id, by which
 * a document is written.
 */
void
updatable_add_targets(PlannerInfo *root, Index varno, RangeTblEntry *entry, Relation relation)
{
	TupleDesc descriptor = RelationGetDescr(relation);
	AttrNumber column = option_id_column(RelationGetRelid(relation), descriptor);
	Form_pg_attribute attribute;

	check_rows_are_documents(RelationGetRelid(relation));
	if (column == InvalidAttrNumber)
		ereport(
			ERROR, errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			errmsg("rows of foreign table \"%s\" cannot be changed or deleted",
				   RelationGetRelationName(relation)),
			errdetail("None of its columns has the path \"_id\"."),
			errhint("ALTER FOREIGN TABLE %s ADD COLUMN _id text OPTIONS (path '_id') COLLATE \"C\" adds one.",
					quote_qualified_identifier(get_namespace_name(RelationGetNamespace(relation)),
											   RelationGetRelationName(relation))));
	check_id_type(relation, column);
	if (root->parse->commandType != CMD_DELETE)
		return;
	attribute = TupleDescAttr(descriptor, column - 1);
	add_row_identity_var(
		root, makeVar(varno, column, attribute->atttypid, attribute->atttypmod, attribute->attcollation, 0),
		varno, updatable_id_name(descriptor, column));
	/* the service does not answer with what it has deleted */
	if (root->parse->returningList != NIL)
		add_row_identity_var(root, makeVar(varno, InvalidAttrNumber, RECORDOID, -1, InvalidOid, 0), varno,
							 "wholerow");
}

/*
 * Checks that the column which shows _id has values that name documents.  A type that pads texts, or puts
 * them in quotes, has others.  Error: 0A000.
 */
static void
check_id_type(Relation relation, AttrNumber column)
{
	Form_pg_attribute attribute = TupleDescAttr(RelationGetDescr(relation), column - 1);
	Oid type = getBaseType(attribute->atttypid);
	const char *table = quote_qualified_identifier(get_namespace_name(RelationGetNamespace(relation)),
												   RelationGetRelationName(relation));

	if (!row_is_id_type(type))
		ereport(
			ERROR, errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			errmsg("rows of foreign table \"%s\" cannot be changed or deleted",
				   RelationGetRelationName(relation)),
			errdetail("Column \"%s\", with the path \"_id\", is of type %s, whose values are not written as "
					  "the ids are.",
					  NameStr(attribute->attname), format_type_be(attribute->atttypid)),
			errhint("ALTER FOREIGN TABLE %s ALTER COLUMN %s TYPE text COLLATE \"C\" makes it one.", table,
					quote_identifier(NameStr(attribute->attname))));
}

/* Returns the name of _id among a row's values.  Partitions share a name only for the same column. */
char *
updatable_id_name(TupleDesc descriptor, AttrNumber column)
{
	Form_pg_attribute attribute = TupleDescAttr(descriptor, column - 1);

	return psprintf("walcu_id_%d_%u_%d_%u", column, attribute->atttypid, attribute->atttypmod,
					attribute->attcollation);
}
