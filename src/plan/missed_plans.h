/*
 * missed_plans.h
 *	  Is the plan that is made now looked through when it is finished?
 */
#ifndef WALCU_MISSED_PLANS_H
#define WALCU_MISSED_PLANS_H

#include "postgres.h"

extern void missed_plans_begin_watched(void);
extern void missed_plans_end_watched(void);
extern bool missed_plans_note(void);
extern bool missed_plans_exist(void);

#endif /* WALCU_MISSED_PLANS_H */
