/*
 * direct_modify.h
 *	  UPDATE and DELETE of documents whose ids are given, without reading them first.
 */
#ifndef WALCU_DIRECT_MODIFY_H
#define WALCU_DIRECT_MODIFY_H

#include "postgres.h"

#include "modify/row.h"
#include "modify/writer.h"
#include "nodes/execnodes.h"
#include "nodes/pathnodes.h"

/* What a ForeignScan that changes documents itself carries in fdw_state. */
typedef struct WalcuDirectModify
{
	CmdType operation;
	bool is_list;     /* the ids are an array */
	bool sets_tag;    /* the rows count for the client */
	List *columns;    /* of int: columns (from 0) that are set */
	Expr *ids;        /* one, or an array */
	ExprState *state; /* computes ids */
	List *values;     /* of ExprState, as columns */
	WalcuRow *row;
	WalcuWriter *writer; /* NULL until it is begun */
	WalcuWriteLog *write_log;
	MemoryContext row_context;
	List *writes; /* of WalcuWrite: confirmed, to be returned */
	int next;
	bool sent;
} WalcuDirectModify;

extern bool direct_modify_plan(PlannerInfo *root, ModifyTable *plan, Index target, int subplan);
extern void direct_modify_begin(ForeignScanState *node, int eflags);
extern TupleTableSlot *direct_modify_iterate(ForeignScanState *node);
extern void direct_modify_end(ForeignScanState *node);

#endif /* WALCU_DIRECT_MODIFY_H */
