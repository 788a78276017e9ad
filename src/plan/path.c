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
#include "fetch/page_reader.h"
#include "http/latency.h"
#include "http/no_jobs.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "optimizer/paths.h"
#include "optimizer/restrictinfo.h"
#include "plan/join_clauses.h"
#include "plan/join_key.h"
#include "plan/key_lookup.h"
#include "plan/filter_probe.h"
#include "plan/limit.h"
#include "plan/read_anyway.h"
#include "plan/relinfo.h"
#include "plan/size_probe.h"
#include "pushdown/pushdown.h"
#include "utils/lsyscache.h"

/*
 * A page that is asked for once the one before is here costs so much, in pages that are asked for several at
 * once.  It is as much a request as they are; but while it is waited for, nothing else comes.
 */
#define IN_SEQUENCE 2

/* A LIMIT of so many rows is none. */
#define LIMIT_OF_TOOLS 1e6

/* PostgreSQL expects so much of a subquery in IN, NOT IN or ALL to be read. */
#define FRACTION_OF_ANY 0.5

/* A LIMIT of more pages than these is worth ranges that are read at once. */
#define PAGES_IN_SEQUENCE 4

/* A path's fdw_private holds a WalcuPathDetails so; path_details reads it. */
typedef enum PathPrivateIndex
{
	PATH_PRIVATE_REQUESTS,  /* This is a double. */
	PATH_PRIVATE_DOCUMENTS, /* This is a double. */
	PATH_PRIVATE_ORDER,     /* This is a list of int. */
	PATH_PRIVATE_STRATEGY,  /* This is an Integer. */
	PATH_PRIVATE_ALL_ROWS,  /* This is a Boolean. */
	PATH_PRIVATE_SKIPS,     /* This is a Boolean. */
	PATH_PRIVATE_KEYED_BY   /* This is an Expr, or NULL. */
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

/* What it costs to read documents in one way, in requests. */
typedef struct ReadCost
{
	double requests; /* So many are sent in all. */
	double startup;  /* The first document has come after so many. */
	double total;    /* All have come after so many, where one that is waited for alone counts for more. */
} ReadCost;

static void add_scan_paths(PlannerInfo *root, RelOptInfo *rel, const ScanOutput *output);
static void add_paging_paths(PlannerInfo *root, RelOptInfo *rel, const ScanOutput *output, bool is_whole);
static double count_requests_of_ranges(const WalcuOptions *options, double pages);
static bool may_read_all(PlannerInfo *root, RelOptInfo *rel, const ScanOutput *output);
static bool is_filtered_exactly(const RelOptInfo *rel);
static void add_strategy_path(PlannerInfo *root, RelOptInfo *rel, const ScanOutput *output,
							  WalcuStrategy strategy, bool all_rows, ReadCost reading);
static double share_of_request(const WalcuOptions *options, const RelOptInfo *rel, double documents);
static bool has_key_of_row(PlannerInfo *root, const RelOptInfo *rel);
static bool has_param_of_row(Node *node, void *context);
static List *make_path_private(const WalcuPathDetails *details);
static void add_ordered_paths(PlannerInfo *root, RelOptInfo *rel, List *pathkeys);
static void add_merge_paths(PlannerInfo *root, RelOptInfo *rel);
static void add_parameterized_paths(PlannerInfo *root, RelOptInfo *rel);
static List *list_required_outers(PlannerInfo *root, RelOptInfo *rel);
static bool has_equal_relids(List *sets, Relids wanted);

/* FdwRoutine.GetForeignPaths */
void
path_add_all(PlannerInfo *root, RelOptInfo *rel, Oid relid)
{
	const WalcuRelInfo *info = relinfo_get(rel);
	ScanOutput output = {.required_outer = rel->lateral_relids};

	/* all tables of the query have their sizes by now, and joins have none yet */
	filter_probe_ask(root);
	if (size_probe_ask(root, rel))
		relinfo_estimate_again(root, rel);
	output.rows = rel->rows;
	output.documents = info->size.documents;
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
			   Expr *keyed_by)
{
	const WalcuOptions *options = relinfo_options(rel);
	Cost startup = rel->baserestrictcost.startup;
	WalcuPathDetails details = {
		.requests = requests,
		.documents = documents,
		.strategy = by_job ? WALCU_BY_JOB : path_paging_strategy(options),
		.all_rows = true,
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
	List *numbers = list_make2(float_node_make(details->requests), float_node_make(details->documents));

	return list_concat(numbers, list_make5(details->order, makeInteger(details->strategy),
										   makeBoolean(details->all_rows), makeBoolean(details->skips),
										   details->keyed_by));
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
		.all_rows = boolVal(list_nth(private, PATH_PRIVATE_ALL_ROWS)),
		.skips = boolVal(list_nth(private, PATH_PRIVATE_SKIPS)),
		.keyed_by = list_nth(private, PATH_PRIVATE_KEYED_BY),
	};
}

/*
 * Returns whether a query wants all rows.  The LIMITs that BI tools put on everything, 1,000,001 or
 * 1,048,575, end none.  And PostgreSQL plans what stands in IN, NOT IN or ALL for half of its rows; but
 * where it is the same for all outer rows, a hash table or one of them that has no match takes all.
 */
bool
path_wants_all(const PlannerInfo *root)
{
	bool is_of_any =
		root->tuple_fraction == FRACTION_OF_ANY && root->parent_root && root->parent_root->plan_params == NIL;

	return root->tuple_fraction <= 0 || root->tuple_fraction >= LIMIT_OF_TOOLS || is_of_any;
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

/*
 * Adds a path for each way in which the documents can be read.  Those that read all of them at once have
 * little to show before their end; where the query may have enough before, so that its rows are likely to be
 * counted in parts, what they cost comes before the first row.
 */
static void
add_scan_paths(PlannerInfo *root, RelOptInfo *rel, const ScanOutput *output)
{
	const WalcuOptions *options = relinfo_options(rel);
	bool is_whole = path_wants_all(root);
	bool allows_jobs =
		options->fetch_mode == WALCU_FETCH_JOB ||
		(options->fetch_mode == WALCU_FETCH_AUTO && output->documents > options->job_threshold &&
		 output->required_outer == NULL && no_jobs_reason(options) == NULL);
	bool is_apart = output->sort_keys && !sort_agrees_on_nulls(options, linitial(output->sort_keys));
	double job = latency_job_requests(options) * (1 + is_apart);

	if (options->fetch_mode != WALCU_FETCH_JOB || !is_whole)
		add_paging_paths(root, rel, output, is_whole);
	if (allows_jobs && (is_whole || may_read_all(root, rel, output)))
		add_strategy_path(root, rel, output, WALCU_BY_JOB, true, (ReadCost){job, job, job});
}

/*
 * Adds paths that read pages: one after the other where there is an order, or the query may have enough
 * before the end, and ranges at once where all documents are wanted, or many.
 */
static void
add_paging_paths(PlannerInfo *root, RelOptInfo *rel, const ScanOutput *output, bool is_whole)
{
	const WalcuOptions *options = relinfo_options(rel);
	const List *keys = output->sort_keys;
	double pages = Max(ceil(output->documents / options->fetch_size), 1);
	bool has_ranges = path_paging_strategy(options) == WALCU_BY_RANGES;
	bool is_exact = !is_whole && root->query_pathkeys == NIL && root->parse->limitOffset == NULL &&
					limit_is_of_scan(root, rel) && is_filtered_exactly(rel);
	double factor = has_ranges ? IN_SEQUENCE : 1;
	/* a hash can group or join as well as an order that nobody asked for */
	bool is_spare = keys != NIL && !pathkeys_contained_in(output->pathkeys, root->sort_pathkeys);
	/* documents without a value are asked for apart, which takes a request more once all are read */
	bool is_apart = keys != NIL && (is_whole || is_spare) && !sort_agrees_on_nulls(options, linitial(keys));
	double requests = pages + is_apart;
	/* of one page that all of the query is likely to fit there may be more than is known */
	double in_sequence = is_whole ? factor * requests : 1 + factor * (requests - 1);
	double of_ranges = count_requests_of_ranges(options, pages);

	/* ranges of so many documents as a LIMIT says are read, and no more */
	if (is_exact && has_ranges && root->limit_tuples > PAGES_IN_SEQUENCE * options->fetch_size)
	{
		add_strategy_path(root, rel, output, WALCU_BY_RANGES, false, (ReadCost){of_ranges, 1, of_ranges});
		return;
	}
	if (keys != NIL || !is_whole || !has_ranges)
		add_strategy_path(root, rel, output, WALCU_BY_PAGES, is_whole, (ReadCost){requests, 1, in_sequence});
	if (keys == NIL && has_ranges && options->fetch_mode != WALCU_FETCH_JOB &&
		(is_whole || may_read_all(root, rel, output)))
		add_strategy_path(root, rel, output, WALCU_BY_RANGES, true,
						  (ReadCost){of_ranges, is_whole ? 1 : of_ranges, of_ranges});
}

/*
 * Returns how many requests so many pages take when ranges of them are read at once: each range but one ends
 * within a page, so that it has half a page more on average.
 */
static double
count_requests_of_ranges(const WalcuOptions *options, double pages)
{
	double ranges = Min(floor(pages / PAGE_READER_LEAST_PAGES), options->max_connections);

	return pages + (Max(ranges, 1) - 1) / 2;
}

/*
 * Returns whether a query that may have enough before the end is to be offered a scan of all documents.
 * Where the LIMIT is the scan's own, and no row is dropped here, pages in sequence never read more than it
 * says, however wrong an estimate is; then it has to be known, and not assumed, that it says as much as there
 * is.
 */
static bool
may_read_all(PlannerInfo *root, RelOptInfo *rel, const ScanOutput *output)
{
	const WalcuRelSize *size = &relinfo_get(rel)->size;

	/* what one child has of a LIMIT is what others have left of it */
	if (limit_is_of_parent(root, rel) && is_filtered_exactly(rel))
		return false;
	if (!limit_is_of_scan(root, rel) || !is_filtered_exactly(rel))
		return true;
	return root->limit_tuples >= output->rows && size->assumed == 0 && !size->guessed;
}

/* Returns whether the service checks each condition as a whole, so that each document is a row. */
static bool
is_filtered_exactly(const RelOptInfo *rel)
{
	const Expr *search = key_lookup_of_restrictions(relinfo_relation(rel), rel->baserestrictinfo).search;
	List *conditions = NIL;
	ListCell *lc;

	foreach(lc, relinfo_get(rel)->conditions)
	{
		if (!key_lookup_is_search(((WalcuPushdownCondition *) lfirst(lc))->expression, search))
			conditions = lappend(conditions, lfirst(lc));
	}
	return pushdown_is_complete(conditions) && relinfo_options(rel)->array == NULL;
}

static void
add_strategy_path(PlannerInfo *root, RelOptInfo *rel, const ScanOutput *output, WalcuStrategy strategy,
				  bool all_rows, ReadCost reading)
{
	const WalcuOptions *options = relinfo_options(rel);
	double share = reading.requests <= 1 && has_key_of_row(root, rel)
					   ? share_of_request(options, rel, output->documents)
					   : 1;
	/* what another scan reads is at hand for one that reads it in the same way */
	bool is_free =
		all_rows && output->sort_keys == NIL && output->required_outer == NULL &&
		(strategy == WALCU_BY_JOB) == (path_strategy(options, output->documents) == WALCU_BY_JOB) &&
		read_anyway(root, rel, output->documents, true);
	Cost request = is_free ? 0 : options->fdw_startup_cost * share;
	Cost startup = rel->baserestrictcost.startup;
	WalcuPathDetails details = {
		.requests = reading.requests,
		.documents = output->documents,
		.order = sort_serialize(output->sort_keys),
		.strategy = strategy,
		.all_rows = all_rows,
	};
	CompatScanCost cost = {
		.rows = output->rows,
		.startup = startup + reading.startup * request,
		.total = startup + reading.total * request + output->documents * path_document_cost(rel),
	};

	add_path(rel, (Path *) compat_foreignscan_path(root, rel, cost, output->pathkeys, output->required_outer,
												   make_path_private(&details)));
}

/*
 * Returns which part of a request one key of many costs, as its documents fill a reply.  Where nothing is
 * known of the key's column, a key is taken to have one, as ids have (join_path.c).
 */
static double
share_of_request(const WalcuOptions *options, const RelOptInfo *rel, double documents)
{
	if (relinfo_get(rel)->size.guessed)
		documents = 1;
	return Min(Max(documents, 1) / options->fetch_size, 1);
}

/*
 * Returns whether a subquery is executed for one row after another, and asks for a key of the row, so that
 * keys can be read ahead (read_ahead_plan.c).
 */
static bool
has_key_of_row(PlannerInfo *root, const RelOptInfo *rel)
{
	ListCell *lc;

	if (root->parent_root == NULL || !option_enable_batched_join)
		return false;
	foreach(lc, rel->baserestrictinfo)
	{
		Expr *clause = ((RestrictInfo *) lfirst(lc))->clause;
		WalcuJoinPlan key;

		if (join_key_find_in_scan(clause, &key) && has_param_of_row((Node *) clause, root) &&
			pushdown_is_possible(relinfo_relation(rel), clause))
			return true;
	}
	return false;
}

/* Returns whether an expression has a parameter that stands for a column of a row further out. */
static bool
has_param_of_row(Node *node, void *context)
{
	const Param *param = (const Param *) node;

	if (node == NULL)
		return false;
	if (!IsA(node, Param) || param->paramkind != PARAM_EXEC)
		return expression_tree_walker(node, has_param_of_row, context);
	for (PlannerInfo *root = ((PlannerInfo *) context)->parent_root; root; root = root->parent_root)
	{
		ListCell *lc;

		foreach(lc, root->plan_params)
		{
			if (((PlannerParamItem *) lfirst(lc))->paramId == param->paramid)
				return true;
		}
	}
	return false;
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
		List *conditions =
			list_concat(relsize_conditions(relation, info->ppi_clauses), relinfo_get(rel)->conditions);
		ScanOutput output = {.rows = info->ppi_rows, .required_outer = lfirst(lc)};

		output.documents = key_lookup_of_restrictions(relation, restrictions).id
							   ? 1
							   : relsize_of_pushed(root, rel, relation, restrictions, conditions);
		add_scan_paths(root, rel, &output);
	}
}

/* Lists the sets of other relations whose rows give values to a filter, of Relids. */
static List *
list_required_outers(PlannerInfo *root, RelOptInfo *rel)
{
	List *outers = NIL;
	ListCell *lc;

	foreach(lc, join_clauses_pushable(root, rel))
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
