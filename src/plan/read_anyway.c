/*
 * read_anyway.c
 *	  Does another scan of the query read the same documents of a table?
 *
 * Replies are held for the scans of a statement that ask for the same (sibling_scans.c), so that the second
 * scan of a whole table, or of what the same conditions leave of it, costs nothing where they fit: in a self
 * join, or beside a subquery that groups the same table.  path.c asks, for else a join would rather ask for
 * the keys of one side.
 */
#include "postgres.h"

#include "plan/read_anyway.h"

#include "fetch/reply_cache.h"
#include "optimizer/restrictinfo.h"
#include "plan/relinfo.h"
#include "rewrite/rewriteManip.h"

/* A document takes so much beside the fields that are asked for: its _id and the names of the fields. */
#define DOCUMENT_OVERHEAD 200

static bool reads_all_rows(const PlannerInfo *root);
static bool reads_same(const PlannerInfo *root, const RelOptInfo *rel, int before);
static bool has_same_conditions(const RelOptInfo *rel, const RelOptInfo *other);

/*
 * Returns whether the documents of a table, which are so many, come for another scan in any case: `is_paid`,
 * then for one that is costed with them.  Of several scans the first one is.
 */
bool
read_anyway(PlannerInfo *root, const RelOptInfo *rel, double documents, bool is_paid)
{
	double bytes = documents * (rel->reltarget->width + DOCUMENT_OVERHEAD);

	if (rel->lateral_relids != NULL || !reads_all_rows(root) || bytes > reply_cache_limit())
		return false;
	if (reads_same(root, rel, is_paid ? rel->relid : root->simple_rel_array_size))
		return true;
	for (int i = 1; i < root->simple_rel_array_size; i++)
	{
		const RelOptInfo *other = root->simple_rel_array[i];

		if (other && other->subroot && reads_all_rows(other->subroot) &&
			reads_same(other->subroot, rel, other->subroot->simple_rel_array_size))
			return true;
	}
	return false;
}

/* Returns whether a query is likely to read all rows of its tables: below a LIMIT of groups it does, too. */
static bool
reads_all_rows(const PlannerInfo *root)
{
	return root->tuple_fraction <= 0 || root->parse->hasAggs;
}

/* Returns whether a query has another scan of the same documents, among those before that number. */
static bool
reads_same(const PlannerInfo *root, const RelOptInfo *rel, int before)
{
	Oid relid = relinfo_relation(rel)->relid;

	for (int i = 1; i < Min(before, root->simple_rel_array_size); i++)
	{
		const RelOptInfo *other = root->simple_rel_array[i];

		/* this is asked of each of hundreds of partitions: first comes what says no of almost all */
		if (other && root->simple_rte_array[i]->relid == relid && other != rel && relinfo_is_ours(other) &&
			other->lateral_relids == NULL && has_same_conditions(rel, other))
			return true;
	}
	return false;
}

/* Returns whether two relations of a table have the same conditions. */
static bool
has_same_conditions(const RelOptInfo *rel, const RelOptInfo *other)
{
	List *conditions = relsize_clauses(rel->baserestrictinfo);
	List *others = relsize_clauses(other->baserestrictinfo);

	if (list_length(conditions) != list_length(others))
		return false;
	others = copyObject(others);
	ChangeVarNodes((Node *) others, other->relid, rel->relid, 0);
	return list_difference(conditions, others) == NIL;
}
