/*
 * judge.c
 *	  Judge the rows of a statement before the first of them is written.
 *
 * What is sent is not taken back.  So where a statement names columns that cannot be written, or gives ids,
 * or a view, policy or partition has a condition, all its rows are looked at for what is an error before
 * modify_table.c lets the first be sent.
 * Triggers may change what the rows say: then each is judged by modify.c alone, when its turn comes.
 */
#include "postgres.h"

#include "modify/judge.h"

#include "executor/executor.h"
#include "modify/changed_row.h"
#include "modify/column_rules.h"
#include "modify/row_conditions.h"

static void judge_new_row(WalcuModify *modify, ModifyTableState *node, int number, TupleTableSlot *slot);
static void judge_changed_row(WalcuModify *modify, ModifyTableState *node, int number, TupleTableSlot *slot);
static void judge_conditions(WalcuModify *modify, ModifyTableState *node, int number, const Datum *values,
							 const bool *nulls);

/* Tells whether the rows of a table may have values that are errors. */
bool
judge_is_needed(const WalcuModify *modify, const ModifyTableState *node, ResultRelInfo *target)
{
	EState *estate = node->ps.state;
	const TriggerDesc *triggers = target->ri_TrigDesc;
	/* the table is told of these lists later */
	bool has_conditions =
		modify->partition_columns != NIL || ((ModifyTable *) node->ps.plan)->withCheckOptionLists != NIL;

	if (modify->operation == CMD_INSERT)
		return !(triggers && triggers->trig_insert_before_row) &&
			   (has_conditions || column_rules_need_values(modify->row, ExecGetInsertedCols(target, estate)));
	return modify->operation == CMD_UPDATE && !(triggers && triggers->trig_update_before_row) &&
		   (has_conditions || column_rules_need_values(modify->row, ExecGetUpdatedCols(target, estate)));
}

/*
 * Judges a row of the plan of a node, which is for the table with this number.  Errors are those of
 * column_rules_check_new, column_rules_check_value, and row_conditions_check.
 */
void
judge_row(WalcuModify *modify, ModifyTableState *node, int number, TupleTableSlot *slot)
{
	MemoryContext before;

	MemoryContextReset(modify->row_context);
	before = MemoryContextSwitchTo(modify->row_context);
	if (modify->operation == CMD_INSERT)
		judge_new_row(modify, node, number, slot);
	else
		judge_changed_row(modify, node, number, slot);
	MemoryContextSwitchTo(before);
}

/* The plan of an INSERT returns the columns of the table in their order. */
static void
judge_new_row(WalcuModify *modify, ModifyTableState *node, int number, TupleTableSlot *slot)
{
	slot_getallattrs(slot);
	column_rules_check_new(modify->row, slot->tts_values, slot->tts_isnull);
	row_conditions_check(modify, &node->resultRelInfo[number], node->ps.state, slot);
}

/* The plan of an UPDATE returns the columns that are set, and behind them what tells the old row. */
static void
judge_changed_row(WalcuModify *modify, ModifyTableState *node, int number, TupleTableSlot *slot)
{
	List *columns = list_nth(((ModifyTable *) node->ps.plan)->updateColnosLists, number);
	int count = modify->row->descriptor->natts;
	Datum *values = palloc(count * sizeof(Datum));
	bool *nulls = palloc(count * sizeof(bool));

	changed_row_read_old(modify, slot, values, nulls);
	for (int i = 0; i < list_length(columns); i++)
	{
		int column = list_nth_int(columns, i) - 1;
		bool is_null;
		Datum value = slot_getattr(slot, i + 1, &is_null);

		column_rules_check_value(modify->row, column, value, is_null, values[column], nulls[column]);
		values[column] = value;
		nulls[column] = is_null;
	}
	judge_conditions(modify, node, number, values, nulls);
}

/* Judges what an UPDATE makes of a row by the conditions of views, policies and partitions. */
static void
judge_conditions(WalcuModify *modify, ModifyTableState *node, int number, const Datum *values,
				 const bool *nulls)
{
	ResultRelInfo *target = &node->resultRelInfo[number];
	int count = modify->row->descriptor->natts;

	if (target->ri_WithCheckOptions == NIL && modify->partition_columns == NIL)
		return;
	if (modify->judged_slot == NULL)
	{
		MemoryContext before = MemoryContextSwitchTo(node->ps.state->es_query_cxt);

		modify->judged_slot = ExecInitExtraTupleSlot(node->ps.state, modify->row->descriptor, &TTSOpsVirtual);
		MemoryContextSwitchTo(before);
	}
	ExecClearTuple(modify->judged_slot);
	memcpy(modify->judged_slot->tts_values, values, count * sizeof(Datum));
	memcpy(modify->judged_slot->tts_isnull, nulls, count * sizeof(bool));
	ExecStoreVirtualTuple(modify->judged_slot);
	row_conditions_check(modify, target, node->ps.state, modify->judged_slot);
}
