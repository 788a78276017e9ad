/*
 * learned.c
 *	  What this session has learned of a server, beside what its options and its description say.
 *
 * Whoever meets a refused filter (refusal.c) notes here what it has shown, so that the next query need not
 * find it out again; deparse_id.c asks before it sends a value.  All of it is forgotten when the options of a
 * server or a foreign table change, as the server may be another one then.
 */
#include "postgres.h"

#include "service/learned.h"

#include "base/digest.h"
#include "lib/stringinfo.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/syscache.h"

/* The backend keeps no more facts than these. */
#define MOST_FACTS 10000

/* The facts, as digests; NULL when there is none. */
static HTAB *facts = NULL;

/* Options have changed since. */
static bool is_outdated = false;

static WalcuDigest make_fact_key(WalcuLearned kind, const WalcuOptions *options, const char *about);
static void mark_facts_outdated(Datum arg, int cache, uint32 hash);
static void forget_facts(void);

/* Tells whether something was learned of a resource of a server. */
bool
learned_tells(WalcuLearned kind, const WalcuOptions *options, const char *about)
{
	WalcuDigest key;

	if (is_outdated)
		forget_facts();
	if (facts == NULL)
		return false;
	key = make_fact_key(kind, options, about);
	return hash_search(facts, &key, HASH_FIND, NULL) != NULL;
}

/* Keep what was learned. */
void
learned_note(WalcuLearned kind, const WalcuOptions *options, const char *about)
{
	static bool registered = false;
	WalcuDigest key = make_fact_key(kind, options, about);

	if (!registered)
	{
		CacheRegisterSyscacheCallback(FOREIGNSERVEROID, mark_facts_outdated, (Datum) 0);
		CacheRegisterSyscacheCallback(FOREIGNTABLEREL, mark_facts_outdated, (Datum) 0);
		registered = true;
	}
	if (is_outdated || (facts && hash_get_num_entries(facts) >= MOST_FACTS))
		forget_facts();
	if (facts == NULL)
	{
		HASHCTL control = {.keysize = sizeof(WalcuDigest), .entrysize = sizeof(WalcuDigest)};

		facts = hash_create("walcu_fdw learned", 16, &control, HASH_ELEM | HASH_BLOBS);
	}
	hash_search(facts, &key, HASH_ENTER, NULL);
}

static WalcuDigest
make_fact_key(WalcuLearned kind, const WalcuOptions *options, const char *about)
{
	StringInfoData text;
	WalcuDigest digest;

	initStringInfo(&text);
	appendStringInfo(&text, "%d\n%u\n%s\n%s", kind, options->serverid, options->resource, about);
	digest = digest_of(text.data, text.len);
	pfree(text.data);
	return digest;
}

/* PostgreSQL calls this when a server or a foreign table has changed, where nothing may be freed. */
static void
mark_facts_outdated(Datum arg, int cache, uint32 hash)
{
	is_outdated = true;
}

static void
forget_facts(void)
{
	if (facts)
		hash_destroy(facts);
	facts = NULL;
	is_outdated = false;
}
