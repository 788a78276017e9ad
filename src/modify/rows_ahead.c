/*
 * rows_ahead.c
 *	  Rows that are written before the executor comes to them, several at a time.
 *
 * With RETURNING, or a trigger after each row, the executor wants each row as the service has answered it
 * before it goes on to the next.  So in place of the plan that its node reads, there stands one that reads
 * some rows of it, sends what they change side by side, and hands them over, in their order, when all have
 * been answered.  modify.c finds the answers with begun_row.c.  While anything else of the statement runs, be
 * it the client of a row, nothing is under way.
 *
 * A row that is not asked for must not be written: so it is not done where the caller may want few rows.  Nor
 * where something else of the statement could tell the difference: a function, a subquery that reads the
 * service, a trigger before a row, a condition on what has been written.
 *
 * modify_table.c puts the plan there.
 */
#include "postgres.h"

#include "modify/rows_ahead.h"

#include "base/compat.h"
#include "base/statement.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "modify/begun_row.h"
#include "modify/changed_row.h"
#include "modify/column_rules.h"
#include "modify/new_row.h"
#include "modify/row_source.h"
#include "utils/memutils.h"

/* So many rows are written before the first of them is returned, at most. */
#define MOST_ROWS 500

/* Or rows of so many bytes. */
#define MOST_BYTES (1024 * 1024)

typedef struct RowsAhead
{
	PlanState state;        /* This must be first: the executor calls it in place of the plan. */
	ModifyTableState *node; /* This is the node that gets the rows. */
	PlanState *source;      /* This is the plan that returns the rows. */
	MemoryContext context;  /* The rows that have been read are in it. */
	List *rows;             /* These (MinimalTuple) are they. */
	int next;               /* This one is returned next. */
	bool has_ended;         /* The plan has no more. */
	TupleTableSlot *slot;   /* A row is returned in this slot, which is of the plan's own kind. */
} RowsAhead;

static ExecutorRun_hook_type next_executor_run;

static void run_noting_limit(COMPAT_EXECUTOR_RUN_PARAMETERS);
static TupleTableSlot *return_written_row(PlanState *state);
static void write_next_rows(RowsAhead *ahead);
static const WalcuWriteLog *begin_row(ModifyTableState *node, TupleTableSlot *slot);
static WalcuBegunRow begin_changed_row(ModifyTableState *node, ResultRelInfo *target, TupleTableSlot *slot);
static void make_changed_row(ModifyTableState *node, ResultRelInfo *target, TupleTableSlot *slot);
static WalcuBegunRow begin_new_row(WalcuModify *modify, TupleTableSlot *slot);

/* _PG_init calls this when the library is loaded. */
void
rows_ahead_init(void)
{
	next_executor_run = ExecutorRun_hook;
	ExecutorRun_hook = run_noting_limit;
}

/* ExecutorRun_hook.  A function that takes so many rows has no more of them written. */
static void
run_noting_limit(COMPAT_EXECUTOR_RUN_PARAMETERS)
{
	if (count > 0 && description->plannedstmt->hasReturning)
		*statement_part(description->estate->es_query_cxt, WALCU_STATEMENT_LIMITED) = description;
	if (next_executor_run)
		next_executor_run(COMPAT_EXECUTOR_RUN_ARGUMENTS);
	else
		standard_ExecutorRun(COMPAT_EXECUTOR_RUN_ARGUMENTS);
}

/* Tells whether nothing of a statement but the rows themselves depends on when each of them is written. */
bool
rows_ahead_suit_statement(ModifyTableState *node)
{
	return *statement_part(node->ps.state->es_query_cxt, WALCU_STATEMENT_LIMITED) == NULL &&
		   !row_source_is_shared(node);
}

/* Tells whether the rows of a table have to be waited for, and what they change is known before. */
bool
rows_ahead_suit_table(const WalcuModify *modify, const ResultRelInfo *target)
{
	const TriggerDesc *triggers = target->ri_TrigDesc;
	const TupleConstr *constraints = modify->row->descriptor->constr;

	return modify->waits && modify->queue == NULL && modify->outbox == NULL &&
		   target->ri_WithCheckOptions == NIL && !(constraints && constraints->has_generated_stored) &&
		   !(triggers && (triggers->trig_insert_before_row || triggers->trig_update_before_row ||
						  triggers->trig_delete_before_row));
}

/* Makes the plan that stands in for one that a node reads.  All tables of the node have to suit. */
PlanState *
rows_ahead_create(ModifyTableState *node, PlanState *source)
{
	EState *estate = node->ps.state;
	MemoryContext before = MemoryContextSwitchTo(estate->es_query_cxt);
	RowsAhead *ahead = palloc0(sizeof(RowsAhead));

	/* expressions over its rows were made for what the plan returns */
	ahead->state = *source;
	ahead->state.ExecProcNode = return_written_row;
	ahead->node = node;
	ahead->source = source;
	ahead->context = AllocSetContextCreate(estate->es_query_cxt, "walcu rows ahead", ALLOCSET_DEFAULT_SIZES);
	ahead->slot =
		ExecInitExtraTupleSlot(estate, ExecGetResultType(source), ExecGetResultSlotOps(source, NULL));
	for (int i = 0; i < node->mt_nrels; i++)
	{
		WalcuModify *modify = node->resultRelInfo[i].ri_FdwState;

		modify->begins_ahead = true;
		modify->begun_slot = ExecInitExtraTupleSlot(estate, modify->row->descriptor, &TTSOpsVirtual);
	}
	MemoryContextSwitchTo(before);
	return &ahead->state;
}

/* The function of the plan. */
static TupleTableSlot *
return_written_row(PlanState *state)
{
	RowsAhead *ahead = (RowsAhead *) state;

	ExecClearTuple(ahead->slot);
	if (ahead->next == list_length(ahead->rows))
		write_next_rows(ahead);
	if (ahead->next < list_length(ahead->rows))
		ExecForceStoreMinimalTuple(list_nth(ahead->rows, ahead->next++), ahead->slot, false);
	return ahead->slot;
}

/* Reads some rows, sends what they change, and waits until all is answered. */
static void
write_next_rows(RowsAhead *ahead)
{
	const WalcuWriteLog *write_log = NULL;
	Size bytes = 0;

	MemoryContextReset(ahead->context);
	ahead->rows = NIL;
	ahead->next = 0;
	while (!ahead->has_ended && list_length(ahead->rows) < MOST_ROWS && bytes < MOST_BYTES)
	{
		TupleTableSlot *slot = ExecProcNode(ahead->source);
		MemoryContext before;
		MinimalTuple row;

		ahead->has_ended = TupIsNull(slot);
		if (ahead->has_ended)
			break;
		before = MemoryContextSwitchTo(ahead->context);
		row = ExecCopySlotMinimalTuple(slot);
		ahead->rows = lappend(ahead->rows, row);
		MemoryContextSwitchTo(before);
		bytes += row->t_len;
		write_log = begin_row(ahead->node, slot);
	}
	if (write_log == NULL)
		return;
	writers_finish(write_log);
}

/* Sends what a row of the plan changes.  Returns the log of the writes. */
static const WalcuWriteLog *
begin_row(ModifyTableState *node, TupleTableSlot *slot)
{
	ResultRelInfo *target = node->resultRelInfo;
	WalcuModify *modify;
	MemoryContext before;

	if (AttributeNumberIsValid(node->mt_resultOidAttno))
	{
		bool is_null;
		Datum tableoid = ExecGetJunkAttribute(slot, node->mt_resultOidAttno, &is_null);

		if (is_null)
			elog(ERROR, "tableoid is NULL");
		target = ExecLookupResultRelByOid(node, DatumGetObjectId(tableoid), false, false);
	}
	modify = target->ri_FdwState;
	MemoryContextReset(modify->row_context);
	before = MemoryContextSwitchTo(modify->row_context);
	begun_row_add(modify, node->operation == CMD_INSERT ? begin_new_row(modify, slot)
														: begin_changed_row(node, target, slot));
	MemoryContextSwitchTo(before);
	return modify->write_log;
}

static WalcuBegunRow
begin_changed_row(ModifyTableState *node, ResultRelInfo *target, TupleTableSlot *slot)
{
	WalcuModify *modify = target->ri_FdwState;

	if (node->operation == CMD_DELETE)
		return changed_row_begin_delete(modify, slot);
	make_changed_row(node, target, slot);
	return changed_row_begin_update(modify, target, node->ps.state, modify->begun_slot, slot);
}

/* The plan of an UPDATE returns the columns that are set, and behind them what tells the old row. */
static void
make_changed_row(ModifyTableState *node, ResultRelInfo *target, TupleTableSlot *slot)
{
	WalcuModify *modify = target->ri_FdwState;
	TupleTableSlot *changed = ExecClearTuple(modify->begun_slot);
	List *columns =
		list_nth(((ModifyTable *) node->ps.plan)->updateColnosLists, target - node->resultRelInfo);

	changed_row_read_old(modify, slot, changed->tts_values, changed->tts_isnull);
	for (int i = 0; i < list_length(columns); i++)
	{
		int column = list_nth_int(columns, i) - 1;

		changed->tts_values[column] = slot_getattr(slot, i + 1, &changed->tts_isnull[column]);
	}
	ExecStoreVirtualTuple(changed);
}

/* The plan of an INSERT returns the columns of the table in their order. */
static WalcuBegunRow
begin_new_row(WalcuModify *modify, TupleTableSlot *slot)
{
	WalcuCommitQueueWrite made;

	slot_getallattrs(slot);
	column_rules_check_new(modify->row, slot->tts_values, slot->tts_isnull);
	new_row_make(modify, slot, &made);
	return (WalcuBegunRow){.write = new_row_send(modify, &made)};
}
