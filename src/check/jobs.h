/*
 * jobs.h
 *	  A check of background jobs.
 */
#ifndef WALCU_CHECK_JOBS_H
#define WALCU_CHECK_JOBS_H

#include "postgres.h"

#include "check/run.h"

extern void jobs_check(WalcuCheckRun *run);

#endif /* WALCU_CHECK_JOBS_H */
