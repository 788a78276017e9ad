/*
 * deparse_jsonb.h
 *	  What containment and keys of jsonb become in a filter.
 */
#ifndef WALCU_DEPARSE_JSONB_H
#define WALCU_DEPARSE_JSONB_H

#include "postgres.h"

#include "pushdown/filter.h"
#include "pushdown/predicate.h"

extern WalcuFilter *deparse_jsonb(const WalcuPredicate *condition, Datum value);

#endif /* WALCU_DEPARSE_JSONB_H */
