/*
 * scan.h
 *	  A foreign scan at work.
 */
#ifndef WALCU_SCAN_H
#define WALCU_SCAN_H

#include "postgres.h"

#include "exec/local_sort.h"
#include "exec/order_check.h"
#include "exec/progress.h"
#include "exec/scan_places.h"
#include "exec/scan_rows.h"
#include "exec/sibling_scans.h"
#include "exec/waiting_order.h"
#include "exec/waiting_scan.h"
#include "fetch/fetch.h"
#include "fetch/own_writes.h"
#include "nodes/execnodes.h"
#include "plan/plan.h"
#include "pushdown/pushdown.h"

/* What a ForeignScanState carries in fdw_state. */
typedef struct WalcuScan
{
	WalcuPlan plan;              /* The planner has decided this. */
	WalcuQuery query;            /* The service is asked for this. */
	WalcuTally tally;            /* It tells what the scan took so far. */
	int64 read_before;           /* Executions before this one have read so many documents. */
	WalcuProgress progress;      /* It tells the client how far the scan is. */
	MemoryContext context;       /* It lives as long as the scan. */
	MemoryContext value_context; /* It holds what this execution's request is made of. */
	WalcuScanRows *rows;         /* It makes rows of documents. */
	List *filtered;              /* These are the conditions, of WalcuPushdownCondition. */
	List *keyed;            /* This is what a batched join asks for, as filtered; NIL in any other scan. */
	int keys_a_request;     /* A request has so many keys at most; 0 for as many as fit. */
	WalcuStrategy strategy; /* It is the plan's, or what a batched join chose. */
	const WalcuFilter *key_filter; /* The keys became this; NULL for nothing that the service can check. */
	bool is_prepared;              /* The query has the values of the execution that comes. */
	bool has_filter;               /* The query has a filter made of the values in value_context. */
	WalcuOrderCheck *order_check;  /* It checks the order that was promised; NULL when none was. */
	WalcuLocalSort *sort;          /* It sorts what does not come sorted; NULL when no order was promised. */
	ExprState *id;                 /* It computes query.id; or NULL. */
	ExprState *search;             /* It computes query.search; or NULL. */
	ExprState *limit;              /* It computes how many rows the query returns; or NULL. */
	ExprState *offset;             /* It computes how many rows the query passes over before; or NULL. */
	WalcuOwnWrites *own_writes;    /* It knows the documents that the session has inserted. */
	HTAB *seen;                    /* These documents have come, where some may come again; or NULL. */
	Snapshot snapshot;             /* It says which of these are left out. */
	WalcuWaitingScan *waiting;     /* This is written, and not sent yet; NULL for nothing. */
	WalcuWaitingOrder *among;      /* It puts that among what the service sorts; or NULL. */
	WalcuFetch *fetch;     /* It brings documents; NULL until the first row is asked for, and at the end. */
	bool ended;            /* There are no more rows. */
	bool has_looked_ahead; /* It is known whether a node reads ahead for it, */
	struct WalcuKeyRows *key_rows; /* which then has documents of the keys that come; NULL for none. */
	WalcuSiblingScan *sibling;     /* By this, others know that it reads the same; NULL when none can. */
	struct WalcuScanStatement
		*statement;   /* It knows which nodes read the scan beside others (scan_group.c). */
	List *places;     /* It has these among them (WalcuScanPlace). */
	bool is_early;    /* It began before the executor asked for a row, and has not been asked yet. */
	double looked_at; /* Append waits for it, and had it looked at then (by walcu_curl_multi_now); or 0. */
} WalcuScan;

/* What the keys of a batched join are for the service. */
typedef enum WalcuKeysUse
{
	WALCU_KEYS_ASKED,    /* It sends what has one of them, or more than that. */
	WALCU_KEYS_TOO_LONG, /* It could be asked for fewer of them. */
	WALCU_KEYS_UNKNOWN   /* It cannot tell documents by them. */
} WalcuKeysUse;

extern void scan_begin(ForeignScanState *node, int eflags);
extern TupleTableSlot *scan_iterate(ForeignScanState *node);
extern void scan_open(ForeignScanState *node);
extern void scan_rescan(ForeignScanState *node);
extern void scan_end(ForeignScanState *node);
extern double scan_wanted_rows(ForeignScanState *node, WalcuPushdownUse use);
extern void scan_set_filter(ForeignScanState *node, WalcuPushdownUse use);
extern WalcuKeysUse scan_set_keys(ForeignScanState *node, Datum keys, int keys_a_request, bool by_job);
extern WalcuKeysUse scan_ask_keyed(ForeignScanState *node, int keys_a_request, bool by_job);

#endif /* WALCU_SCAN_H */
