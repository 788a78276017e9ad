/*
 * waiting_cost.h
 *	  What of a plan's cost is waiting for the service.
 */
#ifndef WALCU_WAITING_COST_H
#define WALCU_WAITING_COST_H

#include "postgres.h"

extern void waiting_cost_init(void);

#endif /* WALCU_WAITING_COST_H */
