/*
 * zone.h
 *	  How far the clock of a time zone is from UTC.
 */
#ifndef WALCU_ZONE_H
#define WALCU_ZONE_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "pgtime.h"

extern void zone_offsets_near(pg_tz *zone, TimestampTz instant, int days, int64 *least, int64 *greatest);

#endif /* WALCU_ZONE_H */
