/*
 * argument.c
 *	  The arguments of SQL functions that are not strict.
 */
#include "postgres.h"

#include "base/argument.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"

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
