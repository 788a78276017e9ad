/*
 * wait_descriptor.h
 *	  One descriptor that tells when a transfer has something to do.
 */
#ifndef WALCU_WAIT_DESCRIPTOR_H
#define WALCU_WAIT_DESCRIPTOR_H

#include "postgres.h"

#include "http/transfer.h"

typedef struct WalcuWatch WalcuWatch;

extern bool watch_is_possible(void);
extern WalcuWatch *watch_create(MemoryContext context);
extern void watch_set(WalcuWatch *watch, WalcuTransfer *transfer, bool at_once);
extern int watch_descriptor(const WalcuWatch *watch);

#endif /* WALCU_WAIT_DESCRIPTOR_H */
