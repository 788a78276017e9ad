/*
 * held_writes.h
 *	  A list of new documents.
 */
#ifndef WALCU_HELD_WRITES_H
#define WALCU_HELD_WRITES_H

#include "postgres.h"

#include "modify/queue_entry.h"

/* A list of new documents. */
typedef struct WalcuHeldWrites WalcuHeldWrites;

extern WalcuHeldWrites *held_writes_open(MemoryContext context, int kilobytes);
extern void held_writes_add(WalcuHeldWrites *held, const WalcuCommitQueueWrite *write,
							const char *error_context);
extern void held_writes_take(WalcuHeldWrites *held, WalcuCommitQueueWrite *write, char **error_context);
extern int64 held_writes_count(const WalcuHeldWrites *held);
extern int64 held_writes_bytes(const WalcuHeldWrites *held);
extern void held_writes_close(WalcuHeldWrites *held);

#endif /* WALCU_HELD_WRITES_H */
