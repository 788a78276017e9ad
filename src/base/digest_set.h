/*
 * digest_set.h
 *	  A set of texts, which is never an error.
 */
#ifndef WALCU_DIGEST_SET_H
#define WALCU_DIGEST_SET_H

#include "postgres.h"

/* A set.  It is empty, and frees nothing, where all of it is zero. */
typedef struct WalcuDigestSet
{
	MemoryContext context; /* The slots are in it. */
	uint64 *slots;         /* Each has the hash of a text, or 0. */
	uint32 size;           /* There are so many slots, a power of two. */
	uint32 count;          /* So many of them are taken. */
	bool is_full;          /* There was no memory for more. */
} WalcuDigestSet;

extern bool digest_set_add(WalcuDigestSet *set, const char *text);
extern uint32 digest_set_merge(WalcuDigestSet *into, WalcuDigestSet *from);
extern void digest_set_clear(WalcuDigestSet *set);

#endif /* WALCU_DIGEST_SET_H */
