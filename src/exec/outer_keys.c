/*
 * outer_keys.c
 *	  The keys that an outer row's value has: itself, or the elements of an array.
 *
 * key_rows.c reads the documents of many rows' keys at once, and an execution of its scan returns those of
 * all keys of its own row.
 */
#include "postgres.h"

#include "exec/outer_keys.h"

#include "nodes/nodeFuncs.h"
#include "plan/join_key.h"
#include "plan/key_lookup.h"
#include "pushdown/pushdown.h"
#include "utils/array.h"
#include "utils/lsyscache.h"

/* Finds out what the keys are that a condition of a scan compares. */
WalcuOuterKeys
outer_keys_of(const WalcuJoinPlan *key)
{
	WalcuOuterKeys outer = {.of_array = key->of_array, .type = get_element_type(join_key_list_type(key))};

	get_typlenbyvalalign(outer.type, &outer.length, &outer.by_value, &outer.align);
	return outer;
}

/* Returns whether the keys of a condition, of many of them, are ids, of which each has one document. */
bool
outer_keys_are_ids(const List *keyed)
{
	const WalcuPushdown *filter = ((const WalcuPushdownCondition *) linitial(keyed))->filter;

	return filter && filter->condition && key_lookup_is_id(filter->condition->operand);
}

/* Lists the keys of a value that is not NULL, of WalcuJoinKey, as the table has them; they may repeat. */
List *
outer_keys_enter(const WalcuOuterKeys *outer, WalcuJoinTable *table, Datum value)
{
	List *keys = NIL;
	Datum *elements;
	bool *nulls;
	int count;
	bool is_new;

	if (!outer->of_array)
		return list_make1(join_table_enter(table, value, &is_new));
	deconstruct_array(DatumGetArrayTypeP(value), outer->type, outer->length, outer->by_value, outer->align,
					  &elements, &nulls, &count);
	for (int i = 0; i < count; i++)
	{
		/* nothing equals NULL */
		if (!nulls[i])
			keys = lappend(keys, join_table_enter(table, elements[i], &is_new));
	}
	return keys;
}

/* Returns whether no scan has asked for one of the keys. */
bool
outer_keys_lack_documents(const List *keys)
{
	const ListCell *lc;

	foreach(lc, keys)
	{
		if (((const WalcuJoinKey *) lfirst(lc))->scan == 0)
			return true;
	}
	return false;
}

/* Adds those keys to a list, once in a round, that have no documents and are in no file, either. */
List *
outer_keys_add_lacking(List *keys, const List *found, uint64 round)
{
	const ListCell *lc;

	foreach(lc, found)
	{
		WalcuJoinKey *key = lfirst(lc);

		if (key->scan == 0 && key->row != round && !key->may_be_filed)
			keys = lappend(keys, key);
		key->row = round;
	}
	return keys;
}

/* Notes that the table's file has been looked through for these keys: those that it has not are in none. */
void
outer_keys_note_loaded(const List *keys)
{
	const ListCell *lc;

	foreach(lc, keys)
		((WalcuJoinKey *) lfirst(lc))->may_be_filed = false;
}

/* Finds the first row of a key, if this is the first time in a round; NULL when it has none. */
WalcuJoinRow *
outer_keys_first_row(WalcuJoinKey *key, uint64 round)
{
	bool is_first = key->row != round;

	key->row = round;
	return is_first ? key->first : NULL;
}

/* Makes an array of so many of the keys, from one on. */
Datum
outer_keys_array(const WalcuOuterKeys *outer, const List *keys, int from, int count)
{
	Datum *values = palloc(count * sizeof(Datum));

	for (int i = 0; i < count; i++)
		values[i] = ((const WalcuJoinKey *) list_nth(keys, from + i))->value;
	return PointerGetDatum(
		construct_array(values, count, outer->type, outer->length, outer->by_value, outer->align));
}
