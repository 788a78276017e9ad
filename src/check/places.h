/*
 * places.h
 *	  Checks of unknown places and of ids.
 */
#ifndef WALCU_CHECK_PLACES_H
#define WALCU_CHECK_PLACES_H

#include "postgres.h"

#include "check/run.h"

extern void places_check_unknown(WalcuCheckRun *run);
extern void places_check_ids(WalcuCheckRun *run);

#endif /* WALCU_CHECK_PLACES_H */
