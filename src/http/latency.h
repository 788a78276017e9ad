/*
 * latency.h
 *	  How long requests and background jobs of a server take, as far as this backend has seen.
 */
#ifndef WALCU_LATENCY_H
#define WALCU_LATENCY_H

#include "postgres.h"

#include "service/option.h"

/* Milliseconds, on average. */
typedef struct WalcuLatency
{
	double request; /* So many milliseconds pass from sending a request to the end of its reply. */
	double job;     /* So many pass from starting a job to its results. */
} WalcuLatency;

extern WalcuLatency latency_of(const WalcuOptions *options);
extern double latency_job_requests(const WalcuOptions *options);
extern void latency_note_request(const WalcuOptions *options, double milliseconds);
extern void latency_note_job(const WalcuOptions *options, double milliseconds);

#endif /* WALCU_LATENCY_H */
