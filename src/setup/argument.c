/*
 * argument.c
 *	  The arguments of walcu_fdw_setup().
 */
#include "postgres.h"

#include "setup/argument.h"

#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"

static DefElem *make_option(const JsonbValue *name, const JsonbValue *value);

/* Error 22004 for NULL. */
bool
argument_boolean(FunctionCallInfo fcinfo, int number, const char *name)
{
	if (PG_ARGISNULL(number))
		ereport(ERROR, errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("%s must not be null", name));
	return PG_GETARG_BOOL(number);
}

/* Returns the elements (char *) of a text[]; NIL for NULL.  Errors: 22004 for NULL in it, 22023 for none. */
List *
argument_texts(FunctionCallInfo fcinfo, int number, const char *name)
{
	List *texts = NIL;
	Datum *elements;
	bool *nulls;
	int count;

	if (PG_ARGISNULL(number))
		return NIL;
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(number), TEXTOID, -1, false, TYPALIGN_INT, &elements, &nulls,
					  &count);
	if (count == 0)
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("%s must not be empty", name),
				errhint("Leave it out, or give NULL."));
	for (int i = 0; i < count; i++)
	{
		if (nulls[i])
			ereport(ERROR, errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					errmsg("%s must not have null elements", name));
		texts = lappend(texts, TextDatumGetCString(elements[i]));
	}
	return texts;
}

/*
 * Returns the options of IMPORT FOREIGN SCHEMA that a jsonb object gives; what it does not give is as people
 * like it.  Errors: 22023 where it is no object of plain values, HV00D and 22023 for wrong options.
 */
WalcuImportOptions
argument_import_options(FunctionCallInfo fcinfo, int number)
{
	List *options = list_make2(makeDefElem("flatten", (Node *) makeString("3"), -1),
							   makeDefElem("import_search", (Node *) makeString("true"), -1));
	Jsonb *object;
	JsonbIterator *iterator;
	JsonbValue name;
	JsonbValue value;

	if (PG_ARGISNULL(number))
		return option_for_import(options);
	object = PG_GETARG_JSONB_P(number);
	if (!JB_ROOT_IS_OBJECT(object))
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("options must be a JSON object"),
				errhint("Give options of IMPORT FOREIGN SCHEMA, as in '{\"flatten\": 1}'."));
	iterator = JsonbIteratorInit(&object->root);
	(void) JsonbIteratorNext(&iterator, &value, true);
	while (JsonbIteratorNext(&iterator, &name, true) == WJB_KEY)
	{
		(void) JsonbIteratorNext(&iterator, &value, true);
		options = lappend(options, make_option(&name, &value));
	}
	return option_for_import(options);
}

static DefElem *
make_option(const JsonbValue *name, const JsonbValue *value)
{
	char *key = pnstrdup(name->val.string.val, name->val.string.len);
	char *text = NULL;

	if (strcmp(key, "arrays") == 0)
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("option \"arrays\" is an argument of its own"),
				errhint("walcu_fdw_setup(..., arrays => false) makes no tables of lists."));
	switch (value->type)
	{
		case jbvString:
			text = pnstrdup(value->val.string.val, value->val.string.len);
			break;
		case jbvNumeric:
			text = DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(value->val.numeric)));
			break;
		case jbvBool:
			text = pstrdup(value->val.boolean ? "true" : "false");
			break;
		default:
			ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("option \"%s\" must be a text, a number or a boolean", key));
	}
	return makeDefElem(key, (Node *) makeString(text), -1);
}
