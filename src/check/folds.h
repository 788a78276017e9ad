/*
 * folds.h
 *	  A check of texts: does the service compare them as they are?
 */
#ifndef WALCU_CHECK_FOLDS_H
#define WALCU_CHECK_FOLDS_H

#include "postgres.h"

#include "check/run.h"

extern void folds_look_at_main(WalcuCheckRun *run);
extern void folds_check(WalcuCheckRun *run);

#endif /* WALCU_CHECK_FOLDS_H */
