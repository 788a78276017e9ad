/*
 * progress.h
 *	  Lines that tell the client how far a long scan is.
 */
#ifndef WALCU_PROGRESS_H
#define WALCU_PROGRESS_H

#include "postgres.h"

#include "fetch/tally.h"
#include "service/option.h"
#include "utils/timestamp.h"

/* How far a scan is, and when it has last said so. */
typedef struct WalcuProgress
{
	const WalcuOptions *options; /* Lines name the resource of this table. */
	double expected;      /* The scan is expected to read so many documents; 0 when that is not known. */
	int64 documents;      /* It had read so many when it noted that last. */
	int64 requests;       /* It had sent so many then. */
	int64 retries;        /* So many of them repeat what had failed. */
	TimestampTz told;     /* The last line was sent then, or the scan or the statement began. */
	int64 told_documents; /* It had read so many then. */
	TimestampTz looked;   /* The clock was looked at then. */
	int stride;           /* The clock is looked at after so many notes. */
	int unlooked;         /* There were so many notes since. */
} WalcuProgress;

/* The setting walcu_fdw.progress_interval: milliseconds from one line to the next; 0 for none. */
extern int progress_interval;

extern void progress_begin(WalcuProgress *progress, const WalcuOptions *options, double expected);
extern void progress_note(WalcuProgress *progress, const WalcuTally *tally);

#endif /* WALCU_PROGRESS_H */
