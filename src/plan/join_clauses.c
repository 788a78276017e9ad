/*
 * join_clauses.c
 *	  Which join clauses become a filter once the other side is known.
 *
 * PostgreSQL makes clauses of equivalence classes by looking through all members of a class, which has one
 * for each partition, too.  So what it makes for the parent of partitions is kept while a statement is
 * planned, and translated for each partition: else the work would grow with the square of their number.
 *
 * path.c calls this.
 */
#include "postgres.h"

#include "plan/join_clauses.h"

#include "base/reset_callback.h"
#include "lib/ilist.h"
#include "optimizer/appendinfo.h"
#include "optimizer/pathnode.h"
#include "optimizer/paths.h"
#include "optimizer/restrictinfo.h"
#include "plan/relinfo.h"
#include "pushdown/pushdown.h"

/* It goes through the members of equivalence classes that are of one relation, one after the other. */
typedef struct JoinColumn
{
	Expr *current; /* This member is tried now. */
	List *tried;   /* These were tried before. */
} JoinColumn;

/* What equivalence classes say of the parent of partitions. */
typedef struct ParentClauses
{
	dlist_node node;         /* It links those that are known, of all statements that are being planned. */
	const PlannerInfo *root; /* It is planned here. */
	Index relid;             /* This is the parent. */
	List *clauses;           /* These (RestrictInfo) join it with others. */
} ParentClauses;

/* The parents whose partitions are planned, each in its planner's memory; the last one comes first. */
static dlist_head parents = DLIST_STATIC_INIT(parents);

static List *list_implied_of_partition(PlannerInfo *root, const RelOptInfo *rel);
static List *find_parent_clauses(PlannerInfo *root, Index relid);
static void forget_parent(void *arg);
static List *translate_clauses(PlannerInfo *root, Index relid, Index parent, List *clauses);
static List *list_implied(PlannerInfo *root, RelOptInfo *rel);
static bool is_untried_member(PlannerInfo *root, RelOptInfo *rel, EquivalenceClass *class,
							  EquivalenceMember *member, void *arg);

/* Lists the join clauses (RestrictInfo) that become a filter of a relation once the other side is known. */
List *
join_clauses_pushable(PlannerInfo *root, RelOptInfo *rel)
{
	List *candidates = NIL;
	List *pushable = NIL;
	ListCell *lc;

	foreach(lc, rel->joininfo)
	{
		if (join_clause_is_movable_to(lfirst(lc), rel))
			candidates = lappend(candidates, lfirst(lc));
	}
	if (rel->has_eclass_joins)
		candidates = list_concat(candidates, rel->reloptkind == RELOPT_OTHER_MEMBER_REL
												 ? list_implied_of_partition(root, rel)
												 : list_implied(root, rel));
	foreach(lc, candidates)
	{
		if (pushdown_is_possible(relinfo_relation(rel), ((RestrictInfo *) lfirst(lc))->clause))
			pushable = lappend(pushable, lfirst(lc));
	}
	return pushable;
}

/* Lists what equivalence classes say of a partition, by what they say of the table that the query names. */
static List *
list_implied_of_partition(PlannerInfo *root, const RelOptInfo *rel)
{
	Index parent = bms_singleton_member(rel->top_parent_relids);

	return translate_clauses(root, rel->relid, parent, find_parent_clauses(root, parent));
}

static List *
find_parent_clauses(PlannerInfo *root, Index relid)
{
	MemoryContext before;
	ParentClauses *parent;
	dlist_iter iter;

	dlist_foreach(iter, &parents)
	{
		parent = dlist_container(ParentClauses, node, iter.cur);
		if (parent->root == root && parent->relid == relid)
			return parent->clauses;
	}
	before = MemoryContextSwitchTo(root->planner_cxt);
	parent = palloc(sizeof(ParentClauses));
	parent->root = root;
	parent->relid = relid;
	parent->clauses = list_implied(root, find_base_rel(root, relid));
	reset_callback_add(root->planner_cxt, forget_parent, parent);
	dlist_push_head(&parents, &parent->node);
	MemoryContextSwitchTo(before);
	return parent->clauses;
}

static void
forget_parent(void *arg)
{
	dlist_delete(&((ParentClauses *) arg)->node);
}

/* Translates clauses of a parent to those of a partition, which may be one of a partition. */
static List *
translate_clauses(PlannerInfo *root, Index relid, Index parent, List *clauses)
{
	AppendRelInfo *info = root->append_rel_array[relid];

	if (info->parent_relid != parent)
		clauses = translate_clauses(root, info->parent_relid, parent, clauses);
	return (List *) adjust_appendrel_attrs(root, (Node *) clauses, 1, &info);
}

/* Lists what equivalence classes say of a relation and others. */
static List *
list_implied(PlannerInfo *root, RelOptInfo *rel)
{
	JoinColumn column = {NULL, NIL};
	List *implied = NIL;

	for (;;)
	{
		column.current = NULL;
		implied = list_concat(implied, generate_implied_equalities_for_column(
										   root, rel, is_untried_member, &column, rel->lateral_referencers));
		if (column.current == NULL)
			return implied;
		column.tried = lappend(column.tried, column.current);
	}
}

/* PostgreSQL calls this for each member of a class that is of the relation, to find one that is not tried. */
static bool
is_untried_member(PlannerInfo *root, RelOptInfo *rel, EquivalenceClass *class, EquivalenceMember *member,
				  void *arg)
{
	JoinColumn *column = arg;

	if (column->current)
		return equal(column->current, member->em_expr);
	if (list_member(column->tried, member->em_expr))
		return false;
	column->current = member->em_expr;
	return true;
}
