/*
 * relinfo.c
 *	  What is known of a foreign table while a query is planned.
 *
 * The planner asks for a table's size first (FdwRoutine.GetForeignRelSize).  What is found out then is kept
 * with the relation, and whoever plans further asks here: path.c, plan.c, join_path.c, count_path.c, offset.c
 * and direct_modify.c.  relsize.c makes the estimate.
 */
#include "postgres.h"

#include "plan/relinfo.h"

#include "foreign/fdwapi.h"
#include "plan/key_lookup.h"
#include "plan/refused_writes.h"

/* FdwRoutine.GetForeignRelSize */
void
relinfo_set_size(PlannerInfo *root, RelOptInfo *rel, Oid relid)
{
	WalcuRelInfo *info = palloc0(sizeof(WalcuRelInfo));
	WalcuKeyLookup lookup;

	refused_writes_check(root, rel, relid);
	info->relation = (WalcuRelation){rel->relid, relid, option_for_table(relid)};
	rel->fdw_private = info;
	lookup = key_lookup_of_restrictions(&info->relation, rel->baserestrictinfo);
	info->by_id = lookup.id != NULL;
	info->size = info->by_id ? relsize_of_document(root, rel)
							 : relsize_of_scan(root, rel, &info->relation, lookup.search);
}

/*
 * Returns whether it is a table of ours that the query itself names: no partition of another one, nor a
 * parent, whose rows are those of its children, so that the planner never asks for its size.
 */
bool
relinfo_is_ours(const RelOptInfo *rel)
{
	return rel->reloptkind == RELOPT_BASEREL && rel->fdwroutine != NULL &&
		   rel->fdwroutine->GetForeignRelSize == relinfo_set_size && rel->fdw_private != NULL;
}

/* Returns what is known of a table of ours. */
const WalcuRelInfo *
relinfo_get(const RelOptInfo *rel)
{
	return rel->fdw_private;
}

const WalcuRelation *
relinfo_relation(const RelOptInfo *rel)
{
	return &relinfo_get(rel)->relation;
}

const WalcuOptions *
relinfo_options(const RelOptInfo *rel)
{
	return relinfo_get(rel)->relation.options;
}
