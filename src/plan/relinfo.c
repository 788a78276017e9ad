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

#include "access/table.h"
#include "catalog/pg_class.h"
#include "foreign/fdwapi.h"
#include "plan/key_lookup.h"
#include "plan/refused_writes.h"
#include "service/option_column.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

static void note_unique_id(RelOptInfo *rel, WalcuRelInfo *info);
static void limit_rows_left(RelOptInfo *rel);
static void warn_of_idle_search(PlannerInfo *root, RelOptInfo *rel, Expr *search);
static List *list_conditions(PlannerInfo *root, const RelOptInfo *rel);

/* FdwRoutine.GetForeignRelSize */
void
relinfo_set_size(PlannerInfo *root, RelOptInfo *rel, Oid relid)
{
	WalcuRelInfo *info = palloc0(sizeof(WalcuRelInfo));
	WalcuKeyLookup lookup;

	refused_writes_check(root, rel, relid);
	info->relation = (WalcuRelation){rel->relid, relid, option_for_table(relid)};
	info->conditions = relsize_conditions(&info->relation, rel->baserestrictinfo);
	rel->fdw_private = info;
	note_unique_id(rel, info);
	lookup = key_lookup_of_restrictions(&info->relation, rel->baserestrictinfo);
	warn_of_idle_search(root, rel, lookup.search);
	info->by_id = lookup.id != NULL;
	info->size = info->by_id ? relsize_of_document(root, rel, info->relation.options)
							 : relsize_of_scan(root, rel, &info->relation, info->conditions, lookup.search);
}

/*
 * Lets the planner estimate with as many _ids as there are documents; it takes two hundred for granted where
 * nobody has analyzed a table.  It looks for a unique index of the table, so one is made up.  As that is not
 * immediate, nothing is proven by it: no join is left out should a service send an _id twice.
 */
static void
note_unique_id(RelOptInfo *rel, WalcuRelInfo *info)
{
	Relation table;
	IndexOptInfo *index;

	if (info->relation.options->array)
		return;
	table = table_open(info->relation.relid, NoLock);
	info->id_column = option_id_column(info->relation.relid, RelationGetDescr(table));
	table_close(table, NoLock);
	if (info->id_column == InvalidAttrNumber)
		return;
	index = makeNode(IndexOptInfo);
	index->rel = rel;
	index->ncolumns = index->nkeycolumns = 1;
	index->indexkeys = palloc(sizeof(int));
	index->indexkeys[0] = info->id_column;
	index->unique = true;
	index->hypothetical = true;
	rel->indexlist = lappend(rel->indexlist, index);
}

/* Else there would be no rows, and nobody would know why. */
static void
warn_of_idle_search(PlannerInfo *root, RelOptInfo *rel, Expr *search)
{
	const WalcuRelation *relation = relinfo_relation(rel);
	AttrNumber column = key_lookup_idle_search(relation, list_conditions(root, rel), search);
	const char *name;

	if (column == 0)
		return;
	name = get_attname(relation->relid, column, false);
	ereport(
		WARNING, errcode(ERRCODE_WARNING),
		errmsg("a condition on column \"%s\" of foreign table \"%s\" searches for nothing", name,
			   get_rel_name(relation->relid)),
		search ? errdetail("One condition gives the text to search for, and others are checked on that text.")
			   : errdetail("The column is NULL where no condition gives a text to search for."),
		errhint("A search is one condition %s = text, beside others and not under OR.",
				quote_identifier(name)));
}

/* Lists the conditions (RestrictInfo) that look at a relation, those of joins included. */
static List *
list_conditions(PlannerInfo *root, const RelOptInfo *rel)
{
	List *conditions = list_concat_copy(rel->baserestrictinfo, rel->joininfo);
	ListCell *lc;

	/* with a constant, these have become conditions of the relation alone */
	foreach(lc, root->eq_classes)
	{
		EquivalenceClass *equal = lfirst(lc);

		if (bms_is_member(rel->relid, equal->ec_relids) && !equal->ec_has_const)
			conditions = list_concat(conditions, equal->ec_sources);
	}
	return conditions;
}

/* Estimates the size of a table that was never analyzed again, as more is known of it (size_probe.c). */
void
relinfo_estimate_again(PlannerInfo *root, RelOptInfo *rel)
{
	WalcuRelInfo *info = rel->fdw_private;

	rel->tuples = RELSIZE_UNKNOWN;
	info->size = relsize_of_scan(root, rel, &info->relation, info->conditions,
								 key_lookup_of_restrictions(&info->relation, rel->baserestrictinfo).search);
	limit_rows_left(rel);
}

/* Notes that somebody has asked how many documents the conditions leave: no more than most, or 0 for many. */
void
relinfo_note_filter(RelOptInfo *rel, double most)
{
	WalcuRelInfo *info = rel->fdw_private;

	info->was_looked_at = true;
	info->most_left = most;
	limit_rows_left(rel);
}

/* Lets estimates be no more than what the conditions are known to leave. */
static void
limit_rows_left(RelOptInfo *rel)
{
	WalcuRelInfo *info = rel->fdw_private;

	if (info->most_left == 0)
		return;
	rel->rows = Min(rel->rows, info->most_left);
	info->size.documents = Min(info->size.documents, info->most_left);
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

/* Returns whether a node of a finished plan scans a table of ours. */
bool
relinfo_is_our_scan(const ForeignScan *scan)
{
	return scan->scan.scanrelid > 0 &&
		   GetFdwRoutineByServerId(scan->fs_server)->GetForeignRelSize == relinfo_set_size;
}

/* Returns whether a table is one of ours. */
bool
relinfo_is_our_table(Oid relid)
{
	return get_rel_relkind(relid) == RELKIND_FOREIGN_TABLE &&
		   GetFdwRoutineByRelId(relid)->GetForeignRelSize == relinfo_set_size;
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
