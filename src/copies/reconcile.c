/*
 * reconcile.c
 *	  The comparison of a copy with all documents of its foreign table.
 *
 * A deleted document has no updated_at: that it is gone shows when all ids are compared.  The dates come with
 * the ids, so that documents are found, too, that no refresh brings: those without a date, those that were
 * restored with an old one, and those that became visible later than the overlap allows for.
 */
#include "postgres.h"

#include "copies/reconcile.h"

#include "catalog/pg_type.h"
#include "copies/carry_out.h"
#include "copies/fill.h"
#include "copies/take.h"
#include "utils/builtins.h"

/* So many rows may always be deleted. */
#define FEW_DELETED 20

/* What a comparison has found. */
typedef struct Comparison
{
	WalcuArgument gone;  /* The documents with these ids (text[]) are there no more. */
	WalcuArgument stale; /* Those with these are missing in the copy, or of another date. */
	int64 gone_count;    /* These are so many, */
	int64 stale_count;   /* and those so many. */
	int64 known_count;   /* The copy has so many rows. */
} Comparison;

static void read_again(WalcuCopyWork *work);
static Comparison compare_ids(const WalcuCopyWork *work);
static void delete_gone(WalcuCopyWork *work, const Comparison *found);
static void take_stale(WalcuCopyWork *work, const Comparison *found);

PG_FUNCTION_INFO_V1(walcu_fdw_reconcile);

/*
 * walcu_fdw_reconcile(copy regclass, most_deleted double precision)
 * returns (written bigint, deleted bigint, requests bigint)
 *
 * Deletes the rows whose documents are gone, and takes those that are missing or of another date.  Errors:
 * those of carry_out_work, 55000 when more rows than most_deleted, a part of all, would be deleted.
 */
Datum
walcu_fdw_reconcile(PG_FUNCTION_ARGS)
{
	WalcuCopyWork work = {.most_deleted = PG_GETARG_FLOAT8(1)};

	carry_out_work(PG_GETARG_OID(0), WORK_RECONCILE, reconcile_copy, WALCU_COPY_WAIT, &work);
	return carry_out_counts(fcinfo, &work);
}

void
reconcile_copy(WalcuCopyWork *work)
{
	TimestampTz newest = 0;
	Comparison found;
	bool has_newest;

	read_again(work);
	found = compare_ids(work);
	delete_gone(work, &found);
	take_stale(work, &found);
	has_newest = take_newest(work->copy, work->source, &newest);
	entry_mark_refreshed(work->copy, has_newest, newest);
	entry_mark_reconciled(work->copy);
}

/* Reads all documents where their dates do not tell which have to be. */
static void
read_again(WalcuCopyWork *work)
{
	if (work->copy->is_filling)
		fill_rest(work);
	else if (work->source->updated_at == NULL)
		work->written += take_matching(work->copy, work->source, "true", 0, NULL);
}

/* Only ids and dates are asked for. */
static Comparison
compare_ids(const WalcuCopyWork *work)
{
	const char *id = quote_identifier(work->source->id);
	const char *date = work->source->updated_at ? quote_identifier(work->source->updated_at) : "NULL";
	const char *other_date =
		work->source->updated_at ? "s.date IS NULL OR s.date IS DISTINCT FROM c.date" : "false";
	const char *statement =
		psprintf("SELECT array_agg(c.id::text) FILTER (WHERE s.id IS NULL),"
				 "       array_agg(s.id::text) FILTER (WHERE c.id IS NULL OR %s),"
				 "       count(c.id)"
				 "  FROM (SELECT %s AS id, %s AS date FROM %s) s"
				 "  FULL JOIN (SELECT %s AS id, %s AS date FROM %s) c USING (id)",
				 other_date, id, date, work->copy->source_name, id, date, work->copy->name);
	Comparison found = {.gone = {.type = TEXTARRAYOID}, .stale = {.type = TEXTARRAYOID}};
	bool is_null;

	sql_run(statement, 0, NULL);
	found.gone.value = sql_result(1, &found.gone.is_null);
	found.stale.value = sql_result(2, &found.stale.is_null);
	found.known_count = DatumGetInt64(sql_result(3, &is_null));
	if (!found.gone.is_null)
		found.gone_count = DatumGetInt32(DirectFunctionCall1(array_cardinality, found.gone.value));
	if (!found.stale.is_null)
		found.stale_count = DatumGetInt32(DirectFunctionCall1(array_cardinality, found.stale.value));
	return found;
}

/* A service that answers with few documents or none, as after a change of rights, must not empty the copy. */
static void
delete_gone(WalcuCopyWork *work, const Comparison *found)
{
	if (found->gone_count > FEW_DELETED && found->gone_count > work->most_deleted * found->known_count)
		ereport(ERROR, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				errmsg("the CRM does not have %lld of the %lld documents in \"%s\"",
					   (long long) found->gone_count, (long long) found->known_count, work->copy->name),
				errhint("If they were deleted, let so many be: SELECT walcu_fdw_reconcile(%s, 1).",
						quote_literal_cstr(work->copy->name)));
	if (found->gone_count > 0)
		work->deleted += (int64) sql_run(psprintf("DELETE FROM %s WHERE %s = ANY ($1)", work->copy->name,
												  quote_identifier(work->source->id)),
										 1, &found->gone);
}

/* When most documents are stale, it is cheaper to read all of them. */
static void
take_stale(WalcuCopyWork *work, const Comparison *found)
{
	if (found->stale_count == 0)
		return;
	if (found->stale_count > found->known_count / 2)
		work->written += take_matching(work->copy, work->source, "true", 0, NULL);
	else
		work->written +=
			take_matching(work->copy, work->source,
						  psprintf("%s = ANY ($1)", quote_identifier(work->source->id)), 1, &found->stale);
}
