/*
 * key_rows.c
 *	  The documents of many keys, for a scan that is executed with one after another.
 *
 * The executor calls in here for each foreign scan; those that no node reads ahead for (read_ahead.c) go on
 * to scan.c at once.  Where one does, and the key that the scan's parameters make has no documents here, the
 * node tells which keys come next, and the scan is executed once for all of these: with their list for a
 * condition, without the conditions that the same parameters are in, and in any order.  The rows are kept by
 * key (join_table.c), and an execution returns those of its key, sorted as it promises.  The executor checks
 * all conditions, as always.
 *
 * What is kept takes half of work_mem when a batch begins, or goes into a temporary file.  It is forgotten
 * when a parameter changes that is not one of the node's rows.
 *
 * Nobody waits for a scan that Append runs beside others: its batch goes on whenever something has come, and
 * on into the next execution where this one ends before.
 */
#include "postgres.h"

#include <math.h>

#include "exec/key_rows.h"

#include "exec/join_table.h"
#include "exec/key_choice.h"
#include "exec/outer_keys.h"
#include "exec/range_rows.h"
#include "exec/read_ahead.h"
#include "exec/scan.h"
#include "exec/scan_settings.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "plan/join_key.h"
#include "utils/array.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"

/* So many rows are looked at for each key that is looked for. */
#define ROWS_A_KEY 20

/* The documents that are kept take so much of work_mem when a batch begins. */
#define KEPT_MEMORY (work_mem * UINT64CONST(512))

/* What a scan has for the keys that come next. */
struct WalcuKeyRows
{
	WalcuReadAhead *ahead; /* It tells which keys come next; NULL when the scan has to ask for each key. */
	int place;             /* The scan is this one of its scans. */
	struct WalcuRangeRows *ranges; /* It has bounds in place of a key; then these have all else. */
	WalcuScanOfMany many;          /* A batch asks for this. */
	bool is_narrow;                /* One execution may need less than all documents of its key. */
	bool is_shared;                /* What one asks for by itself is the same for all rows of a key. */
	ExprState *outer_key;          /* It computes the key of this execution. */
	ExprState *inner_key;          /* It computes the key of a document's row, */
	bool in_array;                 /* or the array whose elements are its keys. */
	WalcuOuterKeys outer;          /* Outer rows have such keys. */
	WalcuJoinTable *table;         /* It has the keys that were asked for, and the rows that came. */
	TupleTableSlot *kept;          /* It shows a row that was kept. */
	MemoryContext context;         /* It holds the keys of a batch. */
	uint64 round;                  /* The last batch is of this number, */
	int scan_size;                 /* A scan can ask for so many keys, as far as is known. */
	int batch_size;                /* and the next has so many keys at most. */
	uint64 scans;                  /* So many scans have asked for keys, */
	int64 keys;                    /* for so many keys, */
	int64 documents;               /* and so many documents came. */
	bool outgrown;                 /* A batch's documents did not fit into work_mem. */
	int batch_rows;                /* The last batch is about so many rows. */
	List *batch;                   /* These keys are being asked for (WalcuJoinKey); NIL for none: */
	int batch_from;                /* this one is the first that the present scan asks for, */
	int batch_count;               /* of so many; */
	int64 most_requests;           /* it is given up when there were more than so many requests; */
	int64 widened;                 /* and there were so many of documents without the keys before. */
	bool is_decided;               /* This execution has begun. */
	List *own;                     /* It has these keys (WalcuJoinKey), some more than once. */
	bool is_kept;                  /* Its rows are those of its keys: */
	WalcuJoinRow *next_row;        /* this one comes next, unless it is NULL, */
	int own_next;                  /* and behind those of its key the rows of this one. */
};

static void look_ahead(ForeignScanState *node);
static void prepare_key_rows(ForeignScanState *node, struct WalcuKeyRows *rows);
static bool decide_source(ForeignScanState *node, struct WalcuKeyRows *rows);
static bool find_own_keys(ForeignScanState *node, struct WalcuKeyRows *rows);
static bool begin_documents(ForeignScanState *node, struct WalcuKeyRows *rows);
static List *gather_keys(struct WalcuKeyRows *rows);
static bool begin_batch(ForeignScanState *node, struct WalcuKeyRows *rows, List *keys);
static void begin_batch_scan(ForeignScanState *node, struct WalcuKeyRows *rows);
static bool continue_batch(ForeignScanState *node, struct WalcuKeyRows *rows);
static void continue_behind(ForeignScanState *node, struct WalcuKeyRows *rows);
static void end_batch(ForeignScanState *node, struct WalcuKeyRows *rows, bool is_whole);
static int count_batch_keys_a_request(const WalcuScan *scan, const struct WalcuKeyRows *rows, int keys);
static void keep_rows(ForeignScanState *node, struct WalcuKeyRows *rows);
static void adapt_batch_size(const WalcuScan *scan, struct WalcuKeyRows *rows);
static TupleTableSlot *give_kept_row(ForeignScanState *node, struct WalcuKeyRows *rows);
static void sort_kept_rows(ForeignScanState *node, struct WalcuKeyRows *rows);
static bool find_kept_row(struct WalcuKeyRows *rows);
static void show_kept_row(struct WalcuKeyRows *rows, TupleTableSlot *slot);

/* Gives the next row of a scan. */
TupleTableSlot *
key_rows_iterate(ForeignScanState *node)
{
	WalcuScan *scan = node->fdw_state;

	if (!key_rows_are_ahead(node))
		return scan_iterate(node);
	if (scan->key_rows->ranges)
		return range_rows_iterate(node, scan->key_rows->ranges);
	if (!scan->key_rows->is_decided && !decide_source(node, scan->key_rows))
		return ExecClearTuple(node->ss.ss_ScanTupleSlot);
	return scan->key_rows->is_kept ? give_kept_row(node, scan->key_rows) : scan_iterate(node);
}

/* Tells whether a node reads ahead for a scan, so that the keys of later rows are known. */
bool
key_rows_are_ahead(ForeignScanState *node)
{
	WalcuScan *scan = node->fdw_state;

	if (!scan->has_looked_ahead)
		look_ahead(node);
	scan->has_looked_ahead = true;
	return scan->key_rows && scan->key_rows->ahead;
}

/* Finds out whether one does, and prepares for what is there then. */
static void
look_ahead(ForeignScanState *node)
{
	WalcuScan *scan = node->fdw_state;
	int place;
	WalcuReadAhead *ahead = read_ahead_find(node->ss.ps.state, node->ss.ps.plan->plan_node_id, &place);
	MemoryContext before = MemoryContextSwitchTo(scan->context);
	struct WalcuKeyRows *rows;

	if (ahead)
	{
		rows = scan->key_rows = palloc0(sizeof(struct WalcuKeyRows));
		rows->ahead = ahead;
		rows->place = place;
		if (list_nth_int(ahead->plan.key_params, place) >= 0)
			prepare_key_rows(node, rows);
		else if ((rows->ranges = range_rows_create(node, ahead, place)) == NULL)
			rows->ahead = NULL;
	}
	MemoryContextSwitchTo(before);
}

/* FdwRoutine.ReScanForeignScan */
void
key_rows_rescan(ForeignScanState *node)
{
	WalcuScan *scan = node->fdw_state;
	struct WalcuKeyRows *rows = scan->key_rows;

	if (rows && rows->ranges)
	{
		range_rows_rescan(node, rows->ranges);
		return;
	}
	if (rows && rows->ahead && !bms_is_subset(node->ss.ps.chgParam, rows->ahead->plan.params))
	{
		if (rows->batch != NIL)
			end_batch(node, rows, true);
		join_table_reset(rows->table);
		read_ahead_restart(rows->ahead, rows->place);
	}
	if (rows)
		rows->is_decided = false;
	/* a batch is about other executions, too */
	if (rows == NULL || rows->batch == NIL)
		scan_rescan(node);
}

/* FdwRoutine.EndForeignScan */
void
key_rows_end(ForeignScanState *node)
{
	WalcuScan *scan = node->fdw_state;

	/* nothing was begun when an error came first */
	if (scan && scan->key_rows && scan->key_rows->table)
		join_table_reset(scan->key_rows->table);
	scan_end(node);
}

static void
prepare_key_rows(ForeignScanState *node, struct WalcuKeyRows *rows)
{
	WalcuScan *scan = node->fdw_state;
	const ForeignScan *plan = (ForeignScan *) node->ss.ps.plan;
	WalcuRelation relation = {plan->scan.scanrelid, RelationGetRelid(node->ss.ss_currentRelation),
							  scan->query.options};
	const Expr *clause;
	WalcuJoinPlan key;
	ListCell *lc;
	int first_keys = read_ahead_first_keys(rows->ahead, scan->query.options);

	rows->place = key_choice_make(node, rows->ahead, rows->place, first_keys);
	clause = list_nth(plan->scan.plan.qual, list_nth_int(rows->ahead->plan.quals, rows->place));
	join_key_find_in_scan(clause, &key);
	rows->many.condition = join_key_of_many(&key, list_nth_int(rows->ahead->plan.key_params, rows->place));
	rows->many.keyed = pushdown_conditions(&relation, list_make1(rows->many.condition));
	pushdown_prepare(rows->many.keyed, &node->ss.ps);
	rows->is_narrow = scan->limit || scan->plan.wanted > 0;
	rows->is_shared = true;
	foreach(lc, scan->filtered)
	{
		const WalcuPushdownCondition *entry = lfirst(lc);

		if (!read_ahead_is_needed(rows->ahead, entry->expression))
			rows->many.others = lappend(rows->many.others, lfirst(lc));
		else if (entry->expression != clause)
		{
			rows->is_narrow = true;
			rows->is_shared &= entry->filter == NULL;
		}
	}
	rows->outer_key = ExecInitExpr(key.outer_key, &node->ss.ps);
	rows->inner_key = ExecInitExpr(key.inner_key, &node->ss.ps);
	rows->in_array = key.in_array;
	rows->outer = outer_keys_of(&key);
	rows->table = join_table_create(key.op, key.collation);
	rows->kept = ExecInitExtraTupleSlot(node->ss.ps.state, RelationGetDescr(node->ss.ss_currentRelation),
										&TTSOpsMinimalTuple);
	rows->context = AllocSetContextCreate(scan->context, "walcu keys ahead", ALLOCSET_DEFAULT_SIZES);
	rows->batch_size = Min(first_keys, scan->query.options->join_batch_size);
	rows->scan_size = PG_INT32_MAX;
	/* a reply's worth of documents for each key is no less for all of them at once */
	if (rows->is_narrow && scan->plan.assumed == 0 && !outer_keys_are_ids(rows->many.keyed) &&
		scan->plan.documents > scan->query.options->fetch_size / 2)
		rows->ahead = NULL;
}

/*
 * Decides where the rows of this execution come from: the documents of its keys are here, or it had better
 * ask itself.  Returns false while they are on their way, in a scan that nobody waits for.
 */
static bool
decide_source(ForeignScanState *node, struct WalcuKeyRows *rows)
{
	WalcuScan *scan = node->fdw_state;
	MemoryContext before = MemoryContextSwitchTo(rows->context);

	rows->next_row = NULL;
	while (!rows->is_decided && (rows->batch == NIL || continue_batch(node, rows)))
	{
		rows->is_kept = rows->ahead && find_own_keys(node, rows);
		if (rows->is_kept && outer_keys_lack_documents(rows->own))
		{
			if (begin_documents(node, rows))
				continue;
			rows->is_kept = false;
		}
		rows->is_decided = true;
	}
	MemoryContextSwitchTo(before);
	if (rows->is_decided && rows->is_kept)
	{
		/* those that are there are given once, whatever array has them how often */
		rows->round++;
		rows->own_next = 0;
		if (scan->sort)
			sort_kept_rows(node, rows);
	}
	return rows->is_decided;
}

/* Finds the keys of this execution.  Returns false when it has more of them than a batch may have. */
static bool
find_own_keys(ForeignScanState *node, struct WalcuKeyRows *rows)
{
	const WalcuScan *scan = node->fdw_state;
	bool is_null;
	Datum value = ExecEvalExprSwitchContext(rows->outer_key, node->ss.ps.ps_ExprContext, &is_null);

	MemoryContextReset(rows->context);
	rows->own = is_null ? NIL : outer_keys_enter(&rows->outer, rows->table, value);
	if (list_length(rows->own) > scan->query.options->join_batch_size)
		return false;
	if (join_table_size(rows->table) > KEPT_MEMORY && outer_keys_lack_documents(rows->own))
	{
		join_table_file(rows->table);
		read_ahead_restart(rows->ahead, rows->place);
		rows->own = outer_keys_enter(&rows->outer, rows->table, value);
	}
	return true;
}

/*
 * Begins to get the documents of this execution's keys, and of those that come next: from the file where they
 * are there.  Returns false when they had better be asked for one by one.
 */
static bool
begin_documents(ForeignScanState *node, struct WalcuKeyRows *rows)
{
	List *keys = gather_keys(rows);

	join_table_load(rows->table);
	if (outer_keys_lack_documents(rows->own))
	{
		List *lacking;

		/* these come first, and with them those that the file was thought to have */
		outer_keys_note_loaded(rows->own);
		rows->round++;
		lacking = outer_keys_add_lacking(NIL, rows->own, rows->round);
		return begin_batch(node, rows, outer_keys_add_lacking(lacking, keys, rows->round));
	}
	/* the others are asked for when one of them is needed, and with it those that come next by then */
	if (keys != NIL)
		read_ahead_restart(rows->ahead, rows->place);
	return true;
}

/* Lists this execution's keys, and those that come next, that have no documents; none that may be filed. */
static List *
gather_keys(struct WalcuKeyRows *rows)
{
	List *keys;
	Datum value;
	bool is_null;

	rows->round++;
	keys = outer_keys_add_lacking(NIL, rows->own, rows->round);
	rows->batch_rows = 1;
	for (int i = 0; i < rows->batch_size * ROWS_A_KEY && list_length(keys) < rows->batch_size; i++)
	{
		int count = list_length(keys);

		if (join_table_filed_size(rows->table) > KEPT_MEMORY ||
			!read_ahead_next_key(rows->ahead, rows->place, &value, &is_null))
			break;
		if (is_null)
			continue;
		keys = outer_keys_add_lacking(keys, outer_keys_enter(&rows->outer, rows->table, value), rows->round);
		rows->batch_rows += list_length(keys) > count || !rows->is_shared;
	}
	return keys;
}

/* Begins to read the documents of keys.  Returns false when they had better be asked for one by one. */
static bool
begin_batch(ForeignScanState *node, struct WalcuKeyRows *rows, List *keys)
{
	int count = list_length(keys);

	if (count < 2)
		return false;
	rows->ahead->batches++;
	rows->ahead->asked += count;
	scan_settings_ask_for_many(node->fdw_state, &rows->many);
	rows->batch = keys;
	rows->batch_from = 0;
	begin_batch_scan(node, rows);
	return true;
}

/* Begins a scan for as many of a batch's keys as it can ask for. */
static void
begin_batch_scan(ForeignScanState *node, struct WalcuKeyRows *rows)
{
	WalcuScan *scan = node->fdw_state;
	int total = list_length(rows->batch);
	int most = count_batch_keys_a_request(scan, rows, total);
	int from = rows->batch_from;
	int count;
	WalcuKeysUse use;

	rows->widened = scan->tally.widened;
	do
	{
		scan_rescan(node);
		count = Min(total - from, rows->scan_size);
		use = scan_set_keys(node, outer_keys_array(&rows->outer, rows->batch, from, count), most, false);
		if (use == WALCU_KEYS_TOO_LONG)
			rows->scan_size = Max(count / 2, 1);
	} while (use == WALCU_KEYS_TOO_LONG && count > 1);
	rows->scans++;
	rows->keys += count;
	for (int i = from; i < from + count; i++)
		((WalcuJoinKey *) list_nth(rows->batch, i))->scan = rows->scans;
	rows->batch_count = count;
	/* asking for each row by itself would take one for each at least */
	rows->most_requests =
		scan->tally.requests +
		(rows->is_narrow ? Max((int64) rows->batch_rows * count / total / 2, 1) : PG_INT32_MAX);
	/* when each batch reads the whole table, there had better be few */
	if (use != WALCU_KEYS_ASKED)
		rows->batch_size = rows->scan_size = scan->query.options->join_batch_size;
}

/* Goes on with a batch.  Returns false when it has not ended, in a scan that nobody waits for. */
static bool
continue_batch(ForeignScanState *node, struct WalcuKeyRows *rows)
{
	WalcuScan *scan = node->fdw_state;

	while (rows->batch != NIL)
	{
		keep_rows(node, rows);
		if (scan->tally.requests > rows->most_requests)
			end_batch(node, rows, false);
		else if (!scan->ended)
			return false;
		else
			continue_behind(node, rows);
	}
	return true;
}

/* Goes on with a batch where one of its scans has ended: with the next one, if there is one. */
static void
continue_behind(ForeignScanState *node, struct WalcuKeyRows *rows)
{
	const WalcuScan *scan = node->fdw_state;

	if (scan->tally.widened > rows->widened)
		rows->batch_size = rows->scan_size = scan->query.options->join_batch_size;
	rows->batch_from += rows->batch_count;
	if (rows->batch_from < list_length(rows->batch))
		begin_batch_scan(node, rows);
	else
		end_batch(node, rows, true);
}

/* Ends a batch; when it took too many requests, keys are asked for one by one from now on. */
static void
end_batch(ForeignScanState *node, struct WalcuKeyRows *rows, bool is_whole)
{
	/* ends what was begun, and notes what was learned */
	scan_rescan(node);
	scan_settings_ask_for_one(node->fdw_state, &rows->many);
	rows->batch = NIL;
	if (is_whole)
		adapt_batch_size(node->fdw_state, rows);
	else
	{
		join_table_reset(rows->table);
		rows->ahead = NULL;
	}
}

/* Counts how many keys a request asks for, so that their documents fill one reply, as in a batched join. */
static int
count_batch_keys_a_request(const WalcuScan *scan, const struct WalcuKeyRows *rows, int keys)
{
	const WalcuOptions *options = scan->query.options;
	double per_key =
		rows->keys > 0 ? rows->documents / (double) rows->keys : Min(Max(scan->plan.documents, 0.1), 1);

	if (per_key > 1)
		return Max(ceil(options->fetch_size / per_key), ceil(keys / (double) options->max_connections));
	if (per_key > 0.8)
		return options->fetch_size;
	/* a fifth for chance */
	return Min(options->fetch_size * 0.8 / Max(per_key, 1e-3), 1e6);
}

/* Keeps the rows that have one of the keys, of those that are here; leaves off after too many requests. */
static void
keep_rows(ForeignScanState *node, struct WalcuKeyRows *rows)
{
	WalcuScan *scan = node->fdw_state;
	ExprContext *context = node->ss.ps.ps_ExprContext;
	TupleTableSlot *row = context->ecxt_scantuple;
	int64 documents = scan->tally.documents;

	for (;;)
	{
		TupleTableSlot *slot = scan_iterate(node);
		bool is_null;
		Datum value;

		if (TupIsNull(slot) || scan->tally.requests > rows->most_requests)
			break;
		context->ecxt_scantuple = slot;
		ResetExprContext(context);
		value = ExecEvalExprSwitchContext(rows->inner_key, context, &is_null);
		if (!is_null && rows->in_array)
			join_table_add_to_elements(rows->table, value, rows->scans, slot);
		else if (!is_null)
			join_table_add(rows->table, value, rows->scans, slot);
	}
	context->ecxt_scantuple = row;
	rows->documents += scan->tally.documents - documents;
}

/* Learns from a batch how large the next one may be: one reply's worth of documents in any case. */
static void
adapt_batch_size(const WalcuScan *scan, struct WalcuKeyRows *rows)
{
	const WalcuOptions *options = scan->query.options;
	double per_key = Max(rows->documents / (double) rows->keys, 1e-3);

	if (join_table_size(rows->table) > 2 * KEPT_MEMORY)
	{
		rows->outgrown = true;
		rows->batch_size = Max(rows->batch_size / 2, Min(options->fetch_size / per_key, rows->batch_size));
	}
	else if (!rows->outgrown)
		rows->batch_size = rows->batch_size * 2;
	rows->batch_size = Max(Min(rows->batch_size, options->join_batch_size), 1);
}

/* Gives the next row of this execution. */
static TupleTableSlot *
give_kept_row(ForeignScanState *node, struct WalcuKeyRows *rows)
{
	WalcuScan *scan = node->fdw_state;
	TupleTableSlot *slot = node->ss.ss_ScanTupleSlot;

	ExecClearTuple(slot);
	if (scan->sort)
		local_sort_next(scan->sort, slot);
	else if (find_kept_row(rows))
	{
		show_kept_row(rows, slot);
	}
	/* by this, async.c knows that no more come */
	scan->ended = TupIsNull(slot);
	return slot;
}

/* Puts all rows of this execution's keys in the order that the scan promises. */
static void
sort_kept_rows(ForeignScanState *node, struct WalcuKeyRows *rows)
{
	WalcuScan *scan = node->fdw_state;
	TupleTableSlot *slot = node->ss.ss_ScanTupleSlot;

	while (find_kept_row(rows))
	{
		ExecClearTuple(slot);
		show_kept_row(rows, slot);
		local_sort_put(scan->sort, slot);
	}
	ExecClearTuple(slot);
	local_sort_finish(scan->sort);
}

/* Finds the next row of this execution, of whichever of its keys.  Returns false when there is none. */
static bool
find_kept_row(struct WalcuKeyRows *rows)
{
	while (rows->next_row == NULL && rows->own_next < list_length(rows->own))
		rows->next_row = outer_keys_first_row(list_nth(rows->own, rows->own_next++), rows->round);
	return rows->next_row != NULL;
}

/* Shows the next row that is kept in a slot. */
static void
show_kept_row(struct WalcuKeyRows *rows, TupleTableSlot *slot)
{
	ExecStoreMinimalTuple(rows->next_row->tuple, rows->kept, false);
	read_ahead_show_row(rows->kept, slot);
	rows->next_row = rows->next_row->next;
}
