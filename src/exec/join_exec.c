/*
 * join_exec.c
 *	  A batched key join at work.
 *
 * The executor takes row by row, in the order of the outer side.  Rows of that side are gathered in batches;
 * those of their keys that are new are asked for together (scan.c sends what they become),
 * and the rows that come are kept by key (join_table.c), also for later batches; those that do not fit
 * into work_mem are kept in a temporary file.  Batches begin small, so that whoever wants few rows pays for
 * few.
 */
#include "postgres.h"

#include <math.h>

#include "exec/join_exec.h"

#include "base/compat.h"
#include "exec/join_explain.h"
#include "exec/scan.h"
#include "executor/executor.h"
#include "nodes/nodeFuncs.h"
#include "plan/join_path.h"
#include "utils/array.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

/* A batch has so many outer rows at most for each key that it may have, while batches grow. */
#define ROWS_A_KEY 20

#define OUTER_PLAN(join) ((PlanState *) linitial((join)->node.custom_ps))
#define INNER_PLAN(join) ((ForeignScanState *) lsecond((join)->node.custom_ps))
#define INNER_SCAN(join) ((WalcuScan *) INNER_PLAN(join)->fdw_state)

/* The outer rows of a batch may take so much of work_mem, and the table so much when one begins. */
#define BATCH_MEMORY (work_mem * UINT64CONST(512))

static Node *create_join_state(CustomScan *scan);
static void begin_join(CustomScanState *node, EState *estate, int eflags);
static TupleTableSlot *exec_join(CustomScanState *node);
static void end_join(CustomScanState *node);
static void rescan_join(CustomScanState *node);
static void explain_join(CustomScanState *node, List *ancestors, ExplainState *es);
static bool begin_outer_row(WalcuJoinState *join);
static bool take_next_match(WalcuJoinState *join);
static void gather_batch(WalcuJoinState *join);
static bool is_batch_full(const WalcuJoinState *join);
static bool take_outer_row(WalcuJoinState *join);
static bool evaluate_outer_key(WalcuJoinState *join, Datum *value);
static void keep_outer_row(WalcuJoinState *join, TupleTableSlot *slot);
static void add_array_keys(WalcuJoinState *join, Datum value);
static void add_key(WalcuJoinState *join, Datum value);
static void load_filed_keys(WalcuJoinState *join);
static void ask_for_keys(WalcuJoinState *join);
static int choose_scan_keys(const WalcuJoinState *join, int most, int left, int before);
static int ask_for_some(WalcuJoinState *join, int from, int count, int most);
static void adapt_batch(WalcuJoinState *join);
static int count_keys_a_reply(const WalcuJoinState *join);
static Datum make_key_array(const WalcuJoinState *join, int from, int count);
static int count_keys_a_request(const WalcuJoinState *join, int keys);
static double estimate_documents_a_key(const WalcuJoinState *join);
static void keep_inner_row(WalcuJoinState *join, TupleTableSlot *row);
static void place_side_row(WalcuJoinState *join, TupleTableSlot *row, bool inner);
static const WalcuOptions *get_inner_options(const WalcuJoinState *join);

static const CustomScanMethods join_scan_methods = {
	.CustomName = JOIN_PLAN_NAME,
	.CreateCustomScanState = create_join_state,
};

static const CustomExecMethods join_exec_methods = {
	.CustomName = JOIN_PLAN_NAME,
	.BeginCustomScan = begin_join,
	.ExecCustomScan = exec_join,
	.EndCustomScan = end_join,
	.ReScanCustomScan = rescan_join,
	.ExplainCustomScan = explain_join,
};

/* _PG_init calls this, to make the node known to the planner, and to those who read plans. */
void
join_exec_init(void)
{
	RegisterCustomScanMethods(&join_scan_methods);
}

/* CustomScanMethods.CreateCustomScanState */
static Node *
create_join_state(CustomScan *scan)
{
	WalcuJoinState *join = (WalcuJoinState *) newNode(sizeof(WalcuJoinState), T_CustomScanState);

	join->node.methods = &join_exec_methods;
	join->plan = join_plan_of_scan(scan);
	return (Node *) join;
}

/* CustomExecMethods.BeginCustomScan */
static void
begin_join(CustomScanState *node, EState *estate, int eflags)
{
	WalcuJoinState *join = (WalcuJoinState *) node;
	CustomScan *scan = (CustomScan *) node->ss.ps.plan;
	ListCell *lc;

	foreach(lc, scan->custom_plans)
		node->custom_ps = lappend(node->custom_ps, ExecInitNode(lfirst(lc), estate, eflags));
	join->outer_key = ExecInitExpr(join->plan.outer_key, &node->ss.ps);
	join->inner_key = ExecInitExpr(join->plan.inner_key, &node->ss.ps);
	join->key_quals = ExecInitQual(join->plan.key_quals, &node->ss.ps);
	join->quals = ExecInitQual(join->plan.quals, &node->ss.ps);
	if (eflags & EXEC_FLAG_EXPLAIN_ONLY)
		return;
	join->key_type = exprType((Node *) join->plan.outer_key);
	if (join->plan.of_array)
		join->key_type = get_base_element_type(join->key_type);
	get_typlenbyvalalign(join->key_type, &join->key_length, &join->key_by_value, &join->key_align);
	join->outer_slot =
		ExecInitExtraTupleSlot(estate, ExecGetResultType(OUTER_PLAN(join)), &TTSOpsMinimalTuple);
	join->inner_slot =
		ExecInitExtraTupleSlot(estate, ExecGetResultType(&INNER_PLAN(join)->ss.ps), &TTSOpsMinimalTuple);
	join->table = join_table_create(join->plan.op, join->plan.collation);
	join->batch_context =
		AllocSetContextCreate(CurrentMemoryContext, "walcu join batch", ALLOCSET_DEFAULT_SIZES);
	join->batch_size = join->plan.first_batch;
	join->scan_size = PG_INT32_MAX;
}

/* CustomExecMethods.ExecCustomScan */
static TupleTableSlot *
exec_join(CustomScanState *node)
{
	WalcuJoinState *join = (WalcuJoinState *) node;
	ExprContext *context = node->ss.ps.ps_ExprContext;

	context->ecxt_scantuple = node->ss.ss_ScanTupleSlot;
	for (;;)
	{
		CHECK_FOR_INTERRUPTS();
		ResetExprContext(context);
		if (join->current == NULL && !begin_outer_row(join))
			return ExecClearTuple(node->ss.ps.ps_ResultTupleSlot);
		if (!take_next_match(join))
			continue;
		if (!ExecQual(node->ss.ps.qual, context))
		{
			InstrCountFiltered1(node, 1);
			continue;
		}
		return node->ss.ps.ps_ProjInfo ? ExecProject(node->ss.ps.ps_ProjInfo) : context->ecxt_scantuple;
	}
}

/* CustomExecMethods.EndCustomScan */
static void
end_join(CustomScanState *node)
{
	WalcuJoinState *join = (WalcuJoinState *) node;
	ListCell *lc;

	if (join->table)
		join_table_reset(join->table);
	foreach(lc, node->custom_ps)
		ExecEndNode(lfirst(lc));
}

/*
 * CustomExecMethods.ReScanCustomScan: what came stays good, unless it was asked for with values that are
 * others now.
 */
static void
rescan_join(CustomScanState *node)
{
	WalcuJoinState *join = (WalcuJoinState *) node;
	PlanState *outer = OUTER_PLAN(join);
	PlanState *inner = &INNER_PLAN(join)->ss.ps;

	if (node->ss.ps.chgParam)
	{
		UpdateChangedParamSet(outer, node->ss.ps.chgParam);
		UpdateChangedParamSet(inner, node->ss.ps.chgParam);
	}
	if (outer->chgParam == NULL)
		ExecReScan(outer);
	if (inner->chgParam)
		join_table_reset(join->table);
	join->row_count = join->next_row = 0;
	join->current = NULL;
	join->outer_ended = false;
	if (!join->reads_all)
		join->batch_size = Min(join->batch_size, join->plan.first_batch);
}

/* CustomExecMethods.ExplainCustomScan */
static void
explain_join(CustomScanState *node, List *ancestors, ExplainState *es)
{
	const WalcuJoinState *join = (WalcuJoinState *) node;

	join_explain(node, &join->plan, ancestors, es);
	if (es->analyze)
	{
		ExplainPropertyInteger("Keys", NULL, join->keys, es);
		ExplainPropertyInteger("Batches", NULL, join->batches, es);
	}
}

/* Goes to the next outer row, of another batch if need be.  Returns false when there is none. */
static bool
begin_outer_row(WalcuJoinState *join)
{
	while (join->next_row >= join->row_count)
	{
		if (join->outer_ended)
			return false;
		gather_batch(join);
	}
	join->current = &join->rows[join->next_row++];
	join->candidate = join->current->key ? join->current->key->first : NULL;
	join->next_key = 0;
	join->matched = false;
	ExecStoreMinimalTuple(join->current->tuple, join->outer_slot, false);
	place_side_row(join, join->outer_slot, false);
	return true;
}

/*
 * Puts the next row of the join, of the current outer row, into the scan slot.  Returns false when there is
 * no more, or when the candidate was no match.
 */
static bool
take_next_match(WalcuJoinState *join)
{
	JoinType type = join->plan.type;

	while (join->candidate == NULL && join->next_key < list_length(join->current->more))
		join->candidate = ((WalcuJoinKey *) list_nth(join->current->more, join->next_key++))->first;
	if (join->candidate == NULL)
	{
		bool unmatched = !join->matched && (type == JOIN_LEFT || type == JOIN_ANTI);

		join->current = NULL;
		if (unmatched)
			place_side_row(join, NULL, true);
		return unmatched;
	}
	ExecStoreMinimalTuple(join->candidate->tuple, join->inner_slot, false);
	place_side_row(join, join->inner_slot, true);
	join->candidate = join->candidate->next;
	if (!ExecQual(join->quals, join->node.ss.ps.ps_ExprContext))
		return false;
	join->matched = true;
	if (join->plan.single_match || type == JOIN_ANTI)
	{
		join->candidate = NULL;
		join->next_key = list_length(join->current->more);
	}
	return type != JOIN_ANTI;
}

/* Reads the next batch of outer rows, and the documents of their keys. */
static void
gather_batch(WalcuJoinState *join)
{
	if (join_table_size(join->table) > BATCH_MEMORY)
		join_table_file(join->table);
	MemoryContextReset(join->batch_context);
	join->rows = NULL;
	join->row_count = join->row_room = join->next_row = 0;
	join->new_keys = join->filed_keys = NIL;
	while (!is_batch_full(join) && take_outer_row(join))
		;
	if (join->filed_keys != NIL)
		load_filed_keys(join);
	if (join->new_keys != NIL)
	{
		ask_for_keys(join);
		adapt_batch(join);
	}
}

/* Returns whether the batch has as many keys, or rows, as it may. */
static bool
is_batch_full(const WalcuJoinState *join)
{
	bool growing = join->batch_size < get_inner_options(join)->join_batch_size;

	return list_length(join->new_keys) >= join->batch_size ||
		   (growing && join->row_count >= join->batch_size * ROWS_A_KEY) ||
		   MemoryContextMemAllocated(join->batch_context, false) > BATCH_MEMORY ||
		   join_table_filed_size(join->table) > BATCH_MEMORY;
}

/* Adds the next row of the outer side to the batch.  Returns false at the end. */
static bool
take_outer_row(WalcuJoinState *join)
{
	TupleTableSlot *slot = ExecProcNode(OUTER_PLAN(join));
	ExprContext *context = join->node.ss.ps.ps_ExprContext;
	bool has_key;
	Datum value;

	join->outer_ended = TupIsNull(slot);
	if (join->outer_ended)
		return false;
	ResetExprContext(context);
	place_side_row(join, slot, false);
	has_key = evaluate_outer_key(join, &value);
	if (!has_key && (join->plan.type == JOIN_INNER || join->plan.type == JOIN_SEMI))
		return true;
	keep_outer_row(join, slot);
	if (has_key && join->plan.of_array)
		add_array_keys(join, value);
	else if (has_key)
		add_key(join, value);
	return true;
}

/*
 * Evaluates the key of the outer row in the scan slot, or the array of its keys.  Returns false when nothing
 * can match the row.  A condition may keep a key from being computed that cannot be; and a key that is there
 * to be looked at, a condition.
 */
static bool
evaluate_outer_key(WalcuJoinState *join, Datum *value)
{
	ExprContext *context = join->node.ss.ps.ps_ExprContext;
	bool is_column = IsA(join->plan.outer_key, Var);
	bool is_null;

	if (!is_column && !ExecQual(join->key_quals, context))
		return false;
	*value = ExecEvalExprSwitchContext(join->outer_key, context, &is_null);
	return !is_null && (!is_column || ExecQual(join->key_quals, context));
}

static void
keep_outer_row(WalcuJoinState *join, TupleTableSlot *slot)
{
	MemoryContext before = MemoryContextSwitchTo(join->batch_context);
	WalcuOuterRow *row;

	if (join->rows == NULL)
	{
		join->row_room = JOIN_PATH_FIRST_BATCH;
		join->rows = palloc(join->row_room * sizeof(WalcuOuterRow));
	}
	else if (join->row_count == join->row_room)
	{
		join->row_room *= 2;
		join->rows = repalloc_huge(join->rows, join->row_room * sizeof(WalcuOuterRow));
	}
	row = &join->rows[join->row_count++];
	row->tuple = ExecCopySlotMinimalTuple(slot);
	row->key = NULL;
	row->more = NIL;
	join->row_number++;
	MemoryContextSwitchTo(before);
}

/* Adds the elements of an array to the last outer row. */
static void
add_array_keys(WalcuJoinState *join, Datum value)
{
	MemoryContext before = MemoryContextSwitchTo(join->node.ss.ps.ps_ExprContext->ecxt_per_tuple_memory);
	ArrayType *array = DatumGetArrayTypeP(value);
	Datum *elements;
	bool *nulls;
	int count;

	deconstruct_array(array, ARR_ELEMTYPE(array), join->key_length, join->key_by_value, join->key_align,
					  &elements, &nulls, &count);
	for (int i = 0; i < count; i++)
	{
		if (!nulls[i])
			add_key(join, elements[i]);
	}
	MemoryContextSwitchTo(before);
}

/* Adds a key to the last outer row, once. */
static void
add_key(WalcuJoinState *join, Datum value)
{
	MemoryContext before = MemoryContextSwitchTo(join->batch_context);
	WalcuOuterRow *row = &join->rows[join->row_count - 1];
	bool is_new;
	WalcuJoinKey *key = join_table_enter(join->table, value, &is_new);

	if (is_new && key->may_be_filed)
		join->filed_keys = lappend(join->filed_keys, key);
	else if (is_new)
		join->new_keys = lappend(join->new_keys, key);
	if (row->key == NULL)
		row->key = key;
	else if (key->row != join->row_number)
		row->more = lappend(row->more, key);
	key->row = join->row_number;
	MemoryContextSwitchTo(before);
}

/* Gets the documents of keys that are in the table's file; the others, if there are any, are new ones. */
static void
load_filed_keys(WalcuJoinState *join)
{
	MemoryContext before = MemoryContextSwitchTo(join->batch_context);
	ListCell *lc;

	join_table_load(join->table);
	foreach(lc, join->filed_keys)
	{
		if (((WalcuJoinKey *) lfirst(lc))->scan == 0)
			join->new_keys = lappend(join->new_keys, lfirst(lc));
	}
	MemoryContextSwitchTo(before);
}

/* Asks for the documents of the new keys, in as few scans as can be. */
static void
ask_for_keys(WalcuJoinState *join)
{
	int total = list_length(join->new_keys);
	int count = 0;

	join->batches++;
	for (int from = 0; from < total; from += count)
	{
		int most = count_keys_a_request(join, total - from);

		count = ask_for_some(join, from, choose_scan_keys(join, most, total - from, count), most);
	}
}

/*
 * Chooses how many of the keys that are left the next scan asks for.  Where each is expected to have a
 * document, the first ones of the first batch tell whether they have: as many as are under way at once are
 * asked for, and then twice as many as before, until lists are as long as they can be.
 */
static int
choose_scan_keys(const WalcuJoinState *join, int most, int left, int before)
{
	const WalcuOptions *options = get_inner_options(join);
	int64 first = (int64) most * options->max_connections;

	if (most == 0 || most > options->fetch_size || most >= join->plan.keys_a_url || join->reads_all ||
		join->batches > 1)
		return left;
	return Min(left, Max(first, before * INT64CONST(2)));
}

/* Asks for the documents of so many of the new keys at most.  Returns how many it were. */
static int
ask_for_some(WalcuJoinState *join, int from, int count, int most)
{
	PlanState *inner = &INNER_PLAN(join)->ss.ps;
	int64 widened = INNER_SCAN(join)->tally.widened;
	int64 documents = INNER_SCAN(join)->tally.documents;
	TupleTableSlot *row;
	WalcuKeysUse use;

	ExecReScan(inner);
	do
	{
		count = Min(count, join->scan_size);
		use = scan_set_keys(INNER_PLAN(join), make_key_array(join, from, count), most, most == 0);
		if (use == WALCU_KEYS_TOO_LONG)
			join->scan_size = Max(count / 2, 1);
	} while (use == WALCU_KEYS_TOO_LONG && count > 1);
	join->scans++;
	row = ExecProcNode(inner);
	/* when no keys are asked for, it brings the documents of all */
	if (use != WALCU_KEYS_ASKED || INNER_SCAN(join)->tally.widened > widened)
	{
		join->reads_all = true;
		count = list_length(join->new_keys) - from;
	}
	for (int i = from; i < from + count; i++)
		((WalcuJoinKey *) list_nth(join->new_keys, i))->scan = join->scans;
	for (; !TupIsNull(row); row = ExecProcNode(inner))
		keep_inner_row(join, row);
	join->reads_all |= INNER_SCAN(join)->tally.widened > widened;
	join->keys += count;
	join->documents += INNER_SCAN(join)->tally.documents - documents;
	return count;
}

/* Learns from a batch how large the next one may be. */
static void
adapt_batch(WalcuJoinState *join)
{
	/* when each batch reads the whole table, there had better be few */
	if (join->reads_all)
		join->batch_size = join->scan_size = PG_INT32_MAX;
	else if (join_table_size(join->table) > 2 * BATCH_MEMORY)
	{
		join->outgrown = true;
		/* one reply's worth of documents in any case */
		join->batch_size = Max(join->batch_size / 2, Min(count_keys_a_reply(join), join->batch_size));
	}
	else if (!join->outgrown)
		join->batch_size = Min(join->batch_size * 2, get_inner_options(join)->join_batch_size);
}

/* Counts how many keys have a reply's worth of documents. */
static int
count_keys_a_reply(const WalcuJoinState *join)
{
	return Max(get_inner_options(join)->fetch_size / Max(estimate_documents_a_key(join), 1e-3), 1);
}

static Datum
make_key_array(const WalcuJoinState *join, int from, int count)
{
	MemoryContext before = MemoryContextSwitchTo(join->batch_context);
	Datum *values = palloc(count * sizeof(Datum));
	ArrayType *array;

	for (int i = 0; i < count; i++)
		values[i] = ((WalcuJoinKey *) list_nth(join->new_keys, from + i))->value;
	array =
		construct_array(values, count, join->key_type, join->key_length, join->key_by_value, join->key_align);
	MemoryContextSwitchTo(before);
	return PointerGetDatum(array);
}

/*
 * Counts how many of some keys a request asks for, so that the documents of each fill one reply: then all
 * requests can be under way at once.  Where a key has several documents, there are as many requests as may be
 * under way.  Returns 0 for background jobs, which bring any number.
 */
static int
count_keys_a_request(const WalcuJoinState *join, int keys)
{
	const WalcuOptions *options = get_inner_options(join);
	double per_key = estimate_documents_a_key(join);
	double most;

	if (per_key > 1)
		most = Max(ceil(options->fetch_size / per_key), ceil(keys / (double) options->max_connections));
	else if (per_key > 0.8)
		most = options->fetch_size;
	else /* a fifth for chance */
		most = Min(options->fetch_size * 0.8 / Max(per_key, 1e-3), 1e6);
	if (join_path_prefers_jobs(options, &join->plan, keys,
							   Max(ceil(keys / most), ceil(keys * per_key / options->fetch_size))))
		return 0;
	return (int) most;
}

/* Estimates by the keys so far, or as the planner expects it of the first ones. */
static double
estimate_documents_a_key(const WalcuJoinState *join)
{
	double per_key = join->keys > 0 ? join->documents / (double) join->keys : join->plan.per_key;

	return join->plan.by_id ? Min(per_key, 1) : per_key;
}

/* Keeps a row, if it has one of the keys that its scan has asked for. */
static void
keep_inner_row(WalcuJoinState *join, TupleTableSlot *row)
{
	ExprContext *context = join->node.ss.ps.ps_ExprContext;
	bool is_null;
	Datum value;

	ResetExprContext(context);
	place_side_row(join, row, true);
	value = ExecEvalExprSwitchContext(join->inner_key, context, &is_null);
	if (!is_null && join->plan.in_array)
		join_table_add_to_elements(join->table, value, join->scans, row);
	else if (!is_null)
		join_table_add(join->table, value, join->scans, row);
}

/* Puts a row of one side, or NULLs, into the scan slot.  An outer one is without an inner one at first. */
static void
place_side_row(WalcuJoinState *join, TupleTableSlot *row, bool inner)
{
	TupleTableSlot *slot = join->node.ss.ss_ScanTupleSlot;
	int start = inner ? ExecGetResultType(OUTER_PLAN(join))->natts : 0;
	int count = row ? row->tts_tupleDescriptor->natts : 0;

	ExecClearTuple(slot);
	if (row)
	{
		slot_getallattrs(row);
		memcpy(slot->tts_values + start, row->tts_values, count * sizeof(Datum));
		memcpy(slot->tts_isnull + start, row->tts_isnull, count * sizeof(bool));
	}
	memset(slot->tts_isnull + start + count, true,
		   (slot->tts_tupleDescriptor->natts - start - count) * sizeof(bool));
	ExecStoreVirtualTuple(slot);
}

static const WalcuOptions *
get_inner_options(const WalcuJoinState *join)
{
	return INNER_SCAN(join)->query.options;
}
