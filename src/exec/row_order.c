/*
 * row_order.c
 *	  Whether the rows of a scan come in the order that they were asked for.
 *
 * scan.c asks for each row, before it gives it.
 */
#include "postgres.h"

#include "exec/row_order.h"

#include "base/compat.h"
#include "miscadmin.h"
#include "pushdown/sort.h"

pg_noreturn static void raise_out_of_order(const WalcuOptions *options, const char *column);

/*
 * Returns whether a row of a fetch can be given as it comes.  One of those that are not known to be sorted
 * waits for the others, in sort.  Error: HV000 for one that is out of order among those that were said to be
 * sorted.
 */
bool
row_order_keeps(WalcuOrderCheck *check, WalcuLocalSort *sort, WalcuFetch *fetch, TupleTableSlot *slot)
{
	const char *out_of_order = order_check_row(check, slot->tts_values, slot->tts_isnull);

	if (out_of_order)
		order_probe_note_disorder(fetch_query(fetch));
	if (fetch_order(fetch)->order == WALCU_ORDER_SORTED)
	{
		if (out_of_order)
			raise_out_of_order(fetch_query(fetch)->options, out_of_order);
		return true;
	}
	local_sort_put(sort, slot);
	ExecClearTuple(slot);
	CHECK_FOR_INTERRUPTS();
	return false;
}

/*
 * Returns whether a row is of the part that was asked for, in the order of keys.  A service that ignores the
 * filter sends every document with each part, and one without a value where no condition lets it through may
 * come anywhere.
 */
bool
row_order_is_of_part(const WalcuFetch *fetch, List *keys, const TupleTableSlot *slot)
{
	WalcuPartNulls part = fetch_part(fetch);
	bool is_null;

	if (part == WALCU_PART_ALL)
		return true;
	is_null = slot->tts_isnull[((WalcuSortKey *) linitial(keys))->column - 1];
	return is_null == (part == WALCU_PART_WITHOUT_VALUE);
}

static void
raise_out_of_order(const WalcuOptions *options, const char *column)
{
	ereport(ERROR, errcode(ERRCODE_FDW_ERROR),
			errmsg("documents of resource \"%s\" did not arrive in the requested order", options->resource),
			errdetail("Column \"%s\" is out of order.", column),
			errhint("Run the statement again: rows are sorted here from now on.  The option sort_format says "
					"how the service is asked to sort."));
}
