/*
 * write_log.h
 *	  What a statement has written so far.
 */
#ifndef WALCU_WRITE_LOG_H
#define WALCU_WRITE_LOG_H

#include "postgres.h"

#include "nodes/execnodes.h"

typedef struct WalcuLedger WalcuLedger;

extern WalcuLedger *ledger_open(const void *statement);
extern void ledger_close(WalcuLedger *ledger);
extern void ledger_note_written(WalcuLedger *ledger, const char *resource, const char *id);
extern void ledger_note_unknown(WalcuLedger *ledger, const char *request);
extern void ledger_tell(WalcuLedger *ledger, ErrorData *error, bool of_write);

#endif /* WALCU_WRITE_LOG_H */
