/*
 * scan.h
 *	  A foreign scan at work.
 */
#ifndef WALCU_SCAN_H
#define WALCU_SCAN_H

#include "postgres.h"

#include "exec/order_check.h"
#include "exec/progress.h"
#include "fetch/fetch.h"
#include "http/wait_descriptor.h"
#include "nodes/execnodes.h"
#include "plan/plan.h"
#include "pushdown/pushdown.h"

/* What a ForeignScanState carries in fdw_state. */
typedef struct WalcuScan
{
	WalcuPlan plan;
	WalcuQuery query;
	WalcuTally tally;
	WalcuProgress progress;
	MemoryContext context;       /* lives as long as the scan */
	MemoryContext tuple_context; /* what the current row points to */
	MemoryContext value_context; /* what this execution's request is made of */
	WalcuDecoder *decoder;
	List *filtered;                /* of WalcuPushdownCondition: the conditions */
	List *keyed;                   /* the same of what a batched join asks for; NIL in any other scan */
	int keys_a_request;            /* at most; 0 for as many as fit */
	WalcuStrategy strategy;        /* the plan's, or what a batched join chose */
	const WalcuFilter *key_filter; /* what they became; NULL for nothing that the service can check */
	bool is_prepared;              /* the query has the values of the execution that comes */
	WalcuOrderCheck *order_check;  /* NULL when no order was promised */
	List *search_columns;          /* of int: columns (from 0) that show the search text */
	ExprState *id;                 /* NULL, or computes query.id */
	ExprState *search;             /* NULL, or computes query.search */
	ExprState *limit;              /* NULL, or computes how many rows the query returns */
	ExprState *offset;             /* NULL, or computes how many it passes over before */
	WalcuFetch *fetch;             /* NULL until the first row is asked for, and at the end */
	bool ended;
	WalcuWaitDescriptor *watch; /* while Append waits for it beside others; or NULL */
} WalcuScan;

/* What the keys of a batched join are for the service. */
typedef enum WalcuKeysUse
{
	WALCU_KEYS_ASKED,    /* it sends what has one of them, or more */
	WALCU_KEYS_TOO_LONG, /* fewer could be asked for */
	WALCU_KEYS_UNKNOWN   /* it cannot tell documents by them */
} WalcuKeysUse;

extern void scan_begin(ForeignScanState *node, int eflags);
extern TupleTableSlot *scan_iterate(ForeignScanState *node);
extern void scan_rescan(ForeignScanState *node);
extern void scan_end(ForeignScanState *node);
extern void scan_set_filter(ForeignScanState *node, WalcuPushdownUse use);
extern WalcuKeysUse scan_set_keys(ForeignScanState *node, Datum keys, int keys_a_request, bool by_job);

#endif /* WALCU_SCAN_H */
