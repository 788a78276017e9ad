/*
 * caseless_pattern.h
 *	  Patterns of texts in which upper and lower case are the same, by any collation.
 */
#ifndef WALCU_CASELESS_PATTERN_H
#define WALCU_CASELESS_PATTERN_H

#include "postgres.h"

#include "pushdown/pattern.h"

/* How texts and patterns are made alike. */
typedef struct WalcuCaseless
{
	bool is_upper;   /* By upper(), else by lower(). */
	bool drops_dots; /* An I and a dot above it may be one i. */
} WalcuCaseless;

extern char *caseless_pattern_from_like(const char *like, const WalcuCaseless *caseless,
										WalcuPatternBound bound);

#endif /* WALCU_CASELESS_PATTERN_H */
