/*
 * reply_cache.h
 *	  The replies that a statement holds, for scans that ask the same again.
 */
#ifndef WALCU_REPLY_CACHE_H
#define WALCU_REPLY_CACHE_H

#include "postgres.h"

#include "http/transfer.h"
#include "nodes/execnodes.h"

typedef struct WalcuMemo WalcuMemo;

/* What one execution of a scan has of its statement's memo.  Zeroed but for memo, it is ready. */
typedef struct WalcuShare
{
	WalcuMemo *memo; /* NULL for those who always ask */
	size_t used;     /* bytes of the replies that it had */
} WalcuShare;

extern WalcuMemo *memo_get(EState *estate, const WalcuOptions *options);
extern void memo_expect(WalcuMemo *memo);
extern bool memo_serves(const WalcuShare *share);
extern const WalcuReply *memo_find(WalcuShare *share, const WalcuOptions *options, const char *credential,
								   const WalcuRequest *request, const char **before);
extern size_t memo_room(const WalcuShare *share);
extern void memo_hold(WalcuShare *share, const WalcuTransfer *transfer, const char *credential);

#endif /* WALCU_REPLY_CACHE_H */
