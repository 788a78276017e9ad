/*
 * objectid.c
 *	  Ids for new documents, as MongoDB makes them.
 *
 * modify.c asks for one where the option client_ids says so.
 */
#include "postgres.h"

#include <time.h>

#include "base/objectid.h"

#include "miscadmin.h"
#include "port.h"

/* Random bytes of a process, and how many bits its counter has. */
#define RANDOM_SIZE  5
#define COUNTER_MASK 0xFFFFFF

/* 24 hexadecimal digits: the time in seconds, what tells processes apart, a counter. */
char *
objectid_create(void)
{
	static int process = 0;
	static unsigned char random[RANDOM_SIZE];
	static uint32 counter;

	/* a forked process must not go on with its parent's */
	if (process != MyProcPid)
	{
		if (!pg_strong_random(random, sizeof(random)) || !pg_strong_random(&counter, sizeof(counter)))
			ereport(ERROR, errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not generate random bytes"));
		process = MyProcPid;
	}
	counter = (counter + 1) & COUNTER_MASK;
	return psprintf("%08x%02x%02x%02x%02x%02x%06x", (uint32) time(NULL), random[0], random[1], random[2],
					random[3], random[4], counter);
}
