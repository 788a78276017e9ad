/*
 * verdict.h
 *	  What the outcome of an attempt means for its entry.
 */
#ifndef WALCU_OUTBOX_VERDICT_H
#define WALCU_OUTBOX_VERDICT_H

#include "postgres.h"

#include "outbox/entry.h"

extern void outbox_verdict_give(WalcuOutboxEntry *entry);
extern void outbox_verdict_without_way(WalcuOutboxEntry *entry);
extern void outbox_verdict_unsendable(WalcuOutboxEntry *entry, ErrorData *error);
extern double outbox_verdict_pause(int failures, bool is_unknown_to);
extern char *outbox_verdict_text(const ErrorData *error);
extern bool outbox_verdict_is_interrupt(const ErrorData *error);

#endif /* WALCU_OUTBOX_VERDICT_H */
