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
	ForeignScanState *node; /* This scan. */
	const WalcuPlan *plan;  /* It was planned so. */
	List *conditions;       /* It has these, as if its relation were the statement's first. */
	List *siblings;         /* These (WalcuSiblingScan), itself among them, read the same; NIL for none. */
	List *project;          /* It asks for these fields if there are siblings, of char *. */
	PlanState *append;      /* This runs it beside others; NULL for nothing that does. */
	bool is_open;           /* It is being read. */
} WalcuSiblingScan;

extern WalcuSiblingScan *sibling_scans_add(ForeignScanState *node, const WalcuPlan *plan);
extern List *sibling_scans_fields(WalcuSiblingScan *scan, List *own);
extern bool sibling_scans_are_open(WalcuSiblingScan *scan);
extern bool sibling_scans_are_ahead(const WalcuSiblingScan *scan);

#endif /* WALCU_SIBLING_SCANS_H */
