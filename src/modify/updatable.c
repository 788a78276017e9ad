/*
 * updatable.c
 *	  Which tables may be written, and what the rows to be written must bring along.
 *
 * The planner asks here.  PostgreSQL itself adds the whole old row to an UPDATE.
 */
#include "postgres.h"

#include "modify/updatable.h"

#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "optimizer/appendinfo.h"
#include "service/option.h"

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
 * FdwRoutine.AddForeignUpdateTargets.  Error: 0A000 when no column shows _id, by which
 * a document is written.
 */
void
updatable_add_targets(PlannerInfo *root, Index varno, RangeTblEntry *entry, Relation relation)
{
	TupleDesc descriptor = RelationGetDescr(relation);
	AttrNumber column = option_id_column(RelationGetRelid(relation), descriptor);
	Form_pg_attribute attribute;

	if (column == InvalidAttrNumber)
		ereport(ERROR, errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				errmsg("rows of foreign table \"%s\" cannot be changed or deleted",
					   RelationGetRelationName(relation)),
				errdetail("None of its columns has the path \"_id\"."));
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

/* Returns the name of _id among a row's values.  Partitions share a name only for the same column. */
char *
updatable_id_name(TupleDesc descriptor, AttrNumber column)
{
	Form_pg_attribute attribute = TupleDescAttr(descriptor, column - 1);

	return psprintf("walcu_id_%d_%u_%d_%u", column, attribute->atttypid, attribute->atttypmod,
					attribute->attcollation);
}
