/*
 * range_rows.c
 *	  The documents of many ranges, for a scan that is executed with one after another.
 *
 * key_rows.c calls in here for a scan that has no key of the outer row, but bounds: a subquery for each day
 * of a calendar.  As there, the node that reads ahead (read_ahead.c) tells which bounds come next.  The
 * service is asked for all that is within one of their ranges, and the rows are kept in the order of the
 * value that the conditions compare, so that those of one range are found at once.  The executor checks all
 * conditions, as always.
 *
 * What is kept is forgotten when another batch begins, and batches grow.  One whose rows do not fit into
 * work_mem is begun again with fewer ranges.
 */
#include "postgres.h"

#include "exec/range_rows.h"

#include "exec/range_set.h"
#include "exec/scan.h"
#include "exec/scan_settings.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "plan/range_key.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"

/* Each batch has so many times as many ranges as the one before. */
#define GROWTH 10

/* A batch whose rows find no room is begun again with this part of its ranges. */
#define SHRINKAGE 4

/* At first there is room for so many rows. */
#define FIRST_ROWS 256

/* The rows that are kept may take so many bytes. */
#define KEPT_MEMORY (work_mem * UINT64CONST(1024))

/* A row that is kept. */
typedef struct KeptRow
{
	Datum value;        /* The conditions compare this of it. */
	MinimalTuple tuple; /* This is the row itself. */
} KeptRow;

/* What a scan has for the ranges that come next. */
struct WalcuRangeRows
{
	WalcuReadAhead *ahead;   /* It tells which bounds come next; NULL when the scan asks for each range. */
	int lower_place;         /* This one of its keys is the lower bound; -1 for none. */
	int upper_place;         /* This one is the upper bound; -1 for none. */
	WalcuRelation relation;  /* The scan is of this. */
	WalcuScanOfMany many;    /* A batch asks for this. */
	bool is_narrow;          /* One execution may need less than all documents of its range. */
	ExprState *inner;        /* It computes what the conditions compare of a row, */
	ExprState *lower;        /* the lower bound of this execution, if there is one, */
	ExprState *upper;        /* and the upper one. */
	int16 length;            /* Values have this length, */
	bool by_value;           /* and are passed by value, or not. */
	WalcuRangeSet *set;      /* These ranges were asked for. */
	MemoryContext context;   /* It holds what a batch asks for. */
	MemoryContext kept;      /* It holds the rows that came. */
	KeptRow *rows;           /* These are the rows, */
	int row_count;           /* so many, */
	int row_room;            /* with room for so many. */
	TupleTableSlot *slot;    /* It shows one of them. */
	int batch_size;          /* The next batch has so many ranges at most. */
	int batch_rows;          /* The last one is about so many outer rows. */
	int scan_size;           /* A scan can ask for so many ranges, as far as is known. */
	bool is_reading;         /* A batch has not ended: */
	int batch_from;          /* its present scan asks for this range, */
	int batch_count;         /* and so many in all. */
	int64 most_requests;     /* It is given up when there were more than so many requests, */
	int64 widened;           /* and there were so many for all documents before. */
	bool outgrown;           /* The rows of a batch found no room. */
	bool is_decided;         /* This execution has begun. */
	MemoryContext execution; /* It holds its bounds. */
	WalcuRange own;          /* It has this range, */
	bool is_empty;           /* in which nothing can be. */
	bool is_kept;            /* Its rows are among those that are kept, */
	int next_row;            /* and this one comes next. */
};

static int count_first_ranges(const struct WalcuRangeRows *rows);
static void find_bounds(ForeignScanState *node, struct WalcuRangeRows *rows, int place);
static void prepare_bound(ForeignScanState *node, struct WalcuRangeRows *rows, const WalcuRangeBound *bound);
static void sort_by_dependence(const WalcuScan *scan, struct WalcuRangeRows *rows, const List *bounded);
static bool is_ahead_in_vain(const WalcuScan *scan, const struct WalcuRangeRows *rows);
static bool decide_rows(ForeignScanState *node, struct WalcuRangeRows *rows);
static void find_own_range(ForeignScanState *node, struct WalcuRangeRows *rows);
static Datum evaluate_bound(ForeignScanState *node, ExprState *bound, bool *is_empty);
static bool begin_ranges(ForeignScanState *node, struct WalcuRangeRows *rows);
static void gather_ranges(struct WalcuRangeRows *rows);
static bool take_next_range(struct WalcuRangeRows *rows);
static void ask_for_ranges(ForeignScanState *node, struct WalcuRangeRows *rows);
static bool continue_ranges(ForeignScanState *node, struct WalcuRangeRows *rows);
static void continue_behind_ranges(ForeignScanState *node, struct WalcuRangeRows *rows);
static void keep_rows_in_ranges(ForeignScanState *node, struct WalcuRangeRows *rows);
static void keep_row(struct WalcuRangeRows *rows, TupleTableSlot *slot, Datum value);
static bool has_outgrown(const struct WalcuRangeRows *rows);
static void end_ranges(ForeignScanState *node, struct WalcuRangeRows *rows);
static void forget_ranges(struct WalcuRangeRows *rows);
static int compare_kept(const void *a, const void *b, void *set);
static void find_first_row(ForeignScanState *node, struct WalcuRangeRows *rows);
static TupleTableSlot *give_row_in_range(ForeignScanState *node, struct WalcuRangeRows *rows);
static bool show_next_row(struct WalcuRangeRows *rows, TupleTableSlot *slot);

/*
 * Makes what a scan has whose bounds a node can tell, from this one of the node's keys on; NULL when the scan
 * had better ask for each range.
 */
struct WalcuRangeRows *
range_rows_create(ForeignScanState *node, WalcuReadAhead *ahead, int place)
{
	const WalcuScan *scan = node->fdw_state;
	const WalcuOptions *options = scan->query.options;
	struct WalcuRangeRows *rows = palloc0(sizeof(struct WalcuRangeRows));

	rows->ahead = ahead;
	rows->relation = (WalcuRelation){((const Scan *) node->ss.ps.plan)->scanrelid,
									 RelationGetRelid(node->ss.ss_currentRelation), options};
	find_bounds(node, rows, place);
	if (is_ahead_in_vain(scan, rows))
		return NULL;
	rows->slot = ExecInitExtraTupleSlot(node->ss.ps.state, RelationGetDescr(node->ss.ss_currentRelation),
										&TTSOpsMinimalTuple);
	rows->context = AllocSetContextCreate(scan->context, "walcu range batch", ALLOCSET_DEFAULT_SIZES);
	rows->execution = AllocSetContextCreate(scan->context, "walcu range", ALLOCSET_SMALL_SIZES);
	rows->kept = AllocSetContextCreate(scan->context, "walcu range rows", ALLOCSET_DEFAULT_SIZES);
	rows->batch_size = Min(count_first_ranges(rows), options->join_batch_size);
	rows->scan_size = PG_INT32_MAX;
	return rows;
}

/*
 * Tells whether many ranges at once would cost no less than each by itself: where each has a reply's worth of
 * documents, or only one bound, and few of its documents are wanted.
 */
static bool
is_ahead_in_vain(const WalcuScan *scan, const struct WalcuRangeRows *rows)
{
	bool has_many = scan->plan.assumed == 0 && scan->plan.documents > scan->query.options->fetch_size / 2;

	return rows->is_narrow && (rows->lower == NULL || rows->upper == NULL || has_many);
}

/*
 * Counts the ranges of the first batch.  Those with one bound are within each other, so that a second batch
 * reads the documents of the first one again; unless a LIMIT wants few rows, there is one.
 */
static int
count_first_ranges(const struct WalcuRangeRows *rows)
{
	if (rows->ahead->plan.first_keys > 0 || (rows->lower && rows->upper))
		return read_ahead_first_keys(rows->ahead, rows->relation.options);
	return PG_INT32_MAX;
}

/* Finds the bounds, of which there are one or two, and what else there is beside them. */
static void
find_bounds(ForeignScanState *node, struct WalcuRangeRows *rows, int place)
{
	const WalcuReadAheadPlan *plan = &rows->ahead->plan;
	int scan = list_nth_int(plan->scans, place);
	WalcuRangeBound bounds[2];
	List *bounded = NIL;

	rows->lower_place = rows->upper_place = -1;
	for (; place < list_length(plan->scans) && list_nth_int(plan->scans, place) == scan; place++)
	{
		const Expr *clause = list_nth(node->ss.ps.plan->qual, list_nth_int(plan->quals, place));
		WalcuRangeBound bound;

		range_key_find(clause, &bound);
		bounds[!bound.is_lower] = bound;
		*(bound.is_lower ? &rows->lower_place : &rows->upper_place) = place;
		prepare_bound(node, rows, &bound);
		bounded = lappend(bounded, unconstify(Expr *, clause));
	}
	rows->set = range_set_create(rows->lower_place < 0 ? NULL : &bounds[0],
								 rows->upper_place < 0 ? NULL : &bounds[1]);
	sort_by_dependence(node->fdw_state, rows, bounded);
}

static void
prepare_bound(ForeignScanState *node, struct WalcuRangeRows *rows, const WalcuRangeBound *bound)
{
	*(bound->is_lower ? &rows->lower : &rows->upper) = ExecInitExpr(bound->bound, &node->ss.ps);
	rows->inner = ExecInitExpr(bound->inner, &node->ss.ps);
	get_typlenbyval(exprType((Node *) bound->inner), &rows->length, &rows->by_value);
}

/* Finds the conditions that are the same for all rows, and notes what others mean. */
static void
sort_by_dependence(const WalcuScan *scan, struct WalcuRangeRows *rows, const List *bounded)
{
	const ListCell *lc;

	rows->is_narrow = scan->limit || scan->plan.wanted > 0;
	foreach(lc, scan->filtered)
	{
		WalcuPushdownCondition *entry = lfirst(lc);

		if (!read_ahead_is_needed(rows->ahead, entry->expression))
			rows->many.others = lappend(rows->many.others, entry);
		else if (!list_member_ptr(bounded, entry->expression))
			rows->is_narrow = true;
	}
}

/* Gives the next row of a scan. */
TupleTableSlot *
range_rows_iterate(ForeignScanState *node, struct WalcuRangeRows *rows)
{
	if (!rows->is_decided && !decide_rows(node, rows))
		return ExecClearTuple(node->ss.ss_ScanTupleSlot);
	return rows->is_kept ? give_row_in_range(node, rows) : scan_iterate(node);
}

/* Begins a scan again; what is kept stays good, unless a parameter has changed that is not the row's. */
void
range_rows_rescan(ForeignScanState *node, struct WalcuRangeRows *rows)
{
	if (rows->ahead && !bms_is_subset(node->ss.ps.chgParam, rows->ahead->plan.params))
	{
		if (rows->is_reading)
			end_ranges(node, rows);
		forget_ranges(rows);
	}
	rows->is_decided = false;
	/* a batch is about other executions, too */
	if (!rows->is_reading)
		scan_rescan(node);
}

/*
 * Decides where the rows of this execution come from: they are here, or it had better ask itself.  Returns
 * false while they are on their way, in a scan that nobody waits for.
 */
static bool
decide_rows(ForeignScanState *node, struct WalcuRangeRows *rows)
{
	MemoryContext before = MemoryContextSwitchTo(rows->context);

	while (!rows->is_decided && (!rows->is_reading || continue_ranges(node, rows)))
	{
		rows->is_kept = rows->ahead != NULL;
		if (rows->is_kept)
			find_own_range(node, rows);
		if (rows->is_kept && !rows->is_empty && !range_set_covers(rows->set, rows->own))
		{
			if (begin_ranges(node, rows))
				continue;
			rows->is_kept = false;
		}
		rows->is_decided = true;
	}
	MemoryContextSwitchTo(before);
	if (rows->is_decided && rows->is_kept)
		find_first_row(node, rows);
	return rows->is_decided;
}

/* Finds the range of this execution. */
static void
find_own_range(ForeignScanState *node, struct WalcuRangeRows *rows)
{
	WalcuRange range = {0};

	rows->is_empty = false;
	if (rows->lower)
		range.lower = evaluate_bound(node, rows->lower, &rows->is_empty);
	if (rows->upper)
		range.upper = evaluate_bound(node, rows->upper, &rows->is_empty);
	rows->is_empty = rows->is_empty || range_set_is_empty_range(rows->set, range);
	/* each row that is given makes room for what is computed for the next one */
	MemoryContextReset(rows->execution);
	if (!rows->is_empty)
		rows->own = range_set_copy_range(rows->set, rows->execution, range);
}

/* Computes a bound.  Nothing is above or below NULL. */
static Datum
evaluate_bound(ForeignScanState *node, ExprState *bound, bool *is_empty)
{
	bool is_null;
	Datum value = ExecEvalExprSwitchContext(bound, node->ss.ps.ps_ExprContext, &is_null);

	*is_empty |= is_null;
	return value;
}

/*
 * Begins to get the rows of this execution's range, and of those that come next.  Returns false when they had
 * better be asked for one by one.
 */
static bool
begin_ranges(ForeignScanState *node, struct WalcuRangeRows *rows)
{
	WalcuScan *scan = node->fdw_state;

	forget_ranges(rows);
	gather_ranges(rows);
	if (rows->batch_rows < 2)
	{
		range_set_clear(rows->set);
		return false;
	}
	rows->ahead->batches++;
	rows->ahead->asked += rows->batch_rows;
	rows->is_reading = true;
	rows->batch_from = 0;
	scan_settings_ask_for_many(scan, &rows->many);
	ask_for_ranges(node, rows);
	/* asking for each row by itself would take one for each at least */
	rows->most_requests =
		scan->tally.requests + (rows->is_narrow ? Max(rows->batch_rows / 2, 1) : PG_INT32_MAX);
	return true;
}

/* Puts this execution's range, and those that come next, into the set. */
static void
gather_ranges(struct WalcuRangeRows *rows)
{
	range_set_add(rows->set, rows->own);
	rows->batch_rows = 1;
	while (rows->batch_rows < rows->batch_size && take_next_range(rows))
		rows->batch_rows++;
	range_set_merge(rows->set);
}

/* Takes the range of the next row that the scan was not told of.  Returns false when there is none. */
static bool
take_next_range(struct WalcuRangeRows *rows)
{
	WalcuRange range = {0};
	bool lacks_lower = false;
	bool lacks_upper = false;

	/* both places are told of the same rows; a bound is good until the other one is taken */
	if (rows->lower && !read_ahead_next_key(rows->ahead, rows->lower_place, &range.lower, &lacks_lower))
		return false;
	if (rows->lower && rows->upper && !lacks_lower)
		range.lower = range_set_copy_lower(rows->set, range.lower);
	if (rows->upper && !read_ahead_next_key(rows->ahead, rows->upper_place, &range.upper, &lacks_upper))
		return false;
	if (!lacks_lower && !lacks_upper)
		range_set_add(rows->set, range);
	return true;
}

/* Begins a scan for as many of the ranges as it can ask for. */
static void
ask_for_ranges(ForeignScanState *node, struct WalcuRangeRows *rows)
{
	WalcuScan *scan = node->fdw_state;
	int left = range_set_count(rows->set) - rows->batch_from;
	WalcuKeysUse use;

	rows->widened = scan->tally.widened;
	do
	{
		scan_rescan(node);
		rows->batch_count = Min(left, rows->scan_size);
		scan->keyed = pushdown_conditions(
			&rows->relation, list_make1(range_set_condition(rows->set, rows->batch_from, rows->batch_count)));
		pushdown_prepare(scan->keyed, &node->ss.ps);
		use = scan_ask_keyed(node, 0, false);
		if (use == WALCU_KEYS_TOO_LONG)
			rows->scan_size = Max(rows->batch_count / 2, 1);
	} while (use == WALCU_KEYS_TOO_LONG && rows->batch_count > 1);
	/* when each batch reads the whole table, there had better be few */
	if (use != WALCU_KEYS_ASKED)
		rows->batch_size = rows->scan_size = scan->query.options->join_batch_size;
}

/* Goes on with a batch.  Returns false when it has not ended, in a scan that nobody waits for. */
static bool
continue_ranges(ForeignScanState *node, struct WalcuRangeRows *rows)
{
	WalcuScan *scan = node->fdw_state;

	while (rows->is_reading)
	{
		keep_rows_in_ranges(node, rows);
		if (scan->tally.requests > rows->most_requests || has_outgrown(rows))
		{
			bool is_too_large = has_outgrown(rows) && rows->batch_rows > 1;

			end_ranges(node, rows);
			forget_ranges(rows);
			rows->outgrown |= is_too_large;
			rows->batch_size = Max(rows->batch_rows / SHRINKAGE, 1);
			if (!is_too_large || rows->batch_size < 2)
				rows->ahead = NULL;
		}
		else if (!scan->ended)
			return false;
		else
			continue_behind_ranges(node, rows);
	}
	return true;
}

/* Goes on with a batch where one of its scans has ended: with the next one, if there is one. */
static void
continue_behind_ranges(ForeignScanState *node, struct WalcuRangeRows *rows)
{
	const WalcuScan *scan = node->fdw_state;
	const WalcuOptions *options = scan->query.options;

	if (scan->tally.widened > rows->widened)
		rows->batch_size = rows->scan_size = options->join_batch_size;
	rows->batch_from += rows->batch_count;
	if (rows->batch_from < range_set_count(rows->set))
	{
		ask_for_ranges(node, rows);
		return;
	}
	end_ranges(node, rows);
	qsort_arg(rows->rows, rows->row_count, sizeof(KeptRow), compare_kept, rows->set);
	if (!rows->outgrown)
		rows->batch_size = Min((int64) rows->batch_size * GROWTH, options->join_batch_size);
}

/* Keeps the rows that are in one of the ranges, of those that are here, until the batch is given up. */
static void
keep_rows_in_ranges(ForeignScanState *node, struct WalcuRangeRows *rows)
{
	WalcuScan *scan = node->fdw_state;
	ExprContext *context = node->ss.ps.ps_ExprContext;
	TupleTableSlot *row = context->ecxt_scantuple;

	while (scan->tally.requests <= rows->most_requests && !has_outgrown(rows))
	{
		TupleTableSlot *slot = scan_iterate(node);
		bool is_null;
		Datum value;

		if (TupIsNull(slot))
			break;
		context->ecxt_scantuple = slot;
		ResetExprContext(context);
		value = ExecEvalExprSwitchContext(rows->inner, context, &is_null);
		if (!is_null && range_set_has_value(rows->set, rows->batch_from, rows->batch_count, value))
			keep_row(rows, slot, value);
	}
	context->ecxt_scantuple = row;
}

static void
keep_row(struct WalcuRangeRows *rows, TupleTableSlot *slot, Datum value)
{
	MemoryContext before = MemoryContextSwitchTo(rows->kept);

	if (rows->row_count == rows->row_room)
	{
		rows->row_room = Max(rows->row_room * 2, FIRST_ROWS);
		rows->rows = rows->rows ? repalloc_huge(rows->rows, rows->row_room * sizeof(KeptRow))
								: palloc(rows->row_room * sizeof(KeptRow));
	}
	rows->rows[rows->row_count++] =
		(KeptRow){datumCopy(value, rows->by_value, rows->length), ExecCopySlotMinimalTuple(slot)};
	MemoryContextSwitchTo(before);
}

static bool
has_outgrown(const struct WalcuRangeRows *rows)
{
	return MemoryContextMemAllocated(rows->kept, false) > KEPT_MEMORY;
}

/* Ends what a batch has begun, and has the scan ask for one range again. */
static void
end_ranges(ForeignScanState *node, struct WalcuRangeRows *rows)
{
	scan_rescan(node);
	scan_settings_ask_for_one(node->fdw_state, &rows->many);
	rows->is_reading = false;
}

/* Forgets ranges and rows; those that were told are told again. */
static void
forget_ranges(struct WalcuRangeRows *rows)
{
	range_set_clear(rows->set);
	MemoryContextReset(rows->context);
	MemoryContextReset(rows->kept);
	rows->rows = NULL;
	rows->row_count = rows->row_room = 0;
	if (rows->lower)
		read_ahead_restart(rows->ahead, rows->lower_place);
	if (rows->upper)
		read_ahead_restart(rows->ahead, rows->upper_place);
}

static int
compare_kept(const void *a, const void *b, void *set)
{
	return range_set_compare_values(set, ((const KeptRow *) a)->value, ((const KeptRow *) b)->value);
}

/* Finds the first row of this execution's range, and puts all of them in the order that the scan promises. */
static void
find_first_row(ForeignScanState *node, struct WalcuRangeRows *rows)
{
	WalcuScan *scan = node->fdw_state;
	TupleTableSlot *slot = node->ss.ss_ScanTupleSlot;
	int first = 0;
	int behind = rows->is_empty ? 0 : rows->row_count;

	while (first < behind)
	{
		int middle = first + (behind - first) / 2;

		if (range_set_is_above(rows->set, rows->own, rows->rows[middle].value))
			behind = middle;
		else
			first = middle + 1;
	}
	rows->next_row = first;
	if (scan->sort == NULL)
		return;
	while (show_next_row(rows, slot))
		local_sort_put(scan->sort, slot);
	ExecClearTuple(slot);
	local_sort_finish(scan->sort);
}

/* Gives the next row of this execution. */
static TupleTableSlot *
give_row_in_range(ForeignScanState *node, struct WalcuRangeRows *rows)
{
	WalcuScan *scan = node->fdw_state;
	TupleTableSlot *slot = node->ss.ss_ScanTupleSlot;

	if (scan->sort)
	{
		ExecClearTuple(slot);
		local_sort_next(scan->sort, slot);
	}
	else
		show_next_row(rows, slot);
	/* by this, async.c knows that no more come */
	scan->ended = TupIsNull(slot);
	return slot;
}

/* Shows the next row of this execution's range.  Returns false when there is none. */
static bool
show_next_row(struct WalcuRangeRows *rows, TupleTableSlot *slot)
{
	const KeptRow *row;

	ExecClearTuple(slot);
	if (rows->is_empty || rows->next_row >= rows->row_count)
		return false;
	row = &rows->rows[rows->next_row++];
	if (!range_set_is_below(rows->set, rows->own, row->value))
	{
		rows->next_row = rows->row_count;
		return false;
	}
	ExecStoreMinimalTuple(row->tuple, rows->slot, false);
	read_ahead_show_row(rows->slot, slot);
	return true;
}
