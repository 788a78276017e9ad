/*
 * scalar.h
 *	  SQL values as the bounds of a filter.
 */
#ifndef WALCU_SCALAR_H
#define WALCU_SCALAR_H

#include "postgres.h"

#include "datatype/timestamp.h"

/* A number among those that the service can hold, which are doubles. */
typedef struct WalcuScalarNumber
{
	double value;   /* This is the nearest one; it is infinite below or above all of them. */
	bool canonical; /* It prints as the very number that was given. */
} WalcuScalarNumber;

/* The clock of a date or timestamp is read in one of these ways. */
typedef enum WalcuScalarClock
{
	WALCU_CLOCK_UTC,
	WALCU_CLOCK_SESSION /* The clock shows the session's time zone. */
} WalcuScalarClock;

extern WalcuScalarNumber scalar_number(Datum value, Oid type);
extern char *scalar_number_json(double number);
extern bool scalar_is_plain_number(const char *text);
extern void scalar_number_range(double number, double rounding, bool single, double *least, double *greatest);
extern TimestampTz scalar_instant(Datum value, Oid type, WalcuScalarClock clock);
extern bool scalar_instant_is_finite(TimestampTz instant);
extern TimestampTz scalar_instant_shifted(TimestampTz instant, int64 microseconds);
extern char *scalar_instant_json(TimestampTz instant);
extern char *scalar_text(Datum value, Oid type);

#endif /* WALCU_SCALAR_H */
