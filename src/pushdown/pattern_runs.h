/*
 * pattern_runs.h
 *	  Patterns that the service can refuse a text by in a short time.
 */
#ifndef WALCU_PATTERN_RUNS_H
#define WALCU_PATTERN_RUNS_H

#include "postgres.h"

extern char *pattern_runs_gather(const char *pattern);

#endif /* WALCU_PATTERN_RUNS_H */
