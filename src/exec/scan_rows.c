/*
 * scan_rows.c
 *	  The rows of the documents that a scan takes.
 *
 * scan.c says which columns are wanted, begins with each document that has come, and takes its rows before
 * the next one.  What a column shows that is no part of a document is added here.
 */
#include "postgres.h"

#include "exec/scan_rows.h"

#include "pushdown/projection.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

/* Prepares to show columns (of int, from 1) of a table, in the current memory context. */
WalcuScanRows *
scan_rows_prepare(const WalcuOptions *options, Relation relation, List *columns)
{
	WalcuScanRows *rows = palloc0(sizeof(WalcuScanRows));
	List *paths;

	rows->documents = document_rows_create(options, RelationGetDescr(relation), columns, &paths);
	rows->search_columns = document_rows_searched(rows->documents);
	rows->project = projection_fields(paths);
	return rows;
}

/*
 * Puts the next row of the current document into a slot; search is the text that the service searched for, or
 * NULL.  Returns false when there is no more.
 */
bool
scan_rows_next(WalcuScanRows *rows, const char *search, TupleTableSlot *slot)
{
	MemoryContext before;
	ListCell *lc;

	if (!document_rows_find(rows->documents))
		return false;
	MemoryContextReset(rows->context);
	before = MemoryContextSwitchTo(rows->context);
	memset(slot->tts_isnull, true, slot->tts_tupleDescriptor->natts * sizeof(bool));
	document_rows_take(rows->documents, slot->tts_values, slot->tts_isnull);
	foreach(lc, search ? rows->search_columns : NIL)
	{
		slot->tts_values[lfirst_int(lc)] = CStringGetTextDatum(search);
		slot->tts_isnull[lfirst_int(lc)] = false;
	}
	MemoryContextSwitchTo(before);
	ExecStoreVirtualTuple(slot);
	return true;
}
