/*
 * new_row.c
 *	  A row of an INSERT or COPY: what it is to the service, and the sending of that.
 *
 * modify.c calls this when the executor comes to a row, and rows_ahead.c before.
 */
#include "postgres.h"

#include "modify/new_row.h"

#include "base/objectid.h"
#include "modify/waiting_insert.h"

/* Says what a new row is to the service. */
void
new_row_make(WalcuModify *modify, TupleTableSlot *slot, WalcuCommitQueueWrite *made)
{
	WalcuRow *row = modify->row;
	char *made_id = NULL;
	char *sets;

	*made = (WalcuCommitQueueWrite){.method = "POST",
									.conflict_is_none = modify->skips_conflicts,
									.command = modify->command,
									.routed_from = modify->routed_from};
	if (row->id >= 0)
	{
		bool is_null;
		Datum value = slot_getattr(slot, row->id + 1, &is_null);

		made->id = is_null ? NULL : row_id(row, value, false);
		if (made->id && modify->queue && waiting_insert_is_respelled(modify->queue, made->id))
		{
			made->id = objectid_as_written(made->id);
			row_set_id(row, slot, made->id);
		}
	}
	if (made->id == NULL && row->options->client_ids)
		made->id = made_id = objectid_create();
	made->made_here = made_id != NULL;
	made->body = row_new_document(row, slot, made_id, &sets);
	made->sets = sets;
}

/* Sends a new row, or puts it where it is held.  Returns NULL when nobody is to wait for it. */
WalcuWrite *
new_row_send(WalcuModify *modify, const WalcuCommitQueueWrite *made)
{
	WalcuWrite *write;

	if (modify->held)
	{
		/* PostgreSQL says of errors in which line of COPY they are, which is another one later */
		held_rows_add(modify->held, made, modify->is_copied ? GetErrorContextStack() : NULL);
		return NULL;
	}
	write = queue_entry_create_write(modify->writer, made);
	write->needs_reply = modify->needs_reply;
	write->detached = !modify->waits;
	writer_send(write);
	return modify->waits ? write : NULL;
}
