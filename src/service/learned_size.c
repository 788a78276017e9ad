/*
 * learned_size.c
 *	  About how many documents a resource has, as far as somebody has seen.
 *
 * Those who read to the end (scan.c), count (count_scan.c) or look far out (size_probe.c) note here what they
 * have seen, and the planner (relsize.c) makes an estimate of it where a table was never analyzed.
 *
 * All backends share it where PostgreSQL gives memory for that (shared_table.c).  A number is no secret that
 * a credential guards: it is as coarse as what pg_class tells everybody after ANALYZE.
 */
#include "postgres.h"

#include "service/learned_size.h"

#include "base/shared_table.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/timestamp.h"

/* So many resources can be remembered at once. */
#define ENTRIES 1024

/* What was seen is good for so many milliseconds. */
#define LIFETIME (60 * 60 * 1000)

/* By this name backends find the table: another layout needs another name. */
#define TABLE_NAME "walcu_fdw seen sizes"

typedef struct SizeEntry
{
	WalcuSharedEntry entry; /* Somebody has seen it at its age, a TimestampTz. */
	WalcuLearnedSize size;  /* The resource has so many documents. */
} SizeEntry;

static WalcuSharedTable sizes = {.name = TABLE_NAME, .entry_size = sizeof(SizeEntry), .entries = ENTRIES};

static WalcuDigest make_size_key(const WalcuOptions *options);

/* Called from _PG_init. */
void
learned_size_init(void)
{
	shared_table_announce(&sizes);
}

/* Tells what is known of the size of the options' resource. */
WalcuLearnedSize
learned_size(const WalcuOptions *options)
{
	WalcuDigest key = make_size_key(options);
	WalcuLearnedSize size = {.least = 0, .most = LEARNED_SIZE_OPEN};
	SizeEntry *known;

	shared_table_lock(&sizes);
	known = shared_table_find(&sizes, &key);
	if (known && !TimestampDifferenceExceeds(known->entry.age, GetCurrentTimestamp(), LIFETIME))
		size = known->size;
	shared_table_unlock(&sizes);
	return size;
}

/*
 * Notes that there are so many documents at least, and at most unless that is LEARNED_SIZE_OPEN.  What is
 * known already narrows it, as far as it does not contradict.
 */
void
learned_size_note(const WalcuOptions *options, double least, double most)
{
	WalcuLearnedSize before = learned_size(options);
	WalcuDigest key = make_size_key(options);
	SizeEntry *known;

	if (most == LEARNED_SIZE_OPEN && before.most >= least)
		most = before.most;
	if (before.least > least && (most == LEARNED_SIZE_OPEN || before.least <= most))
		least = before.least;
	shared_table_lock(&sizes);
	known = shared_table_enter(&sizes, &key);
	known->size = (WalcuLearnedSize){least, most};
	known->entry.age = GetCurrentTimestamp();
	shared_table_unlock(&sizes);
}

/* Makes a key of where the resource is, so that a server that is altered has other ones. */
static WalcuDigest
make_size_key(const WalcuOptions *options)
{
	StringInfoData text;
	WalcuDigest digest;

	initStringInfo(&text);
	appendStringInfo(&text, "%u\n%u\n%s\n%s\n%s", MyDatabaseId, options->serverid, options->endpoint,
					 options->dealer_id ? options->dealer_id : "", options->resource);
	digest = digest_of(text.data, text.len);
	pfree(text.data);
	return digest;
}
