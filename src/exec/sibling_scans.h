/*
 * sibling_scans.h
 *	  The scans of one statement that read the same documents.
 */
#ifndef WALCU_SIBLING_SCANS_H
#define WALCU_SIBLING_SCANS_H

#include "postgres.h"

#include "nodes/execnodes.h"
#include "plan/plan.h"

/* A scan that may have siblings. */
typedef struct WalcuSiblingScan
{
	ForeignScanState *node;      /* This scan. */
	Oid relid;                   /* It reads this table. */
	const WalcuPlan *plan;       /* It was planned so. */
	const WalcuOptions *options; /* These are in force for its table. */
	List *conditions;            /* It has these, as if its relation were the statement's first. */
	List *siblings;       /* These (WalcuSiblingScan), itself among them, read the same; NIL for none. */
	bool asks_for_theirs; /* It needs fewer fields than all of them. */
	List *project;        /* Then it asks for these fields, of char *. */
	PlanState *append;    /* This runs it beside others; NULL for nothing that does. */
	bool is_open;         /* It is being read. */
} WalcuSiblingScan;

extern WalcuSiblingScan *sibling_scans_add(ForeignScanState *node, const WalcuPlan *plan,
										   const WalcuOptions *options);
extern List *sibling_scans_fields(WalcuSiblingScan *scan, List *own);
extern bool sibling_scans_are_open(WalcuSiblingScan *scan);
extern bool sibling_scans_are_ahead(const WalcuSiblingScan *scan);

#endif /* WALCU_SIBLING_SCANS_H */
