/*
 * commit_steps.h
 *	  Procedures that commit after each of their steps.
 */
#ifndef WALCU_COMMIT_STEPS_H
#define WALCU_COMMIT_STEPS_H

#include "postgres.h"

#include "fmgr.h"

extern void commit_steps_begin(FunctionCallInfo fcinfo, const char *name);
extern void commit_steps_commit(void);
extern void commit_steps_end(void);

#endif /* WALCU_COMMIT_STEPS_H */
