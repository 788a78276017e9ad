/*
 * fill.c
 *	  Documents of a copy that are read whether they have changed or not.
 *
 * That is all of them the first time, and when the copy has got new columns.  They are read in the order of
 * _id, in ranges of so many documents each: the entry says how far that is, so that it can go on in another
 * transaction.  What changes meanwhile, the next refresh brings: it asks from the begin of the first step on.
 */
#include "postgres.h"

#include "copies/fill.h"

#include "base/compat.h"
#include "copies/carry_out.h"
#include "copies/commit_steps.h"
#include "copies/take.h"
#include "fmgr.h"
#include "service/foreign_table.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

static void begin_filling(WalcuCopyWork *work);
static const char *find_end_of_step(const WalcuCopyWork *work);
static bool has_byte_order(const WalcuCopyWork *work);
static int64 count_documents(const WalcuCopyWork *work);
static void take_range(WalcuCopyWork *work, const char *end);
static void end_filling(WalcuCopyWork *work);

PG_FUNCTION_INFO_V1(walcu_fdw_fill);

/*
 * walcu_fdw_fill(copy regclass, step integer), a procedure
 *
 * Reads the documents of a copy, so many in a transaction, and tells how far it is.  Errors: 22004 and 22023
 * for wrong arguments, 2D000 within a transaction, those of carry_out_work.
 */
Datum
walcu_fdw_fill(PG_FUNCTION_ARGS)
{
	Oid relid = PG_ARGISNULL(0) ? InvalidOid : PG_GETARG_OID(0);
	bool is_unfinished = true;

	if (!OidIsValid(relid))
		ereport(ERROR, errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("copy must not be null"));
	if (PG_ARGISNULL(1) || PG_GETARG_INT32(1) < 1)
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("step must be at least 1"));
	commit_steps_begin(fcinfo, "walcu_fdw_fill");
	while (is_unfinished)
	{
		WalcuCopyWork work = {.step = PG_GETARG_INT32(1)};
		const char *name;

		carry_out_work(relid, WORK_FILL, fill_step, WALCU_COPY_WAIT, &work);
		is_unfinished = work.is_unfinished;
		/* the table is locked until here */
		name = foreign_table_name(relid);
		commit_steps_commit();
		if (is_unfinished)
			ereport(NOTICE, errmsg("%s: %lld of %lld documents", name, (long long) work.filled,
								   (long long) Max(work.filled, work.total)));
	}
	commit_steps_end();
	PG_RETURN_VOID();
}

/* Reads the next documents, or the last ones. */
void
fill_step(WalcuCopyWork *work)
{
	const char *end;

	work->is_needless = !work->copy->is_filling;
	if (work->is_needless)
		return;
	begin_filling(work);
	end = find_end_of_step(work);
	take_range(work, end);
	if (end == NULL)
		end_filling(work);
	work->is_unfinished = end != NULL;
}

/* Reads all documents that are left, at once. */
void
fill_rest(WalcuCopyWork *work)
{
	work->is_needless = !work->copy->is_filling;
	if (work->is_needless)
		return;
	begin_filling(work);
	take_range(work, NULL);
	end_filling(work);
}

/* How many documents there will be is only asked for where there are several steps to be told of. */
static void
begin_filling(WalcuCopyWork *work)
{
	if (!work->copy->has_fill_begun)
		entry_begin_filling(work->copy, work->step > 0 ? count_documents(work) : -1);
}

static int64
count_documents(const WalcuCopyWork *work)
{
	bool is_null;

	sql_run(psprintf("SELECT count(*) FROM %s", work->copy->source_name), 0, NULL);
	return DatumGetInt64(sql_result(1, &is_null));
}

/* Returns the _id of the last document of the next step; NULL if that reads all that are left. */
static const char *
find_end_of_step(const WalcuCopyWork *work)
{
	const char *id = quote_identifier(work->source->id);
	const char *position = work->copy->fill_position;
	const char *condition = position ? psprintf("WHERE %s > $1", id) : "";
	const char *statement = psprintf("SELECT %s FROM %s %s ORDER BY %s OFFSET %d LIMIT 1", id,
									 work->copy->source_name, condition, id, work->step - 1);

	if (work->step == 0 || !has_byte_order(work))
		return NULL;
	if (sql_run(statement, position ? 1 : 0, (WalcuArgument[]){sql_text(position)}) == 0)
		return NULL;
	return sql_result_text(1);
}

/* The service does not know the order of other collations, so that each step would read all documents. */
static bool
has_byte_order(const WalcuCopyWork *work)
{
	Oid type;
	int32 typmod;
	Oid collation;

	get_atttypetypmodcoll(work->copy->source, get_attnum(work->copy->source, work->source->id), &type,
						  &typmod, &collation);
	return compat_collation_is_c(collation);
}

/* Takes the documents behind the position, up to an _id or all. */
static void
take_range(WalcuCopyWork *work, const char *end)
{
	const char *id = quote_identifier(work->source->id);
	const char *position = work->copy->fill_position;
	WalcuArgument arguments[] = {sql_text(position), sql_text(end)};
	int64 written;

	if (position && end)
		written =
			take_matching(work->copy, work->source, psprintf("%s > $1 AND %s <= $2", id, id), 2, arguments);
	else if (position)
		written = take_matching(work->copy, work->source, psprintf("%s > $1", id), 1, arguments);
	else if (end)
		written = take_matching(work->copy, work->source, psprintf("%s <= $1", id), 1, arguments + 1);
	else
		written = take_matching(work->copy, work->source, "true", 0, NULL);
	work->written += written;
	if (end)
		entry_move_filling(work->copy, end, work->step, &work->filled, &work->total);
}

/* The planner knows nothing of a new table before it is analyzed. */
static void
end_filling(WalcuCopyWork *work)
{
	TimestampTz newest = 0;
	bool is_first = !work->copy->has_watermark;
	bool has_newest = take_newest(work->copy, work->source, &newest);

	entry_end_filling(work->copy, has_newest, newest);
	if (is_first)
		sql_run(psprintf("ANALYZE %s", work->copy->name), 0, NULL);
}
