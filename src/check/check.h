/*
 * check.h
 *	  What the service is like, what does not fit it, and which option mends that.
 */
#ifndef WALCU_CHECK_H
#define WALCU_CHECK_H

#include "postgres.h"

#include "check/run.h"

extern WalcuCheckRun *check_start(const char *server_name, const char *resource, bool writes);
extern WalcuCheckRun *check_run(const char *server_name, const char *resource, bool writes);

#endif /* WALCU_CHECK_H */
