/*
 * digest_set.c
 *	  A set of texts, which is never an error.
 *
 * What counts documents while a transaction aborts, where memory may be out, asks whether it has counted one
 * already.  A set that cannot grow knows no further texts: then some count twice.  A text is known by 64 bits
 * of its hash.
 */
#include "postgres.h"

#include "base/digest_set.h"

#include "common/hashfn.h"
#include "utils/memutils.h"

/* A set begins with so many slots. */
#define FIRST_SIZE 64

static bool add_hash(WalcuDigestSet *set, uint64 hash);
static bool grow_set(WalcuDigestSet *set);
static uint64 *find_slot(const WalcuDigestSet *set, uint64 hash);

/* Adds a text.  Returns false when it is there already. */
bool
digest_set_add(WalcuDigestSet *set, const char *text)
{
	uint64 hash = hash_bytes_extended((const unsigned char *) text, (int) strlen(text), 0);

	if (set->context == NULL)
		set->context = CurrentMemoryContext;
	/* 0 is a slot that is free */
	return add_hash(set, hash == 0 ? 1 : hash);
}

/* Moves what one set has into another one.  Returns how many texts both had. */
uint32
digest_set_merge(WalcuDigestSet *into, WalcuDigestSet *from)
{
	uint32 common = 0;

	if (into->slots == NULL && !into->is_full)
	{
		*into = *from;
		memset(from, 0, sizeof(*from));
		return 0;
	}
	for (uint32 i = 0; i < from->size; i++)
	{
		if (from->slots[i] != 0 && !add_hash(into, from->slots[i]))
			common++;
	}
	digest_set_clear(from);
	return common;
}

/* Empties a set, and frees its memory. */
void
digest_set_clear(WalcuDigestSet *set)
{
	if (set->slots)
		pfree(set->slots);
	memset(set, 0, sizeof(*set));
}

static bool
add_hash(WalcuDigestSet *set, uint64 hash)
{
	uint64 *slot = set->slots ? find_slot(set, hash) : NULL;

	if (slot && *slot == hash)
		return false;
	if (set->count >= set->size / 2)
	{
		if (set->is_full || !grow_set(set))
			return true;
		slot = find_slot(set, hash);
	}
	*slot = hash;
	set->count++;
	return true;
}

/* Doubles the slots.  Returns false when there is no memory for that. */
static bool
grow_set(WalcuDigestSet *set)
{
	WalcuDigestSet grown = {.context = set->context, .count = set->count};

	grown.size = set->size > 0 ? set->size * 2 : FIRST_SIZE;
	grown.slots = MemoryContextAllocExtended(set->context, grown.size * sizeof(uint64),
											 MCXT_ALLOC_HUGE | MCXT_ALLOC_NO_OOM | MCXT_ALLOC_ZERO);
	if (grown.slots == NULL)
	{
		set->is_full = true;
		return false;
	}
	for (uint32 i = 0; i < set->size; i++)
	{
		if (set->slots[i] != 0)
			*find_slot(&grown, set->slots[i]) = set->slots[i];
	}
	if (set->slots)
		pfree(set->slots);
	*set = grown;
	return true;
}

/* Returns the slot that has the hash, or the one that it would be put into. */
static uint64 *
find_slot(const WalcuDigestSet *set, uint64 hash)
{
	uint32 place = (uint32) hash & (set->size - 1);

	while (set->slots[place] != 0 && set->slots[place] != hash)
		place = (place + 1) & (set->size - 1);
	return &set->slots[place];
}
