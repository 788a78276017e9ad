/*
 * refused_writes.c
 *	  Statements that change rows in ways that foreign tables do not have.
 *
 * PostgreSQL refuses WHERE CURRENT OF when it looks at the first row of a foreign table, and MERGE of a
 * partition once all else is planned.  relinfo.c asks here before, so that nothing is read, and that the
 * message can say what to do instead.  MERGE INTO a foreign table itself is refused before a data wrapper is
 * asked anything.
 */
#include "postgres.h"

#include "plan/refused_writes.h"

#include "base/compat.h"
#include "utils/lsyscache.h"

static bool names_cursor(const RelOptInfo *rel);

/* Checks what a statement does with a table of ours.  Error: 0A000, as PostgreSQL's own. */
void
refused_writes_check(PlannerInfo *root, const RelOptInfo *rel, Oid relid)
{
	if (!bms_is_member(rel->relid, root->all_result_relids))
		return;
	if (root->parse->commandType == CMD_MERGE)
		ereport(
			ERROR, errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			errmsg("cannot execute MERGE on relation \"%s\"", get_rel_name(relid)),
			errdetail("This operation is not supported for foreign tables."),
			errhint("Use UPDATE ... FROM, DELETE ... USING and INSERT ... ON CONFLICT DO NOTHING, or MERGE "
					"into partitions that are no foreign tables."));
	if (names_cursor(rel))
		ereport(ERROR, errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				errmsg("WHERE CURRENT OF is not supported for foreign table \"%s\"", get_rel_name(relid)),
				errhint("Fetch the column that shows _id with each row, and use WHERE on that column."));
}

/* Tells whether a condition on the table is WHERE CURRENT OF, which stands alone. */
static bool
names_cursor(const RelOptInfo *rel)
{
	ListCell *lc;

	foreach(lc, rel->baserestrictinfo)
	{
		if (IsA(lfirst_node(RestrictInfo, lc)->clause, CurrentOfExpr))
			return true;
	}
	return false;
}
