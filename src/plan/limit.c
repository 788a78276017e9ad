/*
 * limit.c
 *	  Which scans does a query's LIMIT end?
 *
 * path.c and plan.c ask, as a scan that brings no more than so many rows asks for no more at first; offset.c
 * asks before it leaves an offset to the service.  Nothing is cut here: PostgreSQL's own Limit node stays
 * above the scan.
 */
#include "postgres.h"

#include "plan/limit.h"

#include "optimizer/paths.h"

static bool is_of_rows(PlannerInfo *root);

/*
 * Returns whether the query's LIMIT, or that of EXISTS, ends the scan of a path when it has brought so many
 * rows, at the latest.  It reads no more of each child of an Append, or of a Merge Append.
 */
bool
limit_ends_path(PlannerInfo *root, const Path *path)
{
	return (limit_is_of_scan(root, path->parent) || limit_is_of_parent(root, path->parent)) &&
		   pathkeys_contained_in(root->query_pathkeys, path->pathkeys);
}

/* Returns whether the rows of a scan, if they came in the query's order, would be those that a LIMIT cuts. */
bool
limit_is_of_scan(PlannerInfo *root, const RelOptInfo *rel)
{
	return rel->reloptkind == RELOPT_BASEREL && is_of_rows(root);
}

/* Returns whether they would be some of those, beside the rows of other children of the same parent. */
bool
limit_is_of_parent(PlannerInfo *root, const RelOptInfo *rel)
{
	return rel->reloptkind == RELOPT_OTHER_MEMBER_REL && is_of_rows(root);
}

/* Returns whether a LIMIT counts the rows of the only relation that the query reads, be it a parent. */
static bool
is_of_rows(PlannerInfo *root)
{
	const Query *query = root->parse;

	return bms_membership(root->all_baserels) == BMS_SINGLETON && !query->hasAggs && !query->hasWindowFuncs &&
		   !query->hasTargetSRFs && query->groupClause == NIL && query->groupingSets == NIL &&
		   query->distinctClause == NIL && query->setOperations == NULL && query->havingQual == NULL &&
		   (query->limitCount || root->tuple_fraction >= 1);
}
