/*
 * deparse_jsonb.c
 *	  What containment and keys of jsonb become in a filter.
 *
 * A document that contains another has its scalars in the same places; where arrays are on
 * the way, the service looks into their elements by itself.  So a filter asks for the scalars,
 * and PostgreSQL sees whether they hang together.
 */
#include "postgres.h"

#include "pushdown/deparse_jsonb.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "pushdown/deparse_equal.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"

static List *contained(const WalcuOptions *options, const char *path, JsonbContainer *container);
static List *contained_member(const WalcuOptions *options, const char *path, const JsonbValue *value);
static WalcuOperand *place(const WalcuOptions *options, const char *path);
static char *member_path(const char *path, const JsonbValue *key);
static WalcuClause *has_key(const WalcuOptions *options, const WalcuOperand *operand, const char *key);
static List *keys_of_value(Datum keys);

/* operand @> value, operand ? value, operand ?| values, operand ?& values */
WalcuClause *
render_json(const WalcuOptions *options, const WalcuCondition *condition, Datum value)
{
	const WalcuOperand *operand = condition->operand;
	List *clauses = NIL;
	ListCell *lc;

	switch (condition->kind)
	{
		case WALCU_CONTAINS:
			return clause_and(contained(options, operand->path, &DatumGetJsonbP(value)->root));
		case WALCU_KEY:
			return has_key(options, operand, TextDatumGetCString(value));
		default:
			foreach(lc, keys_of_value(value))
				clauses = lappend(clauses, has_key(options, operand, lfirst(lc)));
			return condition->kind == WALCU_ANY_KEY ? clause_or(clauses) : clause_and(clauses);
	}
}

/* What holds of a place that contains this, of WalcuClause. */
static List *
contained(const WalcuOptions *options, const char *path, JsonbContainer *container)
{
	List *clauses = NIL;
	JsonbIterator *iterator = JsonbIteratorInit(container);
	JsonbValue value;
	JsonbIteratorToken token;

	check_stack_depth();
	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
		{
			char *member = member_path(path, &value);

			JsonbIteratorNext(&iterator, &value, true);
			if (member)
				clauses = list_concat(clauses, contained_member(options, member, &value));
		}
		else if (token == WJB_ELEM)
			clauses = list_concat(clauses, contained_member(options, path, &value));
	}
	return clauses;
}

static List *
contained_member(const WalcuOptions *options, const char *path, const JsonbValue *value)
{
	WalcuOperand *operand;
	WalcuMatches matches = {NIL};

	if (value->type == jbvBinary)
		return contained(options, path, value->val.binary.data);
	operand = place(options, path);
	/* the service compares the elements of an array one by one */
	operand->remote.array = false;
	equal_add_jsonb(operand, value, &matches);
	return list_make1(equal_clause(operand, &matches));
}

/* Any JSON value, at a path. */
static WalcuOperand *
place(const WalcuOptions *options, const char *path)
{
	WalcuOperand *operand = operand_of_type(JSONBOID, -1);

	operand->path = pstrdup(path);
	operand->nested = true;
	operand->remote = schema_at(options->resource, path);
	return operand;
}

/* NULL when no filter can name it. */
static char *
member_path(const char *path, const JsonbValue *key)
{
	char *name = pnstrdup(key->val.string.val, key->val.string.len);

	return operand_can_name(name) ? psprintf("%s.%s", path, name) : NULL;
}

/* An object has the key; or an array has it as an element; or it is that very string. */
static WalcuClause *
has_key(const WalcuOptions *options, const WalcuOperand *operand, const char *key)
{
	WalcuOperand *self = place(options, operand->path);
	WalcuMatches matches = {NIL};

	if (!operand_can_name(key))
		return &clause_everything;
	self->remote.array = false;
	equal_add_scalar(self, WALCU_IS_STRING, clause_string(key), &matches);
	/* an array of what is no string there has them as it likes */
	if (!(equal_checked(self) & WALCU_IS_STRING))
		matches.unchecked |= WALCU_IS_ARRAY;
	matches.clauses = list_make1(clause_test(psprintf("%s.%s", operand->path, key), "$exists", "true"));
	return equal_clause(operand, &matches);
}

/* The texts of an array; NULLs are no keys. */
static List *
keys_of_value(Datum keys)
{
	Datum *elements;
	bool *nulls;
	int count;
	List *texts = NIL;

	deconstruct_array(DatumGetArrayTypeP(keys), TEXTOID, -1, false, TYPALIGN_INT, &elements, &nulls, &count);
	for (int i = 0; i < count; i++)
	{
		if (!nulls[i])
			texts = lappend(texts, TextDatumGetCString(elements[i]));
	}
	return texts;
}
