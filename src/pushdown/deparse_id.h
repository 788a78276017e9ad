/*
 * deparse_id.h
 *	  What conditions on a place that may hold ObjectIds become in a filter.
 */
#ifndef WALCU_DEPARSE_ID_H
#define WALCU_DEPARSE_ID_H

#include "postgres.h"

#include "pushdown/filter.h"
#include "pushdown/predicate.h"

extern WalcuFilter *deparse_id_not_null(const WalcuDocumentPath *operand);
extern WalcuFilter *deparse_id_equal(const WalcuDocumentPath *operand, List *literals, bool splittable);
extern WalcuFilter *deparse_id_excluded(const WalcuDocumentPath *operand, List *excluded, bool null_excluded);
extern WalcuFilter *deparse_id_order(const WalcuPredicate *condition, const WalcuDocumentPath *operand,
									 const char *text);
extern WalcuFilter *deparse_id_match(const WalcuPredicate *condition, const char *pattern);

#endif /* WALCU_DEPARSE_ID_H */
