/*
 * progress.c
 *	  Tell the client how far a long scan is, every walcu_fdw.progress_interval.
 *
 * A scan notes what it has read, as often as it likes: for every document, and wherever it
 * waits.  When enough time has passed, a NOTICE is raised: never call this from a curl callback,
 * as that can fail.
 */
#include "postgres.h"

#include "exec/progress.h"

#include "access/xact.h"
#include "miscadmin.h"

/* On some machines a look at the clock takes as long as decoding a small document. */
#define MAX_STRIDE 64

static void begin_with_statement(WalcuProgress *progress);
static void look_at_clock(WalcuProgress *progress);
static void report_progress(WalcuProgress *progress, double seconds);

int progress_interval = 10 * 1000;

/* Begins a scan that is expected to read so many documents; 0 when that is not known. */
void
progress_begin(WalcuProgress *progress, const WalcuOptions *options, double expected)
{
	TimestampTz now = GetCurrentTimestamp();

	*progress =
		(WalcuProgress){.options = options, .expected = expected, .told = now, .looked = now, .stride = 1};
}

/* Notes how much has been read since the scan began.  Where a scan waits, it notes the same again. */
void
progress_note(WalcuProgress *progress, const WalcuTally *tally)
{
	bool looks;

	/* workers of any kind have nobody to tell */
	if (progress_interval == 0 || MyBackendType != B_BACKEND)
		return;
	begin_with_statement(progress);
	/* a wait and a request cost far more than a look */
	looks = tally->documents == progress->documents || tally->requests != progress->requests ||
			++progress->unlooked >= progress->stride;
	progress->documents = tally->documents;
	progress->requests = tally->requests;
	progress->retries = tally->retries;
	if (looks)
		look_at_clock(progress);
}

/* Leaves out what a client does between two FETCHes, as that is no work of the scan. */
static void
begin_with_statement(WalcuProgress *progress)
{
	TimestampTz statement = GetCurrentStatementStartTimestamp();

	if (progress->told >= statement)
		return;
	progress->told = progress->looked = statement;
	progress->told_documents = progress->documents;
}

/* Looks as seldom as can be while notes come quickly, and at each of them when they do not. */
static void
look_at_clock(WalcuProgress *progress)
{
	TimestampTz now = GetCurrentTimestamp();
	double since_look = (now - progress->looked) / 1000.0;
	double since_line = (now - progress->told) / 1000.0;

	progress->stride = since_look < progress_interval / 16.0 ? Min(2 * progress->stride, MAX_STRIDE) : 1;
	progress->looked = now;
	progress->unlooked = 0;
	if (since_line < progress_interval)
		return;
	report_progress(progress, since_line / 1000.0);
	progress->told = now;
	progress->told_documents = progress->documents;
}

/* Sends a line, with the rate of the time since the last one. */
static void
report_progress(WalcuProgress *progress, double seconds)
{
	double rate = (progress->documents - progress->told_documents) / seconds;
	char of_about[64] = "";
	char failed[64] = "";

	if (progress->expected > progress->documents)
		snprintf(of_about, sizeof(of_about), " of about %.0f", progress->expected);
	if (progress->retries > 0)
		snprintf(failed, sizeof(failed), ", of which " INT64_FORMAT " repeat%s what failed",
				 progress->retries, progress->retries == 1 ? "s" : "");
	ereport(NOTICE, errmsg("reading \"%s\": " INT64_FORMAT "%s document%s, " INT64_FORMAT
						   " request%s%s, %.*f documents/s",
						   progress->options->resource, progress->documents, of_about,
						   progress->documents == 1 && of_about[0] == '\0' ? "" : "s", progress->requests,
						   progress->requests == 1 ? "" : "s", failed, rate < 10 ? 1 : 0, rate));
}
