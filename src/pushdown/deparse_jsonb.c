/*
 * deparse_jsonb.c
 *	  What containment and keys of jsonb become in a filter.
 *
 * A document that contains another has its scalars in the same places; where an array is on
 * the way, the service looks into its elements by itself.  So a filter asks for the scalars,
 * and PostgreSQL sees whether they hang together.  The service does not look into an array that is
 * itself an element, whether it stands in another array or a path leads to it by its index.
 */
#include "postgres.h"

#include "pushdown/deparse_jsonb.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "pushdown/deparse_equal.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"

static List *deparse_contained(const WalcuDocumentPath *container, const char *path, JsonbContainer *value);
static List *deparse_contained_member(const WalcuDocumentPath *container, const char *path,
									  const JsonbValue *value);
static bool is_nested_array(const JsonbValue *value);
static WalcuDocumentPath *make_jsonb_operand(const WalcuDocumentPath *container, const char *path);
static bool ends_in_index(const char *path);
static char *make_member_path(const char *path, const JsonbValue *key);
static WalcuFilter *has_key(const WalcuDocumentPath *operand, const char *key);
static List *list_keys(Datum keys);

/* operand @> value, operand ? value, operand ?| values, operand ?& values */
WalcuFilter *
deparse_jsonb(const WalcuPredicate *condition, Datum value)
{
	const WalcuDocumentPath *operand = condition->operand;
	List *filters = NIL;
	ListCell *lc;

	switch (condition->kind)
	{
		case WALCU_PREDICATE_CONTAINS:
			return filter_and(deparse_contained(operand, operand->path, &DatumGetJsonbP(value)->root));
		case WALCU_PREDICATE_KEY:
			return has_key(operand, TextDatumGetCString(value));
		default:
			foreach(lc, list_keys(value))
				filters = lappend(filters, has_key(operand, lfirst(lc)));
			return condition->kind == WALCU_PREDICATE_ANY_KEY ? filter_or(filters) : filter_and(filters);
	}
}

/* What holds of a place that contains this, of WalcuFilter. */
static List *
deparse_contained(const WalcuDocumentPath *container, const char *path, JsonbContainer *value)
{
	List *filters = NIL;
	JsonbIterator *iterator = JsonbIteratorInit(value);
	JsonbValue element;
	JsonbIteratorToken token;

	check_stack_depth();
	if (JsonContainerIsArray(value) && !JsonContainerIsScalar(value) && ends_in_index(path))
	{
		WalcuDocumentPath *array = make_jsonb_operand(container, path);

		if (array->id || document_path_is_shown_missing(array))
			return list_make1(&filter_everything);
		return list_make1(document_path_test(array, "$type", "[\"array\"]"));
	}
	while ((token = JsonbIteratorNext(&iterator, &element, true)) != WJB_DONE)
	{
		CHECK_FOR_INTERRUPTS();
		if (token == WJB_KEY)
		{
			char *member = make_member_path(path, &element);

			JsonbIteratorNext(&iterator, &element, true);
			if (member)
				filters = list_concat(filters, deparse_contained_member(container, member, &element));
		}
		else if (token == WJB_ELEM && !is_nested_array(&element))
			filters = list_concat(filters, deparse_contained_member(container, path, &element));
	}
	return filters;
}

static bool
is_nested_array(const JsonbValue *value)
{
	return value->type == jbvBinary && JsonContainerIsArray(value->val.binary.data);
}

static List *
deparse_contained_member(const WalcuDocumentPath *container, const char *path, const JsonbValue *value)
{
	WalcuDocumentPath *operand;
	WalcuEqualMatches matches = {NIL};

	if (value->type == jbvBinary)
		return deparse_contained(container, path, value->val.binary.data);
	operand = make_jsonb_operand(container, path);
	/* the service compares the elements of an array one by one */
	operand->remote.array = false;
	deparse_equal_add_jsonb(operand, value, &matches);
	if (ends_in_index(path))
		matches.unchecked |= WALCU_IS_ARRAY;
	return list_make1(deparse_equal_clause(operand, &matches));
}

/* Any JSON value, at a path that is within a container, or is its own. */
static WalcuDocumentPath *
make_jsonb_operand(const WalcuDocumentPath *container, const char *path)
{
	WalcuDocumentPath *operand = document_path_of_type(JSONBOID, -1);

	operand->path = pstrdup(path);
	operand->nested = true;
	operand->remote = remote_type_at(container->options->resource, path);
	document_path_set_ids(operand, container->options, container->id_type);
	return operand;
}

/* Is the last member of a path one that may be the index of an array? */
static bool
ends_in_index(const char *path)
{
	const char *dot = strrchr(path, '.');

	return dot && strspn(dot + 1, "0123456789") == strlen(dot + 1);
}

/* NULL when no filter can name it. */
static char *
make_member_path(const char *path, const JsonbValue *key)
{
	char *name = pnstrdup(key->val.string.val, key->val.string.len);

	return document_path_can_name(name) ? psprintf("%s.%s", path, name) : NULL;
}

/* An object has the key; or an array has it as an element; or it is that very string. */
static WalcuFilter *
has_key(const WalcuDocumentPath *operand, const char *key)
{
	WalcuDocumentPath *self = make_jsonb_operand(operand, operand->path);
	WalcuDocumentPath *member;
	WalcuEqualMatches matches = {NIL};

	if (!document_path_can_name(key) || operand->id)
		return &filter_everything;
	self->remote.array = false;
	deparse_equal_add_string(self, key, &matches);
	/* an array of what is no string there has them as it likes */
	if (!(deparse_equal_checked(self) & WALCU_IS_STRING) || ends_in_index(operand->path))
		matches.unchecked |= WALCU_IS_ARRAY;
	member = make_jsonb_operand(operand, psprintf("%s.%s", operand->path, key));
	if (document_path_is_shown_missing(member))
		return &filter_everything;
	matches.filters = lappend(matches.filters, document_path_test(member, "$exists", "true"));
	return deparse_equal_clause(operand, &matches);
}

/* The texts of an array; NULLs are no keys. */
static List *
list_keys(Datum keys)
{
	Datum *elements;
	bool *nulls;
	int count;
	List *texts = NIL;

	deconstruct_array(DatumGetArrayTypeP(keys), TEXTOID, -1, false, TYPALIGN_INT, &elements, &nulls, &count);
	for (int i = 0; i < count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (!nulls[i])
			texts = lappend(texts, TextDatumGetCString(elements[i]));
	}
	return texts;
}
