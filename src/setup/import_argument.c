/*
 * import_argument.c
 *	  The argument of walcu_fdw_setup() that has options of IMPORT FOREIGN SCHEMA.
 */
#include "postgres.h"

#include "setup/import_argument.h"

#include "nodes/makefuncs.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"

static DefElem *make_option(const JsonbValue *name, const JsonbValue *value);

/*
 * Returns the options of IMPORT FOREIGN SCHEMA that a jsonb object gives; what it does not give is as people
 * like it.  Errors: 22023 where it is no object of plain values, HV00D and 22023 for wrong options.
 */
WalcuImportOptions
import_argument_options(FunctionCallInfo fcinfo, int number)
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
