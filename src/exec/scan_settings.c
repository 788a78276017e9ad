/*
 * scan_settings.c
 *	  What a scan is asked for, kept while it is asked for something else.
 *
 * key_rows.c has a scan that is made for one key ask for many of them in between.
 */
#include "postgres.h"

#include "exec/scan_settings.h"

WalcuScanSettings
scan_settings_of(const WalcuScan *scan)
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

/* Puts back what scan_settings_of has returned. */
void
scan_settings_restore(WalcuScan *scan, const WalcuScanSettings *settings)
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
