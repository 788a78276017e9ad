/*
 * option_column.c
 *	  What the columns of foreign tables stand for.
 *
 * A column shows a place in a document.  Where the rows of a table are the elements of a list (the table's
 * option array), a column's path begins at the element instead, and one that begins with ^ at the document.
 * Planning and scans, writes and ANALYZE ask here; option.c has the options themselves.
 */
#include "postgres.h"

#include "service/option_column.h"

#include "base/compat.h"
#include "foreign/foreign.h"
#include "service/option_value.h"
#include "utils/lsyscache.h"

/* With this sign a path begins at the document, whatever the rows of the table are. */
#define DOCUMENT_SIGN '^'

static WalcuColumn *resolve_column(Oid relid, AttrNumber attnum, const char *array);
pg_noreturn static void raise_document_sign(Oid relid, AttrNumber attnum, const char *path);
static char *strip_document_sign(const char *path);
static void set_element_path(WalcuColumn *column, const char *array);

/*
 * Returns what a column stands for, which is the member of its own name unless an option says otherwise.
 * Errors: 22023 for a name that is no path, or a position where there are no elements.
 */
WalcuColumn *
option_for_column(Oid relid, AttrNumber attnum)
{
	return resolve_column(relid, attnum, option_value_of(GetForeignTable(relid)->options, "array"));
}

/* The same, of a table whose options have been read. */
WalcuColumn *
option_column_of(const WalcuOptions *options, AttrNumber attnum)
{
	return resolve_column(options->relid, attnum, options->array);
}

static WalcuColumn *
resolve_column(Oid relid, AttrNumber attnum, const char *array)
{
	WalcuColumn *column = palloc0(sizeof(WalcuColumn));

	column->pushdown = true;
	column->id_type = WALCU_ID_NOT_SAID;
	column->timestamp_precision = WALCU_PRECISION_NOT_SAID;
	option_read_column(GetForeignColumnOptions(relid, attnum), column);
	if (column->ordinality && array == NULL)
		ereport(
			ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			errmsg("column \"%s\" of foreign table \"%s\" cannot have the option \"ordinality\"",
				   get_attname(relid, attnum, false), get_rel_name(relid)),
			errhint("Only the elements of a list have a position. The table's option \"array\" says which "
					"list that is."));
	if (column->path == NULL)
	{
		column->path = get_attname(relid, attnum, false);
		/* the name of a column was not checked when it was given */
		if (column->parameter == NULL && !column->ordinality)
			option_check_path("path", column->path);
	}
	if (column->path[0] == DOCUMENT_SIGN && (column->path[1] == '.' || column->path[1] == '\0'))
	{
		if (array == NULL)
			raise_document_sign(relid, attnum, column->path);
		column->path = strip_document_sign(column->path);
	}
	else if (array && column->parameter == NULL)
		set_element_path(column, array);
	return column;
}

/* In a table of documents every path begins there. */
static void
raise_document_sign(Oid relid, AttrNumber attnum, const char *path)
{
	const char *rest = strip_document_sign(path);

	ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			errmsg("column \"%s\" of foreign table \"%s\" cannot have the path \"%s\"",
				   get_attname(relid, attnum, false), get_rel_name(relid), path),
			errdetail("Only in a table of the elements of a list, which has the option \"array\", is there a "
					  "document around them."),
			errhint("Use the path \"%s\".", rest));
}

/* Returns a path that begins at the document without the sign for that; "." is the whole document. */
static char *
strip_document_sign(const char *path)
{
	return pstrdup(path[1] == '.' ? path + 2 : ".");
}

/* Makes of a path in an element the path in the document, too. */
static void
set_element_path(WalcuColumn *column, const char *array)
{
	column->element_path = column->ordinality ? "." : column->path;
	column->path =
		strcmp(column->element_path, ".") == 0 ? pstrdup(array) : psprintf("%s.%s", array, column->path);
}

/* Returns the number of the column that shows _id, or InvalidAttrNumber when none does. */
AttrNumber
option_id_column(Oid relid, TupleDesc descriptor)
{
	for (AttrNumber number = 1; number <= descriptor->natts; number++)
	{
		WalcuColumn *option;

		if (TupleDescAttr(descriptor, number - 1)->attisdropped)
			continue;
		option = option_for_column(relid, number);
		if (option->parameter == NULL && strcmp(option->path, "_id") == 0)
			return number;
	}
	return InvalidAttrNumber;
}
