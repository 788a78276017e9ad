/*
 * truth_value.h
 *	  Which value of a type PostgreSQL makes of a JSON value.
 */
#ifndef WALCU_TRUTH_VALUE_H
#define WALCU_TRUTH_VALUE_H

#include "truth.h"

typedef enum TruthFit
{
	TRUTH_FITS,
	TRUTH_MISMATCH,
	TRUTH_UNSTORABLE /* jsonb has no such value, either */
} TruthFit;

typedef struct TruthDatum
{
	TruthFit fit;
	bool is_null;
	Datum value;
} TruthDatum;

extern TruthDatum truth_datum(const TruthValue *value, Oid type, int32 typmod);

#endif /* WALCU_TRUTH_VALUE_H */
