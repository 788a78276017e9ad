/*
 * held_writes.h
 *	  New documents that are held until all rows have been judged.
 */
#ifndef WALCU_HELD_WRITES_H
#define WALCU_HELD_WRITES_H

#include "postgres.h"

#include "modify/commit_queue.h"

/* A list of new documents. */
typedef struct WalcuHeldWrites WalcuHeldWrites;

extern WalcuHeldWrites *held_writes_open(MemoryContext context);
extern void held_writes_add(WalcuHeldWrites *held, const WalcuCommitQueueWrite *write);
extern bool held_writes_next(WalcuHeldWrites *held, WalcuCommitQueueWrite *write);
extern void held_writes_close(WalcuHeldWrites *held);

#endif /* WALCU_HELD_WRITES_H */
