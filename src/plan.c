/*
 * plan.c
 *	  Sizes, costs and paths of a foreign table, and the plan a scan gets.
 *
 * Costs are counted in requests, as a round trip costs far more than any row.  Two
 * conditions become part of the request: _id = value, and the search column = value.
 * Every condition, these too, is checked again by the executor.
 */
#include "postgres.h"

#include <math.h>

#include "plan.h"

#include "access/sysattr.h"
#include "access/table.h"
#include "catalog/pg_operator.h"
#include "compat.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "optimizer/planmain.h"
#include "optimizer/restrictinfo.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

/* Documents of a resource nobody has counted. */
#define DEFAULT_DOCUMENTS 1000

/* What planning keeps in RelOptInfo.fdw_private. */
typedef struct PlannedRelation
{
	WalcuOptions *options;
	Expr *id;
	Expr *search;
	double requests;
} PlannedRelation;

static Expr *find_value(RelOptInfo *rel, Oid relid, bool (*wanted)(const WalcuColumn *column));
static Expr *equal_value(RelOptInfo *rel, Oid relid, Expr *clause, bool (*wanted)(const WalcuColumn *column));
static bool is_id(const WalcuColumn *column);
static bool is_search(const WalcuColumn *column);
static List *needed_columns(RelOptInfo *rel, Oid relid);

/* FdwRoutine.GetForeignRelSize */
void
plan_rel_size(PlannerInfo *root, RelOptInfo *rel, Oid relid)
{
	PlannedRelation *planned = palloc0(sizeof(PlannedRelation));

	planned->options = option_for_table(relid);
	planned->id = find_value(rel, relid, is_id);
	planned->search = find_value(rel, relid, is_search);
	rel->fdw_private = planned;

	if (rel->tuples <= 0)
		rel->tuples = DEFAULT_DOCUMENTS;
	set_baserel_size_estimates(root, rel);
	if (planned->id)
		rel->rows = 1;
}

/* FdwRoutine.GetForeignPaths */
void
plan_paths(PlannerInfo *root, RelOptInfo *rel, Oid relid)
{
	PlannedRelation *planned = rel->fdw_private;
	const WalcuOptions *options = planned->options;
	double documents = planned->id ? 1 : rel->tuples;
	Cost per_document = options->fdw_tuple_cost + cpu_tuple_cost + rel->baserestrictcost.per_tuple;
	Cost startup = options->fdw_startup_cost + rel->baserestrictcost.startup;

	planned->requests = planned->id ? 1 : ceil(documents / options->fetch_size);
	add_path(rel,
			 (Path *) compat_foreignscan_path(root, rel, rel->rows, startup,
											  startup + (planned->requests - 1) * options->fdw_startup_cost +
												  documents * per_document,
											  rel->lateral_relids, NIL));
}

/* FdwRoutine.GetForeignPlan */
ForeignScan *
plan_scan(PlannerInfo *root, RelOptInfo *rel, Oid relid, ForeignPath *path, List *tlist, List *clauses,
		  Plan *outer_plan)
{
	PlannedRelation *planned = rel->fdw_private;
	List *values = NIL;
	List *private;

	if (planned->id)
		values = lappend(values, planned->id);
	if (planned->search)
		values = lappend(values, planned->search);
	private =
		list_make4(makeInteger(planned->id != NULL), makeInteger(planned->search != NULL),
				   makeInteger(root->tuple_fraction <= 0), makeFloat(psprintf("%.0f", planned->requests)));
	private = lappend(private, needed_columns(rel, relid));
	return make_foreignscan(tlist, extract_actual_clauses(clauses, false), rel->relid, values, private, NIL,
							NIL, outer_plan);
}

/* What plan_scan has put into a ForeignScan, read back. */
WalcuPlan
plan_of_scan(const ForeignScan *scan)
{
	List *private = scan->fdw_private;
	bool has_id = intVal(linitial(private)) != 0;
	bool has_search = intVal(lsecond(private)) != 0;
	WalcuPlan plan = {
		.strategy = has_id ? WALCU_BY_ID : WALCU_BY_PAGES,
		.all_rows = intVal(lthird(private)) != 0,
		.requests = floatVal(lfourth(private)),
		.columns = list_nth(private, 4),
		.id = has_id ? linitial(scan->fdw_exprs) : NULL,
		.search = has_search ? llast(scan->fdw_exprs) : NULL,
	};

	return plan;
}

/*
 * The value that the conditions ask a column to equal, or NULL.  It can be
 * a constant, a parameter or an expression, but nothing of any table.
 */
static Expr *
find_value(RelOptInfo *rel, Oid relid, bool (*wanted)(const WalcuColumn *column))
{
	ListCell *lc;

	foreach(lc, rel->baserestrictinfo)
	{
		RestrictInfo *restriction = lfirst(lc);
		Expr *value = equal_value(rel, relid, restriction->clause, wanted);

		/* a condition that is evaluated once per query must not be, once per scan */
		if (value && !restriction->pseudoconstant)
			return value;
	}
	return NULL;
}

static Expr *
equal_value(RelOptInfo *rel, Oid relid, Expr *clause, bool (*wanted)(const WalcuColumn *column))
{
	OpExpr *operation = (OpExpr *) clause;

	if (!IsA(clause, OpExpr) || operation->opno != TextEqualOperator ||
		!get_collation_isdeterministic(operation->inputcollid))
		return NULL;
	for (int side = 0; side < 2; side++)
	{
		Node *column = strip_implicit_coercions(list_nth(operation->args, side));
		Node *value = list_nth(operation->args, 1 - side);

		if (IsA(column, Var) && ((Var *) column)->varno == rel->relid && ((Var *) column)->varattno > 0 &&
			((Var *) column)->varlevelsup == 0 && !contain_var_clause(value) &&
			!contain_volatile_functions(value) && !contain_subplans(value) &&
			wanted(option_for_column(relid, ((Var *) column)->varattno)))
			return (Expr *) value;
	}
	return NULL;
}

static bool
is_id(const WalcuColumn *column)
{
	return column->parameter == NULL && strcmp(column->path, "_id") == 0;
}

static bool
is_search(const WalcuColumn *column)
{
	return column->parameter != NULL && strcmp(column->parameter, "search") == 0;
}

/* The columns that the query's output or any of its conditions uses. */
static List *
needed_columns(RelOptInfo *rel, Oid relid)
{
	Bitmapset *used = NULL;
	List *columns = NIL;
	Relation relation;
	ListCell *lc;

	pull_varattnos((Node *) rel->reltarget->exprs, rel->relid, &used);
	foreach(lc, rel->baserestrictinfo)
		pull_varattnos((Node *) ((RestrictInfo *) lfirst(lc))->clause, rel->relid, &used);

	relation = table_open(relid, NoLock);
	for (AttrNumber number = 1; number <= RelationGetNumberOfAttributes(relation); number++)
	{
		bool whole_row = bms_is_member(0 - FirstLowInvalidHeapAttributeNumber, used);

		if (TupleDescAttr(RelationGetDescr(relation), number - 1)->attisdropped)
			continue;
		if (whole_row || bms_is_member(number - FirstLowInvalidHeapAttributeNumber, used))
			columns = lappend_int(columns, number);
	}
	table_close(relation, NoLock);
	return columns;
}
