/*
 * schema_step.h
 *	  The schemas that a setup puts something into.
 */
#ifndef WALCU_SETUP_SCHEMA_STEP_H
#define WALCU_SETUP_SCHEMA_STEP_H

#include "postgres.h"

#include "setup/state.h"

extern Oid schema_step_add(WalcuSetup *setup, const char *schema);
extern bool schema_step_is_taken(Oid schemaid, const char *name);

#endif /* WALCU_SETUP_SCHEMA_STEP_H */
