/*
 * read_ahead_plan.h
 *	  Where a plan asks a foreign scan for one key after another, and which node could tell it of more.
 */
#ifndef WALCU_READ_AHEAD_PLAN_H
#define WALCU_READ_AHEAD_PLAN_H

#include "postgres.h"

extern void read_ahead_plan_init(void);

#endif /* WALCU_READ_AHEAD_PLAN_H */
