/*
 * count_cache.h
 *	  How many documents match, as the service was asked lately.
 */
#ifndef WALCU_COUNT_CACHE_H
#define WALCU_COUNT_CACHE_H

#include "postgres.h"

#include "fetch/count.h"

extern double count_cache_documents(const WalcuQuery *query, double expected);
extern bool count_cache_lookup(const WalcuQuery *query, WalcuCount *count);
extern bool count_cache_lookup_behind(const WalcuQuery *query, int64 skip, bool *found);
extern void count_cache_note_behind(const WalcuQuery *query, int64 skip, bool found);
extern void count_cache_note(const WalcuQuery *query, const WalcuCount *count);

#endif /* WALCU_COUNT_CACHE_H */
