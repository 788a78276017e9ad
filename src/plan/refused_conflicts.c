/*
 * refused_conflicts.c
 *	  ON CONFLICT with a target, which takes an index that foreign tables do not have.
 *
 * PostgreSQL refuses it while it makes the plan.  read_ahead_plan.c, which sees a statement before, asks
 * here, so that the message can say what to do instead.
 */
#include "postgres.h"

#include "plan/refused_conflicts.h"

#include "parser/parsetree.h"
#include "plan/relinfo.h"

/*
 * Checks what a statement, and what it has in WITH, says of conflicts.  Error: 42P10, as PostgreSQL's own,
 * where a table of ours would need an index.
 */
void
refused_conflicts_check(const Query *query)
{
	const OnConflictExpr *conflict = query->onConflict;
	ListCell *lc;

	foreach(lc, query->cteList)
	{
		const Node *statement = ((const CommonTableExpr *) lfirst(lc))->ctequery;

		if (IsA(statement, Query))
			refused_conflicts_check((const Query *) statement);
	}
	if (conflict == NULL || conflict->arbiterElems == NIL ||
		!relinfo_is_our_table(rt_fetch(query->resultRelation, query->rtable)->relid))
		return;
	ereport(
		ERROR, errcode(ERRCODE_INVALID_COLUMN_REFERENCE),
		errmsg("there is no unique or exclusion constraint matching the ON CONFLICT specification"),
		errdetail("Foreign tables have no indexes."),
		errhint("Use ON CONFLICT DO NOTHING without a target, and UPDATE the rows that are there already."));
}
