/*
 * step.h
 *	  The steps of a setup: what is run, and what is found.
 */
#ifndef WALCU_SETUP_STEP_H
#define WALCU_SETUP_STEP_H

#include "postgres.h"

#include "funcapi.h"
#include "setup/state.h"

extern void step_run(WalcuSetup *setup, const char *action, const char *object, const char *statement,
					 const char *detail);
extern void step_find(WalcuSetup *setup, const char *action, const char *object, const char *detail,
					  const char *advice);
extern char *step_rename_advice(Oid relid);
extern void step_carry_out(const WalcuSetup *setup);
extern void step_put_rows(const WalcuSetup *setup, ReturnSetInfo *result);

#endif /* WALCU_SETUP_STEP_H */
