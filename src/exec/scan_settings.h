/*
 * scan_settings.h
 *	  What a scan is asked for, kept while it is asked for something else.
 */
#ifndef WALCU_SCAN_SETTINGS_H
#define WALCU_SCAN_SETTINGS_H

#include "postgres.h"

#include "exec/scan.h"

/* What of a scan its plan has decided, and a batch of keys has otherwise. */
typedef struct WalcuScanSettings
{
	List *filtered;               /* The conditions, and what else of WalcuScan: */
	ExprState *id;                /* the _id, */
	ExprState *limit;             /* how many rows are wanted, */
	double wanted;                /* or likely to be, */
	WalcuOrderCheck *order_check; /* the order, */
	WalcuLocalSort *sort;         /* what brings it about, */
	List *order;                  /* and how the service is asked for it; */
	WalcuStrategy strategy;       /* how documents are asked for, */
	bool all_rows;                /* whether all of them are wanted; */
	WalcuFilterExtent extent;     /* what the service takes of the conditions, */
	bool is_taken;                /* and whether it took them. */
} WalcuScanSettings;

/* What a scan asks for instead, when it asks for many keys at once. */
typedef struct WalcuScanOfMany
{
	List *others;             /* These conditions hold for all keys, of WalcuPushdownCondition; */
	List *keyed;              /* and this one says that a document has one of them. */
	Expr *condition;          /* That one as an expression whose parameter takes the keys; or NULL. */
	WalcuFilterExtent extent; /* The service takes so much of it, */
	bool is_taken;            /* and has taken it. */
	WalcuScanSettings before; /* This is what the scan asked for before. */
} WalcuScanOfMany;

extern void scan_settings_ask_for_many(WalcuScan *scan, WalcuScanOfMany *many);
extern void scan_settings_ask_for_one(WalcuScan *scan, WalcuScanOfMany *many);

#endif /* WALCU_SCAN_SETTINGS_H */
