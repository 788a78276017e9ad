/*
 * sql.c
 *	  Statements that the work on copies consists of.
 *
 * All files of this folder run theirs here, with their values as parameters.  The caller is connected to SPI.
 */
#include "postgres.h"

#include "copies/sql.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "base/acting_user.h"
#include "base/extension.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

static Oid require_extension_schema(void);

WalcuArgument
sql_relation(Oid relid)
{
	return sql_value(REGCLASSOID, ObjectIdGetDatum(relid), false);
}

/* The text may be NULL. */
WalcuArgument
sql_text(const char *text)
{
	return sql_value(TEXTOID, text ? CStringGetTextDatum(text) : (Datum) 0, text == NULL);
}

/* Makes an array of texts (char *). */
WalcuArgument
sql_texts(List *texts)
{
	Datum *elements = palloc(sizeof(Datum) * (list_length(texts) + 1));
	int count = 0;
	ListCell *lc;

	foreach(lc, texts)
		elements[count++] = CStringGetTextDatum(lfirst(lc));
	return sql_value(TEXTARRAYOID,
					 PointerGetDatum(construct_array(elements, count, TEXTOID, -1, false, TYPALIGN_INT)),
					 false);
}

WalcuArgument
sql_count(int64 count)
{
	return sql_value(INT8OID, Int64GetDatum(count), false);
}

WalcuArgument
sql_instant(bool is_known, TimestampTz instant)
{
	return sql_value(TIMESTAMPTZOID, TimestampTzGetDatum(instant), !is_known);
}

WalcuArgument
sql_boolean(bool value)
{
	return sql_value(BOOLOID, BoolGetDatum(value), false);
}

WalcuArgument
sql_value(Oid type, Datum value, bool is_null)
{
	return (WalcuArgument){type, value, is_null};
}

/* Returns how many rows the statement has read or written. */
uint64
sql_run(const char *statement, int count, const WalcuArgument *arguments)
{
	Oid *types = palloc(sizeof(Oid) * (count + 1));
	Datum *values = palloc(sizeof(Datum) * (count + 1));
	char *nulls = palloc(count + 1);
	int result;

	for (int i = 0; i < count; i++)
	{
		types[i] = arguments[i].type;
		values[i] = arguments[i].value;
		nulls[i] = arguments[i].is_null ? 'n' : ' ';
	}
	result = SPI_execute_with_args(statement, count, types, values, nulls, false, 0);
	if (result < 0)
		elog(ERROR, "could not run \"%s\": %s", statement, SPI_result_code_string(result));
	return SPI_processed;
}

/* The same for a statement on a table of the extension, which is its %1$s. */
uint64
sql_run_as_keeper(const char *table, const char *statement, int count, const WalcuArgument *arguments)
{
	char *text = psprintf(statement, sql_extension_name(table));
	WalcuActingUser before = acting_user_become_keeper(get_relname_relid(table, require_extension_schema()));
	uint64 processed = sql_run(text, count, arguments);

	acting_user_return(before);
	return processed;
}

/* Returns a column, from 1, of the first row that the last statement has returned. */
Datum
sql_result(int column, bool *is_null)
{
	return SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, column, is_null);
}

/* The same as a text, or NULL. */
char *
sql_result_text(int column)
{
	return SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, column);
}

/* Returns the name of an object of the extension with its schema's. */
char *
sql_extension_name(const char *name)
{
	return quote_qualified_identifier(get_namespace_name(require_extension_schema()), name);
}

/* Error: 42704 where the extension is not. */
static Oid
require_extension_schema(void)
{
	Oid schema = extension_schema();

	if (!OidIsValid(schema))
		ereport(ERROR, errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("extension \"walcu_fdw\" does not exist"));
	return schema;
}
