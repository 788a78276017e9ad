/*
 * pushdown.c
 *	  Translate SQL conditions into the service's filter language.
 *
 * The planner asks for each condition whether a filter exists that matches at least
 * the documents for which the condition is true, and a scan asks for its text once the values
 * are known.  Nothing here talks to the service, and nothing here decides costs.
 *
 * What is to be true or false goes down with AND, OR and NOT, so that NOT needs no filter
 * to be exact: NOT (a AND b) is true where a is false or b is.
 */
#include "postgres.h"

#include "pushdown/pushdown.h"

#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "pushdown/branches.h"
#include "pushdown/deparse.h"
#include "pushdown/restated.h"
#include "pushdown/row_comparison.h"
#include "utils/memutils.h"

static WalcuPushdown *translate_expression(const WalcuRelation *relation, Expr *expression, bool outcome,
										   const char **reason);
static WalcuPushdown *translate_boolean(const WalcuRelation *relation, BoolExpr *expression, bool outcome,
										const char **reason);
static WalcuPushdown *translate_test(const WalcuRelation *relation, BooleanTest *test, bool outcome,
									 const char **reason);
static WalcuPushdown *translate_null_or(const WalcuRelation *relation, Expr *operand, bool outcome,
										const char **reason);
static WalcuPushdown *translate_rows(const WalcuRelation *relation, const RowCompareExpr *rows, bool outcome,
									 const char **reason);
static WalcuPushdown *make_value(Expr *value, bool outcome);
static bool rejects_null(const WalcuPushdown *filter, AttrNumber column);
static WalcuPushdown *join_parts(WalcuPushdownKind kind, List *parts);
static WalcuPushdown *join_by_or(List *parts, const char **reason);
static bool is_about_place(const WalcuPushdown *filter, const char *path);
static const char *find_first_place(const WalcuPushdown *filter);
static WalcuPushdown *keep_described_parts(WalcuPushdown *filter, bool *is_whole);
static void prepare_values(WalcuPushdown *filter, PlanState *parent);
static WalcuFilter *make_filter(const WalcuOptions *options, WalcuPushdown *filter, ExprContext *context,
								WalcuPushdownUse use);
static WalcuFilter *make_predicate_filter(const WalcuOptions *options, WalcuPredicate *condition,
										  ExprContext *context, WalcuPushdownUse use);
static bool is_value_wanted(const WalcuPushdown *filter, ExprContext *context, WalcuPushdownUse use);
static bool needs_execution(Node *node, void *nothing);

/* Conditions joined by AND, of WalcuPushdownCondition in their order. */
List *
pushdown_conditions(const WalcuRelation *relation, List *expressions)
{
	List *filtered = NIL;
	ListCell *lc;

	foreach(lc, expressions)
	{
		WalcuPushdownCondition *entry = palloc0(sizeof(WalcuPushdownCondition));

		entry->expression = lfirst(lc);
		if (relation->options->pushdown)
			entry->filter = translate_expression(relation, entry->expression, true, &entry->reason);
		else
			entry->reason = "pushdown is off";
		filtered = lappend(filtered, entry);
	}
	return filtered;
}

/* Make values computable in a scan. */
void
pushdown_prepare(List *filtered, PlanState *parent)
{
	ListCell *lc;

	foreach(lc, filtered)
	{
		WalcuPushdownCondition *entry = lfirst(lc);

		if (entry->filter)
			prepare_values(entry->filter, parent);
	}
}

/* Is no row in which the column is NULL what the conditions want? */
bool
pushdown_rejects_null(List *filtered, AttrNumber column)
{
	ListCell *lc;

	foreach(lc, filtered)
	{
		WalcuPushdown *filter = ((WalcuPushdownCondition *) lfirst(lc))->filter;

		if (filter && rejects_null(filter, column))
			return true;
	}
	return false;
}

static bool
rejects_null(const WalcuPushdown *filter, AttrNumber column)
{
	const WalcuPredicate *condition = filter->condition;
	ListCell *lc;

	if (filter->kind == WALCU_PUSHDOWN_PREDICATE && condition->operand->column == column)
		return condition->kind == WALCU_PREDICATE_NULL
				   ? condition->negated
				   : condition->kind != WALCU_PREDICATE_DISTINCT &&
						 !(condition->kind == WALCU_PREDICATE_LIST && condition->negated);
	if (filter->kind == WALCU_PUSHDOWN_PREDICATE)
		return false;
	/* an AND rejects it where one part does, an OR where all do */
	foreach(lc, filter->parts)
	{
		if (rejects_null(lfirst(lc), column) == (filter->kind == WALCU_PUSHDOWN_AND))
			return filter->kind == WALCU_PUSHDOWN_AND;
	}
	return filter->kind == WALCU_PUSHDOWN_OR;
}

/*
 * Does a condition become a filter?  What it takes to find out is freed, as joins ask for many conditions
 * that come to nothing.
 */
bool
pushdown_is_possible(const WalcuRelation *relation, Expr *clause)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "walcu condition", ALLOCSET_DEFAULT_SIZES);
	MemoryContext before = MemoryContextSwitchTo(context);
	const WalcuPushdownCondition *condition = linitial(pushdown_conditions(relation, list_make1(clause)));
	bool has_filter = condition->filter != NULL;

	MemoryContextSwitchTo(before);
	MemoryContextDelete(context);
	return has_filter;
}

/* Is every condition pushed as a whole? */
bool
pushdown_is_complete(List *filtered)
{
	ListCell *lc;

	foreach(lc, filtered)
	{
		if (((WalcuPushdownCondition *) lfirst(lc))->reason)
			return false;
	}
	return true;
}

/*
 * The clauses that all must hold, of WalcuFilter, for a use.  A list
 * of filter_nothing when no document can match.
 */
List *
pushdown_clauses(const WalcuOptions *options, List *filtered, ExprContext *context, WalcuPushdownUse use)
{
	List *clauses = NIL;
	ListCell *lc;

	foreach(lc, filtered)
	{
		WalcuPushdownCondition *entry = lfirst(lc);
		List *parts;
		ListCell *lc2;

		if (entry->filter == NULL)
			continue;
		parts =
			(entry->filter->kind == WALCU_PUSHDOWN_AND) ? entry->filter->parts : list_make1(entry->filter);
		foreach(lc2, parts)
		{
			WalcuFilter *clause = make_filter(options, lfirst(lc2), context, use);

			if (clause == &filter_nothing)
				return list_make1(clause);
			if (clause != &filter_everything)
				clauses = lappend(clauses, clause);
		}
	}
	return clauses;
}

/* NULL, and a reason, when there is no filter for the outcome. */
static WalcuPushdown *
translate_expression(const WalcuRelation *relation, Expr *expression, bool outcome, const char **reason)
{
	WalcuPredicate *condition;
	WalcuPushdown *filter;
	Expr *spelled_out;

	check_stack_depth();
	if (IsA(expression, BoolExpr))
		return translate_boolean(relation, (BoolExpr *) expression, outcome, reason);
	if (IsA(expression, BooleanTest) && ((BooleanTest *) expression)->booltesttype != IS_UNKNOWN &&
		((BooleanTest *) expression)->booltesttype != IS_NOT_UNKNOWN)
		return translate_test(relation, (BooleanTest *) expression, outcome, reason);
	if (IsA(expression, RowCompareExpr))
		return translate_rows(relation, (RowCompareExpr *) expression, outcome, reason);
	if (predicate_is_value(relation, expression))
		return make_value(expression, outcome);
	spelled_out = branches_spelled_out(relation, expression, outcome);
	if (spelled_out == NULL)
		spelled_out = restated_condition(relation, expression, outcome);
	if (spelled_out)
		return translate_expression(relation, spelled_out, true, reason);
	condition = predicate_of_clause(relation, expression, outcome, reason);
	if (condition == NULL)
		return NULL;
	*reason = deparse_obstacle(relation->options, condition);
	if (*reason)
		return NULL;
	filter = palloc0(sizeof(WalcuPushdown));
	filter->kind = WALCU_PUSHDOWN_PREDICATE;
	filter->condition = condition;
	if (condition->operand->list)
		*reason = "the service finds the documents that have such an element, and sends all elements";
	return filter;
}

static WalcuPushdown *
translate_boolean(const WalcuRelation *relation, BoolExpr *expression, bool outcome, const char **reason)
{
	bool all = (expression->boolop == AND_EXPR) == outcome;
	List *parts = NIL;
	ListCell *lc;

	if (expression->boolop == NOT_EXPR)
		return translate_expression(relation, linitial(expression->args), !outcome, reason);
	*reason = NULL;
	foreach(lc, expression->args)
	{
		const char *part_reason = NULL;
		WalcuPushdown *part = translate_expression(relation, lfirst(lc), outcome, &part_reason);

		if (part_reason)
			*reason = part_reason;
		if (part)
			parts = lappend(parts, part);
		else if (!all)
			return NULL;
	}
	if (parts == NIL)
		return NULL;
	return all ? join_parts(WALCU_PUSHDOWN_AND, parts) : join_by_or(parts, reason);
}

/* IS TRUE and IS FALSE ask for an outcome; IS NOT TRUE takes NULL, too. */
static WalcuPushdown *
translate_test(const WalcuRelation *relation, BooleanTest *test, bool outcome, const char **reason)
{
	bool wanted = (test->booltesttype == IS_TRUE || test->booltesttype == IS_NOT_FALSE);
	bool null_too = (test->booltesttype == IS_NOT_TRUE || test->booltesttype == IS_NOT_FALSE);

	/* what is not TRUE is FALSE or NULL, and the other way round */
	if (!outcome)
	{
		wanted = !wanted;
		null_too = !null_too;
	}
	if (null_too)
		return translate_null_or(relation, test->arg, wanted, reason);
	return translate_expression(relation, test->arg, wanted, reason);
}

/* The boolean operand has the outcome or is NULL. */
static WalcuPushdown *
translate_null_or(const WalcuRelation *relation, Expr *operand, bool outcome, const char **reason)
{
	BooleanTest *unknown = makeNode(BooleanTest);
	WalcuPushdown *with_outcome;
	WalcuPushdown *null;

	unknown->arg = operand;
	unknown->booltesttype = IS_UNKNOWN;
	with_outcome = translate_expression(relation, operand, outcome, reason);
	null = with_outcome ? translate_expression(relation, (Expr *) unknown, true, reason) : NULL;
	return null ? join_by_or(list_make2(with_outcome, null), reason) : NULL;
}

/* What does not depend on the row decides for all of them. */
static WalcuPushdown *
make_value(Expr *value, bool outcome)
{
	WalcuPushdown *filter = palloc0(sizeof(WalcuPushdown));

	filter->kind = WALCU_PUSHDOWN_VALUE;
	filter->value = value;
	filter->outcome = outcome;
	return filter;
}

/* Of a comparison of rows, as many of the first columns as can be sent as a whole decide. */
static WalcuPushdown *
translate_rows(const WalcuRelation *relation, const RowCompareExpr *rows, bool outcome, const char **reason)
{
	const char *first_reason = NULL;

	for (int count = list_length(rows->opnos); count > 0; count--)
	{
		Expr *spelled_out = row_comparison_spelled_out(rows, count, outcome);
		const char *part_reason = NULL;
		WalcuPushdown *part;

		if (spelled_out == NULL)
			continue;
		part = translate_expression(relation, spelled_out, true, &part_reason);
		if (first_reason == NULL)
			first_reason = part_reason;
		*reason = first_reason;
		if (part && part_reason == NULL)
			return part;
	}
	return NULL;
}

/*
 * One of the parts holds.  Where the service takes no notice of a place that it does not know (Mongoose's
 * strictQuery), it takes that arm out of an OR, and less would match; so such an arm is not sent, but where
 * all of them are of the same place.  NULL, and a reason, when an arm is of nothing else.
 */
static WalcuPushdown *
join_by_or(List *parts, const char **reason)
{
	WalcuPushdown *whole = join_parts(WALCU_PUSHDOWN_OR, parts);
	const char *place = find_first_place(whole);
	bool is_whole = true;
	WalcuPushdown *described;

	if (place == NULL || is_about_place(whole, place))
		return whole;
	described = keep_described_parts(whole, &is_whole);
	if (!is_whole)
		*reason = "the service may take no notice of a place that its description lacks, but OR needs all";
	return described;
}

/* Is every predicate of one place? */
static bool
is_about_place(const WalcuPushdown *filter, const char *path)
{
	ListCell *lc;

	if (filter->kind == WALCU_PUSHDOWN_PREDICATE)
		return strcmp(document_path_place(filter->condition->operand), path) == 0;
	foreach(lc, filter->parts)
	{
		if (!is_about_place(lfirst(lc), path))
			return false;
	}
	return true;
}

/* The place of the first predicate; NULL when there is none. */
static const char *
find_first_place(const WalcuPushdown *filter)
{
	const char *place = filter->condition ? document_path_place(filter->condition->operand) : NULL;
	ListCell *lc;

	foreach(lc, filter->parts)
	{
		if (place == NULL)
			place = find_first_place(lfirst(lc));
	}
	return place;
}

/* What is left without predicates of places that the description lacks; NULL when that is all documents. */
static WalcuPushdown *
keep_described_parts(WalcuPushdown *filter, bool *is_whole)
{
	List *parts = NIL;
	ListCell *lc;

	if (filter->kind == WALCU_PUSHDOWN_PREDICATE)
	{
		*is_whole &= filter->condition->operand->remote.described;
		return filter->condition->operand->remote.described ? filter : NULL;
	}
	if (filter->kind == WALCU_PUSHDOWN_VALUE)
		return filter;
	foreach(lc, filter->parts)
	{
		WalcuPushdown *part = keep_described_parts(lfirst(lc), is_whole);

		if (part)
			parts = lappend(parts, part);
		else if (filter->kind == WALCU_PUSHDOWN_OR)
			return NULL;
	}
	return parts ? join_parts(filter->kind, parts) : NULL;
}

static WalcuPushdown *
join_parts(WalcuPushdownKind kind, List *parts)
{
	WalcuPushdown *filter = palloc0(sizeof(WalcuPushdown));

	filter->kind = kind;
	filter->parts = parts;
	return filter;
}

static void
prepare_values(WalcuPushdown *filter, PlanState *parent)
{
	ListCell *lc;

	if (filter->kind == WALCU_PUSHDOWN_PREDICATE)
		filter->condition->state = ExecInitExpr(filter->condition->value, parent);
	if (filter->kind == WALCU_PUSHDOWN_VALUE)
		filter->state = ExecInitExpr(filter->value, parent);
	foreach(lc, filter->parts)
		prepare_values(lfirst(lc), parent);
}

static WalcuFilter *
make_filter(const WalcuOptions *options, WalcuPushdown *filter, ExprContext *context, WalcuPushdownUse use)
{
	List *clauses = NIL;
	ListCell *lc;

	if (filter->kind == WALCU_PUSHDOWN_PREDICATE)
		return make_predicate_filter(options, filter->condition, context, use);
	if (filter->kind == WALCU_PUSHDOWN_VALUE)
		return is_value_wanted(filter, context, use) ? &filter_everything : &filter_nothing;
	foreach(lc, filter->parts)
	{
		/* one that only an execution knows shows what is asked for where it does not decide */
		if (use == WALCU_PUSHDOWN_SHOWN && pushdown_needs_execution(((WalcuPushdown *) lfirst(lc))->value))
			continue;
		clauses = lappend(clauses, make_filter(options, lfirst(lc), context, use));
	}
	return filter->kind == WALCU_PUSHDOWN_AND ? filter_and(clauses) : filter_or(clauses);
}

static WalcuFilter *
make_predicate_filter(const WalcuOptions *options, WalcuPredicate *condition, ExprContext *context,
					  WalcuPushdownUse use)
{
	Datum value = (Datum) 0;
	bool is_null = true;

	if (use == WALCU_PUSHDOWN_SHOWN && pushdown_needs_execution(condition->value))
		return deparse_in_list(condition->operand, document_path_test(condition->operand, "$eq", "?"));
	/* one that pushdown_foretell knows has no state */
	if (condition->state == NULL && condition->value && IsA(condition->value, Const))
	{
		value = ((Const *) condition->value)->constvalue;
		is_null = ((Const *) condition->value)->constisnull;
	}
	else if (condition->state)
		value = ExecEvalExprSwitchContext(condition->state, context, &is_null);
	return deparse_clause(options, condition, value, is_null);
}

/* Has a value that no row decides the wanted outcome? */
static bool
is_value_wanted(const WalcuPushdown *filter, ExprContext *context, WalcuPushdownUse use)
{
	bool is_null = true;
	Datum value = (Datum) 0;

	if (use == WALCU_PUSHDOWN_SHOWN && pushdown_needs_execution(filter->value))
		return true;
	if (filter->state)
		value = ExecEvalExprSwitchContext(filter->state, context, &is_null);
	else if (IsA(filter->value, Const))
	{
		value = ((Const *) filter->value)->constvalue;
		is_null = ((Const *) filter->value)->constisnull;
	}
	return !is_null && DatumGetBool(value) == filter->outcome;
}

/*
 * Put what the planner expects the values to be in their place, for an estimate only; false when it cannot
 * know one of them.
 */
bool
pushdown_foretell(PlannerInfo *root, WalcuPushdown *filter)
{
	ListCell *lc;

	if (filter->kind == WALCU_PUSHDOWN_PREDICATE && filter->condition->value)
	{
		Node *value = estimate_expression_value(root, (Node *) filter->condition->value);

		filter->condition->value = (Expr *) value;
		return IsA(value, Const);
	}
	if (filter->kind == WALCU_PUSHDOWN_VALUE)
	{
		filter->value = (Expr *) estimate_expression_value(root, (Node *) filter->value);
		return IsA(filter->value, Const);
	}
	foreach(lc, filter->parts)
	{
		if (!pushdown_foretell(root, lfirst(lc)))
			return false;
	}
	return true;
}

/* Is a value known to an execution only, because the executor sets a parameter of it? */
bool
pushdown_needs_execution(Expr *value)
{
	return needs_execution((Node *) value, NULL);
}

static bool
needs_execution(Node *node, void *nothing)
{
	if (node == NULL)
		return false;
	if (IsA(node, Param) && ((Param *) node)->paramkind == PARAM_EXEC)
		return true;
	return expression_tree_walker(node, needs_execution, nothing);
}
