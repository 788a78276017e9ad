/*
 * extras.h
 *	  Checks of search and group_by.
 */
#ifndef WALCU_CHECK_EXTRAS_H
#define WALCU_CHECK_EXTRAS_H

#include "postgres.h"

#include "check/run.h"

extern void extras_check_search(WalcuCheckRun *run);
extern void extras_check_group_by(WalcuCheckRun *run);

#endif /* WALCU_CHECK_EXTRAS_H */
