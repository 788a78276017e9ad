/*
 * iso8601.h
 *	  The dates of the service.
 */
#ifndef WALCU_ISO8601_H
#define WALCU_ISO8601_H

#include "postgres.h"

#include "datatype/timestamp.h"

extern char *iso8601_from_timestamptz(TimestampTz instant);
extern bool iso8601_to_timestamptz(const char *text, int length, TimestampTz *result);

#endif /* WALCU_ISO8601_H */
