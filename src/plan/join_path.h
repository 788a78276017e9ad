/*
 * join_path.h
 *	  The batched key join: a foreign table asked for what equals keys of the other side.
 */
#ifndef WALCU_JOIN_PATH_H
#define WALCU_JOIN_PATH_H

#include "postgres.h"

#include "plan/join_plan.h"
#include "service/option.h"

/*
 * Keys of the first batch, where few rows may be wanted; each further one has twice as many as the one
 * before.
 */
#define JOIN_PATH_FIRST_BATCH 50

extern void join_path_init(void);
extern bool join_path_prefers_jobs(const WalcuOptions *options, const WalcuJoinPlan *plan, double keys,
								   double pages);

#endif /* WALCU_JOIN_PATH_H */
