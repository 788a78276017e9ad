/*
 * tally.c
 *	  What reading documents took, as EXPLAIN ANALYZE shows it.
 *
 * The files of fetch/ count in a WalcuTally, and those that explain a scan or a count call in here.
 */
#include "postgres.h"

#include "fetch/tally.h"

#include "mb/pg_wchar.h"

/* Add what it took to the output of EXPLAIN ANALYZE. */
void
tally_explain(const WalcuTally *tally, ExplainState *es)
{
	ExplainPropertyInteger("Requests", NULL, tally->requests, es);
	if (tally->reused > 0)
		ExplainPropertyInteger("Reused Replies", NULL, tally->reused, es);
	ExplainPropertyInteger("Documents", NULL, tally->documents, es);
	ExplainPropertyInteger("Bytes", NULL, tally->bytes, es);
	if (tally->retries > 0)
		ExplainPropertyInteger("Retries", NULL, tally->retries, es);
	if (tally->ranges > 0)
		ExplainPropertyInteger("Ranges", NULL, tally->ranges + 1, es);
	if (tally->probes > 0)
		ExplainPropertyInteger("Order Probes", NULL, tally->probes, es);
	if (tally->as_written)
		ExplainPropertyText("Sorted", "here, with what waits for the commit", es);
	else if (tally->unsorted)
		ExplainPropertyText("Sorted", "here, as the service does not sort as it is asked to", es);
	if (tally->no_job[0] != '\0')
		ExplainPropertyText("Pages because", tally->no_job, es);
	if (tally->rejected > 0)
		ExplainPropertyInteger("Rejected Filters", NULL, tally->rejected, es);
}

/* Note why a job was of no use.  What the service said may be long: it is cut between two characters. */
void
tally_note_obstacle(WalcuTally *tally, const char *obstacle)
{
	int length = pg_mbcliplen(obstacle, strlen(obstacle), sizeof(tally->no_job) - 1);

	memcpy(tally->no_job, obstacle, length);
	tally->no_job[length] = '\0';
}
