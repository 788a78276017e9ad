/*
 * count_cache.c
 *	  How many documents match, as the service was asked lately.
 *
 * The planner (relsize.c) asks for a number that need not be exact, and asks again for each plan; so
 * what was counted is kept for a while by this backend.  ANALYZE leaves what it counted here, too.
 */
#include "postgres.h"

#include "plan/count_cache.h"

#include "base/digest.h"
#include "lib/stringinfo.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

/* A number may differ from the truth by this part of it. */
#define TOLERANCE 0.1

/* A number is good for so many milliseconds. */
#define LIFETIME (60 * 1000)

/* The backend keeps no more numbers than these. */
#define MOST_ENTRIES 1000

/* An entry holds what was counted for one question. */
typedef struct EstimateEntry
{
	WalcuDigest key;        /* The hash key says what was asked for, and with whose credentials. */
	WalcuCount count;       /* The service has so many documents. */
	TimestampTz counted_at; /* They were counted then. */
} EstimateEntry;

/* The table holds what was counted, of EstimateEntry; it is NULL when nothing was. */
static HTAB *estimates = NULL;

/* Nothing of that can be trusted any more. */
static bool is_stale = false;

static bool find_count(WalcuDigest key, WalcuCount *count);
static void keep_count(WalcuDigest key, const WalcuCount *count);
static WalcuDigest make_count_key(const WalcuQuery *query, int64 skip);
static void mark_counts_stale(Datum arg, int cache, uint32 hash);
static void forget_counts(void);

/*
 * Returns about how many documents match the clauses and the search text of a query.  The count looks first
 * where expected says, unless that is 0.
 */
double
count_cache_documents(const WalcuQuery *query, double expected)
{
	WalcuTally tally = {0};
	WalcuCount count;

	if (!count_cache_lookup(query, &count))
	{
		count = count_documents(query, &tally, expected, TOLERANCE);
		count_cache_note(query, &count);
	}
	return count.documents;
}

/* Gives what was counted lately.  Returns false when nothing was. */
bool
count_cache_lookup(const WalcuQuery *query, WalcuCount *count)
{
	return find_count(make_count_key(query, 0), count);
}

/* Gives whether there was a document behind so many lately.  Returns false when nobody has looked. */
bool
count_cache_lookup_behind(const WalcuQuery *query, int64 skip, bool *found)
{
	WalcuCount behind;

	if (!find_count(make_count_key(query, skip), &behind))
		return false;
	*found = behind.documents > 0;
	return true;
}

static bool
find_count(WalcuDigest key, WalcuCount *count)
{
	EstimateEntry *entry;

	if (is_stale)
		forget_counts();
	entry = estimates ? hash_search(estimates, &key, HASH_FIND, NULL) : NULL;
	if (entry == NULL || TimestampDifferenceExceeds(entry->counted_at, GetCurrentTimestamp(), LIFETIME))
		return false;
	*count = entry->count;
	return true;
}

/* Keep what was counted just now. */
void
count_cache_note(const WalcuQuery *query, const WalcuCount *count)
{
	keep_count(make_count_key(query, 0), count);
}

/* Keeps whether there was a document behind so many just now. */
void
count_cache_note_behind(const WalcuQuery *query, int64 skip, bool found)
{
	keep_count(make_count_key(query, skip), &(WalcuCount){.documents = found});
}

static void
keep_count(WalcuDigest key, const WalcuCount *count)
{
	static bool registered = false;
	EstimateEntry *entry;

	if (!registered)
	{
		CacheRegisterSyscacheCallback(FOREIGNSERVEROID, mark_counts_stale, (Datum) 0);
		CacheRegisterSyscacheCallback(USERMAPPINGOID, mark_counts_stale, (Datum) 0);
		registered = true;
	}
	if (is_stale || (estimates && hash_get_num_entries(estimates) >= MOST_ENTRIES))
		forget_counts();
	if (estimates == NULL)
	{
		HASHCTL control = {.keysize = sizeof(WalcuDigest), .entrysize = sizeof(EstimateEntry)};

		estimates = hash_create("walcu_fdw estimates", 16, &control, HASH_ELEM | HASH_BLOBS);
	}
	entry = hash_search(estimates, &key, HASH_ENTER, NULL);
	entry->count = *count;
	entry->counted_at = GetCurrentTimestamp();
}

/* Makes a key of the request and the credential, as another user may see other documents. */
static WalcuDigest
make_count_key(const WalcuQuery *query, int64 skip)
{
	WalcuQuery asked = *query;
	WalcuQueryPart part = {.filters = query->filters};

	asked.project = NIL;
	asked.wanted = 0;
	return digest_of_request(query->options->serverid, query->credential,
							 query_page(&asked, &part, NIL, skip, 0)->url.data);
}

/* PostgreSQL calls this when a server or a user mapping has changed, where nothing may be freed. */
static void
mark_counts_stale(Datum arg, int cache, uint32 hash)
{
	is_stale = true;
}

static void
forget_counts(void)
{
	if (estimates)
		hash_destroy(estimates);
	estimates = NULL;
	is_stale = false;
}
