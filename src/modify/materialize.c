/*
 * materialize.c
 *	  All rows that a statement will write, read before the first is written.
 *
 * The service has no snapshots: a scan that goes on while its own statement writes sees what was
 * written.  INSERT ... SELECT from the same resource would never end.  PostgreSQL has no plan node that
 * reads to the end first, so modify.c lets this one stand in for the subplan while the
 * statement's node runs.
 */
#include "postgres.h"

#include "modify/materialize.h"

#include "executor/executor.h"
#include "miscadmin.h"
#include "utils/tuplestore.h"

struct WalcuSpool
{
	PlanState stand_in; /* must be first: the executor calls it */
	PlanState *subplan;
	ModifyTableState *node;
	Tuplestorestate *rows; /* NULL until the subplan was read */
	TupleTableSlot *stored;
	TupleTableSlot *slot; /* of the kind that the subplan returns */
};

static void read_all(WalcuSpool *spool);
static TupleTableSlot *next_row(PlanState *state);

/* A spool for the rows of a node, in the current memory context. */
WalcuSpool *
spool_create(ModifyTableState *node)
{
	WalcuSpool *spool = palloc0(sizeof(WalcuSpool));
	PlanState *subplan = outerPlanState(node);
	EState *estate = node->ps.state;
	const TupleTableSlotOps *kind = ExecGetResultSlotOps(subplan, NULL);

	/* expressions over its rows were made for what the subplan returns */
	spool->stand_in = *subplan;
	spool->stand_in.ExecProcNode = next_row;
	spool->subplan = subplan;
	spool->node = node;
	spool->stored = ExecInitExtraTupleSlot(estate, ExecGetResultType(subplan), &TTSOpsMinimalTuple);
	spool->slot = ExecInitExtraTupleSlot(estate, ExecGetResultType(subplan), kind);
	return spool;
}

/* Run the node on the spooled rows, as its function does. */
TupleTableSlot *
spool_execute(WalcuSpool *spool, ExecProcNodeMtd execute)
{
	TupleTableSlot *slot;

	if (spool->rows == NULL)
		read_all(spool);
	outerPlanState(spool->node) = &spool->stand_in;
	PG_TRY();
	{
		slot = execute(&spool->node->ps);
	}
	PG_FINALLY();
	{
		outerPlanState(spool->node) = spool->subplan;
	}
	PG_END_TRY();
	return slot;
}

static void
read_all(WalcuSpool *spool)
{
	MemoryContext before = MemoryContextSwitchTo(spool->node->ps.state->es_query_cxt);

	spool->rows = tuplestore_begin_heap(false, false, work_mem);
	MemoryContextSwitchTo(before);
	for (;;)
	{
		TupleTableSlot *slot = ExecProcNode(spool->subplan);

		if (TupIsNull(slot))
			break;
		tuplestore_puttupleslot(spool->rows, slot);
	}
}

static TupleTableSlot *
next_row(PlanState *state)
{
	WalcuSpool *spool = (WalcuSpool *) state;

	ExecClearTuple(spool->slot);
	if (tuplestore_gettupleslot(spool->rows, true, false, spool->stored))
		ExecCopySlot(spool->slot, spool->stored);
	return spool->slot;
}
