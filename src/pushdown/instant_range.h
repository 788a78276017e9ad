/*
 * instant_range.h
 *	  Which dates of documents an SQL value can be made of.
 */
#ifndef WALCU_INSTANT_RANGE_H
#define WALCU_INSTANT_RANGE_H

#include "postgres.h"

#include "pushdown/document_path.h"

/* The dates of documents whose SQL value can be equal to a value; both ends are included. */
typedef struct WalcuInstantRange
{
	TimestampTz least;    /* No date is before this. */
	TimestampTz greatest; /* None is after this. */
	bool exact;           /* There is one value, and each date is on the same side of it as its SQL value. */
} WalcuInstantRange;

extern bool instant_range_of_value(const WalcuDocumentPath *operand, Datum value, Oid type,
								   WalcuInstantRange *range);

#endif /* WALCU_INSTANT_RANGE_H */
