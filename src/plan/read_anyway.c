/*
 * read_anyway.c
 *	  Does another scan of the query read all documents of a table?
 *
 * Replies are held for the scans of a statement that ask for the same (sibling_scans.c), so that the second
 * scan of a whole table costs nothing where they fit: in a self join, or beside a subquery that groups the
 * same table.  path.c asks, for else a join would rather ask for the keys of one side.
 */
#include "postgres.h"

#include "plan/read_anyway.h"

#include "fetch/reply_cache.h"
#include "plan/relinfo.h"

/* A document takes so much beside the fields that are asked for: its _id and the names of the fields. */
#define DOCUMENT_OVERHEAD 200

static bool reads_whole_table(const PlannerInfo *root, const RelOptInfo *rel, int before);

/*
 * Returns whether the documents of a table, which are so many, come for another scan in any case: `is_paid`,
 * then for one that is costed with them.  Of several scans the first one is.
 */
bool
read_anyway(PlannerInfo *root, const RelOptInfo *rel, double documents, bool is_paid)
{
	double bytes = documents * (rel->reltarget->width + DOCUMENT_OVERHEAD);

	if (rel->baserestrictinfo != NIL || rel->lateral_relids != NULL || root->tuple_fraction > 0 ||
		bytes > reply_cache_limit())
		return false;
	if (reads_whole_table(root, rel, is_paid ? rel->relid : root->simple_rel_array_size))
		return true;
	for (int i = 1; i < root->simple_rel_array_size; i++)
	{
		const RelOptInfo *other = root->simple_rel_array[i];

		/* below a LIMIT of groups all rows are read, too */
		if (other && other->subroot &&
			(other->subroot->tuple_fraction <= 0 || other->subroot->parse->hasAggs) &&
			reads_whole_table(other->subroot, rel, other->subroot->simple_rel_array_size))
			return true;
	}
	return false;
}

/* Returns whether a query has another scan of all of a relation's table, among those before that number. */
static bool
reads_whole_table(const PlannerInfo *root, const RelOptInfo *rel, int before)
{
	for (int i = 1; i < Min(before, root->simple_rel_array_size); i++)
	{
		const RelOptInfo *other = root->simple_rel_array[i];

		if (other && other != rel && relinfo_is_ours(other) &&
			relinfo_relation(other)->relid == relinfo_relation(rel)->relid &&
			other->baserestrictinfo == NIL && other->lateral_relids == NULL)
			return true;
	}
	return false;
}
