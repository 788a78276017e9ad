/*
 * take.c
 *	  Documents that a copy takes over from its foreign table.
 *
 * A row that is the same already is not written.  The caller acts as the owner of the copy.
 */
#include "postgres.h"

#include "copies/take.h"

#include "base/text.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

static char *make_upsert(const WalcuCopy *copy, const WalcuCopySource *source, const char *rows);
static char *list_columns(List *columns, const char *format);
static char *list_parameters(int count);

/* Takes the documents that match a condition; returns how many rows were written. */
int64
take_matching(const WalcuCopy *copy, const WalcuCopySource *source, const char *condition, int count,
			  const WalcuArgument *arguments)
{
	char *rows = psprintf("SELECT %s FROM %s WHERE %s", list_columns(copy->columns, "%s"), copy->source_name,
						  condition);

	return (int64) sql_run(make_upsert(copy, source, rows), count, arguments);
}

/* Takes one document, with one request.  Returns false if there is none. */
bool
take_one(const WalcuCopy *copy, const WalcuCopySource *source, const char *id, int64 *written)
{
	int count = list_length(copy->columns);
	WalcuArgument *values = palloc(sizeof(WalcuArgument) * count);

	if (sql_run(psprintf("SELECT %s FROM %s WHERE %s = $1", list_columns(copy->columns, "%s"),
						 copy->source_name, quote_identifier(source->id)),
				1, (WalcuArgument[]){sql_text(id)}) == 0)
		return false;
	for (int i = 0; i < count; i++)
	{
		values[i].type = SPI_gettypeid(SPI_tuptable->tupdesc, i + 1);
		values[i].value = sql_result(i + 1, &values[i].is_null);
	}
	*written += (int64) sql_run(make_upsert(copy, source, psprintf("VALUES (%s)", list_parameters(count))),
								count, values);
	return true;
}

/*
 * Returns the statement that writes rows: those that the copy does not have, and those that it has otherwise.
 * The comparison is of whole rows and byte by byte: types need no operator for it, and 1.0 is not 1.00.
 */
static char *
make_upsert(const WalcuCopy *copy, const WalcuCopySource *source, const char *rows)
{
	List *key = copy_columns_key(copy->relid, source->id);
	List *others = NIL;
	StringInfoData statement;
	ListCell *lc;

	foreach(lc, copy->columns)
	{
		if (!text_in_list(key, lfirst(lc)))
			others = lappend(others, lfirst(lc));
	}
	initStringInfo(&statement);
	appendStringInfo(&statement, "INSERT INTO %s AS c (%s) %s ON CONFLICT (%s)", copy->name,
					 list_columns(copy->columns, "%s"), rows, list_columns(key, "%s"));
	if (others == NIL)
		appendStringInfoString(&statement, " DO NOTHING");
	else
		appendStringInfo(&statement,
						 " DO UPDATE SET %s WHERE NOT pg_catalog.record_image_eq(ROW(%s), ROW(%s))",
						 list_columns(others, "%1$s = excluded.%1$s"), list_columns(others, "c.%s"),
						 list_columns(others, "excluded.%s"));
	return statement.data;
}

/* Returns the names of columns, each in a format, with commas between them. */
static char *
list_columns(List *columns, const char *format)
{
	StringInfoData list;
	ListCell *lc;

	initStringInfo(&list);
	foreach(lc, columns)
	{
		if (list.len > 0)
			appendStringInfoString(&list, ", ");
		appendStringInfo(&list, format, quote_identifier(lfirst(lc)));
	}
	return list.data;
}

static char *
list_parameters(int count)
{
	StringInfoData list;

	initStringInfo(&list);
	for (int i = 1; i <= count; i++)
		appendStringInfo(&list, "%s$%d", i == 1 ? "" : ", ", i);
	return list.data;
}

/* Finds the newest date of the copy; returns false if it has none. */
bool
take_newest(const WalcuCopy *copy, const WalcuCopySource *source, TimestampTz *newest)
{
	bool is_null;

	if (source->updated_at == NULL)
		return false;
	sql_run(psprintf("SELECT max(%s) FROM %s", quote_identifier(source->updated_at), copy->name), 0, NULL);
	*newest = DatumGetTimestampTz(sql_result(1, &is_null));
	return !is_null;
}
