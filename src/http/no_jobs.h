/*
 * no_jobs.h
 *	  Which servers' background jobs are of no use, as far as this backend has seen.
 */
#ifndef WALCU_NO_JOBS_H
#define WALCU_NO_JOBS_H

#include "postgres.h"

#include "service/option.h"

/* What is kept of why a server's jobs are of no use, in bytes. */
#define NO_JOBS_REASON_SIZE 300

extern const char *no_jobs_reason(const WalcuOptions *options);
extern void no_jobs_note(const WalcuOptions *options, const char *reason);

#endif /* WALCU_NO_JOBS_H */
