/*
 * changed_row.c
 *	  A row of an UPDATE or DELETE: what it changes in its document, and the sending of that.
 *
 * modify.c calls this when the executor comes to a row, and rows_ahead.c before.  Where somebody waits for
 * the row, begun_row.c tells what became of it.
 */
#include "postgres.h"

#include "modify/changed_row.h"

#include "access/htup_details.h"
#include "base/digest.h"
#include "executor/executor.h"
#include "fetch/waiting_writes.h"
#include "modify/column_rules.h"
#include "modify/row_conditions.h"

static bool make_changed_body(WalcuModify *modify, WalcuCommitQueueWrite *write, const WalcuRowChange *change,
							  bool *missing);
static WalcuWrite *send_change(WalcuModify *modify, const WalcuCommitQueueWrite *change);
static bool is_changed_before(WalcuModify *modify, const char *id);

/* Reads the row as it was before the statement. */
void
changed_row_read_old(const WalcuModify *modify, TupleTableSlot *plan_slot, Datum *values, bool *nulls)
{
	bool is_null;
	Datum row = ExecGetJunkAttribute(plan_slot, modify->whole_row_junk, &is_null);
	HeapTupleHeader header;
	HeapTupleData tuple;

	if (is_null)
		elog(ERROR, "wholerow is NULL");
	header = DatumGetHeapTupleHeader(row);
	tuple.t_len = HeapTupleHeaderGetDatumLength(header);
	ItemPointerSetInvalid(&tuple.t_self);
	tuple.t_tableOid = InvalidOid;
	tuple.t_data = header;
	heap_deform_tuple(&tuple, modify->row->descriptor, values, nulls);
}

/* Puts the values into a row that an UPDATE does not change, of columns that it names all the same. */
void
changed_row_keep_old(const WalcuModify *modify, TupleTableSlot *slot, TupleTableSlot *plan_slot)
{
	int columns = modify->row->descriptor->natts;
	Datum *values = palloc(columns * sizeof(Datum));
	bool *nulls = palloc(columns * sizeof(bool));

	changed_row_read_old(modify, plan_slot, values, nulls);
	column_rules_keep_old(modify->row, slot, values, nulls);
}

/*
 * Sends what an UPDATE changes in a row, of which slot has the new values.  Errors: those of the columns'
 * rules, of the conditions of views and policies, and of the writes before it.
 */
WalcuBegunRow
changed_row_begin_update(WalcuModify *modify, ResultRelInfo *target, EState *estate, TupleTableSlot *slot,
						 TupleTableSlot *plan_slot)
{
	WalcuRow *row = modify->row;
	int columns = row->descriptor->natts;
	bool whole = row->options->update_method == WALCU_UPDATE_PUT;
	WalcuCommitQueueWrite queued = {.method = whole ? "PUT" : "PATCH", .command = modify->command};
	WalcuBegunRow begun = {0};
	WalcuRowChange *change;
	Datum *values = palloc(columns * sizeof(Datum));
	bool *nulls = palloc(columns * sizeof(bool));

	changed_row_read_old(modify, plan_slot, values, nulls);
	column_rules_keep_old(row, slot, values, nulls);
	/* PostgreSQL checks these before for its own tables, and for foreign ones never, or afterwards */
	ExecWithCheckOptions(WCO_RLS_UPDATE_CHECK, target, slot, estate);
	ExecWithCheckOptions(WCO_VIEW_CHECK, target, slot, estate);
	row_conditions_check_partition(modify, target, estate, slot);
	queued.id = row_id(row, row->id < 0 ? (Datum) 0 : values[row->id], row->id < 0 || nulls[row->id]);
	slot_getallattrs(slot);
	change = row_change(row, values, nulls, slot->tts_values, slot->tts_isnull);
	if (is_changed_before(modify, queued.id))
		begun.is_missing = true;
	else if (change->any && make_changed_body(modify, &queued, change, &begun.is_missing))
		begun.write = send_change(modify, &queued);
	return begun;
}

/* Sends the deletion of a row.  Errors: those of the writes before it. */
WalcuBegunRow
changed_row_begin_delete(WalcuModify *modify, TupleTableSlot *plan_slot)
{
	WalcuCommitQueueWrite queued = {.method = "DELETE", .command = modify->command};
	WalcuBegunRow begun = {0};
	bool is_null;
	Datum value = ExecGetJunkAttribute(plan_slot, modify->id_junk, &is_null);

	queued.id = row_id(modify->row, value, is_null);
	if (is_changed_before(modify, queued.id))
		begun.is_missing = true;
	else
		begun.write = send_change(modify, &queued);
	return begun;
}

/*
 * Makes the body that changes a document.  Returns false when there is nothing to do, or the document is
 * gone.
 */
static bool
make_changed_body(WalcuModify *modify, WalcuCommitQueueWrite *write, const WalcuRowChange *change,
				  bool *missing)
{
	WalcuDocument document = {.id = write->id};
	WalcuWrite *read;

	if (modify->row->options->update_method == WALCU_UPDATE_PATCH)
	{
		WalcuRowPatch patch = row_patch(modify->row, change);

		write->body = patch.body;
		write->leaves = patch.leaves;
		write->sets = patch.sets;
		write->is_sure = patch.is_sure;
		return patch.leaves != NULL;
	}
	write->sets = row_replaced_sets(modify->row, change);
	/* what an earlier statement has written, and the service does not know yet, stays */
	if (waiting_writes_show(modify->row->options, write->id, modify->command, &document) ==
		WALCU_WAITING_WHOLE)
	{
		write->body = row_replaced_document(modify->row, change, &document);
		return write->body != NULL;
	}
	/* neither what no column shows must get lost, nor what others have written meanwhile */
	read = writer_create(modify->writer, "GET", write->id);
	writer_send(read);
	writer_wait(read);
	*missing = read->outcome == WALCU_WRITE_MISSING;
	if (!*missing)
	{
		document = read->document;
		document.id = write->id;
		waiting_writes_show(modify->row->options, write->id, modify->command, &document);
		write->body = row_replaced_document(modify->row, change, &document);
	}
	writer_release(read);
	return write->body != NULL;
}

/* Sends a change, or puts it where it waits.  Returns NULL where nobody waits for it. */
static WalcuWrite *
send_change(WalcuModify *modify, const WalcuCommitQueueWrite *change)
{
	WalcuWrite *write;

	if (modify->queue)
	{
		commit_queue_add(modify->queue, change);
		return NULL;
	}
	if (modify->outbox)
	{
		outbox_record_add(modify->outbox, change);
		return NULL;
	}
	write = queue_entry_create_write(modify->writer, change);
	write->needs_reply = modify->needs_reply;
	write->detached = !modify->waits;
	writer_send(write);
	return modify->waits ? write : NULL;
}

/*
 * Tells whether the statement has written the document already.  A join may bring it several times; as in
 * PostgreSQL's own tables, the first time counts.
 */
static bool
is_changed_before(WalcuModify *modify, const char *id)
{
	WalcuDigest digest;
	bool found;

	if (modify->seen == NULL)
		return false;
	digest = digest_of(id, strlen(id));
	hash_search(modify->seen, &digest, HASH_ENTER, &found);
	return found;
}
