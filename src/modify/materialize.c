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

struct WalcuMaterialize
{
	PlanState stand_in; /* must be first: the executor calls it */
	PlanState *subplan;
	ModifyTableState *node;
	Tuplestorestate *rows; /* NULL until the subplan was read */
	TupleTableSlot *stored;
	TupleTableSlot *slot; /* of the kind that the subplan returns */
};

static void read_all_rows(WalcuMaterialize *materialize);
static TupleTableSlot *return_next_row(PlanState *state);

/* A spool for the rows of a node, in the current memory context. */
WalcuMaterialize *
materialize_create(ModifyTableState *node)
{
	WalcuMaterialize *materialize = palloc0(sizeof(WalcuMaterialize));
	PlanState *subplan = outerPlanState(node);
	EState *estate = node->ps.state;
	const TupleTableSlotOps *kind = ExecGetResultSlotOps(subplan, NULL);

	/* expressions over its rows were made for what the subplan returns */
	materialize->stand_in = *subplan;
	materialize->stand_in.ExecProcNode = return_next_row;
	materialize->subplan = subplan;
	materialize->node = node;
	materialize->stored = ExecInitExtraTupleSlot(estate, ExecGetResultType(subplan), &TTSOpsMinimalTuple);
	materialize->slot = ExecInitExtraTupleSlot(estate, ExecGetResultType(subplan), kind);
	return materialize;
}

/* Run the node on the materialized rows, as its function does. */
TupleTableSlot *
materialize_execute(WalcuMaterialize *materialize, ExecProcNodeMtd execute)
{
	TupleTableSlot *slot;

	if (materialize->rows == NULL)
		read_all_rows(materialize);
	outerPlanState(materialize->node) = &materialize->stand_in;
	PG_TRY();
	{
		slot = execute(&materialize->node->ps);
	}
	PG_FINALLY();
	{
		outerPlanState(materialize->node) = materialize->subplan;
	}
	PG_END_TRY();
	return slot;
}

static void
read_all_rows(WalcuMaterialize *materialize)
{
	MemoryContext before = MemoryContextSwitchTo(materialize->node->ps.state->es_query_cxt);

	materialize->rows = tuplestore_begin_heap(false, false, work_mem);
	MemoryContextSwitchTo(before);
	for (;;)
	{
		TupleTableSlot *slot = ExecProcNode(materialize->subplan);

		if (TupIsNull(slot))
			break;
		tuplestore_puttupleslot(materialize->rows, slot);
	}
}

static TupleTableSlot *
return_next_row(PlanState *state)
{
	WalcuMaterialize *materialize = (WalcuMaterialize *) state;

	ExecClearTuple(materialize->slot);
	if (tuplestore_gettupleslot(materialize->rows, true, false, materialize->stored))
		ExecCopySlot(materialize->slot, materialize->stored);
	return materialize->slot;
}
