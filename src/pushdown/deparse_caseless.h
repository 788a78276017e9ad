/*
 * deparse_caseless.h
 *	  What patterns and values become in a filter where upper and lower case are the same.
 */
#ifndef WALCU_DEPARSE_CASELESS_H
#define WALCU_DEPARSE_CASELESS_H

#include "postgres.h"

#include "pushdown/document_path.h"
#include "pushdown/pattern.h"

extern char *deparse_caseless_like(const WalcuDocumentPath *operand, Oid collation, const char *like,
								   WalcuPatternBound bound);
extern char *deparse_caseless_regex(const char *regex, WalcuPatternBound bound);
extern WalcuFilter *deparse_caseless_equal(const WalcuDocumentPath *operand, const char *text);

#endif /* WALCU_DEPARSE_CASELESS_H */
