/*
 * relsize.c
 *	  How many documents there are, and how many of them a scan gets.
 *
 * relinfo.c asks for each foreign table of a query, and path.c for scans with parameters.  The number of
 * documents is ANALYZE's, or a guess; and with use_remote_estimate the service is asked how many match the
 * conditions whose values are known by now.  For all other conditions it is statistics that tell.
 */
#include "postgres.h"

#include <math.h>

#include "plan/relsize.h"

#include "miscadmin.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "plan/count_cache.h"
#include "plan/key_lookup.h"
#include "pushdown/pushdown.h"
#include "service/learned_size.h"
#include "utils/builtins.h"
#include "utils/selfuncs.h"

/* A resource is assumed to have so many documents when nobody has counted them. */
#define DEFAULT_DOCUMENTS 1000

/* A resource of which it is known that it has many documents is assumed to have so many times as many. */
#define BEYOND_LEAST 3

/* Where rows are the elements of a list, a document is assumed to have so many. */
#define ELEMENTS_A_DOCUMENT 2

/* One with fewer than some is assumed to have no less than this part of them. */
#define WIDEST_BOUNDS 8

/*
 * Conditions on a column without statistics are assumed to leave this part of a resource, but no more than so
 * many replies' worth.  PostgreSQL takes 200 values for granted in such a column; but a type or a state has
 * few of them.
 */
#define LEAST_SHARE   0.1
#define LEAST_REPLIES 4

/* It sorts the conditions of a scan by what is known while planning; lists are of RestrictInfo. */
typedef struct Conditions
{
	List *asked;  /* The service is asked about these while planning; of WalcuPushdownCondition. */
	List *pushed; /* The scan will push these, once their values are known. */
	List *left;   /* Statistics tell about these, as the service is not asked. */
} Conditions;

static double assume_documents(const WalcuOptions *options, WalcuRelSize *size);
static bool lack_statistics(PlannerInfo *root, const RelOptInfo *rel);
static bool name_ids(const List *conditions);
static double count_rows_a_document(const WalcuOptions *options);
static Conditions sort_conditions(PlannerInfo *root, const WalcuRelation *relation, List *restrictions,
								  Expr *search);
static bool ask_service(PlannerInfo *root, RelOptInfo *rel, const WalcuRelation *relation, Expr *search,
						bool is_known, WalcuRelSize *size);
static bool set_asked_filters(WalcuQuery *query, List *asked);
static double estimate_selectivity(PlannerInfo *root, RelOptInfo *rel, List *restrictions);

/* Translates restrictions, of RestrictInfo, into conditions for the service, of WalcuPushdownCondition. */
List *
relsize_conditions(const WalcuRelation *relation, List *restrictions)
{
	return pushdown_conditions(relation, relsize_clauses(restrictions));
}

/*
 * Estimates a relation's size, and puts it into the relation, too.  conditions are its own, translated;
 * search is the value of the service's search text, or NULL.
 */
WalcuRelSize
relsize_of_scan(PlannerInfo *root, RelOptInfo *rel, const WalcuRelation *relation, const List *conditions,
				Expr *search)
{
	/* less than none (RELSIZE_UNKNOWN): it was never analyzed */
	bool is_known = rel->tuples >= 0;
	WalcuRelSize size = {0};

	/* the service counts documents, which is no help where rows are the elements of their lists */
	if (relation->options->use_remote_estimate && relation->options->array == NULL &&
		ask_service(root, rel, relation, search, is_known, &size))
		return size;
	if (!is_known)
		rel->tuples = assume_documents(relation->options, &size) * count_rows_a_document(relation->options);
	set_baserel_size_estimates(root, rel);
	size.documents = relsize_of_pushed(root, rel, relation, rel->baserestrictinfo, conditions);
	size.guessed = lack_statistics(root, rel);
	if (size.guessed && !name_ids(conditions))
		size.documents = Max(size.documents, Min(relsize_documents(rel, relation->options) * LEAST_SHARE,
												 relation->options->fetch_size * (double) LEAST_REPLIES));
	return size;
}

/*
 * Returns whether a condition is on a column without statistics: that of a table that was never analyzed,
 * even if its documents were counted, or a column that is newer than the last ANALYZE.
 */
static bool
lack_statistics(PlannerInfo *root, const RelOptInfo *rel)
{
	List *columns =
		pull_var_clause((Node *) relsize_clauses(rel->baserestrictinfo), PVC_RECURSE_PLACEHOLDERS);
	ListCell *lc;

	foreach(lc, columns)
	{
		VariableStatData statistics;
		bool is_known;

		examine_variable(root, lfirst(lc), rel->relid, &statistics);
		is_known = HeapTupleIsValid(statistics.statsTuple);
		ReleaseVariableStats(statistics);
		if (!is_known)
			return true;
	}
	return false;
}

/* Returns whether one of the conditions is about a place of ids, of which each has few documents. */
static bool
name_ids(const List *conditions)
{
	const ListCell *lc;

	foreach(lc, conditions)
	{
		const WalcuPushdown *filter = ((const WalcuPushdownCondition *) lfirst(lc))->filter;

		if (filter && filter->kind == WALCU_PUSHDOWN_PREDICATE && filter->condition->operand->id)
			return true;
	}
	return false;
}

/* Sets the size of a scan for one document by its _id, about which there is nothing to ask. */
WalcuRelSize
relsize_of_document(PlannerInfo *root, RelOptInfo *rel, const WalcuOptions *options)
{
	WalcuRelSize size = {.documents = 1};

	if (rel->tuples < 0)
		rel->tuples = assume_documents(options, &size) * count_rows_a_document(options);
	set_baserel_size_estimates(root, rel);
	rel->rows = count_rows_a_document(options);
	return (WalcuRelSize){.documents = 1};
}

/*
 * Returns how many documents a resource that was never analyzed is taken to have: as many as somebody has
 * read or counted, or a number between the bounds that are known, in the middle as magnitudes go.
 */
static double
assume_documents(const WalcuOptions *options, WalcuRelSize *size)
{
	WalcuLearnedSize seen = learned_size(options);
	double documents = DEFAULT_DOCUMENTS;

	if (seen.most == LEARNED_SIZE_OPEN && seen.least > 0)
		documents = Max(documents, seen.least * BEYOND_LEAST);
	else if (seen.most == seen.least)
		return clamp_row_est(seen.most);
	else if (seen.most != LEARNED_SIZE_OPEN)
		documents = sqrt(seen.most * Max(seen.least, seen.most / WIDEST_BOUNDS));
	size->assumed = clamp_row_est(documents);
	return size->assumed;
}

/* Returns how many rows a document is taken for. */
static double
count_rows_a_document(const WalcuOptions *options)
{
	return options->array ? ELEMENTS_A_DOCUMENT : 1;
}

/* Returns how many documents a relation has, as far as is known; its tuples may be elements of lists. */
double
relsize_documents(const RelOptInfo *rel, const WalcuOptions *options)
{
	WalcuLearnedSize seen;

	if (options->array == NULL)
		return rel->tuples;
	seen = learned_size(options);
	if (seen.most != LEARNED_SIZE_OPEN && seen.most == seen.least)
		return clamp_row_est(seen.most);
	return clamp_row_est(rel->tuples / ELEMENTS_A_DOCUMENT);
}

/* Estimates how many documents the service sends for what is pushed of restrictions, which conditions are. */
double
relsize_of_pushed(PlannerInfo *root, RelOptInfo *rel, const WalcuRelation *relation, List *restrictions,
				  const List *conditions)
{
	Expr *search = key_lookup_of_restrictions(relation, restrictions).search;
	List *pushed = NIL;

	for (int i = 0; i < list_length(conditions); i++)
	{
		const WalcuPushdownCondition *entry = list_nth(conditions, i);

		if (entry->filter || key_lookup_is_search(entry->expression, search))
			pushed = lappend(pushed, list_nth(restrictions, i));
	}
	return clamp_row_est(relsize_documents(rel, relation->options) * estimate_selectivity(root, rel, pushed));
}

/* Asks the service.  Returns false when it cannot be asked about this scan. */
static bool
ask_service(PlannerInfo *root, RelOptInfo *rel, const WalcuRelation *relation, Expr *search, bool is_known,
			WalcuRelSize *size)
{
	const WalcuOptions *options = relation->options;
	Conditions conditions = sort_conditions(root, relation, rel->baserestrictinfo, search);
	WalcuQuery query = {.options = options, .strategy = WALCU_BY_PAGES, .project = list_make1("_id")};
	WalcuQuery all;
	double matching;

	query.credential = relsize_credential(rel, options);
	all = query;
	if (search)
	{
		Const *value = (Const *) estimate_expression_value(root, (Node *) search);

		if (!IsA(value, Const) || value->constisnull)
			return false;
		query.search = TextDatumGetCString(value->constvalue);
	}
	if (!set_asked_filters(&query, conditions.asked))
		return false;

	if (query.filters && linitial(query.filters) == &filter_nothing)
		matching = 0;
	else
		matching = count_cache_documents(&query, (query.filters || search) ? 0 : Max(rel->tuples, 0));
	if (query.filters == NIL && search == NULL)
		rel->tuples = matching;
	else if (!is_known)
		rel->tuples = count_cache_documents(&all, 0);
	rel->tuples = Max(rel->tuples, matching);
	set_baserel_size_estimates(root, rel);
	rel->rows = clamp_row_est(matching * estimate_selectivity(root, rel, conditions.left));
	size->documents = clamp_row_est(matching * estimate_selectivity(root, rel, conditions.pushed));
	return true;
}

/* Returns the header line with the credentials of who reads a relation, or NULL. */
char *
relsize_credential(const RelOptInfo *rel, const WalcuOptions *options)
{
	return option_credential_header(OidIsValid(rel->userid) ? rel->userid : GetUserId(), options->serverid);
}

/*
 * Gives a query the credentials, and the filters whose values are known while planning.  Returns false when
 * there is none, or one that nothing can match.
 */
bool
relsize_filter(PlannerInfo *root, RelOptInfo *rel, const WalcuRelation *relation, WalcuQuery *query)
{
	Conditions conditions = sort_conditions(root, relation, rel->baserestrictinfo, NULL);

	query->credential = relsize_credential(rel, relation->options);
	return conditions.asked != NIL && set_asked_filters(query, conditions.asked) && query->filters != NIL &&
		   linitial(query->filters) != &filter_nothing;
}

/* What is longer than a URL is asked for in several requests, or without a part of it: then it is false. */
static bool
set_asked_filters(WalcuQuery *query, List *asked)
{
	List *parts;

	query->filters = pushdown_clauses(query->options, asked, NULL, WALCU_PUSHDOWN_SENT);
	parts = query_split_parts(query, query->filters);
	return list_length(parts) == 1 && ((WalcuQueryPart *) linitial(parts))->filters == query->filters;
}

/* Values take the place of expressions in the conditions, so that these are translated for that alone. */
static Conditions
sort_conditions(PlannerInfo *root, const WalcuRelation *relation, List *restrictions, Expr *search)
{
	List *filtered = relsize_conditions(relation, restrictions);
	Conditions conditions = {0};

	for (int i = 0; i < list_length(filtered); i++)
	{
		WalcuPushdownCondition *entry = list_nth(filtered, i);
		bool is_asked = entry->filter && pushdown_foretell(root, entry->filter);

		if (is_asked)
			conditions.asked = lappend(conditions.asked, entry);
		else if (entry->filter)
			conditions.pushed = lappend(conditions.pushed, list_nth(restrictions, i));
		/* of what is asked about in part, the rest is taken for true of what matches */
		if (!is_asked && !key_lookup_is_search(entry->expression, search))
			conditions.left = lappend(conditions.left, list_nth(restrictions, i));
	}
	return conditions;
}

/* Returns the clauses of restrictions (RestrictInfo), those without a column of the table among them. */
List *
relsize_clauses(List *restrictions)
{
	List *clauses = NIL;
	ListCell *lc;

	foreach(lc, restrictions)
		clauses = lappend(clauses, ((RestrictInfo *) lfirst(lc))->clause);
	return clauses;
}

static double
estimate_selectivity(PlannerInfo *root, RelOptInfo *rel, List *restrictions)
{
	return clauselist_selectivity(root, restrictions, rel->relid, JOIN_INNER, NULL);
}
