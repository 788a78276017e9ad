/*
 * projection_check.h
 *	  Does the service send the fields that it is asked for?
 */
#ifndef WALCU_PROJECTION_CHECK_H
#define WALCU_PROJECTION_CHECK_H

#include "postgres.h"

#include "fetch/cursor.h"

/* It is zeroed when a fetch begins. */
typedef struct WalcuProjectionCheck
{
	bool open;             /* Nobody knows yet whether the fields come. */
	List *missed;          /* These fields (char *) did not come, and are looked for in whole documents. */
	WalcuDecoder *decoder; /* It looks for them. */
	MemoryContext context; /* It holds what was found. */
} WalcuProjectionCheck;

extern void projection_check_begin(WalcuProjectionCheck *check, WalcuQuery *query);
extern bool projection_check_settle(WalcuProjectionCheck *check, WalcuQuery *query, List *cursors);
extern bool projection_check_holds(const WalcuProjectionCheck *check, const WalcuCursor *cursor);
extern void projection_check_document(WalcuProjectionCheck *check, const WalcuQuery *query,
									  const WalcuDocument *document);

#endif /* WALCU_PROJECTION_CHECK_H */
