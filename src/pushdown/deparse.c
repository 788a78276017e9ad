/*
 * deparse.c
 *	  What a condition with its value becomes in a filter.
 *
 * The rule is that every document for which the condition is true, or false when that is
 * asked for, matches the clause; PostgreSQL looks at each of them again.  SQL's NULL is
 * MongoDB's null or missing, or a value that does not fit the column; so "not equal" says that
 * there is something, and "is null" is more than null.
 */
#include "postgres.h"

#include <math.h>

#include "pushdown/deparse.h"

#include "access/stratnum.h"
#include "base/utf8.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "pushdown/deparse_equal.h"
#include "pushdown/deparse_id.h"
#include "pushdown/deparse_jsonb.h"
#include "pushdown/deparse_match.h"
#include "pushdown/deparse_null.h"
#include "pushdown/folded_text.h"
#include "pushdown/instant_range.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

static WalcuFilter *deparse_predicate(const WalcuOptions *options, const WalcuPredicate *condition,
									  Datum value, bool is_null);
static bool needs_or(const WalcuPredicate *condition);
static bool needs_value(const WalcuPredicate *condition);
static const char *find_order_obstacle(const WalcuPredicate *condition);
static WalcuDocumentPath *make_element_operand(const WalcuPredicate *condition);
static WalcuFilter *deparse_comparison(const WalcuPredicate *condition, const WalcuDocumentPath *operand,
									   Datum value);
static WalcuFilter *deparse_order(const WalcuPredicate *condition, const WalcuDocumentPath *operand,
								  Datum value);
static WalcuFilter *deparse_number_order(const WalcuDocumentPath *operand, int strategy,
										 WalcuScalarNumber number);
static WalcuFilter *deparse_instant_order(const WalcuPredicate *condition, const WalcuDocumentPath *operand,
										  Datum value);
static WalcuFilter *exclude_unfit(const WalcuDocumentPath *operand, List *excluded, bool null_excluded);
static WalcuFilter *deparse_distinct(const WalcuOptions *options, const WalcuPredicate *condition,
									 Datum value, bool is_null);
static WalcuFilter *deparse_list(const WalcuPredicate *condition, const WalcuDocumentPath *operand,
								 Datum values, bool null_matters);
static WalcuFilter *deparse_includes(const WalcuPredicate *condition, Datum values);
static WalcuFilter *deparse_truth(const WalcuPredicate *condition);
static void read_array(Datum array, Oid type, Datum **values, bool **nulls, int *count);

/* Why no filter can be had from a condition, whatever its value is; NULL when one can. */
const char *
deparse_obstacle(const WalcuOptions *options, const WalcuPredicate *condition)
{
	WalcuDocumentPath *operand = condition->operand;
	const char *folded = folded_text_obstacle(condition);
	bool is_array = (operand->domain == WALCU_DOMAIN_ARRAY);
	bool says_not = condition->negated || condition->kind == WALCU_PREDICATE_DISTINCT ||
					condition->kind == WALCU_PREDICATE_NULL;

	/* MongoDB looks for them among objects alone, and elements of other kinds have no value, either */
	if (operand->list && (condition->kind == WALCU_PREDICATE_DISTINCT ||
						  (condition->kind == WALCU_PREDICATE_NULL && !condition->negated)))
		return "the service does not find all elements without a value";
	if (operand->indexed && says_not)
		return "the service also looks at every element of an array";
	if (operand->remote.stray && strcmp(operand->path, "id") == 0)
		return "the service may show an id that no document has";
	/* Mongoose 5 makes null of a test that it drops from an object of its schema */
	if (operand->remote.stray)
		return "the service may look for NULL at a place that its description lacks in an object";
	if (needs_value(condition))
		return "the service may show an empty array where a document has none";
	if (needs_or(condition))
		return "the service may take no notice of a place that its description lacks, and more than that "
			   "place has to be looked at";
	if (folded)
		return folded;
	switch (condition->kind)
	{
		case WALCU_PREDICATE_NULL:
			return condition->negated ? NULL : deparse_null_obstacle(options, operand);
		case WALCU_PREDICATE_COMPARE:
		case WALCU_PREDICATE_DISTINCT:
		case WALCU_PREDICATE_LIST:
			if (is_array)
				return "the service does not compare whole arrays as SQL does";
			return find_order_obstacle(condition);
		case WALCU_PREDICATE_ELEMENT:
		case WALCU_PREDICATE_OVERLAP:
		case WALCU_PREDICATE_INCLUDES:
			if (!is_array)
				return "the service does not compare whole arrays as SQL does";
			if (make_element_operand(condition)->reason)
				return make_element_operand(condition)->reason;
			return find_order_obstacle(condition);
		case WALCU_PREDICATE_MATCH:
			return deparse_match_obstacle(condition);
		default:
			return NULL;
	}
}

/*
 * Is the filter always an OR of several places of which the description lacks one, so that it cannot be asked
 * for (filter_or)?
 */
static bool
needs_or(const WalcuPredicate *condition)
{
	const WalcuDocumentPath *operand = condition->operand;
	bool described = operand->remote.described;

	switch (condition->kind)
	{
		case WALCU_PREDICATE_KEY:
		case WALCU_PREDICATE_ANY_KEY:
		case WALCU_PREDICATE_ALL_KEYS:
			return !condition->negated && (!described || operand->remote.type == WALCU_REMOTE_FREE);
		case WALCU_PREDICATE_NULL:
		case WALCU_PREDICATE_DISTINCT:
			return !condition->negated && !described && strchr(operand->path, '.') != NULL;
		default:
			return !described && operand->first_elements_of != NIL;
	}
}

/* Would the filter ask for nothing but that there is something, where what is missing may be shown, too? */
static bool
needs_value(const WalcuPredicate *condition)
{
	if (!condition->negated || !document_path_is_shown_missing(condition->operand))
		return false;
	switch (condition->kind)
	{
		case WALCU_PREDICATE_NULL:
		case WALCU_PREDICATE_INCLUDES:
		case WALCU_PREDICATE_CONTAINS:
		case WALCU_PREDICATE_KEY:
		case WALCU_PREDICATE_ANY_KEY:
		case WALCU_PREDICATE_ALL_KEYS:
			return true;
		case WALCU_PREDICATE_COMPARE:
			return condition->operand->domain == WALCU_DOMAIN_JSON;
		default:
			return false;
	}
}

/* What a condition becomes with its value, which is NULL if is_null says so. */
WalcuFilter *
deparse_clause(const WalcuOptions *options, const WalcuPredicate *condition, Datum value, bool is_null)
{
	WalcuFilter *filter = deparse_predicate(options, condition, value, is_null);
	List *ways = list_make1(filter);
	ListCell *lc;

	if (filter == &filter_nothing)
		return filter;
	if (filter->text && !utf8_means_same(filter->text))
		return &filter_everything;
	if (condition->operand->list)
		return deparse_in_list(condition->operand, filter);
	/* for PostgreSQL a scalar is its own first element */
	foreach(lc, condition->operand->first_elements_of)
	{
		WalcuDocumentPath array = {.path = lfirst(lc)};

		array.remote = remote_type_at(options->resource, array.path);
		if (array.remote.type >= WALCU_REMOTE_STRING && array.remote.type != WALCU_REMOTE_OBJECT)
			return &filter_everything;
		ways =
			lappend(ways, document_path_test(&array, "$type",
											 list_member_ptr(condition->operand->null_elements_of, lfirst(lc))
												 ? "[\"string\",\"number\",\"bool\",\"date\",\"null\"]"
												 : "[\"string\",\"number\",\"bool\",\"date\"]"));
	}
	return filter_or(ways);
}

/* Returns what a filter on a place, in the elements of a list or not, is for the documents. */
WalcuFilter *
deparse_in_list(const WalcuDocumentPath *operand, WalcuFilter *filter)
{
	return operand->list ? filter_of_element(operand->list, filter) : filter;
}

static WalcuFilter *
deparse_predicate(const WalcuOptions *options, const WalcuPredicate *condition, Datum value, bool is_null)
{
	WalcuDocumentPath *operand = condition->operand;

	switch (condition->kind)
	{
		case WALCU_PREDICATE_NULL:
			return condition->negated ? deparse_not_null(operand) : deparse_null(options, operand);
		case WALCU_PREDICATE_TRUE:
			return deparse_truth(condition);
		case WALCU_PREDICATE_DISTINCT:
			return deparse_distinct(options, condition, value, is_null);
		default:
			break;
	}
	/* all others are NULL when the value is; but <> ALL is true of no elements */
	if (is_null)
		return condition->kind == WALCU_PREDICATE_ELEMENT && condition->negated ? deparse_not_null(operand)
																				: &filter_nothing;
	switch (condition->kind)
	{
		case WALCU_PREDICATE_COMPARE:
			return deparse_comparison(condition, operand, value);
		case WALCU_PREDICATE_ELEMENT:
			return deparse_comparison(condition, make_element_operand(condition), value);
		case WALCU_PREDICATE_LIST:
			return deparse_list(condition, operand, value, true);
		case WALCU_PREDICATE_OVERLAP:
			return deparse_list(condition, make_element_operand(condition), value, false);
		case WALCU_PREDICATE_INCLUDES:
			return condition->negated ? deparse_not_null(operand) : deparse_includes(condition, value);
		case WALCU_PREDICATE_MATCH:
			return deparse_match(condition, value);
		default:
			return condition->negated ? deparse_not_null(operand) : deparse_jsonb(condition, value);
	}
}

static const char *
find_order_obstacle(const WalcuPredicate *condition)
{
	WalcuDocumentPath *operand = condition->operand;

	if (condition->strategy == BTEqualStrategyNumber || condition->strategy == 0)
		return NULL;
	if (operand->domain == WALCU_DOMAIN_ARRAY)
		operand = make_element_operand(condition);
	switch (operand->domain)
	{
		case WALCU_DOMAIN_TEXT:
			if (operand->letters != WALCU_LETTERS_KEPT)
				return "the service cannot compute it";
			if (!condition->ascii)
				return "the service orders text as the collation \"C\" does";
			if (!(deparse_equal_checked(operand) & WALCU_IS_STRING))
				return "the service has a different type there";
			return NULL;
		case WALCU_DOMAIN_NUMBER:
		case WALCU_DOMAIN_INSTANT:
			return NULL;
		default:
			return "the service does not order values of this type as SQL does";
	}
}

/* The elements of an array, for which a filter on the array's path looks. */
static WalcuDocumentPath *
make_element_operand(const WalcuPredicate *condition)
{
	const WalcuDocumentPath *operand = condition->operand;
	WalcuDocumentPath *element = document_path_of_type(get_element_type(operand->type), -1);

	element->path = operand->path;
	element->remote = operand->remote;
	element->remote.array = false;
	element->element = true;
	element->id = operand->id;
	element->id_type = operand->id_type;
	element->options = operand->options;
	document_path_limit_sources(element);
	document_path_compare_with(element, condition->value_type);
	return element;
}

static WalcuFilter *
deparse_comparison(const WalcuPredicate *condition, const WalcuDocumentPath *operand, Datum value)
{
	WalcuEqualMatches matches = {NIL};

	if (condition->strategy != BTEqualStrategyNumber)
		return deparse_order(condition, operand, value);
	if (condition->negated)
	{
		char *excluded = deparse_equal_excluded(operand, value, condition->value_type);

		return exclude_unfit(operand, excluded ? list_make1(excluded) : NIL, true);
	}
	deparse_equal_add(operand, value, condition->value_type, &matches);
	return deparse_equal_clause(operand, &matches);
}

/* operand < value, and the like */
static WalcuFilter *
deparse_order(const WalcuPredicate *condition, const WalcuDocumentPath *operand, Datum value)
{
	static const char *const operators[] = {
		[BTLessStrategyNumber] = "$lt",
		[BTLessEqualStrategyNumber] = "$lte",
		[BTGreaterEqualStrategyNumber] = "$gte",
		[BTGreaterStrategyNumber] = "$gt",
	};
	char *text;

	switch (operand->domain)
	{
		case WALCU_DOMAIN_TEXT:
			text = scalar_text(value, condition->value_type);
			if (document_path_has_ids(operand))
				return deparse_id_order(condition, operand, text);
			if (!utf8_orders_alike(text))
				return &filter_everything;
			return deparse_equal_or_unchecked(
				operand,
				list_make1(document_path_test(operand, operators[condition->strategy], filter_string(text))),
				operand->sources & ~WALCU_IS_STRING);
		case WALCU_DOMAIN_NUMBER:
			return deparse_number_order(operand, condition->strategy,
										scalar_number(value, condition->value_type));
		default:
			return deparse_instant_order(condition, operand, value);
	}
}

static WalcuFilter *
deparse_number_order(const WalcuDocumentPath *operand, int strategy, WalcuScalarNumber number)
{
	uint32 unchecked = operand->sources & ~deparse_equal_checked(operand);
	bool less = IS_LESS(strategy);
	bool strict = (strategy == BTLessStrategyNumber || strategy == BTGreaterStrategyNumber);
	double least;
	double greatest;
	WalcuFilter *filter;

	/* the text of a number may be NaN */
	unchecked |= operand->sources & ~WALCU_IS_NUMBER;
	if (isinf(number.value))
		filter = (less == (number.value > 0)) ? document_path_test(operand, "$ne", "null") : &filter_nothing;
	else if (operand->rounding == 0 && !operand->single)
		filter = document_path_test(operand,
									less ? (strict && number.canonical ? "$lt" : "$lte")
										 : (strict && number.canonical ? "$gt" : "$gte"),
									scalar_number_json(number.value));
	else
	{
		scalar_number_range(number.value, operand->rounding, operand->single, &least, &greatest);
		filter =
			document_path_test(operand, less ? "$lte" : "$gte", scalar_number_json(less ? greatest : least));
	}
	if (!(deparse_equal_checked(operand) & WALCU_IS_NUMBER))
		filter = &filter_nothing;
	return deparse_equal_or_unchecked(operand, list_make1(filter), unchecked);
}

static WalcuFilter *
deparse_instant_order(const WalcuPredicate *condition, const WalcuDocumentPath *operand, Datum value)
{
	WalcuInstantRange range;
	WalcuFilter *filter = &filter_nothing;

	switch (instant_range_of_value(operand, condition->strategy, value, condition->value_type, &range))
	{
		case WALCU_INSTANTS_NONE:
			break;
		case WALCU_INSTANTS_SOME:
			filter = instant_range_filter(operand, &range);
			break;
		case WALCU_INSTANTS_ALL:
			filter = document_path_test(operand, "$ne", "null");
			break;
	}
	if (!(deparse_equal_checked(operand) & WALCU_IS_DATE))
		filter = &filter_nothing;
	return deparse_equal_or_unchecked(operand, list_make1(filter),
									  operand->sources & ~(deparse_equal_checked(operand) & WALCU_IS_DATE));
}

/* Everything but these literals and, where that is right, NULL. */
static WalcuFilter *
exclude_unfit(const WalcuDocumentPath *operand, List *excluded, bool null_excluded)
{
	WalcuFilter *filter;

	/* no element of an array that is only shown equals anything, nor does that array */
	null_excluded &= !operand->element && !document_path_is_shown_missing(operand);
	if (document_path_has_ids(operand))
		return deparse_id_excluded(operand, deparse_equal_sort_unique(excluded), null_excluded);
	if (excluded == NIL)
		return null_excluded ? deparse_not_null(operand) : &filter_everything;
	excluded = deparse_equal_sort_unique(excluded);
	if (null_excluded && !operand->json_null)
		excluded = lappend(excluded, "null");
	filter = document_path_test(operand, "$nin", filter_list(excluded));
	/* an array with the literal in it is another value */
	if ((operand->sources & WALCU_IS_ARRAY))
		filter = filter_or(list_make2(filter, document_path_test(operand, "$type", "[\"array\"]")));
	return filter;
}

static WalcuFilter *
deparse_distinct(const WalcuOptions *options, const WalcuPredicate *condition, Datum value, bool is_null)
{
	WalcuDocumentPath *operand = condition->operand;
	WalcuPredicate equality = *condition;
	bool tells_null = deparse_null_obstacle(options, operand) == NULL;
	WalcuFilter *null_clause = tells_null ? deparse_null(options, operand) : &filter_everything;

	equality.kind = WALCU_PREDICATE_COMPARE;
	equality.negated = !condition->negated;
	if (is_null)
		return condition->negated ? null_clause : deparse_not_null(operand);
	if (condition->negated)
		return deparse_comparison(&equality, operand, value);
	return filter_or(list_make2(deparse_comparison(&equality, operand, value), null_clause));
}

/*
 * One of the values is there, or none when negated.  null_matters for lists, where "<> ALL" is
 * never true with a NULL among the values.
 */
static WalcuFilter *
deparse_list(const WalcuPredicate *condition, const WalcuDocumentPath *operand, Datum values,
			 bool null_matters)
{
	WalcuEqualMatches matches = {NIL};
	List *excluded = NIL;
	Datum *elements;
	bool *nulls;
	int count;

	read_array(values, condition->value_type, &elements, &nulls, &count);
	for (int i = 0; i < count; i++)
	{
		char *literal;

		CHECK_FOR_INTERRUPTS();
		if (nulls[i])
		{
			if (condition->negated && null_matters)
				return &filter_nothing;
			continue;
		}
		if (!condition->negated)
			deparse_equal_add(operand, elements[i], condition->value_type, &matches);
		else if ((literal = deparse_equal_excluded(operand, elements[i], condition->value_type)) != NULL)
			excluded = lappend(excluded, literal);
	}
	if (!condition->negated)
		return deparse_equal_clause(operand, &matches);
	/* x <> ALL of nothing is true even for NULL */
	return exclude_unfit(operand, excluded, null_matters && count > 0);
}

/* All of the values are elements. */
static WalcuFilter *
deparse_includes(const WalcuPredicate *condition, Datum values)
{
	WalcuDocumentPath *operand = make_element_operand(condition);
	List *filters = NIL;
	Datum *elements;
	bool *nulls;
	int count;

	read_array(values, condition->value_type, &elements, &nulls, &count);
	for (int i = 0; i < count; i++)
	{
		WalcuEqualMatches matches = {NIL};

		CHECK_FOR_INTERRUPTS();
		if (nulls[i])
			return &filter_nothing;
		deparse_equal_add(operand, elements[i], condition->value_type, &matches);
		filters = lappend(filters, deparse_equal_clause(operand, &matches));
	}
	return filters ? filter_and(filters) : deparse_not_null(condition->operand);
}

static WalcuFilter *
deparse_truth(const WalcuPredicate *condition)
{
	WalcuDocumentPath *operand = condition->operand;
	WalcuEqualMatches matches = {NIL};

	deparse_equal_add(operand, BoolGetDatum(!condition->negated), BOOLOID, &matches);
	return deparse_equal_clause(operand, &matches);
}

static void
read_array(Datum array, Oid type, Datum **values, bool **nulls, int *count)
{
	int16 length;
	bool by_value;
	char align;

	get_typlenbyvalalign(type, &length, &by_value, &align);
	deconstruct_array(DatumGetArrayTypeP(array), type, length, by_value, align, values, nulls, count);
}
