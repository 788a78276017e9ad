/*
 * join_path.c
 *	  Which joins can be batched key joins, and what they cost.
 *
 * The planner asks for each pair of relations whose inner one may be a foreign table of ours.  Where
 * one of the join's equalities can become a filter, there is a path that reads the outer side
 * in batches, asks the service for the documents that have one of a batch's keys, and joins
 * them as a hash join does.  As everywhere, costs are counted in requests.
 */
#include "postgres.h"

#include <math.h>

#include "plan/join_path.h"

#include "base/compat.h"
#include "base/objectid.h"
#include "catalog/pg_attribute.h"
#include "http/latency.h"
#include "http/no_jobs.h"
#include "nodes/extensible.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "optimizer/paths.h"
#include "optimizer/restrictinfo.h"
#include "plan/join_key.h"
#include "plan/join_plan.h"
#include "plan/key_lookup.h"
#include "plan/path.h"
#include "plan/read_anyway.h"
#include "plan/relinfo.h"
#include "pushdown/pushdown.h"
#include "utils/lsyscache.h"
#include "utils/selfuncs.h"
#include "utils/syscache.h"

/*
 * So much of a URL's length is not left for keys, and a key takes so much beside its text: its quotes and a
 * comma.
 */
#define URL_OVERHEAD 500
#define KEY_OVERHEAD 7

/* A range of dates takes so much, with the name of the place, and what of it is escaped. */
#define RANGE_LENGTH 200

/* The first batch has so many keys at least, however few rows are wanted. */
#define LEAST_FIRST_BATCH 10

/* A row of the inner side takes so much memory beside its columns. */
#define ROW_OVERHEAD 64

/* A join key is the equality that drives a join, with what is expected of it. */
typedef struct JoinKey
{
	RestrictInfo *restriction; /* This is the equality. */
	Expr *keyed_by;            /* See WalcuPlan; the parameter has no number yet. */
	WalcuJoinPlan plan;        /* The plan will carry this. */
	double outer_rows;         /* So many outer rows are expected to be such as may match. */
	double documents;          /* The service is expected to send so many, */
	double share;              /* which is such a part of all, as far as either side's statistics tell. */
	double first_requests;     /* The first batch is expected to send so many. */
	bool by_job;               /* Background jobs are expected to bring the documents. */
	bool of_ranges;            /* Each key is a range of values in documents. */
} JoinKey;

static set_join_pathlist_hook_type previous_join_hook;

static const CustomPathMethods join_path_methods = {.CustomName = JOIN_PLAN_NAME,
													.PlanCustomPath = join_plan_create};

static void add_batched_joins(PlannerInfo *root, RelOptInfo *joinrel, RelOptInfo *outerrel,
							  RelOptInfo *innerrel, JoinType type, JoinPathExtraData *extra);
static bool is_possible_join(RelOptInfo *joinrel, RelOptInfo *outerrel, RelOptInfo *innerrel, JoinType type,
							 JoinPathExtraData *extra);
static bool is_column_of_side(const Node *node, const RelOptInfo *outerrel, const RelOptInfo *innerrel);
static JoinKey *choose_join_key(PlannerInfo *root, RelOptInfo *joinrel, RelOptInfo *outerrel,
								RelOptInfo *innerrel, JoinType type, List *restrictions);
static JoinKey *match_key_clause(PlannerInfo *root, RelOptInfo *joinrel, RelOptInfo *outerrel,
								 RelOptInfo *innerrel, JoinType type, RestrictInfo *restriction);
static bool is_never_null(const RelOptInfo *rel, const Expr *expression);
static bool is_place_filtered(const RelOptInfo *rel, const char *path);
static double estimate_keyed_rows(PlannerInfo *root, RelOptInfo *joinrel, RelOptInfo *outerrel, JoinType type,
								  List *restrictions);
static double estimate_outer_keys(PlannerInfo *root, const RelOptInfo *outerrel, const RelOptInfo *innerrel,
								  const JoinKey *key);
static bool has_unknown_ids(PlannerInfo *root, const JoinKey *key);
static void estimate_join_key(PlannerInfo *root, RelOptInfo *outerrel, RelOptInfo *innerrel, JoinKey *key);
static double estimate_inner_keys(PlannerInfo *root, RelOptInfo *innerrel, Expr *inner_key);
static double count_key_values(PlannerInfo *root, const JoinKey *key, double inner_keys);
static bool allows_jobs(PlannerInfo *root, RelOptInfo *innerrel, const JoinKey *key);
static int choose_first_batch(PlannerInfo *root, RelOptInfo *innerrel, const JoinKey *key);
static void estimate_join_requests(const WalcuOptions *options, JoinKey *key);
static void add_join_path(PlannerInfo *root, RelOptInfo *joinrel, RelOptInfo *innerrel, Path *outer,
						  const JoinKey *key, List *restrictions);
static void set_join_costs(PlannerInfo *root, CustomPath *path, const Path *outer, RelOptInfo *innerrel,
						   const JoinKey *key, List *restrictions);

/* _PG_init calls this when the library is loaded. */
void
join_path_init(void)
{
	previous_join_hook = set_join_pathlist_hook;
	set_join_pathlist_hook = add_batched_joins;
}

/* set_join_pathlist_hook */
static void
add_batched_joins(PlannerInfo *root, RelOptInfo *joinrel, RelOptInfo *outerrel, RelOptInfo *innerrel,
				  JoinType type, JoinPathExtraData *extra)
{
	bool unique = (type == JOIN_UNIQUE_OUTER);
	JoinKey *key;
	ListCell *lc;

	if (previous_join_hook)
		previous_join_hook(root, joinrel, outerrel, innerrel, type, extra);
	if (!is_possible_join(joinrel, outerrel, innerrel, type, extra))
		return;
	type = unique ? JOIN_INNER : type;
	key = choose_join_key(root, joinrel, outerrel, innerrel, type, extra->restrictlist);
	if (key == NULL)
		return;
	key->plan.type = type;
	key->plan.single_match = (type == JOIN_SEMI) || extra->inner_unique;
	if (unique)
	{
		Path *path = compat_unique_path(root, outerrel, extra->sjinfo);

		if (path && path->param_info == NULL)
			add_join_path(root, joinrel, innerrel, path, key, extra->restrictlist);
		return;
	}
	foreach(lc, outerrel->pathlist)
	{
		Path *path = lfirst(lc);

		if (path->param_info == NULL)
			add_join_path(root, joinrel, innerrel, path, key, extra->restrictlist);
	}
}

/* Returns whether the inner side is a table of ours, and the join of a kind that can be batched. */
static bool
is_possible_join(RelOptInfo *joinrel, RelOptInfo *outerrel, RelOptInfo *innerrel, JoinType type,
				 JoinPathExtraData *extra)
{
	ListCell *lc;

	if (!option_enable_batched_join || !relinfo_is_ours(innerrel) || IS_DUMMY_REL(innerrel))
		return false;
	if (type != JOIN_INNER && type != JOIN_LEFT && type != JOIN_SEMI && type != JOIN_ANTI &&
		type != JOIN_UNIQUE_OUTER)
		return false;
	if (!bms_is_empty(joinrel->lateral_relids) || !bms_is_empty(innerrel->lateral_relids) ||
		relinfo_get(innerrel)->by_id)
		return false;
	foreach(lc, list_concat_copy(extra->restrictlist, innerrel->baserestrictinfo))
	{
		if (((RestrictInfo *) lfirst(lc))->pseudoconstant)
			return false;
	}
	foreach(lc, joinrel->reltarget->exprs)
	{
		if (!is_column_of_side(lfirst(lc), outerrel, innerrel))
			return false;
	}
	return true;
}

/*
 * Returns whether one of the sides has an output of the join.  An expression would have to be computed in the
 * join, and a custom scan cannot have in its row what identifies rows of an inherited table that is changed.
 */
static bool
is_column_of_side(const Node *node, const RelOptInfo *outerrel, const RelOptInfo *innerrel)
{
	if (IsA(node, Var) && ((const Var *) node)->varno == ROWID_VAR)
		return false;
	return join_plan_same(node, outerrel->reltarget->exprs) != NULL ||
		   join_plan_same(node, innerrel->reltarget->exprs) != NULL;
}

/*
 * Chooses the equality that brings the fewest documents; NULL when none can be a filter.  Of those that may
 * bring all, it is the one with the most keys, as these are likely to have fewer documents each.
 */
static JoinKey *
choose_join_key(PlannerInfo *root, RelOptInfo *joinrel, RelOptInfo *outerrel, RelOptInfo *innerrel,
				JoinType type, List *restrictions)
{
	double outer_rows = estimate_keyed_rows(root, joinrel, outerrel, type, restrictions);
	JoinKey *best = NULL;
	ListCell *lc;

	foreach(lc, restrictions)
	{
		JoinKey *key = match_key_clause(root, joinrel, outerrel, innerrel, type, lfirst(lc));

		if (key == NULL)
			continue;
		key->outer_rows = outer_rows;
		estimate_join_key(root, outerrel, innerrel, key);
		if (best == NULL || key->share < best->share ||
			(key->share == best->share && key->plan.keys > best->plan.keys))
			best = key;
	}
	return best;
}

static JoinKey *
match_key_clause(PlannerInfo *root, RelOptInfo *joinrel, RelOptInfo *outerrel, RelOptInfo *innerrel,
				 JoinType type, RestrictInfo *restriction)
{
	JoinKey *key = palloc0(sizeof(JoinKey));
	const WalcuDocumentPath *place;
	WalcuPushdownCondition *filtered;
	bool takes_null;
	Oid keys;

	key->restriction = restriction;
	if ((IS_OUTER_JOIN(type) && RINFO_IS_PUSHED_DOWN(restriction, joinrel->relids)) ||
		!restriction_is_securely_promotable(restriction, innerrel) ||
		!join_key_find(root, outerrel, innerrel, restriction, &key->plan, &takes_null))
		return NULL;
	keys = exprType((Node *) key->plan.outer_key);
	key->keyed_by = join_key_condition(&key->plan, key->plan.of_array ? keys : get_array_type(keys), -1);
	if (key->keyed_by == NULL)
		return NULL;
	filtered = linitial(pushdown_conditions(relinfo_relation(innerrel), list_make1(key->keyed_by)));
	if (filtered->filter == NULL || filtered->filter->kind != WALCU_PUSHDOWN_PREDICATE ||
		filtered->filter->condition->operand->letters != WALCU_LETTERS_KEPT)
		return NULL;
	place = filtered->filter->condition->operand;
	key->plan.by_id = key_lookup_is_id(place);
	key->of_ranges = place->steps != NIL;
	if ((takes_null && !is_never_null(innerrel, key->plan.inner_key)) ||
		(key->of_ranges && is_place_filtered(innerrel, place->path)))
		return NULL;
	return key;
}

/* Returns whether an expression is a column that is declared NOT NULL, as an _id is when it is imported. */
static bool
is_never_null(const RelOptInfo *rel, const Expr *expression)
{
	HeapTuple column;
	bool is_not_null;

	expression = document_path_strip_relabels(expression);
	if (!IsA(expression, Var) || ((const Var *) expression)->varno != rel->relid)
		return false;
	column = SearchSysCache2(ATTNUM, ObjectIdGetDatum(relinfo_relation(rel)->relid),
							 Int16GetDatum(((const Var *) expression)->varattno));
	if (!HeapTupleIsValid(column))
		return false;
	is_not_null = ((Form_pg_attribute) GETSTRUCT(column))->attnotnull;
	ReleaseSysCache(column);
	return is_not_null;
}

/*
 * Returns whether the conditions on a relation have one on a place.  Where keys are ranges there, as days
 * are, a query that says both means the days of a time: they lead to all documents that the condition leaves.
 */
static bool
is_place_filtered(const RelOptInfo *rel, const char *path)
{
	List *filtered = pushdown_conditions(relinfo_relation(rel), get_actual_clauses(rel->baserestrictinfo));
	ListCell *lc;

	foreach(lc, filtered)
	{
		const WalcuPushdown *filter = ((WalcuPushdownCondition *) lfirst(lc))->filter;

		if (filter && filter->kind == WALCU_PUSHDOWN_PREDICATE &&
			strcmp(filter->condition->operand->path, path) == 0)
			return true;
	}
	return false;
}

static void
estimate_join_key(PlannerInfo *root, RelOptInfo *outerrel, RelOptInfo *innerrel, JoinKey *key)
{
	double inner_keys = key->plan.by_id ? relsize_documents(innerrel, relinfo_options(innerrel))
										: estimate_inner_keys(root, innerrel, key->plan.inner_key);

	key->plan.keys = estimate_outer_keys(root, outerrel, innerrel, key);
	key->documents =
		clamp_row_est(relinfo_get(innerrel)->size.documents * Min(key->plan.keys / Max(inner_keys, 1), 1));
	key->share = Min(key->plan.keys / Max(count_key_values(root, key, inner_keys), 1), 1);
	/*
	 * a guess of the resource's size says nothing of how many keys lead nowhere; that they lead to many is
	 * seen
	 */
	key->plan.per_key = relinfo_get(innerrel)->size.assumed > 0 ? 1 : Min(key->documents / key->plan.keys, 1);
	key->plan.by_job = allows_jobs(root, innerrel, key);
	key->plan.first_batch = choose_first_batch(root, innerrel, key);
	estimate_join_requests(relinfo_options(innerrel), key);
}

/*
 * Estimates distinct keys of the documents that the service sends without a list of keys.  PostgreSQL counts
 * those of the rows that are left when all conditions have been checked, which may be fewer.
 */
static double
estimate_inner_keys(PlannerInfo *root, RelOptInfo *innerrel, Expr *inner_key)
{
	double of_rows = estimate_num_groups(root, list_make1(inner_key), innerrel->tuples, NULL, NULL);
	double documents = relinfo_get(innerrel)->size.documents;
	VariableStatData variable;
	bool is_default;
	double most;

	examine_variable(root, (Node *) inner_key, 0, &variable);
	most = get_variable_numdistinct(&variable, &is_default);
	ReleaseVariableStats(variable);
	return Max(of_rows, Min(of_rows * documents / Max(innerrel->rows, 1), Min(most, documents)));
}

/*
 * Counts the values that a key may have: those of the inner side, or as many as the outer side's table has,
 * if nobody has counted the others.
 */
static double
count_key_values(PlannerInfo *root, const JoinKey *key, double inner_keys)
{
	VariableStatData inner;
	VariableStatData outer;
	bool is_inner_unknown = false;
	bool is_outer_unknown = false;
	double outer_keys;

	if (key->plan.by_id || key->plan.of_array || key->plan.in_array)
		return inner_keys;
	examine_variable(root, (Node *) key->plan.inner_key, 0, &inner);
	examine_variable(root, (Node *) key->plan.outer_key, 0, &outer);
	get_variable_numdistinct(&inner, &is_inner_unknown);
	outer_keys = get_variable_numdistinct(&outer, &is_outer_unknown);
	ReleaseVariableStats(inner);
	ReleaseVariableStats(outer);
	return is_inner_unknown && !is_outer_unknown ? outer_keys : inner_keys;
}

/* Estimates how many rows of the outer side the conditions let through that are about them alone. */
static double
estimate_keyed_rows(PlannerInfo *root, RelOptInfo *joinrel, RelOptInfo *outerrel, JoinType type,
					List *restrictions)
{
	List *key_quals = NIL;
	ListCell *lc;

	foreach(lc, restrictions)
	{
		RestrictInfo *restriction = lfirst(lc);

		if (!(IS_OUTER_JOIN(type) && RINFO_IS_PUSHED_DOWN(restriction, joinrel->relids)) &&
			join_plan_is_key_qual(root, restriction->clause, outerrel->relids))
			key_quals = lappend(key_quals, restriction);
	}
	return clamp_row_est(outerrel->rows * clauselist_selectivity(root, key_quals, 0, JOIN_INNER, NULL));
}

/*
 * Estimates distinct keys of the outer side: those of all its rows, or as many as are left to rows that may
 * match.  Of arrays nothing is known but that they have some elements.
 */
static double
estimate_outer_keys(PlannerInfo *root, const RelOptInfo *outerrel, const RelOptInfo *innerrel,
					const JoinKey *key)
{
	if (key->plan.of_array)
		return key->outer_rows * compat_array_length(root, (Node *) key->plan.outer_key);
	if (has_unknown_ids(root, key))
		return clamp_row_est(key->plan.by_id ? Min(key->outer_rows, innerrel->tuples) : key->outer_rows);
	return Min(estimate_num_groups(root, list_make1(key->plan.outer_key), outerrel->rows, NULL, NULL),
			   key->outer_rows);
}

/*
 * Returns whether the keys are ids in documents of a table that was never analyzed: its own, or those of the
 * inner side.  PostgreSQL takes 200 of them for distinct, however many there are; more likely each document
 * has another one, as far as there are so many.
 */
static bool
has_unknown_ids(PlannerInfo *root, const JoinKey *key)
{
	VariableStatData variable;
	bool is_unknown = false;

	examine_variable(root, (Node *) key->plan.outer_key, 0, &variable);
	if (variable.rel && relinfo_is_ours(variable.rel))
	{
		const WalcuDocumentPath *place =
			document_path_of_expression(relinfo_relation(variable.rel), key->plan.outer_key);

		if (key->plan.by_id || (place && place->path && key_lookup_is_id(place)))
			get_variable_numdistinct(&variable, &is_unknown);
	}
	ReleaseVariableStats(variable);
	return is_unknown;
}

/* Returns, as for a scan (path.c), whether there are many documents, and all of them are wanted. */
static bool
allows_jobs(PlannerInfo *root, RelOptInfo *innerrel, const JoinKey *key)
{
	const WalcuOptions *options = relinfo_options(innerrel);

	return root->tuple_fraction <= 0 &&
		   (options->fetch_mode == WALCU_FETCH_JOB ||
			(options->fetch_mode == WALCU_FETCH_AUTO && key->documents > options->job_threshold));
}

/*
 * Chooses how many keys the first batch has: as many as have documents that fit into half of work_mem, or few
 * when few rows are wanted.
 */
static int
choose_first_batch(PlannerInfo *root, RelOptInfo *innerrel, const JoinKey *key)
{
	int most = relinfo_options(innerrel)->join_batch_size;
	double width = innerrel->reltarget->width + ROW_OVERHEAD;
	double keys = work_mem * 512.0 / (width * key->documents / key->plan.keys + ROW_OVERHEAD);

	if (root->tuple_fraction >= 1)
		keys = Min(Max(root->tuple_fraction, LEAST_FIRST_BATCH), JOIN_PATH_FIRST_BATCH);
	else if (root->tuple_fraction > 0)
		keys = JOIN_PATH_FIRST_BATCH;
	return (int) Max(Min(most, keys), 1);
}

/* Estimates how many requests the keys take, in batches that grow, and whether jobs bring the documents. */
static void
estimate_join_requests(const WalcuOptions *options, JoinKey *key)
{
	WalcuJoinPlan *plan = &key->plan;
	double per_key = key->documents / plan->keys;
	double length =
		key->of_ranges
			? RANGE_LENGTH
			: (plan->by_id ? OBJECTID_LENGTH : get_typavgwidth(exprType((Node *) key->plan.outer_key), -1)) +
				  KEY_OVERHEAD;
	double fit = Max(floor((options->max_url_length - URL_OVERHEAD) / length), 1);
	double batch = plan->first_batch;
	double left = plan->keys;

	plan->keys_a_url = (int) fit;
	plan->keys_a_request = (per_key > 1) ? fit : Min(fit, Max(floor(options->fetch_size / per_key), 1));
	plan->requests = 0;
	while (left > 0)
	{
		double keys = Min(batch, left);
		double requests = Max(ceil(keys / plan->keys_a_request), ceil(keys * per_key / options->fetch_size));
		double batches = 1;

		if (join_path_prefers_jobs(options, plan, keys, requests))
		{
			requests = ceil(keys / fit) * latency_job_requests(options);
			key->by_job = true;
		}
		if (plan->requests == 0)
			key->first_requests = requests;
		if (batch >= options->join_batch_size)
			batches = Max(floor(left / batch), 1);
		plan->requests += requests * batches;
		left -= keys * batches;
		batch = Min(batch * 2, options->join_batch_size);
	}
}

/* Returns whether background jobs bring the documents of so many keys for less than so many pages do. */
bool
join_path_prefers_jobs(const WalcuOptions *options, const WalcuJoinPlan *plan, double keys, double pages)
{
	return plan->by_job && no_jobs_reason(options) == NULL &&
		   (options->fetch_mode == WALCU_FETCH_JOB ||
			ceil(keys / plan->keys_a_url) * latency_job_requests(options) < pages);
}

static void
add_join_path(PlannerInfo *root, RelOptInfo *joinrel, RelOptInfo *innerrel, Path *outer, const JoinKey *key,
			  List *restrictions)
{
	CustomPath *path = makeNode(CustomPath);
	List *others = list_delete_ptr(list_copy(restrictions), key->restriction);

	path->path.pathtype = T_CustomScan;
	path->path.parent = joinrel;
	path->path.pathtarget = joinrel->reltarget;
	path->path.rows = joinrel->rows;
	path->path.pathkeys = build_join_pathkeys(root, joinrel, key->plan.type, outer->pathkeys);
	path->flags = COMPAT_CUSTOMPATH_PROJECTS;
	path->methods = &join_path_methods;
	path->custom_paths = list_make2(outer, path_with_keys(root, innerrel, key->plan.requests, key->documents,
														  key->by_job, key->keyed_by));
	path->custom_private = join_plan_path_private(&key->plan, others, joinrel->reltarget->exprs);
	compat_inherit_disabled(&path->path, outer);
	set_join_costs(root, path, outer, innerrel, key, others);
	add_path(joinrel, &path->path);
}

/*
 * The first row costs the first batch.  Where few rows are wanted that is small, and counts by the part of
 * all rows, as PostgreSQL counts the other joins, whose inner side may be read as a whole for the first row.
 */
static void
set_join_costs(PlannerInfo *root, CustomPath *path, const Path *outer, RelOptInfo *innerrel,
			   const JoinKey *key, List *restrictions)
{
	const WalcuOptions *options = relinfo_options(innerrel);
	double candidates = Max(outer->rows * key->documents / key->plan.keys, outer->rows);
	double first = root->tuple_fraction > 0 ? 0 : Min(key->plan.first_batch / key->plan.keys, 1);
	Cost run = outer->total_cost - outer->startup_cost + key->documents * path_document_cost(innerrel);
	QualCost quals;

	/* what another scan was to get for nothing has to be paid then */
	if (read_anyway(root, innerrel, relinfo_get(innerrel)->size.documents, false))
		run += relinfo_get(innerrel)->size.documents / options->fetch_size * options->fdw_startup_cost;
	cost_qual_eval(&quals, restrictions, root);
	path->path.startup_cost = outer->startup_cost + innerrel->baserestrictcost.startup + quals.startup +
							  key->first_requests * options->fdw_startup_cost + run * first;
	path->path.total_cost = path->path.startup_cost + run * (1 - first) +
							(key->plan.requests - key->first_requests) * options->fdw_startup_cost +
							outer->rows * (cpu_operator_cost + cpu_tuple_cost) +
							candidates * (cpu_operator_cost + quals.per_tuple) +
							path->path.rows * cpu_tuple_cost;
}
