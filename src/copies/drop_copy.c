/*
 * drop_copy.c
 *	  walcu_fdw_drop_copy(): a copy is no longer kept up to date, or is no more.
 *
 * SQL calls in here.
 */
#include "postgres.h"

#include "base/read_only.h"
#include "base/acting_user.h"
#include "copies/entry.h"
#include "copies/live_view.h"
#include "copies/sql.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "service/foreign_table.h"

PG_FUNCTION_INFO_V1(walcu_fdw_drop_copy);

/*
 * walcu_fdw_drop_copy(copy regclass, keep_table boolean) returns void
 *
 * Forgets the copy, and drops the table and its live view unless they are to be kept.  Errors: those of
 * entry_lock, but not for a foreign table that is gone, and 2BP01 when something else depends on the table.
 */
Datum
walcu_fdw_drop_copy(PG_FUNCTION_ARGS)
{
	Oid relid = PG_GETARG_OID(0);
	bool keep_table = PG_GETARG_BOOL(1);
	WalcuCopy *copy;

	read_only_refuse("walcu_fdw_drop_copy");
	SPI_connect();
	copy = entry_lock(relid, WALCU_COPY_WAIT);
	entry_forget(relid);
	if (!keep_table)
	{
		live_view_drop(copy);
		sql_run(psprintf("DROP TABLE %s", copy->name), 0, NULL);
	}
	SPI_finish();
	PG_RETURN_VOID();
}
