/*
 * scan_settings.c
 *	  What a scan is asked for, kept while it is asked for something else.
 *
 * key_rows.c and range_rows.c have a scan that is made for one key, or one range of values, ask for many of
 * them in between.
 */
#include "postgres.h"

#include "exec/scan_settings.h"

static WalcuScanSettings note_settings(const WalcuScan *scan);
static void restore_settings(WalcuScan *scan, const WalcuScanSettings *settings);

/* Has a scan ask for many keys, until scan_settings_ask_for_one ends that. */
void
scan_settings_ask_for_many(WalcuScan *scan, WalcuScanOfMany *many)
{
	many->before = note_settings(scan);
	scan->filtered = many->others;
	scan->keyed = many->keyed;
	scan->plan.keyed_by = many->condition;
	scan->id = scan->limit = NULL;
	scan->plan.wanted = 0;
	scan->order_check = NULL;
	scan->sort = NULL;
	scan->query.keys = NIL;
	scan->query.all_rows = true;
	scan->query.extent = many->extent;
	scan->query.is_taken = many->is_taken;
}

/* Has it ask for one key again, as its plan says. */
void
scan_settings_ask_for_one(WalcuScan *scan, WalcuScanOfMany *many)
{
	/* what the service does not take is another thing for a list */
	many->extent = scan->query.extent;
	many->is_taken = scan->query.is_taken;
	restore_settings(scan, &many->before);
	scan->keyed = NIL;
	scan->plan.keyed_by = NULL;
	/* EXPLAIN has no use for the list */
	scan->has_filter = false;
}

static WalcuScanSettings
note_settings(const WalcuScan *scan)
{
	return (WalcuScanSettings){
		.filtered = scan->filtered,
		.id = scan->id,
		.limit = scan->limit,
		.wanted = scan->plan.wanted,
		.order_check = scan->order_check,
		.sort = scan->sort,
		.order = scan->query.keys,
		.strategy = scan->strategy,
		.all_rows = scan->query.all_rows,
		.extent = scan->query.extent,
		.is_taken = scan->query.is_taken,
	};
}

static void
restore_settings(WalcuScan *scan, const WalcuScanSettings *settings)
{
	scan->filtered = settings->filtered;
	scan->id = settings->id;
	scan->limit = settings->limit;
	scan->plan.wanted = settings->wanted;
	scan->order_check = settings->order_check;
	scan->sort = settings->sort;
	scan->query.keys = settings->order;
	scan->strategy = settings->strategy;
	scan->query.all_rows = settings->all_rows;
	scan->query.extent = settings->extent;
	scan->query.is_taken = settings->is_taken;
}
