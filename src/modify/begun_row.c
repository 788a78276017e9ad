/*
 * begun_row.c
 *	  Rows that are being written, and that somebody waits for.
 *
 * rows_ahead.c adds rows before the executor comes to them.  modify.c takes them in the same order, and puts
 * what became of each into the executor's slot.
 */
#include "postgres.h"

#include "modify/begun_row.h"

#include "utils/memutils.h"

/* Adds a row behind those that are begun. */
void
begun_row_add(WalcuModify *modify, WalcuBegunRow row)
{
	MemoryContext before = MemoryContextSwitchTo(GetMemoryChunkContext(modify));
	WalcuBegunRow *added = palloc(sizeof(WalcuBegunRow));

	*added = row;
	modify->begun = lappend(modify->begun, added);
	MemoryContextSwitchTo(before);
}

/* Takes the first of them.  There has to be one. */
WalcuBegunRow
begun_row_take(WalcuModify *modify)
{
	WalcuBegunRow *first = linitial(modify->begun);
	WalcuBegunRow row = *first;

	modify->begun = list_delete_first(modify->begun);
	pfree(first);
	return row;
}

/*
 * Waits until it is known what became of a row.  Returns whether it was written, or had nothing to be
 * written; then the slot has what begun_row_confirm says.
 */
bool
begun_row_finish(WalcuModify *modify, const WalcuBegunRow *row, TupleTableSlot *slot)
{
	if (row->write == NULL)
		return !row->is_missing;
	writer_wait(row->write);
	return begun_row_confirm(modify, row->write, slot);
}

/*
 * Tells whether a row was written.  If so, and if it is wanted, puts what the service has answered into the
 * slot.
 */
bool
begun_row_confirm(WalcuModify *modify, WalcuWrite *write, TupleTableSlot *slot)
{
	bool written = write->outcome == WALCU_WRITE_DONE;

	if (written && modify->needs_reply)
		row_store(modify->row, &write->document, writer_credential(write), slot);
	writer_release(write);
	return written;
}
