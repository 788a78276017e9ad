/*
 * transport.h
 *	  Checks of how the service is reached.
 */
#ifndef WALCU_CHECK_TRANSPORT_H
#define WALCU_CHECK_TRANSPORT_H

#include "postgres.h"

#include "check/run.h"

extern void transport_check_reachable(WalcuCheckRun *run);
extern void transport_check_tls(WalcuCheckRun *run);
extern void transport_sum_up_latency(WalcuCheckRun *run);
extern void transport_sum_up_version(WalcuCheckRun *run);
extern void transport_sum_up_compression(WalcuCheckRun *run);
extern void transport_sum_up_limits(WalcuCheckRun *run);
extern void transport_sum_up_requests(WalcuCheckRun *run);

#endif /* WALCU_CHECK_TRANSPORT_H */
