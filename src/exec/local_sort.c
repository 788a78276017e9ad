/*
 * local_sort.c
 *	  Sort the rows of a scan here, where the service does not.
 *
 * The plan relies on an order that the service was to bring.  Where it turns out not to sort, or where all
 * rows are here before anybody has found out, scan.c puts them in and takes them out in that order.  What
 * work_mem has no room for is on disk meanwhile.
 */
#include "postgres.h"

#include "exec/local_sort.h"

#include "base/compat.h"
#include "miscadmin.h"
#include "pushdown/sort.h"
#include "utils/tuplesort.h"

struct WalcuLocalSort
{
	TupleDesc columns;       /* These are the table's columns. */
	int nkeys;               /* The rows are sorted by so many keys. */
	AttrNumber *attributes;  /* These are their columns, by key; */
	Oid *operators;          /* these compare their values, */
	Oid *collations;         /* texts in these collations; */
	bool *nulls_first;       /* NULLs come first where that is marked here. */
	MemoryContext context;   /* It holds what is here. */
	Tuplesortstate *rows;    /* It has the rows; NULL while there are none. */
	TupleTableSlot *current; /* The last row that was taken is there. */
	bool is_finished;        /* Rows are taken, and no more are put in. */
};

static void begin_rows(WalcuLocalSort *sort);

/* Makes a sort without rows, in the current memory context; NULL for no keys. */
WalcuLocalSort *
local_sort_create(TupleDesc columns, List *keys)
{
	WalcuLocalSort *sort;

	if (keys == NIL)
		return NULL;
	sort = palloc0(sizeof(WalcuLocalSort));
	sort->columns = CreateTupleDescCopy(columns);
	sort->nkeys = list_length(keys);
	sort->attributes = palloc(sort->nkeys * sizeof(AttrNumber));
	sort->operators = palloc(sort->nkeys * sizeof(Oid));
	sort->collations = palloc(sort->nkeys * sizeof(Oid));
	sort->nulls_first = palloc(sort->nkeys * sizeof(bool));
	for (int i = 0; i < sort->nkeys; i++)
	{
		const WalcuSortKey *key = list_nth(keys, i);
		WalcuSortOrder order = sort_order_of_key(columns, key);

		sort->attributes[i] = key->column;
		sort->operators[i] = order.operator_id;
		sort->collations[i] = order.collation;
		sort->nulls_first[i] = key->nulls_first;
	}
	sort->context = CurrentMemoryContext;
	return sort;
}

/* Copies a row. */
void
local_sort_put(WalcuLocalSort *sort, TupleTableSlot *slot)
{
	if (sort->rows == NULL)
		begin_rows(sort);
	tuplesort_puttupleslot(sort->rows, slot);
}

/* Sorts the rows that were put in, which are to be taken next. */
void
local_sort_finish(WalcuLocalSort *sort)
{
	if (sort->rows)
		tuplesort_performsort(sort->rows);
	sort->is_finished = sort->rows != NULL;
}

/* Puts the next row into a slot, where it is good until the one after.  Returns false when there is none. */
bool
local_sort_next(WalcuLocalSort *sort, TupleTableSlot *slot)
{
	size_t columns = sort->columns->natts;

	if (!sort->is_finished)
		return false;
	if (!tuplesort_gettupleslot(sort->rows, true, false, sort->current, NULL))
	{
		local_sort_clear(sort);
		return false;
	}
	slot_getallattrs(sort->current);
	memcpy(slot->tts_values, sort->current->tts_values, columns * sizeof(Datum));
	memcpy(slot->tts_isnull, sort->current->tts_isnull, columns * sizeof(bool));
	ExecStoreVirtualTuple(slot);
	return true;
}

/* Drops all rows. */
void
local_sort_clear(WalcuLocalSort *sort)
{
	if (sort->current)
		ExecClearTuple(sort->current);
	if (sort->rows)
		tuplesort_end(sort->rows);
	sort->rows = NULL;
	sort->is_finished = false;
}

static void
begin_rows(WalcuLocalSort *sort)
{
	MemoryContext before = MemoryContextSwitchTo(sort->context);

	if (sort->current == NULL)
		sort->current = MakeSingleTupleTableSlot(sort->columns, &TTSOpsMinimalTuple);
	sort->rows = tuplesort_begin_heap(sort->columns, sort->nkeys, sort->attributes, sort->operators,
									  sort->collations, sort->nulls_first, work_mem, NULL, TUPLESORT_NONE);
	MemoryContextSwitchTo(before);
}
