/*
 * latency.h
 *	  How long requests and background jobs of a server take, as far as this backend has seen.
 */
#ifndef WALCU_LATENCY_H
#define WALCU_LATENCY_H

#include "postgres.h"

#include "service/option.h"

extern double latency_job_requests(const WalcuOptions *options);
extern void latency_note_request(const WalcuOptions *options, double milliseconds);
extern void latency_note_job(const WalcuOptions *options, double milliseconds);

#endif /* WALCU_LATENCY_H */
