/*
 * statement.h
 *	  What belongs to one execution of a statement, and is found by its memory.
 */
#ifndef WALCU_STATEMENT_H
#define WALCU_STATEMENT_H

#include "postgres.h"

#include "executor/execdesc.h"

/* Of these an execution has one each, or none. */
typedef enum WalcuStatementPart
{
	WALCU_STATEMENT_SCANS,          /* See exec/sibling_scans.c. */
	WALCU_STATEMENT_GROUPS,         /* See exec/scan_group.c. */
	WALCU_STATEMENT_READ_AHEADS,    /* See exec/read_ahead.c. */
	WALCU_STATEMENT_REPLY_CACHES,   /* See fetch/reply_cache.c. */
	WALCU_STATEMENT_DIRECT_CHANGES, /* See modify/direct_send.c. */
	WALCU_STATEMENT_LIMITED,        /* See modify/rows_ahead.c. */
	WALCU_STATEMENT_PARTS
} WalcuStatementPart;

extern PlannedStmt *statement_own_plan(QueryDesc *description);
extern void **statement_part(MemoryContext memory, WalcuStatementPart part);

#endif /* WALCU_STATEMENT_H */
