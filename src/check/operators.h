/*
 * operators.h
 *	  Checks of the operators that filters have.
 */
#ifndef WALCU_CHECK_OPERATORS_H
#define WALCU_CHECK_OPERATORS_H

#include "postgres.h"

#include "check/run.h"

extern void operators_check(WalcuCheckRun *run);

#endif /* WALCU_CHECK_OPERATORS_H */
