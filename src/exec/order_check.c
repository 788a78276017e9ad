/*
 * order_check.c
 *	  Check that rows arrive in the order that the plan relies on.
 *
 * A merge join or a LIMIT above a sorted scan would answer wrongly, and silently, if the
 * service ignored the sort.  scan.c hands over each row.  order_probe.c has asked before
 * whether the service sorts at all; what is found here is one that sorts otherwise than SQL.
 */
#include "postgres.h"

#include "exec/order_check.h"

#include "pushdown/sort.h"
#include "utils/datum.h"
#include "utils/memutils.h"
#include "utils/sortsupport.h"

/* A check of a scan's rows, one after the other. */
struct WalcuOrderCheck
{
	TupleDesc columns;     /* These are the table's columns. */
	int nkeys;             /* The rows are in the order of so many keys. */
	SortSupport keys;      /* Values are compared by these. */
	MemoryContext context; /* It holds the values of the row before. */
	Datum *values;         /* That row had these values, by key; */
	bool *nulls;           /* those that were NULL are marked here. */
	bool has_row;          /* There was a row before. */
};

/* Makes a check, in the current memory context; NULL for no keys. */
WalcuOrderCheck *
order_check_create(TupleDesc columns, List *keys)
{
	WalcuOrderCheck *check;

	if (keys == NIL)
		return NULL;
	check = palloc0(sizeof(WalcuOrderCheck));
	check->columns = columns;
	check->nkeys = list_length(keys);
	check->keys = palloc0(check->nkeys * sizeof(SortSupportData));
	check->values = palloc0(check->nkeys * sizeof(Datum));
	check->nulls = palloc0(check->nkeys * sizeof(bool));
	check->context = AllocSetContextCreate(CurrentMemoryContext, "walcu order", ALLOCSET_SMALL_SIZES);
	for (int i = 0; i < check->nkeys; i++)
	{
		const WalcuSortKey *key = list_nth(keys, i);
		WalcuSortOrder order = sort_order_of_key(columns, key);
		SortSupport support = &check->keys[i];

		support->ssup_cxt = CurrentMemoryContext;
		support->ssup_collation = order.collation;
		support->ssup_nulls_first = key->nulls_first;
		support->ssup_attno = key->column;
		PrepareSortSupportFromOrderingOp(order.operator_id, support);
	}
	return check;
}

/* Begins again, so that the next row has none before it. */
void
order_check_restart(WalcuOrderCheck *check)
{
	check->has_row = false;
}

/* Compares two rows whose values are out: less than 0 when the first one comes first. */
int
order_check_compare(WalcuOrderCheck *check, const TupleTableSlot *one, const TupleTableSlot *other)
{
	int order = 0;

	for (int i = 0; order == 0 && i < check->nkeys; i++)
	{
		int column = check->keys[i].ssup_attno - 1;

		order = ApplySortComparator(one->tts_values[column], one->tts_isnull[column],
									other->tts_values[column], other->tts_isnull[column], &check->keys[i]);
	}
	return order;
}

/* Compares a row, by columns, with the one before.  Returns the column that is out of order, or NULL. */
const char *
order_check_row(WalcuOrderCheck *check, Datum *values, bool *nulls)
{
	const char *out_of_order = NULL;
	MemoryContext before;

	for (int i = 0; check->has_row && i < check->nkeys; i++)
	{
		SortSupport key = &check->keys[i];
		int order = ApplySortComparator(check->values[i], check->nulls[i], values[key->ssup_attno - 1],
										nulls[key->ssup_attno - 1], key);

		if (order > 0)
			out_of_order = NameStr(TupleDescAttr(check->columns, key->ssup_attno - 1)->attname);
		if (order != 0)
			break;
	}
	MemoryContextReset(check->context);
	before = MemoryContextSwitchTo(check->context);
	for (int i = 0; i < check->nkeys; i++)
	{
		int column = check->keys[i].ssup_attno - 1;
		Form_pg_attribute attribute = TupleDescAttr(check->columns, column);

		check->nulls[i] = nulls[column];
		check->values[i] =
			nulls[column] ? (Datum) 0 : datumCopy(values[column], attribute->attbyval, attribute->attlen);
	}
	check->has_row = true;
	MemoryContextSwitchTo(before);
	return out_of_order;
}
