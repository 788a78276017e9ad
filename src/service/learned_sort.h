/*
 * learned_sort.h
 *	  Whether a service sorts, as far as this session has seen.
 */
#ifndef WALCU_LEARNED_SORT_H
#define WALCU_LEARNED_SORT_H

#include "postgres.h"

#include "service/option.h"

/* What is known of how the service sorts the documents of a resource. */
typedef enum WalcuLearnedSort
{
	WALCU_SORT_UNKNOWN,     /* Nobody has seen it yet. */
	WALCU_SORT_BY_ID,       /* It sorts by _id alone, which may be written in any format. */
	WALCU_SORT_BY_ANY_KEYS, /* It sorts as it is asked to. */
	WALCU_SORT_IGNORED      /* It does not sort. */
} WalcuLearnedSort;

extern WalcuLearnedSort learned_sort(const WalcuOptions *options);
extern bool learned_sort_is_shared(const WalcuOptions *options, const WalcuOptions *other);
extern void learned_sort_note(const WalcuOptions *options, WalcuLearnedSort sort);
extern void learned_sort_note_ignored(const WalcuOptions *options, const char *detail);
extern bool learned_sort_probe_is_idle(const WalcuOptions *options);
extern void learned_sort_note_idle_probe(const WalcuOptions *options);

#endif /* WALCU_LEARNED_SORT_H */
