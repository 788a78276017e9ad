/*
 * merged_writes.h
 *	  One write of two of the same document.
 */
#ifndef WALCU_MERGED_WRITES_H
#define WALCU_MERGED_WRITES_H

#include "postgres.h"

#include "modify/queue_entry.h"

extern void merged_writes_join(WalcuQueueEntry *earlier, WalcuQueueEntry *later);
extern char *merged_writes_patch(const char *earlier, const char *later);

#endif /* WALCU_MERGED_WRITES_H */
