/*
 * analyze.h
 *	  ANALYZE of a foreign table.
 */
#ifndef WALCU_ANALYZE_H
#define WALCU_ANALYZE_H

#include "postgres.h"

#include "commands/vacuum.h"
#include "foreign/fdwapi.h"

extern bool analyze_table(Relation relation, AcquireSampleRowsFunc *sampler, BlockNumber *pages);

#endif /* WALCU_ANALYZE_H */
