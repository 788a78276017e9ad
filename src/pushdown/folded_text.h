/*
 * folded_text.h
 *	  Texts that the service folds before it compares them.
 */
#ifndef WALCU_FOLDED_TEXT_H
#define WALCU_FOLDED_TEXT_H

#include "postgres.h"

#include "pushdown/predicate.h"

#define FOLDED_TEXT_OBSTACLE "the service changes texts there before it compares them"

extern bool folded_text_is_listed(List *places, const char *resource, const char *path);
extern bool folded_text_is_at(const WalcuDocumentPath *operand);
extern const char *folded_text_obstacle(const WalcuPredicate *condition);
extern bool folded_text_stays(const char *text);
extern WalcuFilter *folded_text_equal(const WalcuDocumentPath *operand, const char *text);
extern WalcuFilter *folded_text_match(const WalcuPredicate *condition, const char *text);

#endif /* WALCU_FOLDED_TEXT_H */
