/*
 * predicate.c
 *	  Recognize one SQL condition on one place of the document.
 *
 * pushdown.c takes AND, OR and NOT apart and asks here for what is left.  What a condition
 * becomes in a filter is deparse.c's question.
 */
#include "postgres.h"

#include "pushdown/predicate.h"

#include "access/stratnum.h"
#include "access/transam.h"
#include "base/compat.h"
#include "catalog/pg_opfamily.h"
#include "catalog/pg_type.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"

#define NOT_KNOWN "the service cannot compute it"

/* btree's comparisons that the service's agree with. */
static const Oid comparison_families[] = {TEXT_BTREE_FAM_OID,   INTEGER_BTREE_FAM_OID, 1988 /* numeric_ops */,
										  1970 /* float_ops */, BOOL_BTREE_FAM_OID,    434 /* datetime_ops */,
										  2968 /* uuid_ops */,  3522 /* enum_ops */,   4033 /* jsonb_ops */};

/* Other operators, by the functions behind them. */
static const struct
{
	Oid function;
	WalcuPredicateKind kind;
	WalcuPattern pattern;
	bool ignore_case;
	bool negated;
	bool commuted; /* the document's side is the right one */
} functions[] = {
	{F_TEXTLIKE, WALCU_PREDICATE_MATCH, WALCU_PATTERN_LIKE},
	{F_NAMELIKE, WALCU_PREDICATE_MATCH, WALCU_PATTERN_LIKE},
	{F_TEXTNLIKE, WALCU_PREDICATE_MATCH, WALCU_PATTERN_LIKE, false, true},
	{F_NAMENLIKE, WALCU_PREDICATE_MATCH, WALCU_PATTERN_LIKE, false, true},
	{F_TEXTICLIKE, WALCU_PREDICATE_MATCH, WALCU_PATTERN_LIKE, true},
	{F_NAMEICLIKE, WALCU_PREDICATE_MATCH, WALCU_PATTERN_LIKE, true},
	{F_TEXTICNLIKE, WALCU_PREDICATE_MATCH, WALCU_PATTERN_LIKE, true, true},
	{F_NAMEICNLIKE, WALCU_PREDICATE_MATCH, WALCU_PATTERN_LIKE, true, true},
	{F_TEXTREGEXEQ, WALCU_PREDICATE_MATCH, WALCU_PATTERN_REGEX},
	{F_NAMEREGEXEQ, WALCU_PREDICATE_MATCH, WALCU_PATTERN_REGEX},
	{F_TEXTREGEXNE, WALCU_PREDICATE_MATCH, WALCU_PATTERN_REGEX, false, true},
	{F_NAMEREGEXNE, WALCU_PREDICATE_MATCH, WALCU_PATTERN_REGEX, false, true},
	{F_TEXTICREGEXEQ, WALCU_PREDICATE_MATCH, WALCU_PATTERN_REGEX, true},
	{F_NAMEICREGEXEQ, WALCU_PREDICATE_MATCH, WALCU_PATTERN_REGEX, true},
	{F_TEXTICREGEXNE, WALCU_PREDICATE_MATCH, WALCU_PATTERN_REGEX, true, true},
	{F_NAMEICREGEXNE, WALCU_PREDICATE_MATCH, WALCU_PATTERN_REGEX, true, true},
	{F_STARTS_WITH, WALCU_PREDICATE_MATCH, WALCU_PATTERN_PREFIX},
	{F_ARRAYOVERLAP, WALCU_PREDICATE_OVERLAP},
	{F_ARRAYCONTAINS, WALCU_PREDICATE_INCLUDES},
	{F_ARRAYCONTAINED, WALCU_PREDICATE_INCLUDES, .commuted = true},
	{F_JSONB_CONTAINS, WALCU_PREDICATE_CONTAINS},
	{F_JSONB_CONTAINED, WALCU_PREDICATE_CONTAINS, .commuted = true},
	{F_JSONB_EXISTS, WALCU_PREDICATE_KEY},
	{F_JSONB_EXISTS_ANY, WALCU_PREDICATE_ANY_KEY},
	{F_JSONB_EXISTS_ALL, WALCU_PREDICATE_ALL_KEYS},
};

static WalcuPredicate *recognize_expression(const WalcuRelation *relation, Expr *clause, bool outcome,
											const char **reason);
static WalcuPredicate *recognize_operator(const WalcuRelation *relation, Oid opno, Oid function, List *args,
										  Oid collation, bool outcome, const char **reason);
static WalcuPredicate *recognize_comparison(const WalcuRelation *relation, Oid opno, List *args,
											Oid collation, bool outcome, const char **reason);
static WalcuPredicate *recognize_function(const WalcuRelation *relation, int row, List *args, Oid collation,
										  bool outcome, const char **reason);
static WalcuPredicate *recognize_array_operator(const WalcuRelation *relation, ScalarArrayOpExpr *operation,
												bool outcome, const char **reason);
static WalcuPredicate *recognize_boolean_test(const WalcuRelation *relation, BooleanTest *test, bool outcome,
											  const char **reason);
static WalcuPredicate *make_operand_predicate(const WalcuRelation *relation, WalcuPredicateKind kind,
											  Expr *expression, bool negated, const char **reason);
static WalcuPredicate *make_value_predicate(const WalcuRelation *relation, WalcuPredicateKind kind,
											Expr *expression, Expr *value, Oid collation,
											const char **reason);
static const char *explain_no_value(const WalcuRelation *relation, Expr *expression, Expr *value);
static bool needs_care(Node *node, void *nothing);
static int find_btree_strategy(Oid opno, bool *negated);
static int negate_strategy(int strategy, bool *negated);
static bool is_text_domain(const WalcuDocumentPath *operand);

/*
 * The condition that a clause is of the wanted outcome, true or false.  NULL, and a reason, when it is none
 * of those that are known here.
 */
WalcuPredicate *
predicate_of_clause(const WalcuRelation *relation, Expr *clause, bool outcome, const char **reason)
{
	WalcuPredicate *condition = recognize_expression(relation, clause, outcome, reason);

	if (condition == NULL)
		return NULL;
	if (condition->operand->limit > 0 && condition->kind != WALCU_PREDICATE_NULL &&
		condition->strategy != BTEqualStrategyNumber)
	{
		*reason = "the column's type cuts off blanks";
		return NULL;
	}
	document_path_compare_with(condition->operand, condition->value_type);
	return condition;
}

/*
 * Is a condition the same for all rows, and computed without an error whatever its parameters are?
 * PostgreSQL might never compute it.
 */
bool
predicate_is_value(const WalcuRelation *relation, Expr *condition)
{
	return exprType((Node *) condition) == BOOLOID && document_path_is_value(relation, condition) &&
		   !needs_care((Node *) condition, NULL);
}

/* May computing it fail, for all that is known here? */
static bool
needs_care(Node *node, void *nothing)
{
	bool negated;

	if (node == NULL)
		return false;
	switch (nodeTag(node))
	{
		case T_Const:
		case T_Param:
			return false;
		case T_OpExpr:
		case T_DistinctExpr:
			if (find_btree_strategy(((OpExpr *) node)->opno, &negated) == 0)
				return true;
			break;
		case T_ScalarArrayOpExpr:
			if (find_btree_strategy(((ScalarArrayOpExpr *) node)->opno, &negated) == 0)
				return true;
			break;
		case T_FuncExpr:
			if (((FuncExpr *) node)->funcid != F_LOWER_TEXT && ((FuncExpr *) node)->funcid != F_UPPER_TEXT)
				return true;
			break;
		case T_List:
		case T_BoolExpr:
		case T_NullTest:
		case T_BooleanTest:
		case T_RelabelType:
		case T_CollateExpr:
			break;
		default:
			return true;
	}
	return expression_tree_walker(node, needs_care, nothing);
}

static WalcuPredicate *
recognize_expression(const WalcuRelation *relation, Expr *clause, bool outcome, const char **reason)
{
	*reason = NOT_KNOWN;
	switch (nodeTag(clause))
	{
		case T_OpExpr:
		{
			OpExpr *operation = (OpExpr *) clause;

			if (list_length(operation->args) != 2)
				return NULL;
			return recognize_operator(relation, operation->opno, operation->opfuncid, operation->args,
									  operation->inputcollid, outcome, reason);
		}
		case T_DistinctExpr:
		{
			DistinctExpr *distinct = (DistinctExpr *) clause;
			WalcuPredicate *condition = recognize_comparison(relation, distinct->opno, distinct->args,
															 distinct->inputcollid, true, reason);

			if (condition == NULL || condition->strategy != BTEqualStrategyNumber)
				return NULL;
			condition->kind = WALCU_PREDICATE_DISTINCT;
			condition->negated = !outcome;
			return condition;
		}
		case T_FuncExpr:
		{
			FuncExpr *function = (FuncExpr *) clause;

			if (function->funcresulttype == BOOLOID && list_length(function->args) == 2)
				return recognize_operator(relation, InvalidOid, function->funcid, function->args,
										  function->inputcollid, outcome, reason);
			break;
		}
		case T_ScalarArrayOpExpr:
			return recognize_array_operator(relation, (ScalarArrayOpExpr *) clause, outcome, reason);
		case T_NullTest:
		{
			NullTest *test = (NullTest *) clause;

			if (test->argisrow)
				return NULL;
			return make_operand_predicate(relation, WALCU_PREDICATE_NULL, test->arg,
										  (test->nulltesttype == IS_NULL) != outcome, reason);
		}
		case T_BooleanTest:
			return recognize_boolean_test(relation, (BooleanTest *) clause, outcome, reason);
		default:
			break;
	}
	if (exprType((Node *) clause) != BOOLOID)
		return NULL;
	return make_operand_predicate(relation, WALCU_PREDICATE_TRUE, clause, !outcome, reason);
}

static WalcuPredicate *
recognize_operator(const WalcuRelation *relation, Oid opno, Oid function, List *args, Oid collation,
				   bool outcome, const char **reason)
{
	for (int i = 0; i < lengthof(functions); i++)
	{
		if (functions[i].function == function)
			return recognize_function(relation, i, args, collation, outcome, reason);
	}
	if (!OidIsValid(opno))
		return NULL;
	return recognize_comparison(relation, opno, args, collation, outcome, reason);
}

/* operand op value, or the other way round. */
static WalcuPredicate *
recognize_comparison(const WalcuRelation *relation, Oid opno, List *args, Oid collation, bool outcome,
					 const char **reason)
{
	Expr *left = linitial(args);
	Expr *right = lsecond(args);
	WalcuPredicate *condition;
	bool negated;
	int strategy;

	if (document_path_is_value(relation, left))
	{
		Expr *swapped = left;

		left = right;
		right = swapped;
		opno = get_commutator(opno);
	}
	strategy = find_btree_strategy(opno, &negated);
	if (strategy == 0)
		return NULL;
	if (!outcome)
		strategy = negate_strategy(strategy, &negated);
	condition = make_value_predicate(relation, WALCU_PREDICATE_COMPARE, left, right, collation, reason);
	if (condition == NULL)
		return NULL;
	condition->strategy = strategy;
	condition->negated = negated;
	return condition;
}

static WalcuPredicate *
recognize_function(const WalcuRelation *relation, int row, List *args, Oid collation, bool outcome,
				   const char **reason)
{
	Expr *left = list_nth(args, functions[row].commuted ? 1 : 0);
	Expr *right = list_nth(args, functions[row].commuted ? 0 : 1);
	WalcuPredicate *condition;

	condition = make_value_predicate(relation, functions[row].kind, left, right, collation, reason);
	if (condition == NULL)
		return NULL;
	condition->pattern = functions[row].pattern;
	condition->ignore_case = functions[row].ignore_case;
	condition->negated = (functions[row].negated == outcome);
	if (condition->kind == WALCU_PREDICATE_OVERLAP || condition->kind == WALCU_PREDICATE_INCLUDES)
		condition->value_type = get_element_type(condition->value_type);
	return condition;
}

/* operand = ANY (values), operand <> ALL (values), value op ANY (operand). */
static WalcuPredicate *
recognize_array_operator(const WalcuRelation *relation, ScalarArrayOpExpr *operation, bool outcome,
						 const char **reason)
{
	Expr *left = linitial(operation->args);
	Expr *right = lsecond(operation->args);
	bool of_elements = document_path_is_value(relation, left);
	Oid opno = of_elements ? get_commutator(operation->opno) : operation->opno;
	bool any = operation->useOr;
	WalcuPredicate *condition;
	bool negated;
	int strategy = find_btree_strategy(opno, &negated);

	if (strategy == 0)
		return NULL;
	/* x = ANY is false when x <> ALL is true */
	if (!outcome)
	{
		any = !any;
		strategy = negate_strategy(strategy, &negated);
	}
	*reason = "only = ANY and <> ALL of a list are pushed";
	if (any == negated || (!of_elements && strategy != BTEqualStrategyNumber))
		return NULL;
	*reason = NOT_KNOWN;
	if (of_elements)
		condition = make_value_predicate(relation, WALCU_PREDICATE_ELEMENT, right, left,
										 operation->inputcollid, reason);
	else
		condition =
			make_value_predicate(relation, WALCU_PREDICATE_LIST, left, right, operation->inputcollid, reason);
	if (condition == NULL)
		return NULL;
	condition->strategy = strategy;
	condition->negated = negated;
	if (!of_elements)
		condition->value_type = get_element_type(condition->value_type);
	return condition;
}

/* Of a boolean operand; pushdown.c has taken apart those that ask more of an expression. */
static WalcuPredicate *
recognize_boolean_test(const WalcuRelation *relation, BooleanTest *test, bool outcome, const char **reason)
{
	switch (test->booltesttype)
	{
		case IS_UNKNOWN:
			return make_operand_predicate(relation, WALCU_PREDICATE_NULL, test->arg, !outcome, reason);
		case IS_NOT_UNKNOWN:
			return make_operand_predicate(relation, WALCU_PREDICATE_NULL, test->arg, outcome, reason);
		default:
			return NULL;
	}
}

static WalcuPredicate *
make_operand_predicate(const WalcuRelation *relation, WalcuPredicateKind kind, Expr *expression, bool negated,
					   const char **reason)
{
	WalcuDocumentPath *operand = document_path_of_expression(relation, expression);
	WalcuPredicate *condition;

	if (operand == NULL || operand->reason)
	{
		*reason = operand ? operand->reason : NOT_KNOWN;
		return NULL;
	}
	if (kind == WALCU_PREDICATE_TRUE && operand->domain != WALCU_DOMAIN_BOOLEAN)
		return NULL;
	condition = palloc0(sizeof(WalcuPredicate));
	condition->kind = kind;
	condition->operand = operand;
	condition->negated = negated;
	return condition;
}

static WalcuPredicate *
make_value_predicate(const WalcuRelation *relation, WalcuPredicateKind kind, Expr *expression, Expr *value,
					 Oid collation, const char **reason)
{
	WalcuPredicate *condition;

	if (!document_path_is_value(relation, value))
	{
		*reason = explain_no_value(relation, expression, value);
		return NULL;
	}
	condition = make_operand_predicate(relation, kind, expression, false, reason);
	if (condition == NULL)
		return NULL;
	if (is_text_domain(condition->operand) && OidIsValid(collation) &&
		!get_collation_isdeterministic(collation))
	{
		*reason = "the collation is nondeterministic";
		return NULL;
	}
	condition->collation = collation;
	condition->ascii = compat_collation_is_c(collation);
	condition->value = value;
	condition->value_type = getBaseType(exprType((Node *) value));
	return condition;
}

/* Returns why a condition is of no use whose one side is no value that is known before the rows are. */
static const char *
explain_no_value(const WalcuRelation *relation, Expr *expression, Expr *value)
{
	if (!bms_is_member(relation->varno, pull_varnos(NULL, (Node *) value)))
		return "the value may be another one for each row";
	return document_path_is_value(relation, expression) ? NOT_KNOWN : "both sides depend on the row";
}

/*
 * A strategy of btree, 0 when there is none; <> is = negated.  What others have added to PostgreSQL's
 * families compares with types of theirs, of whose values nothing is known here.
 */
static int
find_btree_strategy(Oid opno, bool *negated)
{
	Oid negator = get_negator(opno);

	*negated = false;
	if (opno >= FirstNormalObjectId)
		return 0;
	for (int i = 0; OidIsValid(opno) && i < lengthof(comparison_families); i++)
	{
		int strategy = get_op_opfamily_strategy(opno, comparison_families[i]);

		if (strategy != 0)
			return strategy;
		*negated = OidIsValid(negator) &&
				   get_op_opfamily_strategy(negator, comparison_families[i]) == BTEqualStrategyNumber;
		if (*negated)
			return BTEqualStrategyNumber;
	}
	return 0;
}

/* The strategy of the operator that is true where this one is false. */
static int
negate_strategy(int strategy, bool *negated)
{
	static const int negations[] = {
		[BTLessStrategyNumber] = BTGreaterEqualStrategyNumber,
		[BTLessEqualStrategyNumber] = BTGreaterStrategyNumber,
		[BTEqualStrategyNumber] = BTEqualStrategyNumber,
		[BTGreaterEqualStrategyNumber] = BTLessStrategyNumber,
		[BTGreaterStrategyNumber] = BTLessEqualStrategyNumber,
	};

	if (strategy == BTEqualStrategyNumber)
		*negated = !*negated;
	return negations[strategy];
}

/* Are collations of account?  Of arrays, those of the elements. */
static bool
is_text_domain(const WalcuDocumentPath *operand)
{
	return operand->domain == WALCU_DOMAIN_TEXT || operand->domain == WALCU_DOMAIN_ARRAY;
}
