/*
 * learned_size.h
 *	  About how many documents a resource has, as far as somebody has seen.
 */
#ifndef WALCU_LEARNED_SIZE_H
#define WALCU_LEARNED_SIZE_H

#include "postgres.h"

#include "service/option.h"

/* There is no such bound. */
#define LEARNED_SIZE_OPEN (-1)

/* What is known of the number of documents. */
typedef struct WalcuLearnedSize
{
	double least; /* There were so many at least; */
	double most;  /* there were no more than these, or LEARNED_SIZE_OPEN. */
} WalcuLearnedSize;

extern void learned_size_init(void);
extern WalcuLearnedSize learned_size(const WalcuOptions *options);
extern void learned_size_note(const WalcuOptions *options, double least, double most);

#endif /* WALCU_LEARNED_SIZE_H */
