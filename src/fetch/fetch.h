/*
 * fetch.h
 *	  Where the documents of a scan come from.
 */
#ifndef WALCU_FETCH_H
#define WALCU_FETCH_H

#include "postgres.h"

#include "fetch/order_state.h"
#include "fetch/query.h"
#include "http/transfer.h"
#include "json/decode.h"

typedef struct WalcuFetch WalcuFetch;

extern WalcuFetch *fetch_open(const WalcuQuery *query, WalcuTally *tally);
extern bool fetch_next(WalcuFetch *fetch, WalcuDocument *document);
extern void fetch_wait(WalcuFetch *fetch, double limit);
extern bool fetch_look(WalcuFetch *fetch);
extern bool fetch_is_stirred(const WalcuFetch *fetch);
extern bool fetch_has_ended(const WalcuFetch *fetch);
extern WalcuOrderState *fetch_order(WalcuFetch *fetch);
extern const WalcuQuery *fetch_query(const WalcuFetch *fetch);
extern WalcuPartNulls fetch_part(const WalcuFetch *fetch);
extern WalcuFilterExtent fetch_extent(const WalcuFetch *fetch);
extern WalcuTransfer *fetch_transfer(const WalcuFetch *fetch);
extern void fetch_close(WalcuFetch *fetch);

#endif /* WALCU_FETCH_H */
