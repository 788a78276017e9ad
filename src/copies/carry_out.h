/*
 * carry_out.h
 *	  Work on a copy, from the lock of its entry to the counts of what was done.
 */
#ifndef WALCU_CARRY_OUT_H
#define WALCU_CARRY_OUT_H

#include "postgres.h"

#include "copies/copy_work.h"
#include "fmgr.h"

/* What can be done, as walcu_fdw_copy_results calls it. */
#define WORK_FILL      "fill"
#define WORK_REFRESH   "refresh"
#define WORK_RECONCILE "reconcile"

extern bool carry_out_work(Oid relid, const char *name, WalcuCopyWorker worker, WalcuCopyWait wait,
						   WalcuCopyWork *work);
extern void carry_out_record_failure(Oid relid, const char *name, const ErrorData *error);
extern Datum carry_out_counts(FunctionCallInfo fcinfo, const WalcuCopyWork *work);

#endif /* WALCU_CARRY_OUT_H */
