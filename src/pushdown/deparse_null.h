/*
 * deparse_null.h
 *	  Filters for a place that is NULL, or is not.
 */
#ifndef WALCU_DEPARSE_NULL_H
#define WALCU_DEPARSE_NULL_H

#include "postgres.h"

#include "pushdown/document_path.h"
#include "pushdown/filter.h"
#include "service/option.h"

extern const char *deparse_null_obstacle(const WalcuOptions *options, const WalcuDocumentPath *operand);
extern WalcuFilter *deparse_not_null(const WalcuDocumentPath *operand);
extern WalcuFilter *deparse_null(const WalcuOptions *options, const WalcuDocumentPath *operand);

#endif /* WALCU_DEPARSE_NULL_H */
