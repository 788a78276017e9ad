/*
 * format.h
 *	  Which format of sort and project the service understands.
 */
#ifndef WALCU_CHECK_FORMAT_H
#define WALCU_CHECK_FORMAT_H

#include "postgres.h"

#include "check/run.h"

extern void format_check_sort(WalcuCheckRun *run);
extern void format_check_project(WalcuCheckRun *run);

#endif /* WALCU_CHECK_FORMAT_H */
