/*
 * seen_ids.c
 *	  Which documents have come already.
 *
 * fetch.c remembers documents here where they may come again.
 */
#include "postgres.h"

#include "fetch/seen_ids.h"

#include "base/digest.h"

/* There is room for so many at first; it grows. */
#define FIRST_SIZE 64

/* Makes an empty memory of documents, which are known by the WalcuDigest of their _id. */
HTAB *
seen_ids_create(MemoryContext context)
{
	HASHCTL control = {.keysize = sizeof(WalcuDigest), .entrysize = sizeof(WalcuDigest), .hcxt = context};

	return hash_create("walcu documents seen", FIRST_SIZE, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

/* Tells whether a document has come before.  From now on it has, if it is to be added. */
bool
seen_ids_has(HTAB *seen, const StringInfo id, bool add)
{
	WalcuDigest digest = digest_of(id->data, id->len);
	bool found;

	hash_search(seen, &digest, add ? HASH_ENTER : HASH_FIND, &found);
	return found;
}
