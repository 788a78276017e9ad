/*
 * resource_plan.h
 *	  The tables of one resource: a new one, or what the known ones lack.
 */
#ifndef WALCU_SETUP_RESOURCE_PLAN_H
#define WALCU_SETUP_RESOURCE_PLAN_H

#include "postgres.h"

#include "service/list_table.h"
#include "setup/state.h"

extern void resource_plan_add(WalcuSetup *setup, const WalcuResource *resource);
extern void resource_plan_add_list(WalcuSetup *setup, const WalcuListTable *list);

#endif /* WALCU_SETUP_RESOURCE_PLAN_H */
