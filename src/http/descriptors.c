/*
 * descriptors.c
 *	  How many descriptors the session may have open for its connections.
 *
 * PostgreSQL counts what extensions have open beside its files, and leaves them a third of what the process
 * may have (max_files_per_process, ulimit -n).  Before line.c opens something it asks here.
 */
#include "postgres.h"

#include "http/descriptors.h"

#include "storage/fd.h"

/* So many are left to others: the executor needs one to wait for several scans, and postgres_fdw its own. */
#define LEFT_TO_OTHERS 8

/* False when there are not so many to be had. */
bool
descriptors_acquire(int count)
{
	int acquired = 0;
	bool enough;

	while (acquired < count + LEFT_TO_OTHERS && AcquireExternalFD())
		acquired++;
	enough = acquired == count + LEFT_TO_OTHERS;
	descriptors_release(enough ? LEFT_TO_OTHERS : acquired);
	return enough;
}

/* For what the session cannot do without: PostgreSQL closes files of its own, should there be too many. */
void
descriptors_reserve(int count)
{
	for (int i = 0; i < count; i++)
		ReserveExternalFD();
}

/* Raises nothing: it runs on abort, too. */
void
descriptors_release(int count)
{
	for (int i = 0; i < count; i++)
		ReleaseExternalFD();
}
