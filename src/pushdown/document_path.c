/*
 * document_path.c
 *	  What a part of an SQL expression stands for in a document.
 *
 * A column, a path in a jsonb column, or a cast of one is a place in the document whose value
 * deparse.c and sort.c can reason about.  Everything else has a reason why it is not.
 */
#include "postgres.h"

#include "pushdown/document_path.h"

#include "base/utf8.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "parser/parse_coerce.h"
#include "pushdown/instant_step.h"
#include "service/field_name.h"
#include "service/id_place.h"
#include "service/learned.h"
#include "service/option_column.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

/* What a column of a type is made of. */
static const struct
{
	Oid type;
	WalcuDomain domain;
	uint32 sources;
	bool plain;
} column_types[] = {
	{TEXTOID, WALCU_DOMAIN_TEXT, WALCU_IS_STRING | WALCU_IS_DATE, true},
	{VARCHAROID, WALCU_DOMAIN_TEXT, WALCU_IS_STRING | WALCU_IS_DATE, true},
	{NAMEOID, WALCU_DOMAIN_TEXT, WALCU_IS_STRING | WALCU_IS_DATE, false},
	{INT2OID, WALCU_DOMAIN_NUMBER, WALCU_IS_NUMBER, false},
	{INT4OID, WALCU_DOMAIN_NUMBER, WALCU_IS_NUMBER, false},
	{INT8OID, WALCU_DOMAIN_NUMBER, WALCU_IS_NUMBER, false},
	{NUMERICOID, WALCU_DOMAIN_NUMBER, WALCU_IS_NUMBER, true},
	{FLOAT4OID, WALCU_DOMAIN_NUMBER, WALCU_IS_NUMBER, false},
	{FLOAT8OID, WALCU_DOMAIN_NUMBER, WALCU_IS_NUMBER, true},
	{BOOLOID, WALCU_DOMAIN_BOOLEAN, WALCU_IS_BOOLEAN, true},
	{TIMESTAMPTZOID, WALCU_DOMAIN_INSTANT, WALCU_IS_STRING | WALCU_IS_DATE, true},
	{TIMESTAMPOID, WALCU_DOMAIN_INSTANT, WALCU_IS_STRING | WALCU_IS_DATE, true},
	{DATEOID, WALCU_DOMAIN_INSTANT, WALCU_IS_STRING | WALCU_IS_DATE, false},
	{UUIDOID, WALCU_DOMAIN_UUID, WALCU_IS_STRING, false},
	{JSONBOID, WALCU_DOMAIN_JSON, WALCU_IS_ANY, true},
};

static int find_id_type(const WalcuDocumentPath *operand);
static WalcuDocumentPath *make_unusable(const char *reason);
static WalcuDocumentPath *follow_column(const WalcuRelation *relation, const Var *var);
static bool begin_at_element(WalcuDocumentPath *operand, const WalcuColumn *column,
							 const WalcuOptions *options);
static WalcuDocumentPath *follow_operator(const WalcuRelation *relation, OpExpr *operation);
static WalcuDocumentPath *follow_subscripts(const WalcuRelation *relation, SubscriptingRef *reference);
static WalcuDocumentPath *follow_member(const WalcuRelation *relation, Expr *container, List *keys,
										bool as_text);
static List *list_array_keys(Const *constant);
static bool append_path_key(WalcuDocumentPath *operand, Node *key);
static WalcuDocumentPath *follow_function(const WalcuRelation *relation, FuncExpr *function);
static WalcuDocumentPath *follow_instant(const WalcuRelation *relation, const WalcuInstantCall *call);
static bool keeps_whole_numbers(const FuncExpr *function);
static WalcuDocumentPath *follow_letters(const WalcuRelation *relation, FuncExpr *function);
static WalcuDocumentPath *follow_text_cast(const WalcuRelation *relation, CoerceViaIO *cast);
static WalcuDocumentPath *follow_relabel(const WalcuRelation *relation, RelabelType *relabel);
static bool apply_cast(WalcuDocumentPath *operand, Oid to);
static bool cast_number(WalcuDocumentPath *operand, Oid to);
static bool cast_instant(WalcuDocumentPath *operand, Oid to);
static bool is_integer(Oid type);

/*
 * The operand that an expression is.  NULL when it has nothing to do with the relation;
 * with a reason when it has, and cannot be used.
 */
WalcuDocumentPath *
document_path_of_expression(const WalcuRelation *relation, Expr *expression)
{
	switch (nodeTag(expression))
	{
		case T_Var:
			return follow_column(relation, (Var *) expression);
		case T_OpExpr:
			return follow_operator(relation, (OpExpr *) expression);
		case T_SubscriptingRef:
			return follow_subscripts(relation, (SubscriptingRef *) expression);
		case T_FuncExpr:
			return follow_function(relation, (FuncExpr *) expression);
		case T_CoerceViaIO:
			return follow_text_cast(relation, (CoerceViaIO *) expression);
		case T_RelabelType:
			return follow_relabel(relation, (RelabelType *) expression);
		case T_CollateExpr:
			return document_path_of_expression(relation, ((CollateExpr *) expression)->arg);
		default:
			return document_path_is_value(relation, expression)
					   ? NULL
					   : make_unusable("the service cannot compute it");
	}
}

/*
 * Make ready for comparisons with values of a type: SQL compares a timestamp with a timestamptz
 * by the session's clock, whatever the timestamp was made of.
 */
void
document_path_compare_with(WalcuDocumentPath *operand, Oid type)
{
	if (operand->domain == WALCU_DOMAIN_INSTANT && operand->type != TIMESTAMPTZOID && type == TIMESTAMPTZOID)
		operand->steps = lappend(operand->steps, instant_step_create(WALCU_STEP_READ));
}

/* Is it known before any row of the relation is? */
bool
document_path_is_value(const WalcuRelation *relation, Expr *expression)
{
	return !bms_is_member(relation->varno, pull_varnos(NULL, (Node *) expression)) &&
		   !contain_volatile_functions((Node *) expression) && !contain_subplans((Node *) expression);
}

static WalcuDocumentPath *
make_unusable(const char *reason)
{
	WalcuDocumentPath *operand = palloc0(sizeof(WalcuDocumentPath));

	operand->reason = reason;
	return operand;
}

static WalcuDocumentPath *
follow_column(const WalcuRelation *relation, const Var *var)
{
	WalcuColumn *column;
	WalcuDocumentPath *operand;

	if (var->varno != relation->varno || var->varlevelsup != 0)
		return NULL;
	if (var->varattno <= 0)
		return make_unusable("the service does not have the column");
	column = option_column_of(relation->options, var->varattno);
	if (!column->pushdown)
		return make_unusable("pushdown is off for the column");
	if (column->parameter)
		return make_unusable("the column is not part of the document");
	if (column->ordinality)
		return make_unusable("the service does not tell the position of an element");
	if (!field_name_is_path_addressable(column->path))
		return make_unusable("no filter can name the path");
	operand = document_path_of_type(var->vartype, var->vartypmod);
	if (operand->reason)
		return operand;
	operand->column = var->varattno;
	operand->path = column->path;
	if (column->element_path && !begin_at_element(operand, column, relation->options))
		return make_unusable("the service cannot tell one element of a list by it");
	operand->remote = remote_type_at(relation->options->resource, column->path);
	/* said of a column, it is of the column itself, whatever its name */
	operand->remote.id |= column->id_type == WALCU_ID_OBJECTID;
	document_path_set_ids(operand, relation->options, column->id_type);
	document_path_limit_sources(operand);
	return operand;
}

/*
 * Has a place be one in the elements of the table's list.  Only scalars in objects are told there: an element
 * that is none of these, and one without the value, may be read as NULL.
 */
static bool
begin_at_element(WalcuDocumentPath *operand, const WalcuColumn *column, const WalcuOptions *options)
{
	operand->path = column->element_path;
	operand->list = options->array;
	return strcmp(operand->path, ".") != 0 && operand->domain != WALCU_DOMAIN_JSON &&
		   operand->domain != WALCU_DOMAIN_ARRAY && remote_type_at(options->resource, column->path).described;
}

/* A text that is a date, or a date that is a text, the service's own writes rule out. */
void
document_path_limit_sources(WalcuDocumentPath *operand)
{
	if (operand->remote.type == WALCU_REMOTE_DATE && operand->domain == WALCU_DOMAIN_INSTANT)
		operand->sources = WALCU_IS_DATE;
	else if (operand->remote.type != WALCU_REMOTE_DATE && operand->domain == WALCU_DOMAIN_TEXT)
		operand->sources = WALCU_IS_STRING;
}

/* What a column of a type is made of, wherever it stands in the document. */
WalcuDocumentPath *
document_path_of_type(Oid type, int32 typmod)
{
	WalcuDocumentPath *operand = palloc0(sizeof(WalcuDocumentPath));
	Oid base = getBaseTypeAndTypmod(type, &typmod);

	operand->type = base;
	operand->limit = (base == VARCHAROID && typmod != -1) ? typmod - VARHDRSZ : 0;
	operand->single = (base == FLOAT4OID);
	operand->steps = (base == DATEOID) ? list_make1(instant_step_to_day()) : NIL;
	for (int i = 0; i < lengthof(column_types); i++)
	{
		if (column_types[i].type != base)
			continue;
		operand->domain = column_types[i].domain;
		operand->sources = column_types[i].sources;
		operand->plain = column_types[i].plain && typmod == -1 && base == type;
		if (typmod != -1 && operand->domain != WALCU_DOMAIN_TEXT)
			return make_unusable("the column's type rounds values");
		return operand;
	}
	operand->domain = WALCU_DOMAIN_ENUM;
	operand->sources = WALCU_IS_STRING;
	if (type_is_enum(base))
		return operand;
	operand->domain = WALCU_DOMAIN_ARRAY;
	operand->sources = WALCU_IS_ARRAY;
	if (OidIsValid(get_element_type(base)) && typmod == -1)
		return operand;
	return make_unusable("the service does not compare values of the column's type as SQL does");
}

/* The operators of jsonb that lead to a member. */
static WalcuDocumentPath *
follow_operator(const WalcuRelation *relation, OpExpr *operation)
{
	static const struct
	{
		Oid function;
		bool as_text;
		bool is_path;
	} operators[] = {
		{F_JSONB_OBJECT_FIELD, false, false},  {F_JSONB_OBJECT_FIELD_TEXT, true, false},
		{F_JSONB_ARRAY_ELEMENT, false, false}, {F_JSONB_ARRAY_ELEMENT_TEXT, true, false},
		{F_JSONB_EXTRACT_PATH, false, true},   {F_JSONB_EXTRACT_PATH_TEXT, true, true},
	};
	WalcuInstantCall call;

	if (instant_step_of_call(operation->opfuncid, operation->args, &call))
		return follow_instant(relation, &call);
	for (int i = 0; i < lengthof(operators); i++)
	{
		Node *key;

		if (operators[i].function != operation->opfuncid)
			continue;
		key = lsecond(operation->args);
		if (!IsA(key, Const) || ((Const *) key)->constisnull)
			return document_path_is_value(relation, (Expr *) operation)
					   ? NULL
					   : make_unusable("a key of the path is not a constant");
		return follow_member(relation, linitial(operation->args),
							 operators[i].is_path ? list_array_keys((Const *) key) : list_make1(key),
							 operators[i].as_text);
	}
	return document_path_is_value(relation, (Expr *) operation)
			   ? NULL
			   : make_unusable("the service cannot compute it");
}

static WalcuDocumentPath *
follow_subscripts(const WalcuRelation *relation, SubscriptingRef *reference)
{
	if (reference->refcontainertype != JSONBOID || reference->refassgnexpr || reference->reflowerindexpr)
		return document_path_is_value(relation, (Expr *) reference)
				   ? NULL
				   : make_unusable("the service cannot compute it");
	return follow_member(relation, reference->refexpr, reference->refupperindexpr, false);
}

/* What stands at keys (constants) below a container. */
static WalcuDocumentPath *
follow_member(const WalcuRelation *relation, Expr *container, List *keys, bool as_text)
{
	WalcuDocumentPath *operand = document_path_of_expression(relation, container);
	ListCell *lc;

	if (operand == NULL || operand->reason)
		return operand;
	if (operand->domain != WALCU_DOMAIN_JSON)
		return make_unusable("the service cannot compute it");
	foreach(lc, keys)
	{
		if (!append_path_key(operand, lfirst(lc)))
			return make_unusable("no filter can name the path");
	}
	operand->column = 0;
	operand->nested = true;
	operand->remote = remote_type_at(relation->options->resource, operand->path);
	document_path_set_ids(operand, relation->options, operand->id_type);
	operand->domain = as_text ? WALCU_DOMAIN_TEXT : WALCU_DOMAIN_JSON;
	operand->type = as_text ? TEXTOID : JSONBOID;
	operand->json_null = !as_text;
	return operand;
}

/* The elements of a text array, as constants; one that is NULL leads nowhere. */
static List *
list_array_keys(Const *constant)
{
	Datum *elements;
	bool *nulls;
	int count;
	List *keys = NIL;

	deconstruct_array(DatumGetArrayTypeP(constant->constvalue), TEXTOID, -1, false, TYPALIGN_INT, &elements,
					  &nulls, &count);
	for (int i = 0; i < count; i++)
		keys = lappend(keys, makeConst(TEXTOID, -1, InvalidOid, -1, elements[i], nulls[i], false));
	return keys;
}

/* The option id_type in force.  What a table says of its places does not hold for ids that others make. */
static int
find_id_type(const WalcuDocumentPath *operand)
{
	int id_type =
		(operand->id_type == WALCU_ID_NOT_SAID) ? (int) operand->options->id_type : operand->id_type;

	if (operand->id_type == WALCU_ID_NOT_SAID && id_type == WALCU_ID_OBJECTID &&
		(!operand->remote.described || id_place_is_foreign(document_path_place(operand))))
		return WALCU_ID_AUTO;
	return id_type;
}

/* Note whether the place may hold ids; what a column says of them goes before what its table says. */
void
document_path_set_ids(WalcuDocumentPath *operand, const WalcuOptions *options, int id_type)
{
	operand->options = options;
	operand->id_type = id_type;
	operand->id = operand->remote.id && find_id_type(operand) != WALCU_ID_STRING;
}

/* May values there be ObjectIds, as far as the SQL values can be? */
bool
document_path_has_ids(const WalcuDocumentPath *operand)
{
	switch (operand->domain)
	{
		case WALCU_DOMAIN_TEXT:
		case WALCU_DOMAIN_ENUM:
		case WALCU_DOMAIN_JSON:
		case WALCU_DOMAIN_ARRAY:
			return operand->id;
		default:
			return false;
	}
}

/* Is it known that they are, so that nothing equals what is none? */
bool
document_path_has_objectids(const WalcuDocumentPath *operand)
{
	return find_id_type(operand) == WALCU_ID_OBJECTID ||
		   learned_tells(WALCU_LEARNED_OBJECTIDS, operand->options, document_path_place(operand));
}

/*
 * May a document that has nothing there have a value in SQL, because replies show an empty array in its
 * place, or an object with one?  Then no filter may ask for something to be there.  A column that is neither
 * an array nor of any JSON cannot be made of these.
 */
bool
document_path_is_shown_missing(const WalcuDocumentPath *operand)
{
	return operand->domain == WALCU_DOMAIN_ARRAY ||
		   (operand->remote.shown_missing && (operand->sources & (WALCU_IS_OBJECT | WALCU_IS_ARRAY)));
}

/* A filter that tests the place with an operator; value is JSON. */
WalcuFilter *
document_path_test(const WalcuDocumentPath *operand, const char *op, const char *value)
{
	WalcuFilter *filter = filter_test(operand->path, op, value);

	filter->undescribed = !operand->remote.described;
	filter->stray = operand->remote.stray;
	return filter;
}

/*
 * Tells whether a filter can name a member that has this key.  In SQL, digits after a minus may be an index
 * that counts from the end, which the service does not know.
 */
bool
document_path_can_name(const char *key)
{
	return field_name_is_addressable(key, strlen(key)) && key[0] != '-' && utf8_means_same(key);
}

static bool
append_path_key(WalcuDocumentPath *operand, Node *key)
{
	Const *constant = (Const *) key;
	char *name;

	if (!IsA(key, Const) || constant->constisnull)
		return false;
	if (constant->consttype == INT4OID)
	{
		/* the service counts from the beginning only */
		if (DatumGetInt32(constant->constvalue) < 0)
			return false;
		if (DatumGetInt32(constant->constvalue) == 0)
		{
			operand->first_elements_of = lappend(operand->first_elements_of, operand->path);
			if (operand->nested)
				operand->null_elements_of = lappend(operand->null_elements_of, operand->path);
		}
		name = psprintf("%d", DatumGetInt32(constant->constvalue));
	}
	else
		name = TextDatumGetCString(constant->constvalue);
	if (!document_path_can_name(name))
		return false;
	operand->indexed |= (strspn(name, "0123456789") == strlen(name));
	operand->path = psprintf("%s.%s", operand->path, name);
	operand->nested = true;
	return true;
}

/* A cast that is a function. */
static WalcuDocumentPath *
follow_function(const WalcuRelation *relation, FuncExpr *function)
{
	Oid cast_function;
	WalcuInstantCall call;
	WalcuDocumentPath *operand;

	if (document_path_is_value(relation, (Expr *) function))
		return NULL;
	if (function->funcid == F_LOWER_TEXT || function->funcid == F_UPPER_TEXT)
		return follow_letters(relation, function);
	if (instant_step_of_call(function->funcid, function->args, &call))
		return follow_instant(relation, &call);
	if (keeps_whole_numbers(function))
	{
		operand = document_path_of_expression(relation, linitial(function->args));
		return operand == NULL || operand->reason || operand->year
				   ? operand
				   : make_unusable("the service cannot compute it");
	}
	if (list_length(function->args) != 1 ||
		find_coercion_pathway(function->funcresulttype, exprType(linitial(function->args)), COERCION_EXPLICIT,
							  &cast_function) != COERCION_PATH_FUNC ||
		cast_function != function->funcid)
		return make_unusable("the service cannot compute it");
	operand = document_path_of_expression(relation, linitial(function->args));
	if (operand == NULL || operand->reason)
		return operand;
	return apply_cast(operand, function->funcresulttype)
			   ? operand
			   : make_unusable("the cast changes more than the type");
}

/* trunc() and floor(), which Tableau calls of a year, too; PostgreSQL adds how many digits trunc() keeps. */
static bool
keeps_whole_numbers(const FuncExpr *function)
{
	return function->funcid == F_TRUNC_NUMERIC_INT4 || function->funcid == F_TRUNC_FLOAT8 ||
		   function->funcid == F_FLOOR_NUMERIC || function->funcid == F_FLOOR_FLOAT8;
}

/* A function or an operator that makes another time of one, or its year. */
static WalcuDocumentPath *
follow_instant(const WalcuRelation *relation, const WalcuInstantCall *call)
{
	WalcuDocumentPath *operand = document_path_of_expression(relation, call->argument);

	if (operand == NULL || operand->reason)
		return operand;
	if (operand->domain != WALCU_DOMAIN_INSTANT || operand->year)
		return make_unusable("the service cannot compute it");
	operand->steps = list_concat(list_copy(operand->steps), call->steps);
	operand->type = call->type;
	operand->year = call->type == NUMERICOID;
	return operand;
}

/* lower() and upper() */
static WalcuDocumentPath *
follow_letters(const WalcuRelation *relation, FuncExpr *function)
{
	WalcuDocumentPath *operand = document_path_of_expression(relation, linitial(function->args));

	if (operand == NULL || operand->reason)
		return operand;
	if (operand->domain != WALCU_DOMAIN_TEXT || operand->letters != WALCU_LETTERS_KEPT)
		return make_unusable("the service cannot compute it");
	operand->letters = function->funcid == F_LOWER_TEXT ? WALCU_LETTERS_LOWER : WALCU_LETTERS_UPPER;
	operand->letters_collation = function->inputcollid;
	operand->type = TEXTOID;
	return operand;
}

/* A cast by way of text, such as (doc->>'price')::numeric. */
static WalcuDocumentPath *
follow_text_cast(const WalcuRelation *relation, CoerceViaIO *cast)
{
	WalcuDocumentPath *operand = document_path_of_expression(relation, cast->arg);
	WalcuDocumentPath *target;

	if (operand == NULL || operand->reason)
		return operand;
	target = document_path_of_type(cast->resulttype, -1);
	if (operand->domain != WALCU_DOMAIN_TEXT || operand->letters != WALCU_LETTERS_KEPT || target->reason ||
		target->domain == WALCU_DOMAIN_JSON || target->domain == WALCU_DOMAIN_ARRAY ||
		target->domain == WALCU_DOMAIN_TEXT)
		return make_unusable("the cast changes more than the type");
	operand->domain = target->domain;
	operand->type = target->type;
	operand->single = target->single;
	operand->sources &= WALCU_IS_STRING | WALCU_IS_NUMBER | WALCU_IS_BOOLEAN | WALCU_IS_DATE;
	if (operand->domain == WALCU_DOMAIN_NUMBER)
		operand->sources &= WALCU_IS_STRING | WALCU_IS_NUMBER;
	/* a date's text is in UTC and says so; timestamp and date, which ignore that, have the same clock */
	operand->steps = target->steps;
	return operand;
}

/* A cast that changes nothing but the name of the type. */
static WalcuDocumentPath *
follow_relabel(const WalcuRelation *relation, RelabelType *relabel)
{
	WalcuDocumentPath *operand = document_path_of_expression(relation, relabel->arg);
	Oid base = getBaseType(relabel->resulttype);

	if (operand == NULL || operand->reason)
		return operand;
	if (base != operand->type &&
		(operand->domain != WALCU_DOMAIN_TEXT || (base != TEXTOID && base != VARCHAROID)))
		return make_unusable("the cast changes more than the type");
	operand->type = base;
	return operand;
}

/* The operand after a cast; false when it is of no use then. */
static bool
apply_cast(WalcuDocumentPath *operand, Oid to)
{
	switch (operand->domain)
	{
		case WALCU_DOMAIN_NUMBER:
			return cast_number(operand, to);
		case WALCU_DOMAIN_INSTANT:
			return cast_instant(operand, to);
		case WALCU_DOMAIN_TEXT:
			/* name to text */
			operand->type = to;
			return to == TEXTOID || to == VARCHAROID;
		case WALCU_DOMAIN_JSON:
			operand->json_null = false;
			operand->domain = (to == BOOLOID) ? WALCU_DOMAIN_BOOLEAN : WALCU_DOMAIN_NUMBER;
			operand->sources = (to == BOOLOID) ? WALCU_IS_BOOLEAN : WALCU_IS_NUMBER;
			operand->type = NUMERICOID;
			return to == BOOLOID || cast_number(operand, to);
		default:
			return false;
	}
}

static bool
cast_number(WalcuDocumentPath *operand, Oid to)
{
	if (is_integer(to) && !is_integer(operand->type))
		operand->rounding = 0.5;
	/* float8 keeps 15 digits on the way to numeric */
	else if (to == NUMERICOID && (operand->type == FLOAT8OID || operand->type == FLOAT4OID))
		return false;
	if (to == FLOAT4OID)
		operand->single = true;
	operand->type = to;
	return is_integer(to) || to == NUMERICOID || to == FLOAT8OID || to == FLOAT4OID;
}

static bool
cast_instant(WalcuDocumentPath *operand, Oid to)
{
	if (operand->year)
		return is_integer(to) || to == NUMERICOID || to == FLOAT8OID;
	if (operand->type == TIMESTAMPTZOID && to != TIMESTAMPTZOID)
		operand->steps = lappend(operand->steps, instant_step_create(WALCU_STEP_SHOW));
	if (operand->type != TIMESTAMPTZOID && to == TIMESTAMPTZOID)
		operand->steps = lappend(operand->steps, instant_step_create(WALCU_STEP_READ));
	if (to == DATEOID)
		operand->steps = lappend(operand->steps, instant_step_to_day());
	operand->type = to;
	return to == TIMESTAMPTZOID || to == TIMESTAMPOID || to == DATEOID;
}

static bool
is_integer(Oid type)
{
	return type == INT2OID || type == INT4OID || type == INT8OID;
}
