/*
 * description.h
 *	  The served description against the installed one.
 */
#ifndef WALCU_CHECK_DESCRIPTION_H
#define WALCU_CHECK_DESCRIPTION_H

#include "postgres.h"

#include "check/run.h"

extern void description_check_service(WalcuCheckRun *run);

#endif /* WALCU_CHECK_DESCRIPTION_H */
