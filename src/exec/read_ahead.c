/*
 * read_ahead.c
 *	  A node that reads ahead, for scans that are asked for one key after another.
 *
 * plan/read_ahead_plan.c tells where it stands, and why.  It hands on the rows of the node below it, one by
 * one, and computes the target list and the conditions that it has for each as it is handed on.  A scan
 * (key_rows.c) finds it by the number of the scan's plan, and may ask it for the keys of later rows; only
 * then are these read, and they wait here.
 */
#include "postgres.h"

#include "exec/read_ahead.h"

#include "base/compat.h"
#include "base/statement.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/extensible.h"
#include "nodes/nodeFuncs.h"
#include "utils/memutils.h"
#include "utils/ruleutils.h"

/* The rows that wait may take so much of work_mem. */
#define ROW_MEMORY (work_mem * UINT64CONST(512))

/* At first there is room for so many of them. */
#define FIRST_ROOM 64

/* The first batch of a scan has so many keys where a LIMIT wants no more rows; each further one is larger. */
#define FEWEST_KEYS 10

static Node *create_read_ahead(CustomScan *scan);
static void begin_read_ahead(CustomScanState *node, EState *estate, int eflags);
static TupleTableSlot *exec_read_ahead(CustomScanState *node);
static void end_read_ahead(CustomScanState *node);
static void rescan_read_ahead(CustomScanState *node);
static void explain_read_ahead(CustomScanState *node, List *ancestors, ExplainState *es);
static bool has_row_param(Node *node, void *params);
static bool hand_row_on(WalcuReadAhead *ahead);
static bool read_later_row(WalcuReadAhead *ahead);
static void keep_later_row(WalcuReadAhead *ahead, TupleTableSlot *slot);
static void drop_handed_on(WalcuReadAhead *ahead);

static const CustomScanMethods read_ahead_scan_methods = {
	.CustomName = READ_AHEAD_NAME,
	.CreateCustomScanState = create_read_ahead,
};

static const CustomExecMethods read_ahead_exec_methods = {
	.CustomName = READ_AHEAD_NAME,
	.BeginCustomScan = begin_read_ahead,
	.ExecCustomScan = exec_read_ahead,
	.EndCustomScan = end_read_ahead,
	.ReScanCustomScan = rescan_read_ahead,
	.ExplainCustomScan = explain_read_ahead,
};

/* _PG_init calls this, to make the node known to the planner, and to those who read plans. */
void
read_ahead_init(void)
{
	RegisterCustomScanMethods(&read_ahead_scan_methods);
}

/*
 * Finds the node that reads ahead for a scan of a statement, by the number of the scan's plan, and the first
 * place that the scan has among the node's, one for each of its keys; NULL when there is none.
 */
WalcuReadAhead *
read_ahead_find(EState *estate, int scan, int *place)
{
	List *nodes = *statement_part(estate->es_query_cxt, WALCU_STATEMENT_READ_AHEADS);
	ListCell *each;
	ListCell *lc;

	foreach(each, nodes)
	{
		WalcuReadAhead *ahead = lfirst(each);

		foreach(lc, ahead->plan.scans)
		{
			*place = foreach_current_index(lc);
			if (lfirst_int(lc) == scan)
				return ahead;
		}
	}
	return NULL;
}

/*
 * Takes the key of the next row that a scan was not told of.  It is good until the next call.  Returns false
 * when there is none, or no more rows can wait.
 */
bool
read_ahead_next_key(WalcuReadAhead *ahead, int place, Datum *value, bool *is_null)
{
	int row = Max(ahead->told[place], ahead->next_row);

	if (row >= ahead->row_count && !read_later_row(ahead))
		return false;
	/* reading may have moved the rows */
	row = Max(ahead->told[place], ahead->next_row);
	ahead->told[place] = row + 1;
	ResetExprContext(ahead->key_context);
	ExecStoreMinimalTuple(ahead->rows[row], ahead->later_slot, false);
	read_ahead_show_row(ahead->later_slot, ahead->later_row);
	ahead->key_context->ecxt_scantuple = ahead->later_row;
	*value = ExecEvalExprSwitchContext(list_nth(ahead->keys, place), ahead->key_context, is_null);
	return true;
}

/* Tells a scan of the keys of all rows once more that wait. */
void
read_ahead_restart(WalcuReadAhead *ahead, int place)
{
	ahead->told[place] = 0;
}

/*
 * Returns how many rows' keys a scan's first batch has: no more than a reply's worth, as a key may have many
 * documents, and fewer where a LIMIT wants few rows.
 */
int
read_ahead_first_keys(const WalcuReadAhead *ahead, const WalcuOptions *options)
{
	int wanted = ahead->plan.first_keys;
	int most = Max(options->fetch_size, FEWEST_KEYS);

	return wanted > 0 ? Min(Max(wanted, FEWEST_KEYS), most) : most;
}

/* Returns whether an expression of a scan is another one for each row, so that a node tells its value. */
bool
read_ahead_is_needed(const WalcuReadAhead *ahead, Expr *expression)
{
	return has_row_param((Node *) expression, ahead->plan.params);
}

static bool
has_row_param(Node *node, void *params)
{
	if (node == NULL)
		return false;
	if (IsA(node, Param) && ((Param *) node)->paramkind == PARAM_EXEC)
		return bms_is_member(((Param *) node)->paramid, params);
	return expression_tree_walker(node, has_row_param, params);
}

/* CustomScanMethods.CreateCustomScanState */
static Node *
create_read_ahead(CustomScan *scan)
{
	WalcuReadAhead *ahead = (WalcuReadAhead *) newNode(sizeof(WalcuReadAhead), T_CustomScanState);

	ahead->node.methods = &read_ahead_exec_methods;
	ahead->plan = read_ahead_node_plan(scan);
	return (Node *) ahead;
}

/* CustomExecMethods.BeginCustomScan */
static void
begin_read_ahead(CustomScanState *node, EState *estate, int eflags)
{
	WalcuReadAhead *ahead = (WalcuReadAhead *) node;
	TupleDesc row = node->ss.ss_ScanTupleSlot->tts_tupleDescriptor;
	void **nodes = statement_part(estate->es_query_cxt, WALCU_STATEMENT_READ_AHEADS);

	eflags &= ~(EXEC_FLAG_BACKWARD | EXEC_FLAG_MARK);
	outerPlanState(node) = ExecInitNode(outerPlan(node->ss.ps.plan), estate, eflags);
	ahead->keys = ExecInitExprList(ahead->plan.keys, &node->ss.ps);
	ahead->row_slot = ExecInitExtraTupleSlot(estate, row, &TTSOpsMinimalTuple);
	ahead->later_slot = ExecInitExtraTupleSlot(estate, row, &TTSOpsMinimalTuple);
	ahead->later_row = ExecInitExtraTupleSlot(estate, row, &TTSOpsVirtual);
	ahead->key_context = CreateExprContext(estate);
	ahead->row_context =
		AllocSetContextCreate(estate->es_query_cxt, "walcu rows ahead", ALLOCSET_DEFAULT_SIZES);
	ahead->told = palloc0(list_length(ahead->plan.scans) * sizeof(int));
	*nodes = lappend(*nodes, ahead);
}

/* CustomExecMethods.ExecCustomScan */
static TupleTableSlot *
exec_read_ahead(CustomScanState *node)
{
	WalcuReadAhead *ahead = (WalcuReadAhead *) node;
	ExprContext *context = node->ss.ps.ps_ExprContext;

	for (;;)
	{
		CHECK_FOR_INTERRUPTS();
		ResetExprContext(context);
		if (!hand_row_on(ahead))
			return ExecClearTuple(node->ss.ps.ps_ResultTupleSlot ? node->ss.ps.ps_ResultTupleSlot
																 : node->ss.ss_ScanTupleSlot);
		context->ecxt_scantuple = node->ss.ss_ScanTupleSlot;
		if (ExecQual(node->ss.ps.qual, context))
			break;
		InstrCountFiltered1(node, 1);
	}
	return node->ss.ps.ps_ProjInfo ? ExecProject(node->ss.ps.ps_ProjInfo) : node->ss.ss_ScanTupleSlot;
}

/* CustomExecMethods.EndCustomScan */
static void
end_read_ahead(CustomScanState *node)
{
	ExecEndNode(outerPlanState(node));
}

/* CustomExecMethods.ReScanCustomScan */
static void
rescan_read_ahead(CustomScanState *node)
{
	WalcuReadAhead *ahead = (WalcuReadAhead *) node;

	ExecClearTuple(ahead->row_slot);
	ExecClearTuple(ahead->later_slot);
	ExecClearTuple(ahead->later_row);
	ExecClearTuple(node->ss.ss_ScanTupleSlot);
	MemoryContextReset(ahead->row_context);
	ahead->rows = NULL;
	ahead->row_count = ahead->row_room = ahead->next_row = 0;
	ahead->row_bytes = 0;
	memset(ahead->told, 0, list_length(ahead->plan.scans) * sizeof(int));
	ahead->ended = false;
	if (outerPlanState(node)->chgParam == NULL)
		ExecReScan(outerPlanState(node));
}

/* CustomExecMethods.ExplainCustomScan */
static void
explain_read_ahead(CustomScanState *node, List *ancestors, ExplainState *es)
{
	const WalcuReadAhead *ahead = (WalcuReadAhead *) node;
	List *context = set_deparse_context_plan(es->deparse_cxt, node->ss.ps.plan, ancestors);
	List *keys = NIL;
	int before = 0;

	for (int i = 0; i < list_length(ahead->plan.keys); i++)
	{
		char *key = deparse_expression(list_nth(ahead->plan.keys, i), context, true, false);
		const char *word = list_nth_int(ahead->plan.key_params, i) < 0 ? "to" : "or";

		if (list_nth_int(ahead->plan.scans, i) == before)
			llast(keys) = psprintf("%s %s %s", (char *) llast(keys), word, key);
		else
			keys = lappend(keys, key);
		before = list_nth_int(ahead->plan.scans, i);
	}
	ExplainPropertyList("Key", keys, es);
	if (es->analyze)
	{
		ExplainPropertyInteger("Keys", NULL, ahead->asked, es);
		ExplainPropertyInteger("Batches", NULL, ahead->batches, es);
	}
}

/* Puts the next row into the scan slot.  Returns false when there is none. */
static bool
hand_row_on(WalcuReadAhead *ahead)
{
	MinimalTuple row;

	if (ahead->next_row >= ahead->row_count && !read_later_row(ahead))
		return false;
	row = ahead->rows[ahead->next_row++];
	ahead->row_bytes -= row->t_len;
	ExecStoreMinimalTuple(row, ahead->row_slot, true);
	read_ahead_show_row(ahead->row_slot, ahead->node.ss.ss_ScanTupleSlot);
	return true;
}

/*
 * Reads one row more, which waits.  Returns false when there is none, or no room for it.  It is read while
 * what takes the rows is in the midst of one: the parameters stay as that has set them.
 */
static bool
read_later_row(WalcuReadAhead *ahead)
{
	EState *estate = ahead->node.ss.ps.state;
	ParamExecData *params = estate->es_param_exec_vals;
	int count = bms_num_members(ahead->plan.params);
	ParamExecData *saved = palloc(count * sizeof(ParamExecData));
	MemoryContext before = MemoryContextSwitchTo(estate->es_query_cxt);
	TupleTableSlot *slot = NULL;
	int param = -1;
	int i = 0;

	while ((param = bms_next_member(ahead->plan.params, param)) >= 0)
		saved[i++] = params[param];
	if (!ahead->ended && (ahead->next_row == ahead->row_count || ahead->row_bytes < ROW_MEMORY))
	{
		slot = ExecProcNode(outerPlanState(&ahead->node));
		ahead->ended = TupIsNull(slot);
	}
	for (param = -1, i = 0; (param = bms_next_member(ahead->plan.params, param)) >= 0; i++)
		params[param] = saved[i];
	if (!TupIsNull(slot))
		keep_later_row(ahead, slot);
	MemoryContextSwitchTo(before);
	pfree(saved);
	return !TupIsNull(slot);
}

static void
keep_later_row(WalcuReadAhead *ahead, TupleTableSlot *slot)
{
	MemoryContext before = MemoryContextSwitchTo(ahead->row_context);

	if (ahead->row_count == ahead->row_room)
		drop_handed_on(ahead);
	if (ahead->rows == NULL)
	{
		ahead->row_room = FIRST_ROOM;
		ahead->rows = palloc(ahead->row_room * sizeof(MinimalTuple));
	}
	else if (ahead->row_count == ahead->row_room)
	{
		ahead->row_room *= 2;
		ahead->rows = repalloc_huge(ahead->rows, ahead->row_room * sizeof(MinimalTuple));
	}
	ahead->rows[ahead->row_count] = ExecCopySlotMinimalTuple(slot);
	ahead->row_bytes += ahead->rows[ahead->row_count++]->t_len;
	MemoryContextSwitchTo(before);
}

/* Forgets the places of the rows that were handed on, when no other is left. */
static void
drop_handed_on(WalcuReadAhead *ahead)
{
	int count = ahead->next_row;

	/* unless they are few, as the others move into their places */
	if (count == 0 || count < ahead->row_room / 2)
		return;
	ahead->row_count -= count;
	memmove(ahead->rows, ahead->rows + count, ahead->row_count * sizeof(MinimalTuple));
	ahead->next_row = 0;
	for (int i = 0; i < list_length(ahead->plan.scans); i++)
		ahead->told[i] = Max(ahead->told[i] - count, 0);
}

/* Shows a stored row in a slot that expressions can be computed from. */
void
read_ahead_show_row(TupleTableSlot *row, TupleTableSlot *slot)
{
	int count = slot->tts_tupleDescriptor->natts;

	slot_getallattrs(row);
	ExecClearTuple(slot);
	memcpy(slot->tts_values, row->tts_values, count * sizeof(Datum));
	memcpy(slot->tts_isnull, row->tts_isnull, count * sizeof(bool));
	ExecStoreVirtualTuple(slot);
}
