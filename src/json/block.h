/*
 * block.h
 *	  Sixty-four bytes at once, and which of them are a given character.
 *
 * A set of bytes is a mask, whose lowest bit stands for the first byte.  Used by split.c and,
 * part by part, by skim.c: what they look for comes at intervals that no processor foresees, and
 * to ask byte by byte costs it more than all else.
 */
#ifndef WALCU_BLOCK_H
#define WALCU_BLOCK_H

#include "postgres.h"

#ifdef __SSE2__
#include <emmintrin.h>
#else
#include "port/pg_bswap.h"
#endif

#define BLOCK_SIZE 64

/* Returns the bytes of a part of a block that are c once the bits of with are set in them. */
#ifdef __SSE2__
#define BLOCK_PART 16

static inline uint64
block_find_part(const char *part, char with, char c)
{
	__m128i bytes = _mm_or_si128(_mm_loadu_si128((const __m128i *) part), _mm_set1_epi8(with));

	return (uint64) _mm_movemask_epi8(_mm_cmpeq_epi8(bytes, _mm_set1_epi8(c)));
}

#else
#define BLOCK_PART 8

static inline uint64
block_find_part(const char *part, char with, char c)
{
	const uint64 each = UINT64CONST(0x0101010101010101);
	const uint64 low = UINT64CONST(0x7f7f7f7f7f7f7f7f);
	uint64 bytes;
	uint64 found;

	memcpy(&bytes, part, sizeof(bytes));
#ifdef WORDS_BIGENDIAN
	bytes = pg_bswap64(bytes);
#endif
	bytes = (bytes | each * (unsigned char) with) ^ each * (unsigned char) c;
	/* the high bit is set of each byte that is zero now; then these eight are put side by side */
	found = ~(((bytes & low) + low) | bytes | low);
	return (found >> 7) * UINT64CONST(0x0102040810204080) >> 56;
}

#endif

/* Does the same for a whole block. */
static inline uint64
block_find(const char *block, char with, char c)
{
	uint64 found = 0;

	/* this saves a fifth of split.c's instructions, which -O2 would keep */
#pragma GCC unroll 8
	for (int i = 0; i < BLOCK_SIZE; i += BLOCK_PART)
		found |= block_find_part(block + i, with, c) << i;
	return found;
}

/* Returns the first so many bytes. */
static inline uint64
block_first(int count)
{
	return count >= BLOCK_SIZE ? ~UINT64CONST(0) : (UINT64CONST(1) << count) - 1;
}

/* Returns the bytes before the first one of a set that is not empty. */
static inline uint64
block_before(uint64 mask)
{
	return (mask & -mask) - 1;
}

static inline int
block_count(uint64 mask)
{
	mask -= (mask >> 1) & UINT64CONST(0x5555555555555555);
	mask = (mask & UINT64CONST(0x3333333333333333)) + ((mask >> 2) & UINT64CONST(0x3333333333333333));
	mask = (mask + (mask >> 4)) & UINT64CONST(0x0f0f0f0f0f0f0f0f);
	return (int) (mask * UINT64CONST(0x0101010101010101) >> 56);
}

/*
 * Returns the bytes from each odd one of a set to the one before the next even one.  When the set is of
 * quotes, these are the bytes within strings.
 */
static inline uint64
block_between(uint64 mask)
{
	for (int shift = 1; shift < BLOCK_SIZE; shift *= 2)
		mask ^= mask << shift;
	return mask;
}

#endif /* WALCU_BLOCK_H */
