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
#include "catalog/pg_type.h"
#include "pushdown/deparse_equal.h"
#include "pushdown/deparse_jsonb.h"
#include "pushdown/pattern.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

static WalcuClause *clause_of_condition(const WalcuOptions *options, const WalcuCondition *condition,
										Datum value, bool is_null);
static const char *order_obstacle(const WalcuCondition *condition);
static const char *match_obstacle(const WalcuCondition *condition);
static WalcuOperand *element_operand(const WalcuOperand *operand);
static WalcuClause *exists(const WalcuOperand *operand);
static WalcuClause *unfit(const WalcuOperand *operand);
static List *arrays_on_the_way(const char *path);
static WalcuClause *compare(const WalcuCondition *condition, const WalcuOperand *operand, Datum value);
static WalcuClause *order(const WalcuCondition *condition, const WalcuOperand *operand, Datum value);
static WalcuClause *order_numbers(const WalcuOperand *operand, int strategy, WalcuNumber number);
static WalcuClause *order_instants(const WalcuOperand *operand, int strategy, TimestampTz instant);
static WalcuClause *all_but(const WalcuOperand *operand, List *excluded, bool null_excluded);
static WalcuClause *distinct(const WalcuOptions *options, const WalcuCondition *condition, Datum value,
							 bool is_null);
static WalcuClause *list(const WalcuCondition *condition, const WalcuOperand *operand, Datum values,
						 bool null_matters);
static WalcuClause *includes(const WalcuCondition *condition, Datum values);
static WalcuClause *match(const WalcuCondition *condition, Datum value);
static char *pattern_of_value(const WalcuCondition *condition, Datum value);
static WalcuClause *truth(const WalcuCondition *condition);
static void read_array(Datum array, Oid type, Datum **values, bool **nulls, int *count);

/* Is some operator less, or less or equal? */
#define IS_LESS(strategy) ((strategy) == BTLessStrategyNumber || (strategy) == BTLessEqualStrategyNumber)

/* Why no filter can be had from a condition, whatever its value is; NULL when one can. */
const char *
render_obstacle(const WalcuOptions *options, const WalcuCondition *condition)
{
	WalcuOperand *operand = condition->operand;
	bool is_array = (operand->domain == WALCU_DOMAIN_ARRAY);
	bool says_not = condition->negated || condition->kind == WALCU_DISTINCT || condition->kind == WALCU_NULL;

	if (operand->indexed && says_not)
		return "the service looks at every element of an array, too";
	switch (condition->kind)
	{
		case WALCU_NULL:
			return condition->negated ? NULL : render_null_obstacle(options, operand);
		case WALCU_COMPARE:
		case WALCU_DISTINCT:
		case WALCU_LIST:
			if (is_array)
				return "the service does not compare whole arrays as SQL does";
			return order_obstacle(condition);
		case WALCU_ELEMENT:
		case WALCU_OVERLAP:
		case WALCU_INCLUDES:
			if (!is_array)
				return "the service does not compare whole arrays as SQL does";
			if (element_operand(operand)->reason)
				return element_operand(operand)->reason;
			return order_obstacle(condition);
		case WALCU_MATCH:
			return match_obstacle(condition);
		default:
			return NULL;
	}
}

/* What a condition becomes with its value, which is NULL if is_null says so. */
WalcuClause *
render_clause(const WalcuOptions *options, const WalcuCondition *condition, Datum value, bool is_null)
{
	WalcuClause *clause = clause_of_condition(options, condition, value, is_null);
	List *ways = list_make1(clause);
	ListCell *lc;

	if (clause == &clause_nothing)
		return clause;
	/* for PostgreSQL a scalar is its own first element */
	foreach(lc, condition->operand->first_elements_of)
	{
		if (schema_at(options->resource, lfirst(lc)).type < WALCU_REMOTE_STRING ||
			schema_at(options->resource, lfirst(lc)).type == WALCU_REMOTE_OBJECT)
			ways =
				lappend(ways, clause_test(lfirst(lc), "$type", "[\"string\",\"number\",\"bool\",\"date\"]"));
		else
			return &clause_everything;
	}
	return clause_or(ways);
}

static WalcuClause *
clause_of_condition(const WalcuOptions *options, const WalcuCondition *condition, Datum value, bool is_null)
{
	WalcuOperand *operand = condition->operand;

	switch (condition->kind)
	{
		case WALCU_NULL:
			return condition->negated ? exists(operand) : render_null(options, operand);
		case WALCU_TRUE:
			return truth(condition);
		case WALCU_DISTINCT:
			return distinct(options, condition, value, is_null);
		default:
			break;
	}
	/* all others are NULL when the value is; but <> ALL is true of no elements */
	if (is_null)
		return condition->kind == WALCU_ELEMENT && condition->negated ? exists(operand) : &clause_nothing;
	switch (condition->kind)
	{
		case WALCU_COMPARE:
			return compare(condition, operand, value);
		case WALCU_ELEMENT:
			return compare(condition, element_operand(operand), value);
		case WALCU_LIST:
			return list(condition, operand, value, true);
		case WALCU_OVERLAP:
			return list(condition, element_operand(operand), value, false);
		case WALCU_INCLUDES:
			return condition->negated ? exists(operand) : includes(condition, value);
		case WALCU_MATCH:
			return match(condition, value);
		default:
			return condition->negated ? exists(operand) : render_json(options, condition, value);
	}
}

/* In what ways can a place be NULL that no filter tells? */
const char *
render_null_obstacle(const WalcuOptions *options, const WalcuOperand *operand)
{
	if (options->on_type_mismatch == WALCU_MISMATCH_ERROR)
		return NULL;
	if (operand->nested || !operand->plain || operand->domain == WALCU_DOMAIN_JSON ||
		operand->domain == WALCU_DOMAIN_ARRAY)
		return "values that do not fit the column are NULL, and the service does not know them";
	if (!equal_is_alike(operand))
		return "the service has another type there";
	return NULL;
}

static const char *
order_obstacle(const WalcuCondition *condition)
{
	WalcuOperand *operand = condition->operand;

	if (condition->strategy == BTEqualStrategyNumber || condition->strategy == 0)
		return NULL;
	if (operand->domain == WALCU_DOMAIN_ARRAY)
		operand = element_operand(operand);
	switch (operand->domain)
	{
		case WALCU_DOMAIN_TEXT:
			if (!condition->ascii)
				return "the service orders text as the collation \"C\" does";
			if (!(equal_checked(operand) & WALCU_IS_STRING))
				return "the service has another type there";
			return NULL;
		case WALCU_DOMAIN_NUMBER:
		case WALCU_DOMAIN_INSTANT:
			return NULL;
		default:
			return "the service does not order values of this type as SQL does";
	}
}

static const char *
match_obstacle(const WalcuCondition *condition)
{
	if (condition->ignore_case && !condition->ascii)
		return "the service knows upper and lower case of the collation \"C\" only";
	if (condition->operand->domain != WALCU_DOMAIN_TEXT ||
		!(equal_checked(condition->operand) & WALCU_IS_STRING))
		return "the service has another type there";
	return NULL;
}

/* The elements of an array, for which a filter on the array's path looks. */
static WalcuOperand *
element_operand(const WalcuOperand *operand)
{
	WalcuOperand *element = operand_of_type(get_element_type(operand->type), -1);

	element->path = operand->path;
	element->remote = operand->remote;
	element->remote.array = false;
	element->element = true;
	return element;
}

/* It IS NOT NULL. */
static WalcuClause *
exists(const WalcuOperand *operand)
{
	WalcuClause *array = clause_test(operand->path, "$type", "[\"array\"]");

	if (operand->domain == WALCU_DOMAIN_ARRAY)
		return array;
	if (operand->json_null)
		return clause_test(operand->path, "$exists", "true");
	/* an array with a null in it counts as null */
	if (operand->sources & WALCU_IS_ARRAY)
		return clause_or(list_make2(clause_test(operand->path, "$ne", "null"), array));
	return clause_test(operand->path, "$ne", "null");
}

/* It IS NULL; only where there is no obstacle. */
WalcuClause *
render_null(const WalcuOptions *options, const WalcuOperand *operand)
{
	List *ways = arrays_on_the_way(operand->path);

	if (options->on_type_mismatch == WALCU_MISMATCH_NULL)
		ways = lcons(unfit(operand), ways);
	else if (operand->json_null)
		ways = lcons(clause_test(operand->path, "$exists", "false"), ways);
	else
		ways = lcons(clause_test(operand->path, "$eq", "null"), ways);
	return clause_or(ways);
}

/* Nothing is there, or what does not fit the column. */
static WalcuClause *
unfit(const WalcuOperand *operand)
{
	List *ways = NIL;

	/* an array is of its own type and of those of its elements */
	ways = lappend(ways, clause_test(operand->path, "$not",
									 psprintf("{\"$type\":%s}", equal_types_json(operand->sources))));
	ways = lappend(ways, clause_test(operand->path, "$type", "[\"array\"]"));
	if (operand->domain == WALCU_DOMAIN_TEXT)
		ways = lappend(ways, clause_test(operand->path, "$regex", "\"\\\\x00\""));
	if (operand->domain == WALCU_DOMAIN_INSTANT)
		ways = lappend(ways, clause_test(operand->path, "$lt", value_instant_json(MIN_TIMESTAMP)));
	return clause_or(ways);
}

/* A path ends here at an array, where the service goes on through its elements. */
static List *
arrays_on_the_way(const char *path)
{
	List *clauses = NIL;

	for (const char *dot = strchr(path, '.'); dot; dot = strchr(dot + 1, '.'))
		clauses = lappend(clauses, clause_test(pnstrdup(path, dot - path), "$type", "[\"array\"]"));
	return clauses;
}

static WalcuClause *
compare(const WalcuCondition *condition, const WalcuOperand *operand, Datum value)
{
	WalcuMatches matches = {NIL};

	if (condition->strategy != BTEqualStrategyNumber)
		return order(condition, operand, value);
	if (condition->negated)
	{
		char *excluded = equal_excluded(operand, value, condition->value_type);

		return all_but(operand, excluded ? list_make1(excluded) : NIL, true);
	}
	equal_add(operand, value, condition->value_type, &matches);
	return equal_clause(operand, &matches);
}

/* operand < value, and the like */
static WalcuClause *
order(const WalcuCondition *condition, const WalcuOperand *operand, Datum value)
{
	static const char *const operators[] = {
		[BTLessStrategyNumber] = "$lt",
		[BTLessEqualStrategyNumber] = "$lte",
		[BTGreaterEqualStrategyNumber] = "$gte",
		[BTGreaterStrategyNumber] = "$gt",
	};

	switch (operand->domain)
	{
		case WALCU_DOMAIN_TEXT:
			return equal_or_unchecked(
				operand,
				list_make1(clause_test(operand->path, operators[condition->strategy],
									   clause_string(value_text(value, condition->value_type)))),
				operand->sources & ~WALCU_IS_STRING);
		case WALCU_DOMAIN_NUMBER:
			return order_numbers(operand, condition->strategy, value_number(value, condition->value_type));
		default:
			return order_instants(operand, condition->strategy,
								  value_instant(value, condition->value_type, operand->clock));
	}
}

static WalcuClause *
order_numbers(const WalcuOperand *operand, int strategy, WalcuNumber number)
{
	uint32 unchecked = operand->sources & ~equal_checked(operand);
	bool less = IS_LESS(strategy);
	bool strict = (strategy == BTLessStrategyNumber || strategy == BTGreaterStrategyNumber);
	double least;
	double greatest;
	WalcuClause *clause;

	/* the text of a number may be NaN */
	unchecked |= operand->sources & ~WALCU_IS_NUMBER;
	if (isinf(number.value))
		clause = (less == (number.value > 0)) ? clause_test(operand->path, "$ne", "null") : &clause_nothing;
	else if (operand->rounding == 0 && !operand->single)
		clause = clause_test(operand->path,
							 less ? (strict && number.canonical ? "$lt" : "$lte")
								  : (strict && number.canonical ? "$gt" : "$gte"),
							 value_number_json(number.value));
	else
	{
		value_number_range(number.value, operand->rounding, operand->single, &least, &greatest);
		clause =
			clause_test(operand->path, less ? "$lte" : "$gte", value_number_json(less ? greatest : least));
	}
	if (!(equal_checked(operand) & WALCU_IS_NUMBER))
		clause = &clause_nothing;
	return equal_or_unchecked(operand, list_make1(clause), unchecked);
}

static WalcuClause *
order_instants(const WalcuOperand *operand, int strategy, TimestampTz instant)
{
	bool less = IS_LESS(strategy);
	bool strict = (strategy == BTLessStrategyNumber || strategy == BTGreaterStrategyNumber) &&
				  operand->before == 0 && operand->after == 0;
	WalcuClause *clause;

	if (!value_instant_is_finite(instant))
		clause = (less == (instant > 0)) ? clause_test(operand->path, "$ne", "null") : &clause_nothing;
	else
	{
		/* the service's dates have whole milliseconds, and so has a filter's */
		strict &= (instant % 1000 == 0);
		clause = clause_test(
			operand->path, less ? (strict ? "$lt" : "$lte") : (strict ? "$gt" : "$gte"),
			value_instant_json(value_instant_shifted(instant, less ? operand->after : -operand->before)));
	}
	if (!(equal_checked(operand) & WALCU_IS_DATE))
		clause = &clause_nothing;
	return equal_or_unchecked(operand, list_make1(clause),
							  operand->sources & ~(equal_checked(operand) & WALCU_IS_DATE));
}

/* Everything but these literals and, where that is right, NULL. */
static WalcuClause *
all_but(const WalcuOperand *operand, List *excluded, bool null_excluded)
{
	WalcuClause *clause;

	if (excluded == NIL)
		return null_excluded ? exists(operand) : &clause_everything;
	if (null_excluded && !operand->json_null)
		excluded = lappend(excluded, "null");
	clause = clause_test(operand->path, "$nin", clause_list(excluded));
	/* an array with the literal in it is another value */
	if ((operand->sources & WALCU_IS_ARRAY))
		clause = clause_or(list_make2(clause, clause_test(operand->path, "$type", "[\"array\"]")));
	return clause;
}

static WalcuClause *
distinct(const WalcuOptions *options, const WalcuCondition *condition, Datum value, bool is_null)
{
	WalcuOperand *operand = condition->operand;
	WalcuCondition equality = *condition;
	bool tells_null = render_null_obstacle(options, operand) == NULL;
	WalcuClause *null_clause = tells_null ? render_null(options, operand) : &clause_everything;

	equality.kind = WALCU_COMPARE;
	equality.negated = !condition->negated;
	if (is_null)
		return condition->negated ? null_clause : exists(operand);
	if (condition->negated)
		return compare(&equality, operand, value);
	return clause_or(list_make2(compare(&equality, operand, value), null_clause));
}

/*
 * One of the values is there, or none when negated.  null_matters for lists, where "<> ALL" is
 * never true with a NULL among the values.
 */
static WalcuClause *
list(const WalcuCondition *condition, const WalcuOperand *operand, Datum values, bool null_matters)
{
	WalcuMatches matches = {NIL};
	List *excluded = NIL;
	Datum *elements;
	bool *nulls;
	int count;

	read_array(values, condition->value_type, &elements, &nulls, &count);
	for (int i = 0; i < count; i++)
	{
		char *literal;

		if (nulls[i])
		{
			if (condition->negated && null_matters)
				return &clause_nothing;
			continue;
		}
		if (!condition->negated)
			equal_add(operand, elements[i], condition->value_type, &matches);
		else if ((literal = equal_excluded(operand, elements[i], condition->value_type)) != NULL)
			excluded = lappend(excluded, literal);
	}
	if (!condition->negated)
		return equal_clause(operand, &matches);
	/* x <> ALL of nothing is true even for NULL */
	return all_but(operand, excluded, null_matters && count > 0);
}

/* All of the values are elements. */
static WalcuClause *
includes(const WalcuCondition *condition, Datum values)
{
	WalcuOperand *operand = element_operand(condition->operand);
	List *clauses = NIL;
	Datum *elements;
	bool *nulls;
	int count;

	read_array(values, condition->value_type, &elements, &nulls, &count);
	for (int i = 0; i < count; i++)
	{
		WalcuMatches matches = {NIL};

		if (nulls[i])
			return &clause_nothing;
		equal_add(operand, elements[i], condition->value_type, &matches);
		clauses = lappend(clauses, equal_clause(operand, &matches));
	}
	return clauses ? clause_and(clauses) : exists(condition->operand);
}

/* operand LIKE value, and the like */
static WalcuClause *
match(const WalcuCondition *condition, Datum value)
{
	WalcuOperand *operand = condition->operand;
	char *pattern = pattern_of_value(condition, value);

	if (pattern == NULL)
		return &clause_everything;
	if (!condition->negated)
		return equal_or_unchecked(operand,
								  list_make1(clause_test(operand->path, "$regex", clause_string(pattern))),
								  operand->sources & ~WALCU_IS_STRING);
	return clause_and(list_make2(
		exists(operand),
		clause_or(list_make2(
			clause_test(operand->path, "$not", psprintf("{\"$regex\":%s}", clause_string(pattern))),
			(operand->sources & WALCU_IS_ARRAY) ? clause_test(operand->path, "$type", "[\"array\"]")
												: &clause_nothing))));
}

static char *
pattern_of_value(const WalcuCondition *condition, Datum value)
{
	char *text = value_text(value, condition->value_type);

	switch (condition->pattern)
	{
		case WALCU_PATTERN_LIKE:
			return pattern_from_like(text, condition->ignore_case);
		case WALCU_PATTERN_REGEX:
			return pattern_from_regex(text, condition->ignore_case, condition->ascii);
		default:
			return pattern_from_prefix(text);
	}
}

static WalcuClause *
truth(const WalcuCondition *condition)
{
	WalcuOperand *operand = condition->operand;
	WalcuMatches matches = {NIL};

	equal_add(operand, BoolGetDatum(!condition->negated), BOOLOID, &matches);
	return equal_clause(operand, &matches);
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
