/*
 * reply_cache.h
 *	  The replies that a statement holds, for scans that ask the same again.
 */
#ifndef WALCU_REPLY_CACHE_H
#define WALCU_REPLY_CACHE_H

#include "postgres.h"

#include "http/transfer.h"
#include "nodes/execnodes.h"

typedef struct WalcuReplyCache WalcuReplyCache;

/*
 * What one execution of a scan has of its statement's reply cache.  Zeroed but for reply cache, it is ready.
 */
typedef struct WalcuReplyCacheUse
{
	WalcuReplyCache *cache; /* It is NULL for those who always ask. */
	size_t used;            /* The replies that it had have so many bytes. */
	bool of_job;            /* A reply has all documents. */
} WalcuReplyCacheUse;

/* A background job whose results the statement has read. */
typedef struct WalcuReadJob
{
	const char *url;   /* The service has told this place of the results, */
	const char *place; /* and they came from this one, after redirects; NULL where that is the same. */
	int64 found;       /* The job has found so many documents; -1 when it did not say. */
} WalcuReadJob;

extern WalcuReplyCache *reply_cache_get(EState *estate, const WalcuOptions *options);
extern void reply_cache_expect(WalcuReplyCache *cache);
extern void reply_cache_leave(WalcuReplyCache *cache);
extern size_t reply_cache_limit(void);
extern bool reply_cache_serves(const WalcuReplyCacheUse *share);
extern const WalcuReply *reply_cache_find(WalcuReplyCacheUse *share, const WalcuOptions *options,
										  const char *credential, const WalcuRequest *request,
										  const char **before);
extern const WalcuReadJob *reply_cache_find_job(const WalcuReplyCache *cache, const char *credential,
												const WalcuRequest *request);
extern void reply_cache_note_job(WalcuReplyCache *cache, const char *credential, const WalcuRequest *request,
								 const WalcuReadJob *job);
extern size_t reply_cache_room(const WalcuReplyCacheUse *share);
extern void reply_cache_hold(WalcuReplyCacheUse *share, const WalcuTransfer *transfer,
							 const char *credential);

#endif /* WALCU_REPLY_CACHE_H */
