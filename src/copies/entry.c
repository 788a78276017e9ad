/*
 * entry.c
 *	  The copies that there are: what each is of, and how far it is.
 *
 * The row of a copy in walcu_fdw_copy_entries is locked by whoever works on it, until the end of his
 * transaction, so that one does at a time.
 */
#include "postgres.h"

#include "copies/entry.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "base/acting_user.h"
#include "base/worker_latch.h"
#include "copies/sql.h"
#include "executor/spi.h"
#include "service/foreign_table.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

static WalcuCopy *read_entry(Oid relid);
static List *list_texts(ArrayType *array);

/*
 * Locks the entry of a copy until the end of the transaction, and returns it; NULL if another session has it
 * and is not to be waited for.  Errors: 42P01 and 42501 as by acting_user_require_owner, 42704 for a table
 * that is no copy.
 */
WalcuCopy *
entry_lock(Oid relid, WalcuCopyWait wait)
{
	const char *statement = "SELECT foreign_table, columns, all_columns, watermark IS NOT NULL, filling,"
							"       fill_began_at, fill_position, coalesce(live_view, 0)"
							"  FROM %1$s WHERE copy = $1 FOR UPDATE";

	acting_user_require_owner(relid);
	if (wait == WALCU_COPY_SKIP)
		statement = psprintf("%s SKIP LOCKED", statement);
	if (sql_run_as_keeper(SQL_ENTRIES, statement, 1, (WalcuArgument[]){sql_relation(relid)}) > 0)
		return read_entry(relid);
	if (entry_is_known(relid))
		return NULL;
	ereport(ERROR, errcode(ERRCODE_UNDEFINED_OBJECT),
			errmsg("\"%s\" is not a local copy", get_rel_name(relid)),
			errhint("walcu_fdw_copies lists the copies, and walcu_fdw_copy makes one."));
}

/* Reads the row that was selected. */
static WalcuCopy *
read_entry(Oid relid)
{
	WalcuCopy *copy = palloc0(sizeof(WalcuCopy));
	bool is_null;
	Datum began;

	copy->relid = relid;
	copy->name = foreign_table_name(relid);
	copy->source = DatumGetObjectId(sql_result(1, &is_null));
	copy->columns = list_texts(DatumGetArrayTypeP(sql_result(2, &is_null)));
	copy->all_columns = DatumGetBool(sql_result(3, &is_null));
	copy->has_watermark = DatumGetBool(sql_result(4, &is_null));
	copy->is_filling = DatumGetBool(sql_result(5, &is_null));
	began = sql_result(6, &is_null);
	copy->has_fill_begun = !is_null;
	copy->fill_began_at = is_null ? 0 : DatumGetTimestampTz(began);
	copy->fill_position = copy->has_fill_begun ? sql_result_text(7) : NULL;
	copy->live_view = DatumGetObjectId(sql_result(8, &is_null));
	if (get_rel_name(copy->source))
		copy->source_name = foreign_table_name(copy->source);
	return copy;
}

static List *
list_texts(ArrayType *array)
{
	List *texts = NIL;
	Datum *elements;
	int count;

	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &elements, NULL, &count);
	for (int i = 0; i < count; i++)
		texts = lappend(texts, TextDatumGetCString(elements[i]));
	return texts;
}

/* Error: 42P01 when the foreign table is gone. */
void
entry_require_source(const WalcuCopy *copy)
{
	if (copy->source_name == NULL)
		ereport(ERROR, errcode(ERRCODE_UNDEFINED_TABLE),
				errmsg("the foreign table of copy \"%s\" does not exist any more", copy->name),
				errhint("Name another one with walcu_fdw_copy, or drop the copy with walcu_fdw_drop_copy."));
}

bool
entry_is_known(Oid relid)
{
	return sql_run_as_keeper(SQL_ENTRIES, "SELECT FROM %1$s WHERE copy = $1", 1,
							 (WalcuArgument[]){sql_relation(relid)}) > 0;
}

/* Returns the copies (Oid) of a table that are to have all its columns. */
List *
entry_list_copies(Oid source)
{
	List *copies = NIL;

	sql_run_as_keeper(SQL_ENTRIES,
					  "SELECT copy::oid FROM %1$s JOIN pg_class ON oid = copy"
					  " WHERE foreign_table = $1 AND all_columns ORDER BY copy",
					  1, (WalcuArgument[]){sql_relation(source)});
	for (uint64 i = 0; i < SPI_tuptable->numvals; i++)
	{
		bool is_null;

		copies = lappend_oid(copies, DatumGetObjectId(SPI_getbinval(SPI_tuptable->vals[i],
																	SPI_tuptable->tupdesc, 1, &is_null)));
	}
	return copies;
}

/*
 * Finds the moment from which on changes may be missing in the copy.  Returns false if that is all of them:
 * before the first, and when the copy was emptied.  What the copy has of the newest date is asked for too, as
 * rows may have been deleted since.
 */
bool
entry_find_since(const WalcuCopy *copy, bool has_newest, TimestampTz newest, TimestampTz *since)
{
	bool is_null;

	if (!has_newest || !copy->has_watermark)
		return false;
	(void) sql_run_as_keeper(SQL_ENTRIES, "SELECT least($2, watermark) - overlap FROM %1$s WHERE copy = $1",
							 2, (WalcuArgument[]){sql_relation(copy->relid), sql_instant(true, newest)});
	*since = DatumGetTimestampTz(sql_result(1, &is_null));
	return !is_null;
}

/*
 * The copy has every change before the newest date in it, but not what comes after the transaction's begin:
 * so a document that is dated in the future keeps no later ones away.
 */
void
entry_mark_refreshed(const WalcuCopy *copy, bool has_newest, TimestampTz newest)
{
	sql_run_as_keeper(SQL_ENTRIES,
					  "UPDATE %1$s SET watermark = CASE WHEN $2 IS NOT NULL THEN least($2, now()) END,"
					  "                refreshed_at = now()"
					  " WHERE copy = $1",
					  2, (WalcuArgument[]){sql_relation(copy->relid), sql_instant(has_newest, newest)});
}

void
entry_mark_reconciled(const WalcuCopy *copy)
{
	sql_run_as_keeper(SQL_ENTRIES, "UPDATE %1$s SET reconciled_at = now() WHERE copy = $1", 1,
					  (WalcuArgument[]){sql_relation(copy->relid)});
}

/* Documents are read from here on; total is how many there are, or -1 if that is not known. */
void
entry_begin_filling(WalcuCopy *copy, int64 total)
{
	sql_run_as_keeper(SQL_ENTRIES,
					  "UPDATE %1$s SET fill_began_at = now(), fill_position = NULL, fill_rows = 0,"
					  "                fill_total = nullif($2, -1)"
					  " WHERE copy = $1",
					  2, (WalcuArgument[]){sql_relation(copy->relid), sql_count(total)});
	copy->has_fill_begun = true;
	copy->fill_began_at = GetCurrentTransactionStartTimestamp();
	copy->fill_position = NULL;
}

/* Documents were read up to an _id, so many more.  Tells how many in all, and of how many, 0 if unknown. */
void
entry_move_filling(const WalcuCopy *copy, const char *position, int64 rows, int64 *filled, int64 *total)
{
	bool is_null;

	sql_run_as_keeper(SQL_ENTRIES,
					  "UPDATE %1$s SET fill_position = $2, fill_rows = fill_rows + $3 WHERE copy = $1"
					  " RETURNING fill_rows, coalesce(fill_total, 0)",
					  3, (WalcuArgument[]){sql_relation(copy->relid), sql_text(position), sql_count(rows)});
	*filled = DatumGetInt64(sql_result(1, &is_null));
	*total = DatumGetInt64(sql_result(2, &is_null));
}

/*
 * All documents were read.  The first time, the copy is then as fresh as at the begin, and compared with the
 * service as it was at that time.
 */
void
entry_end_filling(WalcuCopy *copy, bool has_newest, TimestampTz newest)
{
	sql_run_as_keeper(
		SQL_ENTRIES,
		"UPDATE %1$s"
		"   SET filling = false, fill_began_at = NULL, fill_position = NULL, fill_rows = NULL,"
		"       fill_total = NULL,"
		"       watermark = coalesce(watermark,"
		"                            CASE WHEN $2 IS NOT NULL THEN least($2, fill_began_at) END),"
		"       refreshed_at = coalesce(refreshed_at, fill_began_at),"
		"       reconciled_at = coalesce(reconciled_at, fill_began_at)"
		" WHERE copy = $1",
		2, (WalcuArgument[]){sql_relation(copy->relid), sql_instant(has_newest, newest)});
	copy->is_filling = false;
	copy->has_watermark |= has_newest;
}

/* Columns that are new have nothing in any row: all documents are to be read again. */
void
entry_set_columns(const WalcuCopy *copy, bool are_new)
{
	sql_run_as_keeper(
		SQL_ENTRIES,
		"UPDATE %1$s SET columns = $2, filling = filling OR $3,"
		"                fill_began_at = CASE WHEN NOT $3 THEN fill_began_at END"
		" WHERE copy = $1",
		3, (WalcuArgument[]){sql_relation(copy->relid), sql_texts(copy->columns), sql_boolean(are_new)});
	worker_latch_set_at_commit();
}

void
entry_set_live_view(const WalcuCopy *copy, Oid view)
{
	sql_run_as_keeper(SQL_ENTRIES, "UPDATE %1$s SET live_view = $2 WHERE copy = $1", 2,
					  (WalcuArgument[]){sql_relation(copy->relid), sql_relation(view)});
}

void
entry_forget(Oid relid)
{
	WalcuArgument arguments[] = {sql_relation(relid)};

	sql_run_as_keeper(SQL_ENTRIES, "DELETE FROM %1$s WHERE copy = $1", 1, arguments);
	sql_run_as_keeper(SQL_RESULTS, "DELETE FROM %1$s WHERE copy = $1", 1, arguments);
}

/* Copies are tables that their owners may drop without telling. */
void
entry_forget_gone(void)
{
	static const char *const tables[] = {SQL_ENTRIES, SQL_RESULTS};

	for (int i = 0; i < lengthof(tables); i++)
		sql_run_as_keeper(
			tables[i], "DELETE FROM %1$s WHERE copy NOT IN (SELECT oid FROM pg_catalog.pg_class)", 0, NULL);
}
