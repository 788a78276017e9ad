/*
 * reply_cache.c
 *	  The replies that a statement holds, for scans that ask the same again.
 *
 * The two sides of a self join, or a nested loop whose outer rows repeat values, need the same replies; and
 * as SQL has it, they should see the same documents.  page.c looks here before it asks, and leaves here what
 * has come whole.  A statement has a reply cache for each resource that it scans, which begins with the first
 * scan of an execution and goes with its memory, so that nothing is ever held for the next one.
 *
 * What is held is bounded, and what was used longest ago goes first.  A scan that reads more than all there
 * is room for would replace each reply before it is needed again; so an execution of a scan has a share, and
 * when that is used up, its first replies stay.
 *
 * Of a background job it is also known where the results were, so that a scan that finds them gone from here
 * has them sent again, and starts no other job.
 */
#include "postgres.h"

#include "fetch/reply_cache.h"

#include "base/digest.h"
#include "base/objectid.h"
#include "base/statement.h"
#include "lib/ilist.h"
#include "miscadmin.h"
#include "nodes/memnodes.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

/* Bytes that a reply cache may hold, if work_mem allows as much. */
#define MOST_BYTES (4 * 1024 * 1024)

/* A reply that takes up more than such a part of them is not small. */
#define LARGEST_PART 4

typedef struct HeldReply
{
	WalcuDigest key;  /* This is the hash key: what was asked for, and with whose credentials. */
	WalcuReply reply; /* This was answered. */
	char before[OBJECTID_LENGTH + 1]; /* It is as in the request; or empty. */
	size_t cost;                      /* It takes up so many bytes. */
	dlist_node node;                  /* It links the reply in the order of use. */
} HeldReply;

/* A job is found by the request that would start another one. */
typedef struct NotedJob
{
	WalcuDigest key;
	WalcuReadJob job;
} NotedJob;

struct WalcuReplyCache
{
	MemoryContext statement; /* It goes with the memory of the statement. */
	MemoryContext context;   /* It holds the replies; NULL until there is one. */
	Oid serverid;            /* They came from this server. */
	const char *resource;    /* They are documents of this resource. */
	bool needed;             /* Something may be asked for again. */
	int readers;             /* So many scans have not read all that they ask for, */
	bool is_repeated;        /* and some may begin again. */
	HTAB *entries;           /* They are found by what was asked for; NULL until there is one. */
	dlist_head used;         /* These (HeldReply) are in the order of use: the last one used comes first. */
	size_t size;             /* All of them take up so many bytes. */
	size_t limit;            /* They may take up so many. */
	List *jobs;              /* These jobs (NotedJob) have been read. */
};

static WalcuReplyCache *create_cache(MemoryContext statement, const WalcuOptions *options);
static void create_entries(WalcuReplyCache *cache);
static bool is_of_resource(const WalcuReplyCache *cache, const WalcuOptions *options);
static WalcuDigest make_reply_key(const WalcuReplyCache *cache, const char *credential,
								  const WalcuRequest *request);
static void drop_oldest(WalcuReplyCache *cache);

/*
 * The reply cache for another scan of a statement's execution, made for the first one.  It hangs on the
 * statement's memory: PostgreSQL has no other place for what is the statement's own, and functions that it
 * calls have statements of theirs.
 */
WalcuReplyCache *
reply_cache_get(EState *estate, const WalcuOptions *options)
{
	MemoryContext statement = estate->es_query_cxt;
	ListCell *lc;

	foreach(lc, (List *) *statement_part(statement, WALCU_STATEMENT_REPLY_CACHES))
	{
		WalcuReplyCache *cache = lfirst(lc);

		if (is_of_resource(cache, options))
		{
			cache->needed = true;
			cache->readers++;
			return cache;
		}
	}
	return create_cache(statement, options);
}

/*
 * Tell that a scan may ask again for the same: nothing is held for what most statements have, one scan of a
 * resource, run once.
 */
void
reply_cache_expect(WalcuReplyCache *cache)
{
	cache->needed = true;
	cache->is_repeated = true;
}

/*
 * Tell that a scan has read all that it asks for.  The last one frees what is held, unless one may begin
 * again, as a statement may be about hundreds of resources.
 */
void
reply_cache_leave(WalcuReplyCache *cache)
{
	cache->readers--;
	if (cache->readers > 0 || cache->is_repeated || cache->context == NULL)
		return;
	MemoryContextDelete(cache->context);
	cache->context = NULL;
	cache->entries = NULL;
	cache->size = 0;
	dlist_init(&cache->used);
}

/* The bytes that the replies of a statement, and resource, may take up. */
size_t
reply_cache_limit(void)
{
	return Min(work_mem * (size_t) 1024, MOST_BYTES);
}

/* Is something held, or to be held? */
bool
reply_cache_serves(const WalcuReplyCacheUse *share)
{
	return share->cache && share->cache->needed;
}

/*
 * The reply to a request, good until another one is held; NULL when it is not.  Its documents end before
 * those that were asked for, at the _id before, if that is not NULL: how far a range goes depends on what
 * else is read.
 */
const WalcuReply *
reply_cache_find(WalcuReplyCacheUse *share, const WalcuOptions *options, const char *credential,
				 const WalcuRequest *request, const char **before)
{
	WalcuReplyCache *cache = share->cache;
	WalcuDigest key = make_reply_key(cache, credential, request);
	HeldReply *entry = cache->entries ? hash_search(cache->entries, &key, HASH_FIND, NULL) : NULL;

	/* another table of the server may allow for more than this one */
	if (entry == NULL || entry->reply.length > options->max_reply_size)
		return NULL;
	dlist_move_head(&cache->used, &entry->node);
	share->used += entry->cost;
	*before = entry->before[0] ? entry->before : NULL;
	return &entry->reply;
}

/* The job that a request would start once more, if its results have been read; or NULL. */
const WalcuReadJob *
reply_cache_find_job(const WalcuReplyCache *cache, const char *credential, const WalcuRequest *request)
{
	WalcuDigest key;
	ListCell *lc;

	if (cache == NULL || cache->jobs == NIL)
		return NULL;
	key = make_reply_key(cache, credential, request);
	foreach(lc, cache->jobs)
	{
		const NotedJob *noted = lfirst(lc);

		if (memcmp(&noted->key, &key, sizeof(WalcuDigest)) == 0)
			return &noted->job;
	}
	return NULL;
}

/* Remember where the results are of a job that a request has started, if they may be read again. */
void
reply_cache_note_job(WalcuReplyCache *cache, const char *credential, const WalcuRequest *request,
					 const WalcuReadJob *job)
{
	MemoryContext before;
	NotedJob *noted;

	if (cache == NULL || !cache->needed || reply_cache_find_job(cache, credential, request))
		return;
	before = MemoryContextSwitchTo(cache->statement);
	noted = palloc(sizeof(NotedJob));
	noted->key = make_reply_key(cache, credential, request);
	noted->job.url = pstrdup(job->url);
	noted->job.place = job->place ? pstrdup(job->place) : NULL;
	noted->job.found = job->found;
	cache->jobs = lappend(cache->jobs, noted);
	MemoryContextSwitchTo(before);
}

/* The bytes of a reply that could be held now. */
size_t
reply_cache_room(const WalcuReplyCacheUse *share)
{
	size_t limit = share->cache->limit;

	return Min(share->of_job ? limit : limit / LARGEST_PART, limit - Min(share->used, limit));
}

/* Hold the reply of a transfer, which is whole, if it is small and the share has room for it. */
void
reply_cache_hold(WalcuReplyCacheUse *share, const WalcuTransfer *transfer, const char *credential)
{
	WalcuReplyCache *cache = share->cache;
	WalcuDigest key = make_reply_key(cache, credential, transfer->request);
	size_t room = reply_cache_room(share);
	WalcuReply reply;
	HeldReply *entry;
	bool found;

	share->used += transfer->received;
	if (room == 0 || !transfer_reply(transfer, &reply) || reply.length > room)
		return;
	if (cache->entries == NULL)
		create_entries(cache);
	entry = hash_search(cache->entries, &key, HASH_ENTER, &found);
	/* two were under way at once */
	if (found)
		return;
	strlcpy(entry->before, transfer->request->before ? transfer->request->before : "", sizeof(entry->before));
	entry->reply = reply;
	entry->reply.body = memcpy(MemoryContextAlloc(cache->context, reply.length), reply.body, reply.length);
	entry->cost = sizeof(HeldReply) + GetMemoryChunkSpace((void *) entry->reply.body);
	dlist_push_head(&cache->used, &entry->node);
	cache->size += entry->cost;
	while (cache->size > cache->limit)
		drop_oldest(cache);
}

static WalcuReplyCache *
create_cache(MemoryContext statement, const WalcuOptions *options)
{
	WalcuReplyCache *cache = MemoryContextAllocZero(statement, sizeof(WalcuReplyCache));
	void **caches = statement_part(statement, WALCU_STATEMENT_REPLY_CACHES);
	MemoryContext before;

	cache->statement = statement;
	cache->serverid = options->serverid;
	cache->resource = MemoryContextStrdup(statement, options->resource);
	cache->limit = reply_cache_limit();
	cache->readers = 1;
	dlist_init(&cache->used);
	before = MemoryContextSwitchTo(statement);
	*caches = lappend(*caches, cache);
	MemoryContextSwitchTo(before);
	return cache;
}

/* Most of the scans of many servers never hold anything. */
static void
create_entries(WalcuReplyCache *cache)
{
	HASHCTL control = {.keysize = sizeof(WalcuDigest), .entrysize = sizeof(HeldReply)};

	cache->context = AllocSetContextCreate(cache->statement, "walcu replies", ALLOCSET_SMALL_SIZES);
	control.hcxt = cache->context;
	cache->entries = hash_create("walcu replies", 16, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

static bool
is_of_resource(const WalcuReplyCache *cache, const WalcuOptions *options)
{
	return cache->serverid == options->serverid && strcmp(cache->resource, options->resource) == 0;
}

static WalcuDigest
make_reply_key(const WalcuReplyCache *cache, const char *credential, const WalcuRequest *request)
{
	return digest_of_request(cache->serverid, credential,
							 request->unbounded ? request->unbounded : request->url.data);
}

static void
drop_oldest(WalcuReplyCache *cache)
{
	HeldReply *entry = dlist_tail_element(HeldReply, node, &cache->used);

	cache->size -= entry->cost;
	dlist_delete(&entry->node);
	pfree((void *) entry->reply.body);
	hash_search(cache->entries, &entry->key, HASH_REMOVE, NULL);
}
