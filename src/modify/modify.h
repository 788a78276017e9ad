/*
 * modify.h
 *	  INSERT, UPDATE, DELETE and COPY, row by row.
 */
#ifndef WALCU_MODIFY_H
#define WALCU_MODIFY_H

#include "postgres.h"

#include "modify/commit_queue.h"
#include "modify/materialize.h"
#include "modify/row.h"
#include "modify/writer.h"
#include "nodes/execnodes.h"
#include "utils/hsearch.h"

/* What a ResultRelInfo carries in ri_FdwState. */
typedef struct WalcuModify
{
	CmdType operation;
	WalcuRow *row;
	WalcuWriter *writer;
	WalcuWriteLog *write_log;
	WalcuCommitQueueTable *queue;  /* where writes wait for the commit; or NULL */
	MemoryContext row_context;     /* what the current row points to */
	bool needs_reply;              /* the rows that the service answers with are wanted */
	bool waits;                    /* each row must be confirmed before the next */
	bool skips_conflicts;          /* ON CONFLICT DO NOTHING */
	AttrNumber id_junk;            /* among the subplan's columns: _id, for DELETE */
	AttrNumber whole_row_junk;     /* the old row */
	HTAB *seen;                    /* documents written, where a join may bring them again; or NULL */
	ExecProcNodeMtd execute;       /* of the node, which has ours instead; or NULL */
	WalcuMaterialize *materialize; /* or NULL */
} WalcuModify;

extern void modify_begin(ModifyTableState *node, ResultRelInfo *target, List *private, int subplan,
						 int eflags);
extern void modify_begin_insert(ModifyTableState *node, ResultRelInfo *target);
extern int modify_batch_size(ResultRelInfo *target);
extern TupleTableSlot *modify_insert(EState *estate, ResultRelInfo *target, TupleTableSlot *slot,
									 TupleTableSlot *plan_slot);
extern TupleTableSlot **modify_insert_batch(EState *estate, ResultRelInfo *target, TupleTableSlot **slots,
											TupleTableSlot **plan_slots, int *count);
extern TupleTableSlot *modify_update(EState *estate, ResultRelInfo *target, TupleTableSlot *slot,
									 TupleTableSlot *plan_slot);
extern TupleTableSlot *modify_delete(EState *estate, ResultRelInfo *target, TupleTableSlot *slot,
									 TupleTableSlot *plan_slot);
extern void modify_end(EState *estate, ResultRelInfo *target);

#endif /* WALCU_MODIFY_H */
