/*
 * filter_probe.c
 *	  A look at whether conditions leave few documents, where a join hangs on it.
 *
 * path.c asks before it looks at sizes (size_probe.c), once all tables of the query have theirs.  Of a table
 * that was never analyzed PostgreSQL takes a third for what comes after a date, be it of the last week or the
 * last year.  If that is a page at most, the other sides of the join are asked for its keys, however large
 * they are; one request tells (`skip`, `limit=1`).  It is made where the guess speaks for more: to look at
 * several sides' sizes, or to read one.  As there, EXPLAIN asks nothing, and a look that fails is none.
 */
#include "postgres.h"

#include "plan/filter_probe.h"

#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "plan/count_cache.h"
#include "plan/key_lookup.h"
#include "plan/relinfo.h"
#include "plan/size_probe.h"
#include "utils/selfuncs.h"

/* What takes fewer requests than these to read has nothing to spare. */
#define FEW_REQUESTS 4

static bool is_guess(RelOptInfo *rel);
static bool decides_plan(PlannerInfo *root, RelOptInfo *rel);
static bool is_expensive_by_keys(PlannerInfo *root, RelOptInfo *rel, RelOptInfo *other, bool by_id);
static bool are_keys_cheap(const RelOptInfo *rel, const RelOptInfo *other);
static double count_pages(const RelOptInfo *rel);
static bool find_join(PlannerInfo *root, RelOptInfo *rel, RelOptInfo *other, bool *by_id);
static bool leads_to_id(const List *expressions, const RelOptInfo *other);
static void look_at_filter(PlannerInfo *root, RelOptInfo *rel);

/* Looks at what the conditions of the tables of a query leave, once for each. */
void
filter_probe_ask(PlannerInfo *root)
{
	int i = -1;

	if (bms_membership(root->all_baserels) != BMS_MULTIPLE)
		return;
	while ((i = bms_next_member(root->all_baserels, i)) >= 0)
	{
		RelOptInfo *rel = root->simple_rel_array[i];

		if (rel && is_guess(rel) && decides_plan(root, rel))
			look_at_filter(root, rel);
	}
}

/* Is it a guess how many rows the conditions leave, and that they are many? */
static bool
is_guess(RelOptInfo *rel)
{
	return relinfo_is_ours(rel) && !IS_DUMMY_REL(rel) && relinfo_get(rel)->size.guessed &&
		   !relinfo_get(rel)->was_looked_at && rel->rows > SIZE_PROBE_FEW_ROWS;
}

/* Does it hang on that how another side of a join is read, or are there several sizes to look at instead? */
static bool
decides_plan(PlannerInfo *root, RelOptInfo *rel)
{
	int sizes = 0;
	bool is_joined = false;
	int i = -1;

	while ((i = bms_next_member(root->all_baserels, i)) >= 0)
	{
		RelOptInfo *other = root->simple_rel_array[i];
		bool by_id = false;

		if (other == NULL || other == rel || !relinfo_is_ours(other) || IS_DUMMY_REL(other) ||
			relinfo_get(other)->by_id || count_pages(other) < FEW_REQUESTS)
			continue;
		sizes += size_probe_would_ask(root, other);
		if (!find_join(root, rel, other, &by_id))
			continue;
		is_joined = true;
		if (is_expensive_by_keys(root, rel, other, by_id))
			return true;
	}
	return is_joined && sizes > 1;
}

/*
 * Would the rows' keys cost about as much as to read the other side?  Of keys that are no _ids the planner
 * takes so few for different ones that all documents seem to have one; but then the other side may have keys
 * that are _ids here.
 */
static bool
is_expensive_by_keys(PlannerInfo *root, RelOptInfo *rel, RelOptInfo *other, bool by_id)
{
	bool by_own_id = false;

	if (by_id)
		return !are_keys_cheap(rel, other);
	find_join(root, other, rel, &by_own_id);
	return rel->rows >= DEFAULT_NUM_DISTINCT && !(by_own_id && are_keys_cheap(other, rel));
}

/* Is it clear that to ask for the documents with the rows' keys as their _ids costs less than to read all? */
static bool
are_keys_cheap(const RelOptInfo *rel, const RelOptInfo *other)
{
	return 2 * rel->rows / relinfo_options(other)->fetch_size < count_pages(other);
}

static double
count_pages(const RelOptInfo *rel)
{
	const WalcuOptions *options = relinfo_options(rel);

	return relsize_documents(rel, options) / options->fetch_size;
}

/* Finds an equality of two tables, and whether one leads to the other table's _id. */
static bool
find_join(PlannerInfo *root, RelOptInfo *rel, RelOptInfo *other, bool *by_id)
{
	bool is_joined = false;
	ListCell *lc;

	foreach(lc, root->eq_classes)
	{
		EquivalenceClass *class = lfirst(lc);
		List *expressions = NIL;
		ListCell *member;

		if (!bms_is_member(rel->relid, class->ec_relids) || !bms_is_member(other->relid, class->ec_relids))
			continue;
		foreach(member, class->ec_members)
			expressions = lappend(expressions, ((EquivalenceMember *) lfirst(member))->em_expr);
		is_joined = true;
		*by_id |= leads_to_id(expressions, other);
	}
	foreach(lc, rel->joininfo)
	{
		RestrictInfo *restriction = lfirst(lc);

		if (!restriction->can_join || !IsA(restriction->clause, OpExpr) ||
			!bms_is_member(other->relid, restriction->clause_relids))
			continue;
		is_joined = true;
		*by_id |= leads_to_id(castNode(OpExpr, restriction->clause)->args, other);
	}
	return is_joined;
}

static bool
leads_to_id(const List *expressions, const RelOptInfo *other)
{
	ListCell *lc;

	foreach(lc, expressions)
	{
		const Expr *expression = document_path_strip_relabels(lfirst(lc));

		if (IsA(expression, Var) && ((const Var *) expression)->varno == other->relid &&
			((const Var *) expression)->varattno == relinfo_get(other)->id_column)
			return true;
	}
	return false;
}

/* Asks whether there is a document behind the first page, unless that was asked for lately. */
static void
look_at_filter(PlannerInfo *root, RelOptInfo *rel)
{
	const WalcuOptions *options = relinfo_options(rel);
	WalcuQuery query = {
		.options = options, .strategy = WALCU_BY_PAGES, .project = list_make1("_id"), .wanted = 1};
	bool found;

	relinfo_note_filter(rel, 0);
	if (!size_probe_may_ask(root, rel) || !relsize_filter(root, rel, relinfo_relation(rel), &query))
		return;
	if (!count_cache_lookup_behind(&query, SIZE_PROBE_FEW_ROWS, &found))
	{
		if (!size_probe_document(&query, SIZE_PROBE_FEW_ROWS, &found))
			return;
		count_cache_note_behind(&query, SIZE_PROBE_FEW_ROWS, found);
	}
	if (!found)
		relinfo_note_filter(rel, SIZE_PROBE_FEW_ROWS / 2);
}
