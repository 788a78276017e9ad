/*
 * add_columns.c
 *	  Columns that a copy gets when its foreign table has got them.
 *
 * walcu_fdw_setup() has the SQL function run, and users do after they have changed columns.
 */
#include "postgres.h"

#include "copies/add_columns.h"

#include "base/read_only.h"
#include "base/text.h"
#include "catalog/pg_class.h"
#include "commands/comment.h"
#include "base/acting_user.h"
#include "copies/live_view.h"
#include "copies/sql.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "service/foreign_table.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

static List *list_columns_to_copy(const WalcuCopy *copy, const WalcuCopySource *source);

PG_FUNCTION_INFO_V1(walcu_fdw_copy_columns);

/*
 * walcu_fdw_copy_columns(copy regclass) returns text[]: the columns that the copy lacked
 *
 * Adds them where all columns are to be copied, and forgets those that one of both tables has no more.  When
 * there are new ones, all documents are to be read again.  Errors: those of entry_lock, of
 * copy_columns_of_source, and of the statements.
 */
Datum
walcu_fdw_copy_columns(PG_FUNCTION_ARGS)
{
	WalcuCopy *copy;
	WalcuCopySource *source;
	List *added = NIL;
	List *before;

	read_only_refuse("walcu_fdw_copy_columns");
	SPI_connect();
	copy = entry_lock(PG_GETARG_OID(0), WALCU_COPY_WAIT);
	entry_require_source(copy);
	source = copy_columns_of_source(copy->source);
	before = copy->columns;
	if (copy->all_columns)
		added = add_columns_lacking(copy->relid, source, source->columns);
	copy->columns = list_columns_to_copy(copy, source);
	copy_columns_keep(source, copy->columns);
	entry_set_columns(copy, text_lacking(copy->columns, before) != NIL);
	live_view_renew(copy, source);
	SPI_finish();
	PG_RETURN_DATUM(sql_texts(added).value);
}

/* Returns those columns that both tables have, in the order that they have had: a view keeps that. */
static List *
list_columns_to_copy(const WalcuCopy *copy, const WalcuCopySource *source)
{
	List *wanted = list_concat_copy(copy->columns,
									copy->all_columns ? text_lacking(source->columns, copy->columns) : NIL);
	List *columns = NIL;
	ListCell *lc;

	foreach(lc, wanted)
	{
		if (text_in_list(source->columns, lfirst(lc)) &&
			get_attnum(copy->relid, lfirst(lc)) != InvalidAttrNumber)
			columns = lappend(columns, lfirst(lc));
	}
	return columns;
}

/*
 * Adds those of some columns of the source that a copy lacks, and returns them (char *).  A domain may have
 * the table rewritten, which runs what its owner has put there: so it is done as the owner.
 */
List *
add_columns_lacking(Oid copy, const WalcuCopySource *source, List *columns)
{
	List *lacking = NIL;
	WalcuActingUser caller;
	ListCell *lc;

	foreach(lc, columns)
	{
		if (get_attnum(copy, lfirst(lc)) == InvalidAttrNumber)
			lacking = lappend(lacking, lfirst(lc));
	}
	caller = acting_user_become_owner(copy);
	foreach(lc, lacking)
		sql_run(psprintf("ALTER TABLE %s ADD COLUMN %s", foreign_table_name(copy),
						 copy_columns_declare(source->relid, lfirst(lc))),
				0, NULL);
	add_columns_comment(foreign_table_name(copy), source, lacking);
	acting_user_return(caller);
	return lacking;
}

/* Columns of a copy, which has this name, say what those of its source say. */
void
add_columns_comment(const char *copy, const WalcuCopySource *source, List *columns)
{
	ListCell *lc;

	foreach(lc, columns)
	{
		const char *column = lfirst(lc);
		const char *comment =
			GetComment(source->relid, RelationRelationId, get_attnum(source->relid, column));

		if (comment)
			sql_run(psprintf("COMMENT ON COLUMN %s.%s IS %s", copy, quote_identifier(column),
							 quote_literal_cstr(comment)),
					0, NULL);
	}
}
