/*
 * own_writes.h
 *	  Which documents this session has inserted since a statement began to read.
 */
#ifndef WALCU_OWN_WRITES_H
#define WALCU_OWN_WRITES_H

#include "postgres.h"

#include "service/option.h"
#include "utils/snapshot.h"

/* What the transaction has inserted into one resource. */
typedef struct WalcuOwnWrites WalcuOwnWrites;

/* Waits for the writes to a resource that are under way. */
typedef void (*WalcuWritesSettler)(const WalcuOptions *options);

extern WalcuOwnWrites *own_writes_read(const WalcuOptions *options, MemoryContext statement);
extern void own_writes_note_inserted(const WalcuOptions *options, const char *resource, const char *id,
									 CommandId command);
extern void own_writes_note_deleted(const WalcuOptions *options, const char *id);
extern bool own_writes_hide(const WalcuOwnWrites *own, const char *id, const Snapshot snapshot);
extern int64 own_writes_count_hidden(const WalcuOwnWrites *own, const Snapshot snapshot);
extern void own_writes_set_settler(WalcuWritesSettler settler);
extern bool own_writes_same_place(const WalcuOptions *one, const WalcuOptions *other);
extern void own_writes_settle(const WalcuOptions *options);

#endif /* WALCU_OWN_WRITES_H */
