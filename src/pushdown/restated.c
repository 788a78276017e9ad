/*
 * restated.c
 *	  A condition on what a function makes of a column, restated as one on the column itself.
 *
 * left(x, 2) = 'SE' is x LIKE 'SE%', position('a' in x) > 0 is x LIKE '%a%', x::text = '5' of a number is
 * x = 5.  pushdown.c translates the latter.  What is restated has to be true wherever the condition has the
 * outcome, and may be true elsewhere.  The values that such a condition compares with are constants, as they
 * are looked at here; parameters of a plan that is made for their values are.
 */
#include "postgres.h"

#include "pushdown/restated.h"

#include "access/stratnum.h"
#include "base/text.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "pushdown/comparison.h"
#include "pushdown/restated_span.h"
#include "pushdown/restated_text.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"

/* A list of more values than these is not looked through. */
#define MOST_VALUES 40

/* The text of a number is read if it has no more characters than these. */
#define MOST_DIGITS 400

/* Which part of a text a function takes. */
typedef enum TextPart
{
	TEXT_PART_NONE,
	TEXT_PART_BEGINNING,
	TEXT_PART_END
} TextPart;

static Expr *restate_list(const WalcuRelation *relation, const ScalarArrayOpExpr *list, bool outcome);
static bool can_restate(Expr *expression);
static Expr *restate_equality(const OpExpr *equality, Expr *left, const Const *right, bool outcome);
static TextPart get_text_part(const FuncExpr *function, int *count);
static Expr *restate_part(const OpExpr *equality, const FuncExpr *function, const char *text, bool outcome);
static Expr *restate_position(Expr *left, int strategy, const Const *right, bool outcome);
static Expr *restate_number_text(Expr *number, const char *text);
static Expr *restate_truth_text(Expr *truth, const char *text);
static Expr *make_like(Expr *text, const char *pattern, Oid collation, bool outcome);
static Expr *make_not_null(Expr *expression);

/* Returns what is true where a condition has the outcome; NULL where it is none of those known here. */
Expr *
restated_condition(const WalcuRelation *relation, Expr *condition, bool outcome)
{
	const OpExpr *comparison = (const OpExpr *) condition;
	OpExpr *turned;

	if (IsA(condition, ScalarArrayOpExpr))
		return restate_list(relation, (const ScalarArrayOpExpr *) condition, outcome);
	if (!IsA(condition, OpExpr) || list_length(comparison->args) != 2)
		return NULL;
	if (document_path_is_value(relation, linitial(comparison->args)) &&
		OidIsValid(get_commutator(comparison->opno)))
	{
		turned = copyObject((OpExpr *) condition);
		CommuteOpExpr(turned);
		comparison = turned;
	}
	if (IsA(lsecond(comparison->args), Const) && !((Const *) lsecond(comparison->args))->constisnull)
	{
		Expr *left = document_path_strip_relabels(linitial(comparison->args));
		Expr *restated = restate_equality(comparison, left, lsecond(comparison->args), outcome);

		if (restated == NULL)
			restated = restated_text(comparison, outcome);
		if (restated)
			return restated;
	}
	return restated_span(relation, comparison, outcome);
}

/* x = ANY (values) of constant values, as the OR that it means. */
static Expr *
restate_list(const WalcuRelation *relation, const ScalarArrayOpExpr *list, bool outcome)
{
	const Const *values = lsecond(list->args);
	Oid type;
	int16 length;
	bool by_value;
	char align;
	Datum *elements;
	bool *nulls;
	int count;
	List *arms = NIL;

	if (!list->useOr || !outcome || !IsA(values, Const) || values->constisnull ||
		(!can_restate(document_path_strip_relabels(linitial(list->args))) &&
		 !restated_text_is_of_date(linitial(list->args))))
		return NULL;
	type = get_element_type(values->consttype);
	get_typlenbyvalalign(type, &length, &by_value, &align);
	deconstruct_array(DatumGetArrayTypeP(values->constvalue), type, length, by_value, align, &elements,
					  &nulls, &count);
	if (count == 0 || count > MOST_VALUES)
		return NULL;
	for (int i = 0; i < count; i++)
	{
		Const *value = makeConst(type, -1, values->constcollid, length, elements[i], nulls[i], by_value);
		Expr *equality = make_opclause(list->opno, BOOLOID, false, linitial(list->args), (Expr *) value,
									   InvalidOid, list->inputcollid);
		Expr *arm;

		set_opfuncid((OpExpr *) equality);
		if (nulls[i])
			continue;
		arm = restated_condition(relation, equality, true);
		if (arm == NULL)
			return NULL;
		arms = lappend(arms, arm);
	}
	return make_orclause(arms);
}

/* Is it something whose equality with a constant can be restated? */
static bool
can_restate(Expr *expression)
{
	int count;

	if (IsA(expression, FuncExpr))
		return get_text_part((FuncExpr *) expression, &count) != TEXT_PART_NONE ||
			   ((FuncExpr *) expression)->funcid == F_TEXT_BOOL;
	return IsA(expression, CoerceViaIO);
}

/* A comparison with a constant. */
static Expr *
restate_equality(const OpExpr *equality, Expr *left, const Const *right, bool outcome)
{
	bool is_negated;
	int strategy = comparison_strategy(equality->opno, right->consttype, &is_negated);
	bool is_text = right->consttype == TEXTOID;
	int count;

	if (IsA(left, FuncExpr) &&
		(((FuncExpr *) left)->funcid == F_STRPOS || ((FuncExpr *) left)->funcid == F_POSITION_TEXT_TEXT))
		return restate_position(left, strategy, right, outcome != is_negated);
	if (!is_text || strategy != BTEqualStrategyNumber || !can_restate(left))
		return NULL;
	outcome = outcome != is_negated;
	if (IsA(left, FuncExpr) && get_text_part((FuncExpr *) left, &count) != TEXT_PART_NONE)
		return restate_part(equality, (FuncExpr *) left, TextDatumGetCString(right->constvalue), outcome);
	/* 5 and 5.0 are one number and two texts */
	if (!get_collation_isdeterministic(equality->inputcollid))
		return NULL;
	if (IsA(left, FuncExpr))
		return outcome ? restate_truth_text(linitial(((FuncExpr *) left)->args),
											TextDatumGetCString(right->constvalue))
					   : NULL;
	return outcome ? restate_number_text(((CoerceViaIO *) left)->arg, TextDatumGetCString(right->constvalue))
				   : NULL;
}

/* Which part of its first argument a function returns, of how many characters. */
static TextPart
get_text_part(const FuncExpr *function, int *count)
{
	bool is_substring =
		function->funcid == F_SUBSTR_TEXT_INT4_INT4 || function->funcid == F_SUBSTRING_TEXT_INT4_INT4;
	const Const *first;
	const Const *last;

	if (!is_substring && function->funcid != F_LEFT && function->funcid != F_RIGHT)
		return TEXT_PART_NONE;
	first = lsecond(function->args);
	last = llast(function->args);
	if (!IsA(first, Const) || first->constisnull || !IsA(last, Const) || last->constisnull ||
		(is_substring && DatumGetInt32(first->constvalue) != 1) || DatumGetInt32(last->constvalue) <= 0)
		return TEXT_PART_NONE;
	*count = DatumGetInt32(last->constvalue);
	return function->funcid == F_RIGHT ? TEXT_PART_END : TEXT_PART_BEGINNING;
}

/* left(x, n) = text, and its like: of a shorter text, x is all of it; nothing has a longer one. */
static Expr *
restate_part(const OpExpr *equality, const FuncExpr *function, const char *text, bool outcome)
{
	int count;
	TextPart part = get_text_part(function, &count);
	int length = pg_mbstrlen(text);
	char *like = text_escape_like(text);

	if (length > count)
		return outcome ? (Expr *) makeBoolConst(false, false) : make_not_null(linitial(function->args));
	if (length == count)
		like = part == TEXT_PART_END ? psprintf("%%%s", like) : psprintf("%s%%", like);
	return make_like(linitial(function->args), like, equality->inputcollid, outcome);
}

/* position('a' in x) > 0, and what else says that a text is in another one, or is not. */
static Expr *
restate_position(Expr *left, int strategy, const Const *right, bool outcome)
{
	const FuncExpr *function = (const FuncExpr *) left;
	const Const *part = lsecond(function->args);
	int place;
	const char *begin = "%";

	if (right->consttype != INT4OID || !IsA(part, Const) || part->constisnull)
		return NULL;
	place = DatumGetInt32(right->constvalue);
	if ((place == 0 && (strategy == BTEqualStrategyNumber || strategy == BTLessEqualStrategyNumber)) ||
		(place == 1 && strategy == BTLessStrategyNumber))
		outcome = !outcome;
	else if (place == 1 && strategy == BTEqualStrategyNumber)
		begin = "";
	else if ((place != 0 || strategy != BTGreaterStrategyNumber) &&
			 (place != 1 || strategy != BTGreaterEqualStrategyNumber))
		return NULL;
	return make_like(linitial(function->args),
					 psprintf("%s%s%%", begin, text_escape_like(TextDatumGetCString(part->constvalue))),
					 function->inputcollid, outcome);
}

/* number::text = text; the text of a number has no exponent, and is not read if it is no number's. */
static Expr *
restate_number_text(Expr *number, const char *text)
{
	Oid type = getBaseType(exprType((Node *) number));
	const char *digits = text + (*text == '-');
	size_t whole = strspn(digits, "0123456789");
	size_t fraction = digits[whole] == '.' ? strspn(digits + whole + 1, "0123456789") : 0;
	Expr *value;

	if ((type != NUMERICOID && type != INT2OID && type != INT4OID && type != INT8OID) || whole == 0 ||
		strlen(text) > MOST_DIGITS || digits[whole + (fraction > 0 ? fraction + 1 : 0)] != '\0')
		return NULL;
	value = (Expr *) makeConst(NUMERICOID, -1, InvalidOid, -1,
							   DirectFunctionCall3(numeric_in, CStringGetDatum(text),
												   ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)),
							   false, false);
	if (type != NUMERICOID)
		number = (Expr *) makeFuncExpr(type == INT2OID   ? F_NUMERIC_INT2
									   : type == INT4OID ? F_NUMERIC_INT4
														 : F_NUMERIC_INT8,
									   NUMERICOID, list_make1(number), InvalidOid, InvalidOid,
									   COERCE_IMPLICIT_CAST);
	return comparison_make(NUMERICOID, BTEqualStrategyNumber, number, value, InvalidOid);
}

/* truth::text = text */
static Expr *
restate_truth_text(Expr *truth, const char *text)
{
	bool is_true = strcmp(text, "true") == 0;

	if (!is_true && strcmp(text, "false") != 0)
		return (Expr *) makeBoolConst(false, false);
	return is_true ? truth : make_notclause(truth);
}

static Expr *
make_like(Expr *text, const char *pattern, Oid collation, bool outcome)
{
	Oid opno = outcome ? OID_TEXT_LIKE_OP : get_negator(OID_TEXT_LIKE_OP);
	Const *value =
		makeConst(TEXTOID, -1, DEFAULT_COLLATION_OID, -1, CStringGetTextDatum(pattern), false, false);
	Expr *like = make_opclause(opno, BOOLOID, false, text, (Expr *) value, InvalidOid, collation);

	set_opfuncid((OpExpr *) like);
	return like;
}

static Expr *
make_not_null(Expr *expression)
{
	NullTest *test = makeNode(NullTest);

	test->arg = expression;
	test->nulltesttype = IS_NOT_NULL;
	test->location = -1;
	return (Expr *) test;
}
