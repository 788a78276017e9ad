/*
 * slow_start.c
 *	  How many requests may be under way to a server of which little is known?
 *
 * A service that grants few requests a second refuses nearly all of a hundred sessions that begin together,
 * and sends them away for a second: nobody asks meanwhile but the few that came first.  So the first
 * requests of all sessions begin as those of TCP do: some at once, and more for each that was served.  When
 * some of the first are refused, the others learn the rate before they ask (granted_rate.c).  One session
 * alone seldom has as many under way, and waits for nothing.
 *
 * line.c takes a place for each request before it begins, and gives it back when the request has ended.
 * Nothing here waits.  All backends share the places where PostgreSQL gives memory for that (shared_table.c).
 */
#include "postgres.h"

#include "http/slow_start.h"

#include "base/shared_table.h"
#include "http/curl_multi.h"

/* So many servers can be known at once. */
#define ENTRIES 128

/* By this name backends find the table: another layout needs another name. */
#define TABLE_NAME "walcu_fdw slow starts"

/* So many may be under way at first, and so many more for each that was served. */
#define FIRST_AT_ONCE   10
#define MORE_FOR_SERVED 2

/* After so many were served a server is known well enough. */
#define ENOUGH 100

/* A server that was not asked for so many milliseconds is not known any more. */
#define LIFETIME (60 * 1000)

/* Nobody waits any longer for those under way, when none has begun for so many milliseconds. */
#define PATIENCE 1000

typedef struct SlowStart
{
	WalcuSharedEntry entry; /* A request to the server last began at its age (by walcu_curl_multi_now). */
	int under_way;          /* So many have begun, and not ended. */
	int served;             /* So many were served, up to ENOUGH. */
} SlowStart;

static WalcuSharedTable starts = {
	.name = TABLE_NAME, .entry_size = sizeof(SlowStart), .entries = ENTRIES, .is_small = true};

/* Called from _PG_init. */
void
slow_start_init(void)
{
	shared_table_announce(&starts);
}

/* Takes a place for a request that begins now; false when there is none, and it is to begin later. */
bool
slow_start_take(Oid serverid)
{
	WalcuDigest key = digest_of_server(serverid);
	double now = walcu_curl_multi_now();
	double idle;
	SlowStart *start;
	bool is_taken;

	shared_table_lock(&starts);
	start = shared_table_enter(&starts, &key);
	idle = now - start->entry.age;
	if (idle > LIFETIME)
		start->served = 0;
	if (idle > PATIENCE)
		start->under_way = 0;
	is_taken = start->served == ENOUGH || start->under_way < FIRST_AT_ONCE + MORE_FOR_SERVED * start->served;
	if (is_taken)
	{
		start->under_way++;
		start->entry.age = (int64) now;
	}
	shared_table_unlock(&starts);
	return is_taken;
}

/* A request has ended, or did not begin after all.  Raises nothing: it runs on abort, too. */
void
slow_start_give_back(Oid serverid, bool was_served)
{
	WalcuDigest key = digest_of_server(serverid);
	SlowStart *start;

	shared_table_lock(&starts);
	start = shared_table_find(&starts, &key);
	if (start)
	{
		start->under_way = Max(start->under_way - 1, 0);
		start->served = Min(start->served + was_served, ENOUGH);
	}
	shared_table_unlock(&starts);
}
