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
	CmdType operation;         /* It is CMD_UPDATE or CMD_DELETE. */
	bool is_list;              /* The ids are an array. */
	bool sets_tag;             /* The rows count in the command's tag. */
	List *columns;             /* These columns (from 0) are set. */
	Expr *ids;                 /* This is one id, or an array of them. */
	ExprState *state;          /* It computes the ids. */
	List *values;              /* These compute the values of the columns. */
	Datum *set_values;         /* These are the values, once they are computed. */
	bool *set_nulls;           /* It tells, by column that is set, whether the value is NULL. */
	WalcuRow *row;             /* It says what values mean to the service. */
	const char *credential;    /* This is the header line that the service knows the user by. */
	WalcuWriter *writer;       /* It sends the writes; NULL until the scan begins. */
	WalcuWriteLog *write_log;  /* It lists what the statement has written. */
	MemoryContext row_context; /* It holds what the returned row needs. */
	List *writes;              /* The documents of these confirmed writes are to be returned. */
	int next;                  /* This write is returned next. */
	bool sent;                 /* The writes are sent. */
} WalcuDirectModify;

extern bool direct_modify_plan(PlannerInfo *root, ModifyTable *plan, Index target, int subplan);
extern void direct_modify_begin(ForeignScanState *node, int eflags);
extern TupleTableSlot *direct_modify_iterate(ForeignScanState *node);
extern void direct_modify_end(ForeignScanState *node);

#endif /* WALCU_DIRECT_MODIFY_H */
