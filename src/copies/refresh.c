/*
 * refresh.c
 *	  What has changed since the last refresh of a copy.
 *
 * The newest updated_at that the copy has tells how far it is: that is the service's clock.  A document may
 * be visible a little later than it is dated, so an overlap is asked for again; what it brings is compared,
 * and mostly not written.
 */
#include "postgres.h"

#include "copies/refresh.h"

#include "access/xact.h"
#include "copies/carry_out.h"
#include "copies/fill.h"
#include "copies/take.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

static bool was_filled_now(WalcuCopyWork *work);
static void refresh_document(WalcuCopyWork *work);

PG_FUNCTION_INFO_V1(walcu_fdw_refresh);

/*
 * walcu_fdw_refresh(copy regclass) returns (written bigint, deleted bigint, requests bigint)
 *
 * Takes what has changed, or everything the first time.  Errors: those of carry_out_work, 55000 for a copy
 * without updated_at.
 */
Datum
walcu_fdw_refresh(PG_FUNCTION_ARGS)
{
	WalcuCopyWork work = {0};

	carry_out_work(PG_GETARG_OID(0), WORK_REFRESH, refresh_changed, WALCU_COPY_WAIT, &work);
	return carry_out_counts(fcinfo, &work);
}

void
refresh_changed(WalcuCopyWork *work)
{
	TimestampTz newest = 0;
	TimestampTz since;
	bool has_newest;

	if (work->source->updated_at == NULL)
		ereport(ERROR, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				errmsg("no column of \"%s\" shows updated_at, so what has changed cannot be asked for",
					   work->copy->source_name),
				errhint("Call walcu_fdw_reconcile, which reads all documents, or add a timestamptz column "
						"for it to the foreign table, and call walcu_fdw_copy_columns."));
	if (was_filled_now(work))
		return;
	has_newest = take_newest(work->copy, work->source, &newest);
	if (entry_find_since(work->copy, has_newest, newest, &since))
		work->written += take_matching(work->copy, work->source,
									   psprintf("%s >= $1", quote_identifier(work->source->updated_at)), 1,
									   (WalcuArgument[]){sql_instant(true, since)});
	else
		work->written += take_matching(work->copy, work->source, "true", 0, NULL);
	has_newest = take_newest(work->copy, work->source, &newest);
	entry_mark_refreshed(work->copy, has_newest, newest);
}

/* Reads what a first filling has left, and tells whether that was everything. */
static bool
was_filled_now(WalcuCopyWork *work)
{
	if (!work->copy->is_filling || work->copy->has_watermark)
		return false;
	fill_rest(work);
	return work->copy->fill_began_at == GetCurrentTransactionStartTimestamp();
}

PG_FUNCTION_INFO_V1(walcu_fdw_refresh_one);

/*
 * walcu_fdw_refresh_one(copy regclass, id text) returns (written bigint, deleted bigint, requests bigint)
 *
 * Takes one document as it is now, or deletes its row if it is gone.  Errors: those of carry_out_work.
 */
Datum
walcu_fdw_refresh_one(PG_FUNCTION_ARGS)
{
	WalcuCopyWork work = {.id = text_to_cstring(PG_GETARG_TEXT_PP(1))};

	carry_out_work(PG_GETARG_OID(0), NULL, refresh_document, WALCU_COPY_WAIT, &work);
	return carry_out_counts(fcinfo, &work);
}

static void
refresh_document(WalcuCopyWork *work)
{
	if (take_one(work->copy, work->source, work->id, &work->written))
		return;
	work->deleted += (int64) sql_run(
		psprintf("DELETE FROM %s WHERE %s = $1", work->copy->name, quote_identifier(work->source->id)), 1,
		(WalcuArgument[]){sql_text(work->id)});
}
