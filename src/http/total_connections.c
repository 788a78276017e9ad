/*
 * total_connections.c
 *	  How many connections do all sessions together have open to a server, and may there be more?
 *
 * line_room.c asks before it lets curl open one to a server with the option max_connections_total, and says
 * when it is closed.  Nothing here waits.
 *
 * All backends share the counts (shared_table.c).  Where PostgreSQL can spare no memory for them, each counts
 * its own, and says so.
 */
#include "postgres.h"

#include "http/total_connections.h"

#include "base/shared_table.h"
#include "http/curl_multi.h"

/* So many servers can be counted at once. */
#define ENTRIES 1024

/* By this name backends find the table: another layout needs another name. */
#define TABLE_NAME "walcu_fdw connections"

typedef struct ConnectionCount
{
	WalcuSharedEntry entry; /* Its age is when it had none (by walcu_curl_multi_now), or the end of time. */
	int open;               /* So many connections are open. */
} ConnectionCount;

static WalcuSharedTable counts = {
	.name = TABLE_NAME, .entry_size = sizeof(ConnectionCount), .entries = ENTRIES, .is_small = true};

static void warn_unless_shared(void);

/* Called from _PG_init. */
void
total_connections_init(void)
{
	shared_table_announce(&counts);
}

/* Count so many connections more; false when more than most would be open. */
bool
total_connections_acquire(Oid serverid, int count, int most)
{
	WalcuDigest key = digest_of_server(serverid);
	ConnectionCount *known;
	bool enough;

	shared_table_lock(&counts);
	known = shared_table_enter(&counts, &key);
	enough = known->open + count <= most;
	if (enough)
		known->open += count;
	if (known->open > 0)
		known->entry.age = PG_INT64_MAX;
	shared_table_unlock(&counts);
	warn_unless_shared();
	return enough;
}

/* So many were closed.  Raises nothing: it runs on abort, too. */
void
total_connections_release(Oid serverid, int count)
{
	WalcuDigest key;
	ConnectionCount *known;

	if (count == 0)
		return;
	key = digest_of_server(serverid);
	shared_table_lock(&counts);
	known = shared_table_find(&counts, &key);
	if (known)
	{
		known->open = Max(known->open - count, 0);
		if (known->open == 0)
			known->entry.age = (int64) walcu_curl_multi_now();
	}
	shared_table_unlock(&counts);
}

/* Are more than half of those open that may be, so that none should be kept that is not used? */
bool
total_connections_are_scarce(Oid serverid, int most)
{
	WalcuDigest key = digest_of_server(serverid);
	const ConnectionCount *known;
	bool scarce;

	shared_table_lock(&counts);
	known = shared_table_find(&counts, &key);
	scarce = known && known->open > most / 2;
	shared_table_unlock(&counts);
	return scarce;
}

/* Tells once a session that it counts its own connections alone. */
static void
warn_unless_shared(void)
{
	static bool was_told = false;

	if (counts.is_shared || was_told)
		return;
	was_told = true;
	ereport(WARNING, errmsg("max_connections_total holds for each session alone"),
			errdetail("PostgreSQL has no memory to spare that all sessions share."),
			errhint("Add walcu_fdw to shared_preload_libraries, and restart PostgreSQL."));
}
