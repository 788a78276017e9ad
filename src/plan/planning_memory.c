/*
 * planning_memory.c
 *	  The memory that planning needs, freed when the plan is made.
 *
 * PostgreSQL keeps what its planner allocates for as long as the statement runs: paths, conditions, and what
 * is known of each table.  Over hundreds of partitions that is several times the plan itself, tens of
 * megabytes for a join, and is there while the execution needs its own.  So the planning of a statement over
 * partitions has a memory of its own, from which only the plan is taken.
 *
 * A plan can be copied, whatever made it, as PostgreSQL does so with each that it keeps for later.
 */
#include "postgres.h"

#include "plan/planning_memory.h"

#include "base/compat.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/planner.h"
#include "utils/memutils.h"

/* To free less than so many bytes is not worth the copy of a plan. */
#define WORTH_FREEING (1024 * 1024)

static planner_hook_type previous_planner;

static PlannedStmt *plan_in_own_memory(Query *query, const char *text, int options,
									   ParamListInfo values COMPAT_PLANNER_PARAMS);
static PlannedStmt *call_planner(Query *query, const char *text, int options,
								 ParamListInfo values COMPAT_PLANNER_PARAMS);
static bool is_worth_freeing(MemoryContext memory, const PlannedStmt *statement);
static bool reads_parent(Node *node, void *context);
static bool is_parent(const RangeTblEntry *entry);

/* _PG_init calls this when the library is loaded, after all else here that has the same hook. */
void
planning_memory_init(void)
{
	previous_planner = planner_hook;
	planner_hook = plan_in_own_memory;
}

/* planner_hook */
static PlannedStmt *
plan_in_own_memory(Query *query, const char *text, int options, ParamListInfo values COMPAT_PLANNER_PARAMS)
{
	PlannedStmt *statement;
	MemoryContext memory;
	MemoryContext before;

	if (!reads_parent((Node *) query, NULL))
		return call_planner(query, text, options, values COMPAT_PLANNER_ARGS);
	memory = AllocSetContextCreate(CurrentMemoryContext, "walcu planning", ALLOCSET_DEFAULT_SIZES);
	before = MemoryContextSwitchTo(memory);
	statement = call_planner(query, text, options, values COMPAT_PLANNER_ARGS);
	MemoryContextSwitchTo(before);
	/* else it goes with the memory that the plan was wanted in */
	if (is_worth_freeing(memory, statement))
	{
		statement = copyObject(statement);
		MemoryContextDelete(memory);
	}
	return statement;
}

static PlannedStmt *
call_planner(Query *query, const char *text, int options, ParamListInfo values COMPAT_PLANNER_PARAMS)
{
	planner_hook_type planner = previous_planner ? previous_planner : standard_planner;

	return planner(query, text, options, values COMPAT_PLANNER_ARGS);
}

/* Returns whether there is much, of a plan that reads foreign tables. */
static bool
is_worth_freeing(MemoryContext memory, const PlannedStmt *statement)
{
	ListCell *lc;

	if (MemoryContextMemAllocated(memory, true) < WORTH_FREEING)
		return false;
	foreach(lc, statement->rtable)
	{
		const RangeTblEntry *entry = lfirst(lc);

		if (entry->rtekind == RTE_RELATION && entry->relkind == RELKIND_FOREIGN_TABLE)
			return true;
	}
	return false;
}

/* Returns whether a query, or one in it, reads a table over others; an expression_tree_walker's function. */
static bool
reads_parent(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, RangeTblEntry))
		return is_parent((RangeTblEntry *) node);
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, reads_parent, context, QTW_EXAMINE_RTES_BEFORE);
	return expression_tree_walker(node, reads_parent, context);
}

static bool
is_parent(const RangeTblEntry *entry)
{
	return entry->rtekind == RTE_RELATION && entry->inh &&
		   (entry->relkind == RELKIND_PARTITIONED_TABLE || has_subclass(entry->relid));
}
