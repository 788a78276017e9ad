/*
 * fetch.h
 *	  Where the documents of a scan come from.
 */
#ifndef WALCU_FETCH_H
#define WALCU_FETCH_H

#include "postgres.h"

#include "fetch/query.h"
#include "http/transfer.h"
#include "json/decode.h"

typedef struct WalcuSource WalcuSource;

extern WalcuSource *source_open(const WalcuQuery *query, WalcuTally *tally);
extern bool source_next(WalcuSource *source, WalcuDocument *document);
extern void source_wait(WalcuSource *source, double limit);
extern bool source_look(WalcuSource *source);
extern bool source_has_ended(const WalcuSource *source);
extern WalcuStreamPart source_part(const WalcuSource *source);
extern WalcuTransfer *source_transfer(const WalcuSource *source);
extern void source_close(WalcuSource *source);

#endif /* WALCU_FETCH_H */
