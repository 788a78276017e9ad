/*
 * modify.c
 *	  INSERT, UPDATE, DELETE and COPY, row by row.
 *
 * The executor calls this for each row.  row.c says what a row means to the service, and writer.c sends it.
 * Rows that nobody waits for are sent several at a time; modify_table.c, which stands around the
 * executor's node, has them confirmed before the statement ends.
 */
#include "postgres.h"

#include "modify/modify.h"

#include "access/htup_details.h"
#include "base/compat.h"
#include "base/read_only.h"
#include "executor/executor.h"
#include "foreign/fdwapi.h"
#include "miscadmin.h"
#include "modify/begun_row.h"
#include "modify/changed_row.h"
#include "modify/column_rules.h"
#include "modify/new_row.h"
#include "modify/row_conditions.h"
#include "modify/row_source.h"
#include "modify/updatable.h"
#include "modify/waiting_insert.h"
#include "utils/memutils.h"

static const WalcuOptions *get_target_options(const ResultRelInfo *target);
static WalcuModify *open_modify(ModifyTableState *node, ResultRelInfo *target, CmdType operation);
static void check_returning(const WalcuOptions *options, const ModifyTable *plan);
static bool has_triggers_after(const ResultRelInfo *target, CmdType operation);
static HTAB *create_seen_table(MemoryContext context);
static void hold_rows(WalcuModify *modify, ResultRelInfo *target, EState *estate);
static TupleTableSlot *take_new_row(WalcuModify *modify, TupleTableSlot *slot);
static int send_new_rows(WalcuModify *modify, const WalcuCommitQueueWrite *made, TupleTableSlot **slots,
						 int count, TupleTableSlot **inserted);
static int queue_new_rows(WalcuModify *modify, const WalcuCommitQueueWrite *made, TupleTableSlot **slots,
						  int count, TupleTableSlot **inserted);

/* Begins to write a table of a statement.  modify_table.c calls this. */
WalcuModify *
modify_begin(ModifyTableState *node, ResultRelInfo *target)
{
	EState *estate = node->ps.state;
	List *junk = outerPlan(node->ps.plan)->targetlist;
	TupleDesc descriptor = RelationGetDescr(target->ri_RelationDesc);
	WalcuModify *modify = open_modify(node, target, node->operation);

	if (node->operation == CMD_INSERT)
		column_rules_check_overlap(modify->row, ExecGetInsertedCols(target, estate));
	else if (node->operation == CMD_UPDATE)
		column_rules_check_overlap(modify->row, ExecGetUpdatedCols(target, estate));
	modify->whole_row_junk = ExecFindJunkAttributeInTlist(junk, "wholerow");
	if (node->operation == CMD_DELETE)
		modify->id_junk =
			ExecFindJunkAttributeInTlist(junk, updatable_id_name(descriptor, modify->row->id + 1));
	if (node->operation != CMD_INSERT && !row_source_is_scan(outerPlanState(node)))
		modify->seen = create_seen_table(estate->es_query_cxt);
	return modify;
}

/* FdwRoutine.BeginForeignInsert.  It begins COPY, or rows that are routed to a partition. */
void
modify_begin_insert(ModifyTableState *node, ResultRelInfo *target)
{
	WalcuModify *modify;

	if (node->operation == CMD_UPDATE && (target->ri_FdwState || target->ri_usesFdwDirectModify))
		ereport(ERROR, errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				errmsg("cannot route rows into foreign table \"%s\", which is itself being updated",
					   RelationGetRelationName(target->ri_RelationDesc)));
	modify = open_modify(node, target, CMD_INSERT);
	modify->is_copied = node->ps.plan == NULL;
	if (node->rootResultRelInfo && node->rootResultRelInfo != target)
		modify->routed_from = RelationGetRelid(node->rootResultRelInfo->ri_RelationDesc);
	/* what COPY has counted is not counted again, and no node is wrapped for rows that are routed */
	modify->waits = true;
	hold_rows(modify, target, node->ps.state);
}

/* FdwRoutine.GetForeignModifyBatchSize */
int
modify_batch_size(ResultRelInfo *target)
{
	const TriggerDesc *triggers = target->ri_TrigDesc;

	if (target->ri_projectReturning || target->ri_WithCheckOptions != NIL ||
		(triggers && (triggers->trig_insert_before_row || triggers->trig_insert_after_row)))
		return 1;
	return get_target_options(target)->batch_size;
}

/* Returns the options that a table is written with; EXPLAIN, and a scan that writes, have not begun to. */
static const WalcuOptions *
get_target_options(const ResultRelInfo *target)
{
	const WalcuModify *modify = target->ri_usesFdwDirectModify ? NULL : target->ri_FdwState;

	return modify ? modify->row->options : option_for_table(RelationGetRelid(target->ri_RelationDesc));
}

/* FdwRoutine.ExecForeignInsert */
TupleTableSlot *
modify_insert(EState *estate, ResultRelInfo *target, TupleTableSlot *slot, TupleTableSlot *plan_slot)
{
	WalcuModify *modify = target->ri_FdwState;
	int count = 1;

	if (modify->begins_ahead)
		return take_new_row(modify, slot);
	modify_insert_batch(estate, target, &slot, &plan_slot, &count);
	return count > 0 ? slot : NULL;
}

/* FdwRoutine.ExecForeignBatchInsert.  Rows that conflict are taken out of the batch. */
TupleTableSlot **
modify_insert_batch(EState *estate, ResultRelInfo *target, TupleTableSlot **slots,
					TupleTableSlot **plan_slots, int *count)
{
	WalcuModify *modify = target->ri_FdwState;
	MemoryContext before;
	TupleTableSlot **inserted;
	WalcuCommitQueueWrite *made;

	MemoryContextReset(modify->row_context);
	before = MemoryContextSwitchTo(modify->row_context);
	inserted = palloc(*count * sizeof(TupleTableSlot *)); /* slots belongs to the executor */
	made = palloc(*count * sizeof(WalcuCommitQueueWrite));
	for (int i = 0; i < *count; i++)
	{
		ExecWithCheckOptions(WCO_RLS_INSERT_CHECK, target, slots[i], estate);
		slot_getallattrs(slots[i]);
		column_rules_check_new(modify->row, slots[i]->tts_values, slots[i]->tts_isnull);
		row_conditions_check(modify, target, estate, slots[i]);
	}
	for (int i = 0; i < *count; i++)
		new_row_make(modify, slots[i], &made[i]);
	if (modify->queue || modify->outbox)
		*count = queue_new_rows(modify, made, slots, *count, inserted);
	else
		*count = send_new_rows(modify, made, slots, *count, inserted);
	MemoryContextSwitchTo(before);
	if (modify->held == NULL)
		return inserted;
	/* all of them are held, and there may be hundreds of tables whose next row does not come soon */
	MemoryContextReset(modify->row_context);
	return slots;
}

/* FdwRoutine.ExecForeignUpdate.  Returns NULL when the row is gone. */
TupleTableSlot *
modify_update(EState *estate, ResultRelInfo *target, TupleTableSlot *slot, TupleTableSlot *plan_slot)
{
	WalcuModify *modify = target->ri_FdwState;
	MemoryContext before;
	TupleTableSlot *updated;
	WalcuBegunRow row;

	MemoryContextReset(modify->row_context);
	before = MemoryContextSwitchTo(modify->row_context);
	row = modify->begins_ahead ? begun_row_take(modify)
							   : changed_row_begin_update(modify, target, estate, slot, plan_slot);
	if (modify->begins_ahead && row.write == NULL)
		changed_row_keep_old(modify, slot, plan_slot);
	updated = begun_row_finish(modify, &row, slot) ? slot : NULL;
	MemoryContextSwitchTo(before);
	return updated;
}

/* FdwRoutine.ExecForeignDelete.  Returns NULL when the row is gone. */
TupleTableSlot *
modify_delete(EState *estate, ResultRelInfo *target, TupleTableSlot *slot, TupleTableSlot *plan_slot)
{
	WalcuModify *modify = target->ri_FdwState;
	MemoryContext before;
	bool is_deleted;
	WalcuBegunRow row;

	MemoryContextReset(modify->row_context);
	before = MemoryContextSwitchTo(modify->row_context);
	row = modify->begins_ahead ? begun_row_take(modify) : changed_row_begin_delete(modify, plan_slot);
	is_deleted = begun_row_finish(modify, &row, NULL);
	if (is_deleted && AttributeNumberIsValid(modify->whole_row_junk))
	{
		int columns = modify->row->descriptor->natts;
		Datum *values = palloc(columns * sizeof(Datum));
		bool *nulls = palloc(columns * sizeof(bool));

		changed_row_read_old(modify, plan_slot, values, nulls);
		ExecForceStoreHeapTuple(heap_form_tuple(modify->row->descriptor, values, nulls), slot, false);
	}
	MemoryContextSwitchTo(before);
	return is_deleted ? slot : NULL;
}

/*
 * Waits until all rows are confirmed.  Returns how many of those that were taken as written were not: their
 * documents were gone, or there already.
 */
int64
modify_confirm(WalcuModify *modify)
{
	writer_finish(modify->writer);
	return writer_take_unwritten(modify->writer, NULL);
}

/* FdwRoutine.EndForeignInsert.  modify_table.c calls this, too. */
void
modify_end(EState *estate, ResultRelInfo *target)
{
	WalcuModify *modify = target->ri_FdwState;

	if (modify == NULL)
		return;
	held_rows_send(modify->write_log, true);
	writer_finish(modify->writer);
	if (modify->held)
		held_rows_close(modify->held);
	writer_tell_ignored(modify->writer);
	write_log_close(modify->write_log);
}

/* Error: that of read_only_refuse, for a temporary table, which PostgreSQL would let be written. */
static WalcuModify *
open_modify(ModifyTableState *node, ResultRelInfo *target, CmdType operation)
{
	EState *estate = node->ps.state;
	const ModifyTable *plan = (ModifyTable *) node->ps.plan;
	MemoryContext before = MemoryContextSwitchTo(estate->es_query_cxt);
	WalcuModify *modify = palloc0(sizeof(WalcuModify));
	const WalcuOptions *options = option_for_table(RelationGetRelid(target->ri_RelationDesc));
	Oid userid = compat_modify_userid(target, estate);
	char *credential = option_credential_header(userid, options->serverid);

	read_only_refuse_statement(estate->es_plannedstmt);
	modify->operation = operation;
	modify->row = row_prepare(options, target->ri_RelationDesc);
	if (operation != CMD_DELETE)
		row_conditions_prepare(modify, target, estate);
	modify->row_context =
		AllocSetContextCreate(estate->es_query_cxt, "walcu written row", ALLOCSET_START_SMALL_SIZES);
	modify->needs_reply = operation != CMD_DELETE &&
						  ((plan && (plan->returningLists != NIL || plan->withCheckOptionLists != NIL)) ||
						   has_triggers_after(target, operation));
	modify->waits =
		modify->needs_reply || (plan && plan->returningLists != NIL) || has_triggers_after(target, operation);
	modify->skips_conflicts = plan && plan->onConflictAction == ONCONFLICT_NOTHING;
	if (options->write_mode == WALCU_WRITE_AT_COMMIT)
	{
		check_returning(options, plan);
		modify->queue = commit_queue_table(RelationGetRelid(target->ri_RelationDesc), userid);
	}
	else if (options->write_mode == WALCU_WRITE_OUTBOX)
	{
		if (operation == CMD_INSERT)
			outbox_record_check_inserts(options);
		modify->outbox = outbox_record_target(RelationGetRelid(target->ri_RelationDesc), userid);
	}
	modify->write_log = write_log_open(estate);
	write_log_add_servers(modify->write_log, estate->es_range_table);
	/* COPY has no plan, nor the number of its command in the state */
	modify->command = plan ? estate->es_output_cid : GetCurrentCommandId(true);
	write_log_set_command(modify->write_log, modify->command);
	modify->writer = writer_open(estate->es_query_cxt, options, credential, modify->write_log);
	target->ri_FdwState = modify;
	MemoryContextSwitchTo(before);
	return modify;
}

/* Checks that RETURNING has something to return, as the service has returned nothing before the commit. */
static void
check_returning(const WalcuOptions *options, const ModifyTable *plan)
{
	if (plan && plan->returningLists != NIL && !options->client_ids)
		ereport(
			ERROR, errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			errmsg("RETURNING on resource \"%s\" requires the option client_ids", options->resource),
			errdetail("With write_mode 'commit' the service has not seen a row when it is returned."),
			errhint(
				"Set the option client_ids to 'true', on the table or its server, if the service keeps an "
				"_id that it is given."));
}

/* Tells whether triggers are to see the row as the service has written it. */
static bool
has_triggers_after(const ResultRelInfo *target, CmdType operation)
{
	const TriggerDesc *triggers = target->ri_TrigDesc;

	if (triggers == NULL)
		return false;
	switch (operation)
	{
		case CMD_INSERT:
			return triggers->trig_insert_after_row;
		case CMD_UPDATE:
			return triggers->trig_update_after_row;
		default:
			return triggers->trig_delete_after_row;
	}
}

/*
 * Makes the table of the documents that the statement has written, where a join may bring one several
 * times.
 */
static HTAB *
create_seen_table(MemoryContext context)
{
	HASHCTL control = {.keysize = sizeof(WalcuDigest), .entrysize = sizeof(WalcuDigest), .hcxt = context};

	return hash_create("walcu documents written", 256, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

/* Returns a new row that was sent before the executor came to it; NULL when it was there already. */
static TupleTableSlot *
take_new_row(WalcuModify *modify, TupleTableSlot *slot)
{
	WalcuBegunRow row = begun_row_take(modify);
	MemoryContext before;
	bool is_written;

	MemoryContextReset(modify->row_context);
	before = MemoryContextSwitchTo(modify->row_context);
	is_written = begun_row_finish(modify, &row, slot);
	MemoryContextSwitchTo(before);
	return is_written ? slot : NULL;
}

/* Sends new rows.  Puts those that were not there already into inserted, and returns how many they are. */
static int
send_new_rows(WalcuModify *modify, const WalcuCommitQueueWrite *made, TupleTableSlot **slots, int count,
			  TupleTableSlot **inserted)
{
	WalcuWrite **writes = palloc(count * sizeof(WalcuWrite *));
	int rows = 0;

	for (int i = 0; i < count; i++)
		writes[i] = new_row_send(modify, &made[i]);
	if (modify->waits)
		writer_finish(modify->writer);
	for (int i = 0; i < count; i++)
	{
		/* rows that are under way are counted now */
		if (writes[i] == NULL || begun_row_confirm(modify, writes[i], slots[i]))
			inserted[rows++] = slots[i];
	}
	return rows;
}

/*
 * Does the same with new rows that wait for the commit, or are recorded, and puts the _ids that were made
 * into their slots.
 */
static int
queue_new_rows(WalcuModify *modify, const WalcuCommitQueueWrite *made, TupleTableSlot **slots, int count,
			   TupleTableSlot **inserted)
{
	bool *added = palloc(count * sizeof(bool));
	int rows = 0;

	memset(added, true, count * sizeof(bool));
	if (modify->queue)
		waiting_insert_add(modify->queue, made, count, added);
	for (int i = 0; i < count; i++)
	{
		if (!added[i])
			continue;
		if (modify->outbox)
			outbox_record_add(modify->outbox, &made[i]);
		if (made[i].made_here)
			row_set_id(modify->row, slots[i], made[i].id);
		inserted[rows++] = slots[i];
	}
	return rows;
}

/*
 * Lets the rows of COPY, or those that are routed to a partition, be held and sent together, where nobody
 * waits for what comes of each.  Where they may have values that are errors, none is sent before the last has
 * been judged.
 */
static void
hold_rows(WalcuModify *modify, ResultRelInfo *target, EState *estate)
{
	bool judges_first = column_rules_need_values(modify->row, ExecGetInsertedCols(target, estate));

	if (modify->queue || modify->outbox || modify->needs_reply || modify->skips_conflicts ||
		(!judges_first && modify_batch_size(target) == 1))
		return;
	modify->held = held_rows_open(estate->es_query_cxt, modify->writer, modify->command, judges_first);
	modify->waits = false;
}
