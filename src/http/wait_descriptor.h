/*
 * wait_descriptor.h
 *	  One descriptor that tells when a transfer has something to do.
 */
#ifndef WALCU_WAIT_DESCRIPTOR_H
#define WALCU_WAIT_DESCRIPTOR_H

#include "postgres.h"

#include "http/transfer.h"

typedef struct WalcuWaitDescriptor WalcuWaitDescriptor;

extern bool wait_descriptor_is_possible(void);
extern WalcuWaitDescriptor *wait_descriptor_create(MemoryContext context);
extern void wait_descriptor_set(WalcuWaitDescriptor *watch, WalcuTransfer *transfer, bool at_once);
extern int wait_descriptor_descriptor(const WalcuWaitDescriptor *watch);

#endif /* WALCU_WAIT_DESCRIPTOR_H */
