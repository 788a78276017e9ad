/*
 * used_columns.c
 *	  Which columns of a foreign table a plan uses.
 *
 * Called by plan.c, for a scan to ask for no other fields.
 */
#include "postgres.h"

#include "plan/used_columns.h"

#include "access/sysattr.h"
#include "access/table.h"
#include "nodes/plannodes.h"
#include "optimizer/optimizer.h"
#include "service/option.h"
#include "service/option_column.h"
#include "utils/rel.h"

/* pull_varattnos has the whole row in this place among the columns. */
#define WHOLE_ROW (0 - FirstLowInvalidHeapAttributeNumber)

static Bitmapset *remove_copied_row(PlannerInfo *root, const RelOptInfo *rel, Bitmapset *used);
static Bitmapset *remove_changed_row(PlannerInfo *root, Index varno, Relation relation, Bitmapset *used);
static bool is_row_copied(const PlannerInfo *root, const RelOptInfo *rel);
static bool is_copied_row(const TargetEntry *entry);

/* Lists the columns, of int, that the query's output or any of its conditions uses. */
List *
used_columns(PlannerInfo *root, RelOptInfo *rel, Oid relid)
{
	Bitmapset *used = NULL;
	List *columns = NIL;
	Relation relation;
	ListCell *lc;

	pull_varattnos((Node *) rel->reltarget->exprs, rel->relid, &used);
	foreach(lc, rel->baserestrictinfo)
		pull_varattnos((Node *) ((RestrictInfo *) lfirst(lc))->clause, rel->relid, &used);
	used = remove_copied_row(root, rel, used);

	relation = table_open(relid, NoLock);
	used = remove_changed_row(root, rel->relid, relation, used);
	for (AttrNumber number = 1; number <= RelationGetNumberOfAttributes(relation); number++)
	{
		if (TupleDescAttr(RelationGetDescr(relation), number - 1)->attisdropped)
			continue;
		if (bms_is_member(WHOLE_ROW, used) ||
			bms_is_member(number - FirstLowInvalidHeapAttributeNumber, used))
			columns = lappend_int(columns, number);
	}
	table_close(relation, NoLock);
	return columns;
}

/*
 * PostgreSQL asks for the whole old row of whatever is updated, and updatable.c for that of what is deleted
 * with RETURNING.  Where nobody but modify.c looks at it, the columns that are set suffice: it compares the
 * old row with the new one, and in others they do not differ.  RETURNING adds those that it names.
 */
static Bitmapset *
remove_changed_row(PlannerInfo *root, Index varno, Relation relation, Bitmapset *used)
{
	const Query *query = root->parse;
	const TupleConstr *constraints = RelationGetDescr(relation)->constr;
	Bitmapset *said = NULL;
	ListCell *lc;

	if ((query->commandType != CMD_UPDATE && query->commandType != CMD_DELETE) ||
		query->resultRelation != varno || query->withCheckOptions != NIL || relation->trigdesc ||
		(constraints && constraints->has_generated_stored))
		return used;
	foreach(lc, query->targetList)
	{
		TargetEntry *entry = lfirst(lc);

		/* PostgreSQL's own wish stands among them */
		if (!entry->resjunk || !IsA(entry->expr, Var))
			pull_varattnos((Node *) entry->expr, varno, &said);
	}
	pull_varattnos((Node *) query->jointree, varno, &said);
	pull_varattnos((Node *) query->returningList, varno, &said);
	if (bms_is_member(WHOLE_ROW, said))
		return used;
	used = bms_add_members(bms_del_member(used, WHOLE_ROW), said);
	used = bms_add_member(used, option_id_column(RelationGetRelid(relation), RelationGetDescr(relation)) -
									FirstLowInvalidHeapAttributeNumber);
	foreach(lc, root->update_colnos)
		used = bms_add_member(used, lfirst_int(lc) - FirstLowInvalidHeapAttributeNumber);
	return used;
}

/*
 * Where rows of one table are changed or locked, PostgreSQL keeps the whole rows of the others, to join them
 * again with what another session has made of the first.  That takes no other columns than the query does.
 */
static Bitmapset *
remove_copied_row(PlannerInfo *root, const RelOptInfo *rel, Bitmapset *used)
{
	const Query *query = root->parse;
	Bitmapset *said = NULL;
	ListCell *lc;

	if (!bms_is_member(WHOLE_ROW, used) || !is_row_copied(root, rel) || root->hasLateralRTEs ||
		(query->commandType != CMD_SELECT && query->commandType != CMD_UPDATE &&
		 query->commandType != CMD_DELETE))
		return used;
	foreach(lc, query->targetList)
	{
		if (!is_copied_row(lfirst(lc)))
			pull_varattnos((Node *) ((TargetEntry *) lfirst(lc))->expr, rel->relid, &said);
	}
	pull_varattnos((Node *) query->jointree, rel->relid, &said);
	pull_varattnos((Node *) query->returningList, rel->relid, &said);
	pull_varattnos((Node *) query->withCheckOptions, rel->relid, &said);
	if (bms_is_member(WHOLE_ROW, said))
		return used;
	/* with what the joins compare */
	return bms_add_members(bms_del_member(used, WHOLE_ROW), said);
}

static bool
is_row_copied(const PlannerInfo *root, const RelOptInfo *rel)
{
	ListCell *lc;

	foreach(lc, root->rowMarks)
	{
		const PlanRowMark *mark = lfirst(lc);

		if (mark->rti == rel->relid && mark->markType == ROW_MARK_COPY)
			return true;
	}
	return false;
}

/* Returns whether PostgreSQL itself wishes for a row.  The query wishes for one to sort by. */
static bool
is_copied_row(const TargetEntry *entry)
{
	return entry->resjunk && entry->ressortgroupref == 0 && IsA(entry->expr, Var) &&
		   ((const Var *) entry->expr)->varattno == InvalidAttrNumber;
}
