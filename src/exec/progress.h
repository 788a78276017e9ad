/*
 * progress.h
 *	  Lines that tell the client how far a long scan is.
 */
#ifndef WALCU_PROGRESS_H
#define WALCU_PROGRESS_H

#include "postgres.h"

#include "service/option.h"
#include "utils/timestamp.h"

typedef struct WalcuProgress
{
	const WalcuOptions *options;
	double expected; /* documents in all; 0 when that is not known */
	int64 documents; /* that were noted last */
	int64 requests;
	TimestampTz told;     /* when the last line was sent, or the scan or the statement began */
	int64 told_documents; /* how many had been read then */
	TimestampTz looked;   /* at the clock */
	int stride;           /* notes from one look to the next */
	int unlooked;         /* notes since the last look */
} WalcuProgress;

/* The setting walcu_fdw.progress_interval: milliseconds from one line to the next; 0 for none. */
extern int progress_interval;

extern void progress_begin(WalcuProgress *progress, const WalcuOptions *options, double expected);
extern void progress_note(WalcuProgress *progress, int64 documents, int64 requests);

#endif /* WALCU_PROGRESS_H */
