/*
 * path.c
 *	  In which ways a foreign table can be read, and what each of them costs.
 *
 * The planner asks for a table's paths (FdwRoutine.GetForeignPaths), join_path.c and offset.c for special
 * ones, and plan.c reads what a path says of its scan.  Costs are counted in requests, as a round trip costs
 * far more than any row.  pushdown.c and sort.c say what of the query can become part of a request; the
 * executor checks every condition again.
 */
#include "postgres.h"

#include <math.h>

#include "plan/path.h"

#include "base/compat.h"
#include "base/float_node.h"
#include "http/latency.h"
#include "http/no_jobs.h"
#include "nodes/makefuncs.h"
#include "optimizer/optimizer.h"
#include "optimizer/paths.h"
#include "optimizer/restrictinfo.h"
#include "plan/key_lookup.h"
#include "plan/relinfo.h"
#include "pushdown/pushdown.h"

/* A page in sequence costs so much, in pages that are read several at once. */
#define IN_SEQUENCE 1.1

/* A path's fdw_private holds a WalcuPathDetails so; path_details reads it. */
typedef enum PathPrivateIndex
{
	PATH_PRIVATE_REQUESTS,  /* This is a double. */
	PATH_PRIVATE_DOCUMENTS, /* This is a double. */
	PATH_PRIVATE_ORDER,     /* This is a list of int. */
	PATH_PRIVATE_STRATEGY,  /* This is an Integer. */
	PATH_PRIVATE_SKIPS,     /* This is a Boolean. */
	PATH_PRIVATE_KEYED_BY   /* This is a ScalarArrayOpExpr, or NULL. */
} PathPrivateIndex;

/* A path brings this, whichever way its documents are read. */
typedef struct ScanOutput
{
	double rows;           /* The path returns so many. */
	double documents;      /* The service is expected to send so many. */
	List *pathkeys;        /* The rows come in this order; NIL for any. */
	List *sort_keys;       /* The service sorts by these, of WalcuSortKey, to bring that order. */
	Relids required_outer; /* The scan needs values of a row of these relations. */
} ScanOutput;

/* It goes through the members of equivalence classes that are of one relation, one after the other. */
typedef struct JoinColumn
{
	Expr *current; /* This member is tried now. */
	List *tried;   /* These were tried before. */
} JoinColumn;

static void add_scan_paths(PlannerInfo *root, RelOptInfo *rel, const ScanOutput *output);
static void add_strategy_path(PlannerInfo *root, RelOptInfo *rel, const ScanOutput *output,
							  WalcuStrategy strategy, double requests);
static List *make_path_private(const WalcuPathDetails *details);
static void add_ordered_paths(PlannerInfo *root, RelOptInfo *rel, List *pathkeys);
static void add_merge_paths(PlannerInfo *root, RelOptInfo *rel);
static void add_parameterized_paths(PlannerInfo *root, RelOptInfo *rel);
static List *list_required_outers(PlannerInfo *root, RelOptInfo *rel);
static bool has_equal_relids(List *sets, Relids wanted);
static List *list_pushable_join_clauses(PlannerInfo *root, RelOptInfo *rel);
static bool is_untried_member(PlannerInfo *root, RelOptInfo *rel, EquivalenceClass *class,
							  EquivalenceMember *member, void *arg);

/* FdwRoutine.GetForeignPaths */
void
path_add_all(PlannerInfo *root, RelOptInfo *rel, Oid relid)
{
	const WalcuRelInfo *info = relinfo_get(rel);
	ScanOutput output = {
		.rows = rel->rows, .documents = info->size.documents, .required_outer = rel->lateral_relids};

	add_scan_paths(root, rel, &output);
	if (info->by_id)
		return;
	add_ordered_paths(root, rel, root->query_pathkeys);
	add_merge_paths(root, rel);
	add_parameterized_paths(root, rel);
}

/* Makes a path for the documents that one key or another leads to; a batched join (join_path.c) sets them. */
ForeignPath *
path_with_keys(PlannerInfo *root, RelOptInfo *rel, double requests, double documents, bool by_job,
			   ScalarArrayOpExpr *keyed_by)
{
	const WalcuOptions *options = relinfo_options(rel);
	Cost startup = rel->baserestrictcost.startup;
	WalcuPathDetails details = {
		.requests = requests,
		.documents = documents,
		.strategy = by_job ? WALCU_BY_JOB : path_paging_strategy(options),
		.keyed_by = keyed_by,
	};
	CompatScanCost cost = {
		.rows = documents,
		.startup = startup + options->fdw_startup_cost,
		.total = startup + requests * options->fdw_startup_cost + documents * path_document_cost(rel),
	};

	return compat_foreignscan_path(root, rel, cost, NIL, NULL, make_path_private(&details));
}

/* Copies a path, for a scan in which the service passes over what the offset says. */
ForeignPath *
path_with_skip(const ForeignPath *path)
{
	ForeignPath *skipping = palloc(sizeof(ForeignPath));
	WalcuPathDetails details = path_details(path);

	*skipping = *path;
	details.skips = true;
	skipping->fdw_private = make_path_private(&details);
	return skipping;
}

/* Writes the details in the order of PathPrivateIndex. */
static List *
make_path_private(const WalcuPathDetails *details)
{
	List *private = list_make5(float_node_make(details->requests), float_node_make(details->documents),
							   details->order, makeInteger(details->strategy), makeBoolean(details->skips));

	return lappend(private, details->keyed_by);
}

/* Reads back what a path says of its scan. */
WalcuPathDetails
path_details(const ForeignPath *path)
{
	const List *private = path->fdw_private;

	return (WalcuPathDetails){
		.requests = float_node_value(list_nth(private, PATH_PRIVATE_REQUESTS)),
		.documents = float_node_value(list_nth(private, PATH_PRIVATE_DOCUMENTS)),
		.order = list_nth(private, PATH_PRIVATE_ORDER),
		.strategy = intVal(list_nth(private, PATH_PRIVATE_STRATEGY)),
		.skips = boolVal(list_nth(private, PATH_PRIVATE_SKIPS)),
		.keyed_by = list_nth(private, PATH_PRIVATE_KEYED_BY),
	};
}

/* Returns whether the query's LIMIT, or that of EXISTS, ends the scan when it has brought so many rows. */
bool
path_has_limit(PlannerInfo *root, const Path *path)
{
	const Query *query = root->parse;

	return path->parent->reloptkind == RELOPT_BASEREL &&
		   bms_membership(root->all_baserels) == BMS_SINGLETON && !query->hasAggs && !query->hasWindowFuncs &&
		   !query->hasTargetSRFs && query->groupClause == NIL && query->groupingSets == NIL &&
		   query->distinctClause == NIL && query->setOperations == NULL && query->havingQual == NULL &&
		   pathkeys_contained_in(root->query_pathkeys, path->pathkeys) &&
		   (query->limitCount || root->tuple_fraction >= 1);
}

/* Returns the cheapest way to read so many documents, all of them and in any order. */
WalcuStrategy
path_strategy(const WalcuOptions *options, double documents)
{
	bool is_long = documents > options->job_threshold && no_jobs_reason(options) == NULL &&
				   ceil(documents / options->fetch_size) > latency_job_requests(options);

	if (options->fetch_mode == WALCU_FETCH_JOB || (options->fetch_mode == WALCU_FETCH_AUTO && is_long))
		return WALCU_BY_JOB;
	return path_paging_strategy(options);
}

/* Returns the cheapest way to read pages in any order. */
WalcuStrategy
path_paging_strategy(const WalcuOptions *options)
{
	return (options->fetch_mode != WALCU_FETCH_PAGES && options->paging == WALCU_PAGING_KEY &&
			options->max_connections > 1)
			   ? WALCU_BY_RANGES
			   : WALCU_BY_PAGES;
}

/* Returns what it costs to read a document that has arrived. */
Cost
path_document_cost(const RelOptInfo *rel)
{
	return relinfo_options(rel)->fdw_tuple_cost + cpu_tuple_cost + rel->baserestrictcost.per_tuple;
}

/* Adds a path for each way in which the documents can be read. */
static void
add_scan_paths(PlannerInfo *root, RelOptInfo *rel, const ScanOutput *output)
{
	const WalcuOptions *options = relinfo_options(rel);
	List *keys = output->sort_keys;
	WalcuFetchMode mode = (root->tuple_fraction <= 0) ? options->fetch_mode : WALCU_FETCH_PAGES;
	double pages = Max(ceil(output->documents / options->fetch_size), 1);

	/* A hash can group or join as well as an order that nobody asked for. */
	bool is_spare = keys != NIL && !pathkeys_contained_in(output->pathkeys, root->sort_pathkeys);
	/* Documents without a value are asked for apart, which takes a request, or a job, more. */
	bool is_apart = is_spare && !sort_agrees_on_nulls(options, linitial(keys));

	/*
	 * Pages in sequence are no good either where ranges can be read at once.  Their costs have to differ by
	 * more than what add_path takes for the same.
	 */
	if (is_spare && mode != WALCU_FETCH_PAGES && path_paging_strategy(options) == WALCU_BY_RANGES)
		pages *= IN_SEQUENCE;
	if (mode != WALCU_FETCH_JOB)
		add_strategy_path(root, rel, output,
						  (keys == NIL && mode != WALCU_FETCH_PAGES) ? path_paging_strategy(options)
																	 : WALCU_BY_PAGES,
						  pages + is_apart);
	if (mode == WALCU_FETCH_JOB || (mode == WALCU_FETCH_AUTO && output->documents > options->job_threshold &&
									output->required_outer == NULL && no_jobs_reason(options) == NULL))
		add_strategy_path(root, rel, output, WALCU_BY_JOB, latency_job_requests(options) * (1 + is_apart));
}

static void
add_strategy_path(PlannerInfo *root, RelOptInfo *rel, const ScanOutput *output, WalcuStrategy strategy,
				  double requests)
{
	Cost request = relinfo_options(rel)->fdw_startup_cost;
	Cost startup = rel->baserestrictcost.startup;
	WalcuPathDetails details = {
		.requests = requests,
		.documents = output->documents,
		.order = sort_serialize(output->sort_keys),
		.strategy = strategy,
	};
	CompatScanCost cost = {
		.rows = output->rows,
		/* A job has nothing to show before its end. */
		.startup = startup + (strategy == WALCU_BY_JOB ? requests : 1) * request,
		.total = startup + requests * request + output->documents * path_document_cost(rel),
	};

	add_path(rel, (Path *) compat_foreignscan_path(root, rel, cost, output->pathkeys, output->required_outer,
												   make_path_private(&details)));
}

/* Adds paths in as much of an order as the service can give. */
static void
add_ordered_paths(PlannerInfo *root, RelOptInfo *rel, List *pathkeys)
{
	const WalcuRelInfo *info = relinfo_get(rel);
	List *keys = sort_of_pathkeys(root, rel, &info->relation, pathkeys);
	ScanOutput output = {
		.rows = rel->rows,
		.documents = info->size.documents,
		.pathkeys = list_truncate(list_copy(pathkeys), list_length(keys)),
		.sort_keys = keys,
		.required_outer = rel->lateral_relids,
	};

	if (keys != NIL)
		add_scan_paths(root, rel, &output);
}

/* Adds paths in orders that a merge join could use. */
static void
add_merge_paths(PlannerInfo *root, RelOptInfo *rel)
{
	ListCell *lc;

	foreach(lc, root->eq_classes)
	{
		EquivalenceClass *class = lfirst(lc);

		if (class->ec_opfamilies != NIL && !class->ec_has_volatile &&
			bms_is_member(rel->relid, class->ec_relids) && bms_membership(class->ec_relids) == BMS_MULTIPLE)
			add_ordered_paths(root, rel, list_make1(compat_ascending_pathkey(root, class)));
	}
}

/* Adds paths for the inner side of a nested loop, which ask for what the outer side's row says. */
static void
add_parameterized_paths(PlannerInfo *root, RelOptInfo *rel)
{
	const WalcuRelation *relation = relinfo_relation(rel);
	ListCell *lc;

	foreach(lc, list_required_outers(root, rel))
	{
		ParamPathInfo *info = get_baserel_parampathinfo(root, rel, lfirst(lc));
		List *restrictions = list_concat_copy(info->ppi_clauses, rel->baserestrictinfo);
		ScanOutput output = {.rows = info->ppi_rows, .required_outer = lfirst(lc)};

		output.documents = key_lookup_of_restrictions(relation, restrictions).id
							   ? 1
							   : relsize_of_pushed(root, rel, relation, restrictions);
		add_scan_paths(root, rel, &output);
	}
}

/* Lists the sets of other relations whose rows give values to a filter, of Relids. */
static List *
list_required_outers(PlannerInfo *root, RelOptInfo *rel)
{
	List *outers = NIL;
	ListCell *lc;

	foreach(lc, list_pushable_join_clauses(root, rel))
	{
		Relids required = bms_union(((RestrictInfo *) lfirst(lc))->clause_relids, rel->lateral_relids);

		required = bms_del_member(required, rel->relid);
		if (!bms_is_empty(required) && !has_equal_relids(outers, required))
			outers = lappend(outers, required);
	}
	return outers;
}

static bool
has_equal_relids(List *sets, Relids wanted)
{
	ListCell *lc;

	foreach(lc, sets)
	{
		if (bms_equal(lfirst(lc), wanted))
			return true;
	}
	return false;
}

/* Lists the join clauses that become a filter once the other side is known. */
static List *
list_pushable_join_clauses(PlannerInfo *root, RelOptInfo *rel)
{
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
			pushdown_conditions(relinfo_relation(rel), list_make1(((RestrictInfo *) lfirst(lc))->clause));

		if (((WalcuPushdownCondition *) linitial(filtered))->filter)
			pushable = lappend(pushable, lfirst(lc));
	}
	return pushable;
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
