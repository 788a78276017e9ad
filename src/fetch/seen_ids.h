/*
 * seen_ids.h
 *	  Which documents have come already.
 */
#ifndef WALCU_SEEN_IDS_H
#define WALCU_SEEN_IDS_H

#include "postgres.h"

#include "lib/stringinfo.h"
#include "utils/hsearch.h"

extern HTAB *seen_ids_create(MemoryContext context);
extern bool seen_ids_has(HTAB *seen, const StringInfo id, bool add);

#endif /* WALCU_SEEN_IDS_H */
