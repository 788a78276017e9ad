/*
 * scalar.h
 *	  SQL values as the bounds of a filter.
 */
#ifndef WALCU_SCALAR_H
#define WALCU_SCALAR_H

#include "postgres.h"

#include "datatype/timestamp.h"

/* A number among those that the service can hold, which are doubles. */
typedef struct WalcuNumber
{
	double value;   /* the nearest one; infinite below or above all of them */
	bool canonical; /* it prints as the very number that was given */
} WalcuNumber;

/* How the clock of a date or timestamp is read. */
typedef enum WalcuClock
{
	WALCU_CLOCK_UTC,
	WALCU_CLOCK_SESSION /* in the session's time zone */
} WalcuClock;

extern WalcuNumber value_number(Datum value, Oid type);
extern char *value_number_json(double number);
extern void value_number_range(double number, double rounding, bool single, double *least, double *greatest);
extern TimestampTz value_instant(Datum value, Oid type, WalcuClock clock);
extern bool value_instant_is_finite(TimestampTz instant);
extern TimestampTz value_instant_shifted(TimestampTz instant, int64 microseconds);
extern char *value_instant_json(TimestampTz instant);
extern char *value_text(Datum value, Oid type);

#endif /* WALCU_SCALAR_H */
