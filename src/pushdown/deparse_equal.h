/*
 * deparse_equal.h
 *	  Filters for a place that equals one of some values.
 */
#ifndef WALCU_DEPARSE_EQUAL_H
#define WALCU_DEPARSE_EQUAL_H

#include "postgres.h"

#include "pushdown/document_path.h"
#include "pushdown/filter.h"
#include "utils/jsonb.h"

/* What documents have to be like, gathered value by value. */
typedef struct WalcuEqualMatches
{
	List *literals;   /* The place equals one of these JSON texts. */
	List *filters;    /* Or it matches one of these. */
	uint32 unchecked; /* Every value of these types (WALCU_IS_...) may match. */
} WalcuEqualMatches;

extern uint32 deparse_equal_checked(const WalcuDocumentPath *operand);
extern bool deparse_equal_is_alike(const WalcuDocumentPath *operand);
extern WalcuFilter *deparse_equal_or_unchecked(const WalcuDocumentPath *operand, List *filters,
											   uint32 unchecked);
extern void deparse_equal_add(const WalcuDocumentPath *operand, Datum value, Oid type,
							  WalcuEqualMatches *matches);
extern void deparse_equal_add_string(const WalcuDocumentPath *operand, const char *text,
									 WalcuEqualMatches *matches);
extern void deparse_equal_add_scalar(const WalcuDocumentPath *operand, uint32 type, const char *literal,
									 WalcuEqualMatches *matches);
extern void deparse_equal_add_jsonb(const WalcuDocumentPath *operand, const JsonbValue *value,
									WalcuEqualMatches *matches);
extern char *deparse_equal_types_json(uint32 types);
extern char *deparse_equal_excluded(const WalcuDocumentPath *operand, Datum value, Oid type);
extern List *deparse_equal_sort_unique(List *texts);
extern WalcuFilter *deparse_equal_clause(const WalcuDocumentPath *operand, WalcuEqualMatches *matches);

#endif /* WALCU_DEPARSE_EQUAL_H */
