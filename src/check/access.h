/*
 * access.h
 *	  Checks of credentials, dealer and resources.
 */
#ifndef WALCU_CHECK_ACCESS_H
#define WALCU_CHECK_ACCESS_H

#include "postgres.h"

#include "check/run.h"

/* So many documents are asked for, to see whether a page has more than the description says. */
#define ACCESS_WANTED 100

extern void access_check_credentials(WalcuCheckRun *run);
extern void access_check_dealer(WalcuCheckRun *run);
extern void access_sum_up_resources(WalcuCheckRun *run);

#endif /* WALCU_CHECK_ACCESS_H */
