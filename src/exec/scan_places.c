/*
 * scan_places.c
 *	  Where a scan stands among the scans that one Append or Merge Append reads.
 *
 * scan_search.c gives a scan its places, in a list, and scan.c notes here what becomes of it.  By that,
 * scan_group.c tells when others are to begin.  Without a place, nothing is done.
 */
#include "postgres.h"

#include "exec/scan_places.h"

#include "executor/execPartition.h"

static bool leaves_children_out(const WalcuScanGroup *group);

/* Finds the place of a scan whose rows, with those of others, are as many as a LIMIT says; or NULL. */
WalcuScanPlace *
scan_places_find_limited(List *places)
{
	ListCell *lc;

	foreach(lc, places)
	{
		WalcuScanPlace *place = lfirst(lc);

		if (place->is_child && !place->group->is_merge && !place->group->wants_all &&
			!leaves_children_out(place->group))
			return place;
	}
	return NULL;
}

/* Then it is not known which of those that have begun are read in this execution. */
static bool
leaves_children_out(const WalcuScanGroup *group)
{
	const PartitionPruneState *prune = ((const AppendState *) group->node)->as_prune_state;

	return prune && prune->do_exec_prune;
}

/*
 * How many rows a scan is to ask for at first, of those that its query wants (0: that is not known): what
 * others have left of them, and no more than a page where several pages may come at once.
 */
double
scan_places_share(List *places, double wanted, int page)
{
	const WalcuScanPlace *place = wanted > 0 ? scan_places_find_limited(places) : NULL;

	if (place == NULL)
		return wanted;
	return Min(Max(wanted - place->group->given, 1), Max(wanted / place->group->scan_count, page));
}

/* Tells whether a scan gives its rows to a Merge Append. */
bool
scan_places_are_merged(const List *places)
{
	ListCell *lc;

	foreach(lc, places)
	{
		const WalcuScanPlace *place = lfirst(lc);

		if (place->is_child && place->group->is_merge)
			return true;
	}
	return false;
}

/* Notes that a scan has begun. */
void
scan_places_note_begin(List *places, bool is_async)
{
	ListCell *lc;

	foreach(lc, places)
	{
		WalcuScanPlace *place = lfirst(lc);

		place->execution = place->group->execution;
		place->is_counted = place->is_child && is_async;
		place->group->begun += place->is_counted;
	}
}

/* Notes that a row has come. */
void
scan_places_note_row(List *places)
{
	ListCell *lc;

	foreach(lc, places)
		((WalcuScanPlace *) lfirst(lc))->group->given++;
}

/* Notes that a scan has ended. */
void
scan_places_note_end(List *places)
{
	ListCell *lc;

	foreach(lc, places)
	{
		WalcuScanPlace *place = lfirst(lc);

		if (place->is_counted && place->execution == place->group->execution)
			place->group->ended++;
		place->is_counted = false;
	}
}

/*
 * Notes that a scan is to begin again.  One that has begun when its group was executed is the first to do so
 * when that is executed once more.
 */
void
scan_places_note_restart(List *places)
{
	ListCell *lc;

	foreach(lc, places)
	{
		WalcuScanPlace *place = lfirst(lc);
		WalcuScanGroup *group = place->group;

		if (place->execution != group->execution)
			continue;
		group->execution++;
		group->limit = -1;
		group->begun = group->ended = 0;
		group->given = 0;
	}
}
