/*
 * reply_cache.c
 *	  The replies that a statement holds, for scans that ask the same again.
 *
 * The two sides of a self join, or a nested loop whose outer rows repeat values, need the same
 * replies; and as SQL has it, they should see the same documents.  page.c looks here before it asks, and
 * leaves here what has come whole.  A statement has a memo for each resource that it scans, which begins with the first
 * scan of an execution and goes with its memory, so that nothing is ever held for the next one.
 *
 * What is held is bounded, and what was used longest ago goes first.  A scan that reads more than all there
 * is room for would replace each reply before it is needed again; so an execution of a scan has a share, and when that
 * is used up, its first replies stay.
 */
#include "postgres.h"

#include "fetch/reply_cache.h"

#include "base/digest.h"
#include "base/range.h"
#include "lib/ilist.h"
#include "miscadmin.h"
#include "nodes/memnodes.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

/* Bytes that a memo may hold, if work_mem allows as much. */
#define MOST_BYTES (4 * 1024 * 1024)

/* A reply that takes up more than such a part of them is not small. */
#define LARGEST_PART 4

typedef struct MemoEntry
{
	WalcuDigest key; /* hash key: what was asked for, and with whose credentials */
	WalcuReply reply;
	char before[RANGE_ID_LENGTH + 1]; /* as in the request; or empty */
	size_t cost;                      /* bytes that it takes up */
	dlist_node node;                  /* in the order of use */
} MemoEntry;

struct WalcuMemo
{
	MemoryContext context;
	MemoryContextCallback mark; /* by which it is found */
	Oid serverid;
	const char *resource;
	bool needed; /* something may be asked for again */
	HTAB *entries;
	dlist_head used; /* of MemoEntry: what was used last comes first */
	size_t size;     /* of all of them */
	size_t limit;
};

static WalcuMemo *create(MemoryContext statement, const WalcuOptions *options);
static bool is_of_resource(const WalcuMemo *memo, const WalcuOptions *options);
static void mark(void *arg);
static WalcuDigest key_of(const WalcuMemo *memo, const char *credential, const WalcuRequest *request);
static void drop_oldest(WalcuMemo *memo);

/*
 * The memo for another scan of a statement's execution, made for the first one.  It hangs on the statement's memory:
 * PostgreSQL has no other place for what is the statement's own, and functions that it calls have statements of theirs.
 */
WalcuMemo *
memo_get(EState *estate, const WalcuOptions *options)
{
	MemoryContextCallback *callback = estate->es_query_cxt->reset_cbs;
	WalcuMemo *memo;

	while (callback && !(callback->func == mark && is_of_resource(callback->arg, options)))
		callback = callback->next;
	if (callback == NULL)
		return create(estate->es_query_cxt, options);
	memo = callback->arg;
	memo_expect(memo);
	return memo;
}

/* Tell that requests may be repeated: nothing is held for what most statements have, one scan of a resource, run once. */
void
memo_expect(WalcuMemo *memo)
{
	memo->needed = true;
}

/* Is something held, or to be held? */
bool
memo_serves(const WalcuShare *share)
{
	return share->memo && share->memo->needed;
}

/*
 * The reply to a request, good until another one is held; NULL when it is not.  Its documents end before those that were
 * asked for, at the _id before, if that is not NULL: how far a range goes depends on what else is read.
 */
const WalcuReply *
memo_find(WalcuShare *share, const WalcuOptions *options, const char *credential, const WalcuRequest *request,
		  const char **before)
{
	WalcuMemo *memo = share->memo;
	WalcuDigest key = key_of(memo, credential, request);
	MemoEntry *entry = hash_search(memo->entries, &key, HASH_FIND, NULL);

	/* another table of the server may allow for more than this one */
	if (entry == NULL || entry->reply.length > options->max_reply_size)
		return NULL;
	dlist_move_head(&memo->used, &entry->node);
	share->used += entry->cost;
	*before = entry->before[0] ? entry->before : NULL;
	return &entry->reply;
}

/* The bytes of a reply that could be held now. */
size_t
memo_room(const WalcuShare *share)
{
	size_t limit = share->memo->limit;

	return Min(limit / LARGEST_PART, limit - Min(share->used, limit));
}

/* Hold the reply of a transfer, which is whole, if it is small and the share has room for it. */
void
memo_hold(WalcuShare *share, const WalcuTransfer *transfer, const char *credential)
{
	WalcuMemo *memo = share->memo;
	WalcuDigest key = key_of(memo, credential, transfer->request);
	size_t room = memo_room(share);
	WalcuReply reply;
	MemoEntry *entry;
	bool found;

	share->used += transfer->received;
	if (room == 0 || !transport_reply(transfer, &reply) || reply.length > room)
		return;
	entry = hash_search(memo->entries, &key, HASH_ENTER, &found);
	/* two were under way at once */
	if (found)
		return;
	strlcpy(entry->before, transfer->request->before ? transfer->request->before : "", sizeof(entry->before));
	entry->reply = reply;
	entry->reply.body = memcpy(MemoryContextAlloc(memo->context, reply.length), reply.body, reply.length);
	entry->cost = sizeof(MemoEntry) + GetMemoryChunkSpace((void *) entry->reply.body);
	dlist_push_head(&memo->used, &entry->node);
	memo->size += entry->cost;
	while (memo->size > memo->limit)
		drop_oldest(memo);
}

static WalcuMemo *
create(MemoryContext statement, const WalcuOptions *options)
{
	MemoryContext context = AllocSetContextCreate(statement, "walcu replies", ALLOCSET_SMALL_SIZES);
	WalcuMemo *memo = MemoryContextAllocZero(context, sizeof(WalcuMemo));
	HASHCTL control = {.keysize = sizeof(WalcuDigest), .entrysize = sizeof(MemoEntry), .hcxt = context};

	memo->context = context;
	memo->serverid = options->serverid;
	memo->resource = MemoryContextStrdup(context, options->resource);
	memo->limit = Min(work_mem * (size_t) 1024, MOST_BYTES);
	memo->entries = hash_create("walcu replies", 16, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	dlist_init(&memo->used);
	memo->mark.func = mark;
	memo->mark.arg = memo;
	MemoryContextRegisterResetCallback(statement, &memo->mark);
	return memo;
}

static bool
is_of_resource(const WalcuMemo *memo, const WalcuOptions *options)
{
	return memo->serverid == options->serverid && strcmp(memo->resource, options->resource) == 0;
}

/* There is nothing to be done: what is held goes with its context. */
static void
mark(void *arg)
{
}

static WalcuDigest
key_of(const WalcuMemo *memo, const char *credential, const WalcuRequest *request)
{
	return digest_of_request(memo->serverid, credential,
							 request->unbounded ? request->unbounded : request->url.data);
}

static void
drop_oldest(WalcuMemo *memo)
{
	MemoEntry *entry = dlist_tail_element(MemoEntry, node, &memo->used);

	memo->size -= entry->cost;
	dlist_delete(&entry->node);
	pfree((void *) entry->reply.body);
	hash_search(memo->entries, &entry->key, HASH_REMOVE, NULL);
}
