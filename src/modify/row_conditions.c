/*
 * row_conditions.c
 *	  The conditions of views, policies and partitions, before a row is sent.
 *
 * PostgreSQL checks a view's condition when a foreign table has taken the row, and those of policies and
 * partitions never.  But what is sent is not taken back, and a row that is not in its partition is not found
 * there.  So they are checked here before, as far as the row itself decides them: what the service fills in,
 * or PostgreSQL generates, is known later, and then PostgreSQL checks what it checks as ever.
 *
 * judge.c has all rows of a statement checked before the first is sent, and modify.c each new one when its
 * turn comes, as a trigger may have changed it.  direct_modify.c asks what decides about a partition.
 */
#include "postgres.h"

#include "modify/row_conditions.h"

#include "access/sysattr.h"
#include "executor/executor.h"
#include "optimizer/optimizer.h"
#include "utils/partcache.h"

static void check_options(const WalcuModify *modify, ResultRelInfo *target, EState *estate,
						  TupleTableSlot *slot);
static bool is_decided(const WalcuModify *modify, const WithCheckOption *option, TupleTableSlot *slot);
static bool are_columns_decided(const WalcuModify *modify, List *columns, TupleTableSlot *slot);
static List *list_named_columns(Node *condition);

/* Notes whether rows of a table may have to be kept out of its partition. */
void
row_conditions_prepare(WalcuModify *modify, ResultRelInfo *target, EState *estate)
{
	const TriggerDesc *triggers = target->ri_TrigDesc;
	bool is_new = modify->operation == CMD_INSERT;
	List *columns;
	Bitmapset *updated;
	bool may_leave = is_new;
	ListCell *lc;

	/* PostgreSQL has chosen the partition by the row */
	if (is_new && target->ri_RootResultRelInfo && !(triggers && triggers->trig_insert_before_row))
		return;
	columns = row_conditions_partition_columns(target->ri_RelationDesc);
	updated = is_new ? NULL : ExecGetUpdatedCols(target, estate);
	foreach(lc, columns)
	{
		int column = lfirst_int(lc);

		if (is_new && !modify->row->columns[column].is_inserted)
			return;
		may_leave |= bms_is_member(column + 1 - FirstLowInvalidHeapAttributeNumber, updated);
	}
	if (may_leave)
		modify->partition_columns = columns;
}

/* The columns (from 0) that decide whether a row belongs to a partition; NIL for a table that is none. */
List *
row_conditions_partition_columns(Relation relation)
{
	return relation->rd_rel->relispartition ? list_named_columns((Node *) RelationGetPartitionQual(relation))
											: NIL;
}

/*
 * Checks a row of an INSERT, or as an UPDATE makes it.  Errors: 44000 for a view's condition, 42501 for a
 * policy's, and that of row_conditions_check_partition.
 */
void
row_conditions_check(const WalcuModify *modify, ResultRelInfo *target, EState *estate, TupleTableSlot *slot)
{
	row_conditions_check_partition(modify, target, estate, slot);
	if (target->ri_WithCheckOptions != NIL)
		check_options(modify, target, estate, slot);
}

/* Checks that a row belongs to the partition that has it.  Error: 23514. */
void
row_conditions_check_partition(const WalcuModify *modify, ResultRelInfo *target, EState *estate,
							   TupleTableSlot *slot)
{
	Bitmapset *updated;
	ListCell *lc;

	if (modify->partition_columns == NIL)
		return;
	updated = modify->operation == CMD_UPDATE ? ExecGetUpdatedCols(target, estate) : NULL;
	foreach(lc, modify->partition_columns)
	{
		int column = lfirst_int(lc);

		/* it may not have been read, or the service may fill it in */
		if (slot_attisnull(slot, column + 1) &&
			!bms_is_member(column + 1 - FirstLowInvalidHeapAttributeNumber, updated))
			return;
	}
	ExecPartitionCheck(target, slot, estate, true);
}

static void
check_options(const WalcuModify *modify, ResultRelInfo *target, EState *estate, TupleTableSlot *slot)
{
	ResultRelInfo decided = *target;
	ListCell *option;
	ListCell *expression;

	decided.ri_WithCheckOptions = decided.ri_WithCheckOptionExprs = NIL;
	forboth(option, target->ri_WithCheckOptions, expression, target->ri_WithCheckOptionExprs)
	{
		if (!is_decided(modify, lfirst(option), slot))
			continue;
		decided.ri_WithCheckOptions = lappend(decided.ri_WithCheckOptions, lfirst(option));
		decided.ri_WithCheckOptionExprs = lappend(decided.ri_WithCheckOptionExprs, lfirst(expression));
	}
	ExecWithCheckOptions(modify->operation == CMD_INSERT ? WCO_RLS_INSERT_CHECK : WCO_RLS_UPDATE_CHECK,
						 &decided, slot, estate);
	ExecWithCheckOptions(WCO_VIEW_CHECK, &decided, slot, estate);
}

/* Tells whether a condition is about what the row says alone, and is the same when it is checked again. */
static bool
is_decided(const WalcuModify *modify, const WithCheckOption *option, TupleTableSlot *slot)
{
	return !contain_volatile_functions(option->qual) &&
		   are_columns_decided(modify, list_named_columns(option->qual), slot);
}

static bool
are_columns_decided(const WalcuModify *modify, List *columns, TupleTableSlot *slot)
{
	const WalcuRow *row = modify->row;
	ListCell *lc;

	foreach(lc, columns)
	{
		int column = lfirst_int(lc);

		if (column < 0 || TupleDescAttr(row->descriptor, column)->attgenerated != '\0')
			return false;
		/* the service may fill in what is left out */
		if (modify->operation == CMD_INSERT &&
			(!row->columns[column].is_inserted || slot_attisnull(slot, column + 1)))
			return false;
	}
	return true;
}

/* The columns (from 0) that a condition names; one below 0 is of PostgreSQL, or the whole row. */
static List *
list_named_columns(Node *condition)
{
	List *columns = NIL;
	ListCell *lc;

	foreach(lc, pull_var_clause(condition, 0))
		columns = list_append_unique_int(columns, ((Var *) lfirst(lc))->varattno - 1);
	return columns;
}
