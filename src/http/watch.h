/*
 * watch.h
 *	  One descriptor that tells when a transfer has something to do.
 */
#ifndef WALCU_WATCH_H
#define WALCU_WATCH_H

#include "postgres.h"

#include "http/transport.h"

typedef struct WalcuWatch WalcuWatch;

extern bool watch_is_possible(void);
extern WalcuWatch *watch_create(MemoryContext context);
extern void watch_set(WalcuWatch *watch, WalcuTransfer *transfer, bool at_once);
extern int watch_descriptor(const WalcuWatch *watch);

#endif /* WALCU_WATCH_H */
