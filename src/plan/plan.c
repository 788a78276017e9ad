/*
 * plan.c
 *	  Sizes, costs and paths of a foreign table, and the plan a scan gets.
 *
 * Costs are counted in requests, as a round trip costs far more than any row.  pushdown.c and
 * sort.c say what of the query can become part of the request; every condition is
 * checked again by the executor.
 */
#include "postgres.h"

#include <math.h>

#include "plan/plan.h"

#include "access/sysattr.h"
#include "access/table.h"
#include "base/compat.h"
#include "catalog/pg_operator.h"
#include "http/latency.h"
#include "modify/updatable.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "optimizer/paramassign.h"
#include "optimizer/planmain.h"
#include "optimizer/restrictinfo.h"
#include "plan/relsize.h"
#include "plan/used_columns.h"
#include "pushdown/pushdown.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

/* What a page in sequence costs, in pages that are read several at once. */
#define IN_SEQUENCE 1.1

/* What planning keeps in RelOptInfo.fdw_private. */
typedef struct PlannedRelation
{
	WalcuRelation relation;
	bool by_id;
	WalcuRelSize size;
} PlannedRelation;

/* Where a value stands among a plan's flags, and so whether it is in fdw_exprs, in this order. */
typedef enum PlanFlag
{
	FLAG_ID,
	FLAG_SEARCH,
	FLAG_LIMIT,
	FLAG_OFFSET,
	FLAG_KEY,
	FLAG_PUSHDOWN,
	FLAG_ALL_ROWS,
	FLAG_SKIPS,
	FLAG_STRATEGY,
	FLAG_ASSUMED
} PlanFlag;

/* What a path keeps in fdw_private. */
typedef enum PathMember
{
	PATH_REQUESTS,  /* expected */
	PATH_DOCUMENTS, /* expected */
	PATH_ORDER,     /* as sort_serialize makes it */
	PATH_STRATEGY,
	PATH_SKIPS,   /* does the service pass over the offset? */
	PATH_KEYED_BY /* see WalcuPlan; the parameter has no number yet */
} PathMember;

/* The join clause that a parameterized path is looked for. */
typedef struct JoinColumn
{
	Expr *current; /* the member of an equivalence class that is tried */
	List *tried;
} JoinColumn;

static void add_scan_path(PlannerInfo *root, RelOptInfo *rel, double rows, double documents, List *pathkeys,
						  Relids required_outer, List *keys);
static void add_strategy_path(PlannerInfo *root, RelOptInfo *rel, double rows, double documents,
							  List *pathkeys, Relids required_outer, List *keys, WalcuStrategy strategy,
							  double requests);
static List *make_path_members(double requests, double documents, List *keys, WalcuStrategy strategy,
							   ScalarArrayOpExpr *keyed_by);
static ScalarArrayOpExpr *assign_key_parameter(PlannerInfo *root, ScalarArrayOpExpr *keyed_by);
static void add_ordered_path(PlannerInfo *root, RelOptInfo *rel, List *pathkeys);
static void add_merge_paths(PlannerInfo *root, RelOptInfo *rel);
static void add_parameterized_paths(PlannerInfo *root, RelOptInfo *rel);
static bool has_relids(List *sets, Relids wanted);
static List *list_pushable_join_clauses(PlannerInfo *root, RelOptInfo *rel);
static bool is_untried_member(PlannerInfo *root, RelOptInfo *rel, EquivalenceClass *class,
							  EquivalenceMember *member, void *arg);
static Expr *find_value(const WalcuRelation *relation, List *restrictions,
						bool (*wanted)(const WalcuColumn *column));
static Expr *match_equal_value(const WalcuRelation *relation, Expr *clause,
							   bool (*wanted)(const WalcuColumn *column));
static bool is_id_column(const WalcuColumn *column);
static bool is_search(const WalcuColumn *column);

/* FdwRoutine.GetForeignRelSize */
void
plan_rel_size(PlannerInfo *root, RelOptInfo *rel, Oid relid)
{
	PlannedRelation *planned = palloc0(sizeof(PlannedRelation));
	WalcuRelation *relation = &planned->relation;
	WalcuOptions *options = option_for_table(relid);
	Expr *search;

	relation->varno = rel->relid;
	relation->relid = relid;
	relation->options = options;
	rel->fdw_private = planned;

	search = find_value(relation, rel->baserestrictinfo, is_search);
	planned->by_id = relation->options->pushdown && search == NULL &&
					 find_value(relation, rel->baserestrictinfo, is_id_column);
	/* there is nothing to ask about one document */
	options->use_remote_estimate &= !planned->by_id;
	planned->size = relsize_of_scan(root, rel, relation, search);
	if (planned->by_id)
	{
		rel->rows = 1;
		planned->size = (WalcuRelSize){.documents = 1};
	}
}

/* FdwRoutine.GetForeignPaths */
void
plan_paths(PlannerInfo *root, RelOptInfo *rel, Oid relid)
{
	PlannedRelation *planned = rel->fdw_private;

	add_scan_path(root, rel, rel->rows, planned->size.documents, NIL, rel->lateral_relids, NIL);
	if (planned->by_id)
		return;
	add_ordered_path(root, rel, root->query_pathkeys);
	add_merge_paths(root, rel);
	add_parameterized_paths(root, rel);
}

/* FdwRoutine.GetForeignPlan */
ForeignScan *
plan_scan(PlannerInfo *root, RelOptInfo *rel, Oid relid, ForeignPath *path, List *tlist, List *clauses,
		  Plan *outer_plan)
{
	PlannedRelation *planned = rel->fdw_private;
	const WalcuRelation *relation = &planned->relation;
	bool limited = plan_has_limit(root, rel, &path->path);
	Expr *search = find_value(relation, clauses, is_search);
	Expr *id =
		(relation->options->pushdown && search == NULL) ? find_value(relation, clauses, is_id_column) : NULL;
	ScalarArrayOpExpr *keyed_by = list_nth(path->fdw_private, PATH_KEYED_BY);
	Expr *exprs[] = {id, search, limited ? (Expr *) root->parse->limitCount : NULL,
					 limited ? (Expr *) root->parse->limitOffset : NULL,
					 keyed_by ? (Expr *) linitial(keyed_by->args) : NULL};
	double wanted = (limited && root->parse->limitCount == NULL) ? Max(root->tuple_fraction, 0) : 0;
	double requests = floatVal(list_nth(path->fdw_private, PATH_REQUESTS));
	double documents = floatVal(list_nth(path->fdw_private, PATH_DOCUMENTS));
	List *values = NIL;
	List *flags = NIL;

	for (int i = 0; i < lengthof(exprs); i++)
	{
		flags = lappend_int(flags, exprs[i] != NULL);
		if (exprs[i])
			values = lappend(values, exprs[i]);
	}
	flags = lappend_int(flags, relation->options->pushdown);
	flags = lappend_int(flags, root->tuple_fraction <= 0 || keyed_by);
	flags = lappend_int(flags, intVal(list_nth(path->fdw_private, PATH_SKIPS)));
	flags = lappend_int(flags, id ? WALCU_BY_ID : intVal(list_nth(path->fdw_private, PATH_STRATEGY)));
	flags = lappend_int(flags, planned->size.assumed);
	return make_foreignscan(
		tlist, extract_actual_clauses(clauses, false), rel->relid, values,
		list_concat(list_make5(flags, makeFloat(psprintf("%.0f", id ? 1 : requests)),
							   makeFloat(psprintf("%.0f", wanted)), used_columns(root, rel, relid),
							   list_nth(path->fdw_private, PATH_ORDER)),
					list_make2(makeFloat(psprintf("%.0f", id ? 1 : documents)),
							   keyed_by ? assign_key_parameter(root, keyed_by) : NULL)),
		NIL, NIL, outer_plan);
}

/* What plan_scan has put into a ForeignScan, read back. */
WalcuPlan
plan_of_scan(const ForeignScan *scan)
{
	List *flags = linitial(scan->fdw_private);
	WalcuPlan plan = {
		.strategy = list_nth_int(flags, FLAG_STRATEGY),
		.pushdown = list_nth_int(flags, FLAG_PUSHDOWN) != 0,
		.all_rows = list_nth_int(flags, FLAG_ALL_ROWS) != 0,
		.skips = list_nth_int(flags, FLAG_SKIPS) != 0,
		.assumed = list_nth_int(flags, FLAG_ASSUMED),
		.requests = floatVal(lsecond(scan->fdw_private)),
		.wanted = floatVal(lthird(scan->fdw_private)),
		.columns = lfourth(scan->fdw_private),
		.order = list_nth(scan->fdw_private, 4),
		.documents = floatVal(list_nth(scan->fdw_private, 5)),
	};
	Expr **values[] = {&plan.id, &plan.search, &plan.limit, &plan.offset, &plan.key};
	int next = 0;

	for (int i = 0; i < lengthof(values); i++)
	{
		if (list_nth_int(flags, i))
			*values[i] = list_nth(scan->fdw_exprs, next++);
	}
	/* as the plan has the key now; the parameter is the join's own, and no concern of the planner's */
	if (plan.key)
	{
		plan.keyed_by = copyObject(list_nth(scan->fdw_private, 6));
		linitial(plan.keyed_by->args) = plan.key;
	}
	return plan;
}

/* What there is to know of a foreign table that is being planned. */
const WalcuRelation *
plan_relation(const RelOptInfo *rel)
{
	return &((PlannedRelation *) rel->fdw_private)->relation;
}

/* The documents that a table is only assumed to have; 0 when they were counted. */
double
plan_assumed(const RelOptInfo *rel)
{
	return ((PlannedRelation *) rel->fdw_private)->size.assumed;
}

/* Does the query's LIMIT, or that of EXISTS, end the scan when it has brought so many rows? */
bool
plan_has_limit(PlannerInfo *root, const RelOptInfo *rel, const Path *path)
{
	const Query *query = root->parse;

	return rel->reloptkind == RELOPT_BASEREL && bms_membership(root->all_baserels) == BMS_SINGLETON &&
		   !query->hasAggs && !query->hasWindowFuncs && !query->hasTargetSRFs && query->groupClause == NIL &&
		   query->groupingSets == NIL && query->distinctClause == NIL && query->setOperations == NULL &&
		   query->havingQual == NULL && pathkeys_contained_in(root->query_pathkeys, path->pathkeys) &&
		   (query->limitCount || root->tuple_fraction >= 1);
}

/* A copy of a path, for a scan in which the service passes over what the offset says. */
ForeignPath *
plan_skipping_path(const ForeignPath *path)
{
	ForeignPath *skipping = palloc(sizeof(ForeignPath));

	*skipping = *path;
	skipping->fdw_private = list_copy(path->fdw_private);
	lfirst(list_nth_cell(skipping->fdw_private, PATH_SKIPS)) = makeInteger(true);
	return skipping;
}

/* Documents that the service is expected to send for the conditions of a table alone. */
double
plan_documents(const RelOptInfo *rel)
{
	return ((PlannedRelation *) rel->fdw_private)->size.documents;
}

/* A path for the documents that one key or another leads to, which a batched join (join_path.c) sets. */
ForeignPath *
plan_keyed_path(PlannerInfo *root, RelOptInfo *rel, double requests, double documents, bool by_job,
				ScalarArrayOpExpr *keyed_by)
{
	const WalcuOptions *options = plan_relation(rel)->options;

	return compat_foreignscan_path(
		root, rel, documents, rel->baserestrictcost.startup + options->fdw_startup_cost,
		rel->baserestrictcost.startup + requests * options->fdw_startup_cost +
			documents * plan_document_cost(rel),
		NIL, NULL,
		make_path_members(requests, documents, NIL, by_job ? WALCU_BY_JOB : plan_paging_strategy(options),
						  keyed_by));
}

/* Do the conditions of a table alone ask for one document by its _id? */
bool
plan_is_by_id(const RelOptInfo *rel)
{
	return ((PlannedRelation *) rel->fdw_private)->by_id;
}

/* What it costs to read a document that has arrived. */
Cost
plan_document_cost(const RelOptInfo *rel)
{
	return plan_relation(rel)->options->fdw_tuple_cost + cpu_tuple_cost + rel->baserestrictcost.per_tuple;
}

/* Paths for the ways in which documents can be read. */
static void
add_scan_path(PlannerInfo *root, RelOptInfo *rel, double rows, double documents, List *pathkeys,
			  Relids required_outer, List *keys)
{
	const WalcuOptions *options = ((PlannedRelation *) rel->fdw_private)->relation.options;
	WalcuFetchMode mode = (root->tuple_fraction <= 0) ? options->fetch_mode : WALCU_FETCH_PAGES;
	double pages = Max(ceil(documents / options->fetch_size), 1);

	/* an order that nobody asked for is no good where a hash can group or join as well */
	bool is_spare = keys != NIL && !pathkeys_contained_in(pathkeys, root->sort_pathkeys);
	/* documents without a value are asked for apart: a request, or a job, too many */
	bool apart = is_spare && !sort_agrees_on_nulls(options, linitial(keys));

	/*
	 * nor is one page after the other, where ranges can be read at once: more than add_path takes for the
	 * same
	 */
	if (is_spare && mode != WALCU_FETCH_PAGES && plan_paging_strategy(options) == WALCU_BY_RANGES)
		pages *= IN_SEQUENCE;
	if (mode != WALCU_FETCH_JOB)
		add_strategy_path(root, rel, rows, documents, pathkeys, required_outer, keys,
						  (keys == NIL && mode != WALCU_FETCH_PAGES) ? plan_paging_strategy(options)
																	 : WALCU_BY_PAGES,
						  pages + apart);
	if (mode == WALCU_FETCH_JOB ||
		(mode == WALCU_FETCH_AUTO && documents > options->job_threshold && required_outer == NULL))
		add_strategy_path(root, rel, rows, documents, pathkeys, required_outer, keys, WALCU_BY_JOB,
						  latency_job_requests(options) * (1 + apart));
}

static void
add_strategy_path(PlannerInfo *root, RelOptInfo *rel, double rows, double documents, List *pathkeys,
				  Relids required_outer, List *keys, WalcuStrategy strategy, double requests)
{
	const WalcuOptions *options = ((PlannedRelation *) rel->fdw_private)->relation.options;
	/* a job has nothing to show before its end */
	Cost startup =
		rel->baserestrictcost.startup + (strategy == WALCU_BY_JOB ? requests : 1) * options->fdw_startup_cost;

	add_path(rel,
			 (Path *) compat_foreignscan_path(
				 root, rel, rows, startup,
				 rel->baserestrictcost.startup + requests * options->fdw_startup_cost +
					 documents * plan_document_cost(rel),
				 pathkeys, required_outer, make_path_members(requests, documents, keys, strategy, NULL)));
}

/* In the order of PathMember. */
static List *
make_path_members(double requests, double documents, List *keys, WalcuStrategy strategy,
				  ScalarArrayOpExpr *keyed_by)
{
	List *members = list_make5(makeFloat(psprintf("%.0f", requests)), makeFloat(psprintf("%.0f", documents)),
							   sort_serialize(keys), makeInteger(strategy), makeInteger(false));

	return lappend(members, keyed_by);
}

/* The condition with a parameter that is the plan's alone. */
static ScalarArrayOpExpr *
assign_key_parameter(PlannerInfo *root, ScalarArrayOpExpr *keyed_by)
{
	ScalarArrayOpExpr *condition = copyObject(keyed_by);
	const Param *keys = lsecond(keyed_by->args);

	lsecond(condition->args) =
		generate_new_exec_param(root, keys->paramtype, keys->paramtypmod, keys->paramcollid);
	return condition;
}

/* The cheapest way to read so many documents, all of them and in any order. */
WalcuStrategy
plan_strategy(const WalcuOptions *options, double documents)
{
	bool is_long = documents > options->job_threshold &&
				   ceil(documents / options->fetch_size) > latency_job_requests(options);

	if (options->fetch_mode == WALCU_FETCH_JOB || (options->fetch_mode == WALCU_FETCH_AUTO && is_long))
		return WALCU_BY_JOB;
	return plan_paging_strategy(options);
}

/* Pages in any order. */
WalcuStrategy
plan_paging_strategy(const WalcuOptions *options)
{
	return (options->fetch_mode != WALCU_FETCH_PAGES && options->paging == WALCU_PAGING_KEY &&
			options->max_connections > 1)
			   ? WALCU_BY_RANGES
			   : WALCU_BY_PAGES;
}

/* A path in as much of an order as the service can give. */
static void
add_ordered_path(PlannerInfo *root, RelOptInfo *rel, List *pathkeys)
{
	PlannedRelation *planned = rel->fdw_private;
	List *keys = sort_of_pathkeys(root, rel, &planned->relation, pathkeys);

	if (keys != NIL)
		add_scan_path(root, rel, rel->rows, planned->size.documents,
					  list_truncate(list_copy(pathkeys), list_length(keys)), rel->lateral_relids, keys);
}

/* Orders that a merge join could use. */
static void
add_merge_paths(PlannerInfo *root, RelOptInfo *rel)
{
	ListCell *lc;

	foreach(lc, root->eq_classes)
	{
		EquivalenceClass *class = lfirst(lc);

		if (class->ec_opfamilies != NIL && !class->ec_has_volatile &&
			bms_is_member(rel->relid, class->ec_relids) && bms_membership(class->ec_relids) == BMS_MULTIPLE)
			add_ordered_path(root, rel, list_make1(compat_ascending_pathkey(root, class)));
	}
}

/* Paths for the inside of a nested loop, which ask for what the outside's row says. */
static void
add_parameterized_paths(PlannerInfo *root, RelOptInfo *rel)
{
	PlannedRelation *planned = rel->fdw_private;
	List *outers = NIL;
	ListCell *lc;

	foreach(lc, list_pushable_join_clauses(root, rel))
	{
		Relids required = bms_union(((RestrictInfo *) lfirst(lc))->clause_relids, rel->lateral_relids);

		required = bms_del_member(required, rel->relid);
		if (!bms_is_empty(required) && !has_relids(outers, required))
			outers = lappend(outers, required);
	}
	foreach(lc, outers)
	{
		ParamPathInfo *info = get_baserel_parampathinfo(root, rel, lfirst(lc));
		List *restrictions = list_concat_copy(info->ppi_clauses, rel->baserestrictinfo);
		bool by_id = find_value(&planned->relation, info->ppi_clauses, is_id_column) != NULL;

		add_scan_path(root, rel, info->ppi_rows,
					  by_id ? 1 : relsize_of_pushed(root, rel, &planned->relation, restrictions), NIL,
					  lfirst(lc), NIL);
	}
}

static bool
has_relids(List *sets, Relids wanted)
{
	ListCell *lc;

	foreach(lc, sets)
	{
		if (bms_equal(lfirst(lc), wanted))
			return true;
	}
	return false;
}

/* Join clauses from which a filter can be had once the other side is known. */
static List *
list_pushable_join_clauses(PlannerInfo *root, RelOptInfo *rel)
{
	PlannedRelation *planned = rel->fdw_private;
	JoinColumn column = {NULL, NIL};
	List *candidates = NIL;
	List *pushable = NIL;
	ListCell *lc;

	foreach(lc, rel->joininfo)
	{
		if (join_clause_is_movable_to(lfirst(lc), rel))
			candidates = lappend(candidates, lfirst(lc));
	}
	while (rel->has_eclass_joins)
	{
		column.current = NULL;
		candidates =
			list_concat(candidates, generate_implied_equalities_for_column(
										root, rel, is_untried_member, &column, rel->lateral_referencers));
		if (column.current == NULL)
			break;
		column.tried = lappend(column.tried, column.current);
	}
	foreach(lc, candidates)
	{
		List *filtered =
			pushdown_conditions(&planned->relation, list_make1(((RestrictInfo *) lfirst(lc))->clause));

		if (((WalcuPushdownCondition *) linitial(filtered))->filter)
			pushable = lappend(pushable, lfirst(lc));
	}
	return pushable;
}

/* Called for each member of a class that is of the relation: one that was not had yet. */
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

/*
 * The value that the conditions ask a column to equal, or NULL.  It can be
 * a constant, a parameter or an expression, but nothing of the relation itself.
 */
static Expr *
find_value(const WalcuRelation *relation, List *restrictions, bool (*wanted)(const WalcuColumn *column))
{
	ListCell *lc;

	foreach(lc, restrictions)
	{
		RestrictInfo *restriction = lfirst(lc);
		Expr *value = match_equal_value(relation, restriction->clause, wanted);

		/* a condition that is evaluated once per query must not be, once per scan */
		if (value && !restriction->pseudoconstant)
			return value;
	}
	return NULL;
}

static Expr *
match_equal_value(const WalcuRelation *relation, Expr *clause, bool (*wanted)(const WalcuColumn *column))
{
	OpExpr *operation = (OpExpr *) clause;

	if (!IsA(clause, OpExpr) || operation->opno != TextEqualOperator || !OidIsValid(operation->inputcollid) ||
		!get_collation_isdeterministic(operation->inputcollid))
		return NULL;
	for (int side = 0; side < 2; side++)
	{
		Var *column = (Var *) strip_implicit_coercions(list_nth(operation->args, side));
		Expr *value = list_nth(operation->args, 1 - side);

		if (IsA(column, Var) && column->varno == relation->varno && column->varattno > 0 &&
			column->varlevelsup == 0 && document_path_is_value(relation, value) &&
			wanted(option_for_column(relation->relid, column->varattno)))
			return value;
	}
	return NULL;
}

static bool
is_id_column(const WalcuColumn *column)
{
	return column->pushdown && column->parameter == NULL && strcmp(column->path, "_id") == 0;
}

static bool
is_search(const WalcuColumn *column)
{
	return column->parameter != NULL && strcmp(column->parameter, "search") == 0;
}
