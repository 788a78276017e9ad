/*
 * modify_table.c
 *	  The executor's node that runs a statement which writes, and what is changed in it.
 *
 * The interface of foreign data wrappers shows the executor's ModifyTable node one row of one table at a
 * time.  Three things are needed of the node as a whole.  They reach into its state, and nothing else in
 * the tree does:
 *
 * - Its function, ExecProcNode, is replaced by one that calls it.  Rows that nobody waits for are sent
 *   several at a time, so that after the last one some are under way.  The interface tells of the end of
 *   the rows in EndForeignModify only: the command's tag and the triggers of the statement are done by
 *   then, and after an error it is not called at all.  An error in another part of the statement, too, has
 *   to tell what was written before it, and goes through no function of the interface.
 *
 * - While the node runs, its subplan may be replaced by a plan that has its rows written several at a time
 *   where each is waited for (rows_ahead.c), or by a list of the rows that it returned.  The service
 *   has no snapshots: a scan that goes on while its own statement writes sees what was written, and INSERT
 *   ... SELECT from the same resource would never end.  PostgreSQL has no plan node that reads all rows
 *   before it returns the first (Material returns each as it reads it), and the interface has no place to
 *   put one of one's own between ModifyTable and its subplan.  Where a statement names columns that cannot be
 *   written, all its rows are read first, too, so that a value in them is found before anything is sent.
 *
 * - es_processed, the number of rows in the command's tag, is corrected at the end.  The executor counts a
 *   row as soon as ExecForeignInsert or its like has returned it.  Returning NULL is the only way to say
 *   that a row was not written, and to know that in time each row would have to be waited for.
 *
 * modify.c, which this calls, knows what happens for a row.
 */
#include "postgres.h"

#include "modify/modify_table.h"

#include "base/compat.h"
#include "executor/executor.h"
#include "executor/nodeModifyTable.h"
#include "foreign/fdwapi.h"
#include "miscadmin.h"
#include "modify/judge.h"
#include "modify/modify.h"
#include "modify/row_source.h"
#include "modify/rows_ahead.h"
#include "utils/rel.h"
#include "utils/tuplestore.h"

/* The rows that a table which its scan changes by itself, ours or another wrapper's, has for RETURNING. */
typedef struct ReturnedRows
{
	const ResultRelInfo *target; /* This is the table. */
	Tuplestorestate *rows;       /* These are its rows, in the order of the subplan's. */
	TupleTableSlot *slot;        /* The current row is in this slot. */
} ReturnedRows;

/* All rows of a node's subplan. */
typedef struct MaterializedPlan
{
	PlanState state;        /* This must be first: the executor calls it in place of the subplan. */
	ModifyTableState *node; /* This is the node that gets the rows. */
	PlanState *subplan;     /* This is the plan that returns the rows. */
	Tuplestorestate *rows;  /* The rows are read when the node first runs; NULL before that. */
	TupleTableSlot *stored; /* A row is read from the store into this slot. */
	TupleTableSlot *slot;   /* A row is returned in this slot, which is of the subplan's own kind. */
	List *returned;         /* This is a list of ReturnedRows. */
} MaterializedPlan;

/* What stands around a ModifyTable node.  The first of its tables that is ours has it. */
struct WalcuModifyTable
{
	ExecProcNodeMtd execute;        /* This is the node's own function. */
	WalcuWriteLog *write_log;       /* It lists what the statement has written. */
	MaterializedPlan *materialized; /* These are the rows of its subplan, or NULL where it may run along. */
	/* It reads its rows from this: its subplan, or what stands in for it; NULL at first. */
	PlanState *source;
};

static WalcuModifyTable *wrap_node(ModifyTableState *node, WalcuWriteLog *write_log);
static bool needs_materialized_plan(ModifyTableState *node);
static MaterializedPlan *materialize_plan(ModifyTableState *node);
static void end_materialized_plan(MaterializedPlan *materialized);
static void read_all_rows(MaterializedPlan *materialized);
static TupleTableSlot *return_next_row(PlanState *state);
static ResultRelInfo *find_returning_target(ModifyTableState *node, TupleTableSlot *slot);
static void judge_next_row(ModifyTableState *node, TupleTableSlot *slot);
static ReturnedRows *get_returned_rows(MaterializedPlan *materialized, const ResultRelInfo *target);
static WalcuModify *get_modify(ModifyTableState *node, int number);
static WalcuModifyTable *find_wrapper(ModifyTableState *node);
static TupleTableSlot *execute_wrapped_node(PlanState *state);
static void choose_source(ModifyTableState *node, WalcuModifyTable *wrapper);
static bool may_write_ahead(ModifyTableState *node);
static TupleTableSlot *execute_on_source(ModifyTableState *node, const WalcuModifyTable *wrapper);
static void confirm_all_rows(ModifyTableState *node);

/* FdwRoutine.BeginForeignModify */
void
modify_table_begin(ModifyTableState *node, ResultRelInfo *target, List *private, int subplan, int eflags)
{
	MemoryContext before;
	WalcuModify *modify;

	if (eflags & EXEC_FLAG_EXPLAIN_ONLY)
		return;
	modify = modify_begin(node, target);
	modify->judges_first = judge_is_needed(modify, node, target);
	before = MemoryContextSwitchTo(node->ps.state->es_query_cxt);
	if (node->ps.ExecProcNode != execute_wrapped_node)
		modify->wrapper = wrap_node(node, modify->write_log);
	MemoryContextSwitchTo(before);
}

/*
 * FdwRoutine.EndForeignModify.  The list of rows may have files, and PostgreSQL warns of those that are still
 * open when a statement has ended.
 */
void
modify_table_end(EState *estate, ResultRelInfo *target)
{
	WalcuModify *modify = target->ri_FdwState;
	MaterializedPlan *materialized = (modify && modify->wrapper) ? modify->wrapper->materialized : NULL;

	if (materialized)
		end_materialized_plan(materialized);
	modify_end(estate, target);
}

/*
 * Takes the place of the node's function, once for all tables of the statement.  ExecInitNode, which is
 * under way, reads the function when the node is made.
 */
static WalcuModifyTable *
wrap_node(ModifyTableState *node, WalcuWriteLog *write_log)
{
	WalcuModifyTable *wrapper = palloc0(sizeof(WalcuModifyTable));

	wrapper->execute = node->ps.ExecProcNode;
	wrapper->write_log = write_log;
	node->ps.ExecProcNode = execute_wrapped_node;
	return wrapper;
}

/*
 * Tells whether the plan of the rows could see what is written, or has rows to be judged.  All that it could
 * refer to has been begun by then.
 */
static bool
needs_materialized_plan(ModifyTableState *node)
{
	for (int i = 0; i < node->mt_nrels; i++)
	{
		const WalcuModify *modify = get_modify(node, i);

		if (modify && (modify->judges_first || row_source_may_see_writes(node, modify->row->options->paging)))
			return true;
	}
	return false;
}

/* Prepares to read all rows of a node's subplan. */
static MaterializedPlan *
materialize_plan(ModifyTableState *node)
{
	EState *estate = node->ps.state;
	MemoryContext before = MemoryContextSwitchTo(estate->es_query_cxt);
	MaterializedPlan *materialized = palloc0(sizeof(MaterializedPlan));
	PlanState *subplan = outerPlanState(node);
	const TupleTableSlotOps *kind = ExecGetResultSlotOps(subplan, NULL);

	/* expressions over its rows were made for what the subplan returns */
	materialized->state = *subplan;
	materialized->state.ExecProcNode = return_next_row;
	materialized->node = node;
	materialized->subplan = subplan;
	materialized->stored = ExecInitExtraTupleSlot(estate, ExecGetResultType(subplan), &TTSOpsMinimalTuple);
	materialized->slot = ExecInitExtraTupleSlot(estate, ExecGetResultType(subplan), kind);
	MemoryContextSwitchTo(before);
	return materialized;
}

static void
end_materialized_plan(MaterializedPlan *materialized)
{
	ListCell *lc;

	if (materialized->rows)
		tuplestore_end(materialized->rows);
	foreach(lc, materialized->returned)
		tuplestore_end(((ReturnedRows *) lfirst(lc))->rows);
}

static void
read_all_rows(MaterializedPlan *materialized)
{
	PlanState *subplan = materialized->subplan;
	MemoryContext before = MemoryContextSwitchTo(subplan->state->es_query_cxt);

	materialized->rows = tuplestore_begin_heap(false, false, work_mem);
	MemoryContextSwitchTo(before);
	for (;;)
	{
		TupleTableSlot *slot = ExecProcNode(subplan);
		ResultRelInfo *target;

		if (TupIsNull(slot))
			break;
		tuplestore_puttupleslot(materialized->rows, slot);
		judge_next_row(materialized->node, slot);
		target = find_returning_target(materialized->node, slot);
		if (target)
			tuplestore_puttupleslot(get_returned_rows(materialized, target)->rows,
									target->ri_projectReturning->pi_exprContext->ecxt_scantuple);
	}
}

/* The function of the list of rows, as a plan. */
static TupleTableSlot *
return_next_row(PlanState *state)
{
	MaterializedPlan *materialized = (MaterializedPlan *) state;
	ResultRelInfo *target;

	ExecClearTuple(materialized->slot);
	if (!tuplestore_gettupleslot(materialized->rows, true, false, materialized->stored))
		return materialized->slot;
	ExecCopySlot(materialized->slot, materialized->stored);
	target = find_returning_target(materialized->node, materialized->slot);
	if (target)
	{
		ReturnedRows *returned = get_returned_rows(materialized, target);

		tuplestore_gettupleslot(returned->rows, true, false, returned->slot);
		returned->slot->tts_tableOid = RelationGetRelid(target->ri_RelationDesc);
		target->ri_projectReturning->pi_exprContext->ecxt_scantuple = returned->slot;
	}
	return materialized->slot;
}

/*
 * Finds the table of a row that its scan has changed already, where the row is to be returned; else returns
 * NULL.  Such a scan leaves the row for RETURNING in an expression context beside the row that it returns,
 * and there the row has to be again when the node comes to it.
 */
static ResultRelInfo *
find_returning_target(ModifyTableState *node, TupleTableSlot *slot)
{
	ResultRelInfo *target;
	bool is_null;
	Datum tableoid;

	/* where there is one table alone, and its scan changes it, nothing is materialized */
	if (!AttributeNumberIsValid(node->mt_resultOidAttno))
		return NULL;
	tableoid = ExecGetJunkAttribute(slot, node->mt_resultOidAttno, &is_null);
	if (is_null)
		return NULL;
	target = ExecLookupResultRelByOid(node, DatumGetObjectId(tableoid), true, false);
	return (target && target->ri_usesFdwDirectModify && target->ri_projectReturning) ? target : NULL;
}

/* Has a row judged before the first is written, where its table asks for that. */
static void
judge_next_row(ModifyTableState *node, TupleTableSlot *slot)
{
	int number = 0;
	WalcuModify *modify;

	if (AttributeNumberIsValid(node->mt_resultOidAttno))
	{
		bool is_null;
		Datum tableoid = ExecGetJunkAttribute(slot, node->mt_resultOidAttno, &is_null);
		ResultRelInfo *target =
			is_null ? NULL : ExecLookupResultRelByOid(node, DatumGetObjectId(tableoid), true, false);

		if (target == NULL)
			return;
		number = target - node->resultRelInfo;
	}
	modify = get_modify(node, number);
	if (modify && modify->judges_first)
		judge_row(modify, node, number, slot);
}

static ReturnedRows *
get_returned_rows(MaterializedPlan *materialized, const ResultRelInfo *target)
{
	EState *estate = materialized->node->ps.state;
	ReturnedRows *returned;
	MemoryContext before;
	ListCell *lc;

	foreach(lc, materialized->returned)
	{
		returned = lfirst(lc);
		if (returned->target == target)
			return returned;
	}
	before = MemoryContextSwitchTo(estate->es_query_cxt);
	returned = palloc(sizeof(ReturnedRows));
	returned->target = target;
	returned->rows = tuplestore_begin_heap(false, false, work_mem);
	returned->slot =
		ExecInitExtraTupleSlot(estate, RelationGetDescr(target->ri_RelationDesc), &TTSOpsMinimalTuple);
	materialized->returned = lappend(materialized->returned, returned);
	MemoryContextSwitchTo(before);
	return returned;
}

/* Returns what is done with one of the node's tables; NULL when another data wrapper does it. */
static WalcuModify *
get_modify(ModifyTableState *node, int number)
{
	ResultRelInfo *target = &node->resultRelInfo[number];

	if (target->ri_FdwRoutine == NULL || target->ri_FdwRoutine->BeginForeignModify != modify_table_begin ||
		target->ri_usesFdwDirectModify)
		return NULL;
	return target->ri_FdwState;
}

static WalcuModifyTable *
find_wrapper(ModifyTableState *node)
{
	WalcuModify *modify = NULL;

	for (int i = 0; modify == NULL || modify->wrapper == NULL; i++)
		modify = get_modify(node, i);
	return modify->wrapper;
}

/* The node's function: it does what the node's own function does, and sees all rows written. */
static TupleTableSlot *
execute_wrapped_node(PlanState *state)
{
	ModifyTableState *node = castNode(ModifyTableState, state);
	WalcuModifyTable *wrapper = find_wrapper(node);
	TupleTableSlot *slot;

	PG_TRY();
	{
		if (wrapper->source == NULL)
			choose_source(node, wrapper);
		slot = execute_on_source(node, wrapper);
		if (TupIsNull(slot))
			confirm_all_rows(node);
	}
	PG_CATCH();
	{
		writers_rethrow(wrapper->write_log, state->state->es_query_cxt);
	}
	PG_END_TRY();
	return slot;
}

/* Decides, when all that the node could refer to has been begun, what it reads its rows from. */
static void
choose_source(ModifyTableState *node, WalcuModifyTable *wrapper)
{
	PlanState *source = outerPlanState(node);

	if (needs_materialized_plan(node))
	{
		wrapper->materialized = materialize_plan(node);
		source = &wrapper->materialized->state;
	}
	wrapper->source = may_write_ahead(node) ? rows_ahead_create(node, source) : source;
}

static bool
may_write_ahead(ModifyTableState *node)
{
	for (int i = 0; i < node->mt_nrels; i++)
	{
		const WalcuModify *modify = get_modify(node, i);

		if (modify == NULL || !rows_ahead_suit_table(modify, &node->resultRelInfo[i]))
			return false;
	}
	return rows_ahead_suit_statement(node);
}

/*
 * Runs the node on what its rows are read from.  Only then does that stand in for its subplan: EXPLAIN and
 * the end of the execution find the subplan itself.
 */
static TupleTableSlot *
execute_on_source(ModifyTableState *node, const WalcuModifyTable *wrapper)
{
	PlanState *subplan = outerPlanState(node);
	TupleTableSlot *slot;

	if (wrapper->materialized && wrapper->materialized->rows == NULL)
		read_all_rows(wrapper->materialized);
	outerPlanState(node) = wrapper->source;
	PG_TRY();
	{
		slot = wrapper->execute(&node->ps);
	}
	PG_FINALLY();
	{
		outerPlanState(node) = subplan;
	}
	PG_END_TRY();
	return slot;
}

/* Waits until all rows are confirmed, and takes those that were not written out of the count. */
static void
confirm_all_rows(ModifyTableState *node)
{
	for (int i = 0; i < node->mt_nrels; i++)
	{
		WalcuModify *modify = get_modify(node, i);
		int64 unwritten;

		if (modify == NULL)
			continue;
		unwritten = modify_confirm(modify);
		if (node->canSetTag)
			node->ps.state->es_processed -= unwritten;
	}
}
