/*
 * pattern.h
 *	  SQL's patterns as the service's regular expressions.
 */
#ifndef WALCU_PATTERN_H
#define WALCU_PATTERN_H

#include "postgres.h"

/* Where a translation cannot match exactly what the pattern does, it errs to this side. */
typedef enum WalcuPatternBound
{
	WALCU_PATTERN_MOST, /* It may match more: documents are asked for that match it. */
	WALCU_PATTERN_LEAST /* It may match less: documents are asked for that do not match it. */
} WalcuPatternBound;

extern char *pattern_from_like(const char *like, bool ignore_case, WalcuPatternBound bound);
extern char *pattern_from_folded_like(const char *like);
extern char *pattern_like_prefix(const char *like, bool ignore_case);
extern char *pattern_regex_prefix(const char *regex, bool ignore_case);
extern char *pattern_from_prefix(const char *prefix);
extern char *pattern_from_regex(const char *regex, bool ignore_case, bool ascii_classes,
								WalcuPatternBound bound);
extern char *pattern_from_uuid(const char *uuid);

#endif /* WALCU_PATTERN_H */
