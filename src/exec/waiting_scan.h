/*
 * waiting_scan.h
 *	  The documents of a scan as the transaction has written them.
 */
#ifndef WALCU_WAITING_SCAN_H
#define WALCU_WAITING_SCAN_H

#include "postgres.h"

#include "fetch/fetch.h"
#include "json/decode.h"

/* What waits for the commit, of the documents that a scan reads. */
typedef struct WalcuWaitingScan WalcuWaitingScan;

extern WalcuWaitingScan *waiting_scan_open(WalcuQuery *query, CommandId command);
extern bool waiting_scan_take(WalcuWaitingScan *waiting, WalcuFetch **fetch, const WalcuQuery *query,
							  WalcuTally *tally, WalcuDocument *document);
extern bool waiting_scan_comes_first(const WalcuWaitingScan *waiting);
extern bool waiting_scan_has_parts(const WalcuWaitingScan *waiting);
extern bool waiting_scan_passes_over(WalcuWaitingScan *waiting);

#endif /* WALCU_WAITING_SCAN_H */
