/*
 * values.h
 *	  Values and fields that the description does not tell of.
 */
#ifndef WALCU_CHECK_VALUES_H
#define WALCU_CHECK_VALUES_H

#include "postgres.h"

#include "check/run.h"

extern void values_check_types(WalcuCheckRun *run);
extern void values_check_fields(WalcuCheckRun *run);

#endif /* WALCU_CHECK_VALUES_H */
