/*
 * instant_range.h
 *	  Which dates of documents an SQL value can be made of.
 */
#ifndef WALCU_INSTANT_RANGE_H
#define WALCU_INSTANT_RANGE_H

#include "postgres.h"

#include "pushdown/document_path.h"
#include "pushdown/instant_step.h"

/* Which dates a comparison takes. */
typedef enum WalcuInstantExtent
{
	WALCU_INSTANTS_NONE,
	WALCU_INSTANTS_SOME, /* those of a range */
	WALCU_INSTANTS_ALL
} WalcuInstantExtent;

extern WalcuInstantExtent instant_range_of_value(const WalcuDocumentPath *operand, int strategy, Datum value,
												 Oid type, WalcuInstantRange *range);
extern bool instant_range_is_one(const WalcuInstantRange *range);
extern WalcuFilter *instant_range_filter(const WalcuDocumentPath *operand, const WalcuInstantRange *range);

#endif /* WALCU_INSTANT_RANGE_H */
