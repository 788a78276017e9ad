/*
 * key_choice.c
 *	  Which of several keys a scan asks for, when rows are read ahead for it.
 *
 * A scan may have conditions on several columns of the outer row, as "of this client, by this user".  One of
 * them is what documents are asked for and held by; the executor checks the others.  Nobody knows how many
 * documents a key has before they were asked for; but the more keys the rows have that come next, the fewer
 * documents each is likely to have: of clients there are more than of users.
 */
#include "postgres.h"

#include "exec/key_choice.h"

#include "exec/join_table.h"
#include "exec/outer_keys.h"
#include "plan/join_key.h"
#include "utils/memutils.h"

static int count_coming_keys(const Expr *clause, WalcuReadAhead *ahead, int place, int rows);

/*
 * Chooses one of the places that a scan has among those of a node that reads ahead, of which this is the
 * first: that of the key with the most values in so many rows that come next, and of these the first one.
 */
int
key_choice_make(const ForeignScanState *node, WalcuReadAhead *ahead, int first, int rows)
{
	const List *scans = ahead->plan.scans;
	int scan = list_nth_int(scans, first);
	int end = first;
	int best = first;
	int most = 0;
	MemoryContext context;
	MemoryContext before;

	while (end < list_length(scans) && list_nth_int(scans, end) == scan)
		end++;
	if (end == first + 1)
		return first;
	context = AllocSetContextCreate(CurrentMemoryContext, "walcu key choice", ALLOCSET_DEFAULT_SIZES);
	before = MemoryContextSwitchTo(context);
	for (int place = first; place < end; place++)
	{
		const Expr *clause = list_nth(node->ss.ps.plan->qual, list_nth_int(ahead->plan.quals, place));
		int count = count_coming_keys(clause, ahead, place, rows);

		if (count > most)
			best = place;
		most = Max(most, count);
	}
	MemoryContextSwitchTo(before);
	MemoryContextDelete(context);
	return best;
}

/* Counts the distinct keys that rows have that come next; an array's are no more than one a row. */
static int
count_coming_keys(const Expr *clause, WalcuReadAhead *ahead, int place, int rows)
{
	WalcuJoinPlan key;
	WalcuJoinTable *table;
	WalcuOuterKeys outer;
	Datum value;
	bool is_null;
	int count = 0;

	join_key_find_in_scan(clause, &key);
	table = join_table_create(key.op, key.collation);
	outer = outer_keys_of(&key);
	for (int i = 0; i < rows && read_ahead_next_key(ahead, place, &value, &is_null); i++)
	{
		List *keys = is_null ? NIL : outer_keys_enter(&outer, table, value);

		count += outer_keys_add_lacking(NIL, keys, 1) != NIL;
	}
	read_ahead_restart(ahead, place);
	return count;
}
