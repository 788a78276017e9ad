/*
 * direct_modify.c
 *	  UPDATE and DELETE of documents whose ids are given, without reading them first.
 *
 * The planner asks whether a statement's only condition is on _id, and whether what it sets needs
 * nothing of the old rows; then the scan changes the documents itself, with one request each.
 * Everything else is modify.c's.
 */
#include "postgres.h"

#include "modify/direct_modify.h"

#include "base/compat.h"
#include "base/objectid.h"
#include "base/read_only.h"
#include "base/text.h"
#include "base/url.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "fetch/find_ids.h"
#include "miscadmin.h"
#include "modify/column_rules.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/appendinfo.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "plan/key_lookup.h"
#include "plan/plan.h"
#include "plan/relinfo.h"
#include "service/id_place.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

/* The members of a plan's fdw_private have these places.  read_direct_plan reads them. */
typedef enum DirectPrivateIndex
{
	DIRECT_PRIVATE_IS_LIST,  /* This is a Boolean. */
	DIRECT_PRIVATE_SETS_TAG, /* This is a Boolean. */
	DIRECT_PRIVATE_COLUMNS   /* This is a list of int. */
} DirectPrivateIndex;

/* The members of a plan's fdw_exprs have these places.  read_direct_plan reads them. */
typedef enum DirectExprIndex
{
	DIRECT_EXPR_IDS,   /* This is one _id, or an array of them. */
	DIRECT_EXPR_VALUES /* This is a list of values, as the columns are. */
} DirectExprIndex;

static ForeignScan *scan_of_target(ModifyTable *plan, Index target, int subplan);
static Expr *find_scan_ids(PlannerInfo *root, const ForeignScan *scan, bool *is_list);
static void read_direct_plan(WalcuDirectModify *direct, const ForeignScan *scan, List **values);
static bool set_values(PlannerInfo *root, Index target, List **columns, List **values);
static bool needs_row(Expr *value);
static bool is_null_constant(const Expr *value);
static bool is_multiple_assignment(Node *node, void *context);
static void send_direct_changes(ForeignScanState *node);
static List *evaluate_ids(ForeignScanState *node);
static List *drop_unknown(const WalcuDirectModify *direct, List *ids);
static bool is_sure_id(const WalcuOptions *options, const char *id);
static WalcuRowPatch make_current_patch(ForeignScanState *node);
static char *remake_patch(void *arg, const WalcuDocument *document);
static void count_rows(ForeignScanState *node, int64 rows);
static TupleTableSlot *next_returned(ForeignScanState *node);

/* FdwRoutine.PlanDirectModify */
bool
direct_modify_plan(PlannerInfo *root, ModifyTable *plan, Index target, int subplan)
{
	ForeignScan *scan = scan_of_target(plan, target, subplan);
	const WalcuOptions *options;
	List *columns = NIL;
	List *values = NIL;
	bool is_list;
	Expr *ids;

	/* what was deleted is not in the reply, and a document that is sent whole needs the old one */
	if (scan == NULL || (plan->operation == CMD_DELETE && plan->returningLists != NIL))
		return false;
	options = relinfo_options(find_base_rel(root, target));
	/* updatable_plan refuses it */
	if (!options->updatable)
		return false;
	/* the rows of writes that wait for the commit are counted before they are sent */
	if (options->write_mode == WALCU_WRITE_AT_COMMIT ||
		(plan->operation == CMD_UPDATE && options->update_method != WALCU_UPDATE_PATCH))
		return false;
	ids = find_scan_ids(root, scan, &is_list);
	if (ids == NULL || (plan->operation == CMD_UPDATE && !set_values(root, target, &columns, &values)))
		return false;
	scan->operation = plan->operation;
	scan->resultRelation = target;
	scan->scan.plan.qual = NIL;
	/* exec/async.c reads documents; Append is to run what changes them as any other plan */
	scan->scan.plan.async_capable = false;
	/* in the order of DirectExprIndex and of DirectPrivateIndex */
	scan->fdw_exprs = list_make2(ids, values);
	scan->fdw_private = list_make3(makeBoolean(is_list), makeBoolean(plan->canSetTag), columns);
	return true;
}

/* FdwRoutine.BeginDirectModify */
void
direct_modify_begin(ForeignScanState *node, int eflags)
{
	ForeignScan *scan = (ForeignScan *) node->ss.ps.plan;
	Relation relation = node->ss.ss_currentRelation;
	EState *estate = node->ss.ps.state;
	WalcuDirectModify *direct = palloc0(sizeof(WalcuDirectModify));
	const WalcuOptions *options = option_for_table(RelationGetRelid(relation));
	List *values;
	ListCell *lc;

	read_direct_plan(direct, scan, &values);
	direct->row = row_prepare(options, relation);
	node->fdw_state = direct;
	if (eflags & EXEC_FLAG_EXPLAIN_ONLY)
		return;

	/* PostgreSQL lets temporary tables be written, which may be foreign ones */
	read_only_refuse_statement(estate->es_plannedstmt);
	if (direct->operation == CMD_UPDATE)
		column_rules_check_overlap(direct->row, ExecGetUpdatedCols(node->resultRelInfo, estate));
	direct->state = ExecInitExpr(direct->ids, (PlanState *) node);
	foreach(lc, values)
		direct->values = lappend(direct->values, ExecInitExpr(lfirst(lc), (PlanState *) node));
	direct->row_context =
		AllocSetContextCreate(CurrentMemoryContext, "walcu written row", ALLOCSET_DEFAULT_SIZES);
	direct->write_log = write_log_open(estate);
	write_log_add_servers(direct->write_log, estate->es_range_table);
	direct->credential =
		option_credential_header(compat_modify_userid(node->resultRelInfo, estate), options->serverid);
	direct->writer = writer_open(CurrentMemoryContext, options, direct->credential, direct->write_log);
}

/* FdwRoutine.IterateDirectModify */
TupleTableSlot *
direct_modify_iterate(ForeignScanState *node)
{
	WalcuDirectModify *direct = node->fdw_state;

	if (!direct->sent)
		send_direct_changes(node);
	direct->sent = true;
	return node->resultRelInfo->ri_projectReturning ? next_returned(node)
													: ExecClearTuple(node->ss.ss_ScanTupleSlot);
}

/* FdwRoutine.EndDirectModify */
void
direct_modify_end(ForeignScanState *node)
{
	WalcuDirectModify *direct = node->fdw_state;

	if (direct == NULL || direct->writer == NULL)
		return;
	writer_tell_ignored(direct->writer);
	write_log_close(direct->write_log);
}

/* Returns the scan of a target, if nothing but an Append stands between it and the statement's node. */
static ForeignScan *
scan_of_target(ModifyTable *plan, Index target, int subplan)
{
	Plan *child = outerPlan(plan);

	if (IsA(child, Append) && subplan < list_length(((Append *) child)->appendplans))
		child = list_nth(((Append *) child)->appendplans, subplan);
	if (IsA(child, ForeignScan) && ((Scan *) child)->scanrelid == target)
		return (ForeignScan *) child;
	return NULL;
}

/*
 * Returns what the only condition says that _id is equal to, or is among; NULL when it is another
 * condition.
 */
static Expr *
find_scan_ids(PlannerInfo *root, const ForeignScan *scan, bool *is_list)
{
	const WalcuRelation *relation = relinfo_relation(find_base_rel(root, scan->scan.scanrelid));
	WalcuPlan plan = plan_of_scan(scan);

	if (list_length(scan->scan.plan.qual) != 1 || plan.search || !plan.pushdown)
		return NULL;
	*is_list = plan.id == NULL;
	return plan.id ? plan.id : key_lookup_id_array(relation, linitial(scan->scan.plan.qual));
}

/* Reads back what direct_modify_plan has put into a ForeignScan; values are of Expr. */
static void
read_direct_plan(WalcuDirectModify *direct, const ForeignScan *scan, List **values)
{
	direct->operation = scan->operation;
	direct->is_list = boolVal(list_nth(scan->fdw_private, DIRECT_PRIVATE_IS_LIST));
	direct->sets_tag = boolVal(list_nth(scan->fdw_private, DIRECT_PRIVATE_SETS_TAG));
	direct->columns = list_nth(scan->fdw_private, DIRECT_PRIVATE_COLUMNS);
	direct->ids = list_nth(scan->fdw_exprs, DIRECT_EXPR_IDS);
	*values = list_nth(scan->fdw_exprs, DIRECT_EXPR_VALUES);
}

/* Finds the columns that an UPDATE sets, and their values.  Returns false when these need the old row. */
static bool
set_values(PlannerInfo *root, Index target, List **columns, List **values)
{
	const WalcuRelation *relation = relinfo_relation(find_base_rel(root, target));
	List *entries;
	List *numbers;
	ListCell *entry;
	ListCell *number;

	get_translated_update_targetlist(root, target, &entries, &numbers);
	forboth(entry, entries, number, numbers)
	{
		Expr *value = ((TargetEntry *) lfirst(entry))->expr;
		WalcuColumn *option = option_for_column(relation->relid, lfirst_int(number));

		/* what is left out; any other value of such a column is compared with the row's */
		if (!row_sets_column(relation->options, option) && is_null_constant(value))
			continue;
		if (needs_row(value) || !row_sets_column(relation->options, option) || strcmp(option->path, ".") == 0)
			return false;
		*columns = lappend_int(*columns, lfirst_int(number) - 1);
		*values = lappend(*values, value);
	}
	return *columns != NIL;
}

/*
 * Tells whether the executor has to compute a value, row by row, or the row tells what there is to do: a
 * NULL is nothing to be set where there is nothing.  A parameter may turn out to be NULL, too; then the
 * documents are read.
 */
static bool
needs_row(Expr *value)
{
	return is_null_constant(value) || contain_vars_of_level((Node *) value, 0) ||
		   contain_volatile_functions((Node *) value) || contain_subplans((Node *) value) ||
		   is_multiple_assignment((Node *) value, NULL);
}

static bool
is_null_constant(const Expr *value)
{
	return IsA(value, Const) && ((Const *) value)->constisnull;
}

/* Tells whether a value is one of SET (a, b) = (SELECT ...), which the executor computes together. */
static bool
is_multiple_assignment(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Param) && ((Param *) node)->paramkind == PARAM_MULTIEXPR)
		return true;
	return expression_tree_walker(node, is_multiple_assignment, context);
}

static void
send_direct_changes(ForeignScanState *node)
{
	WalcuDirectModify *direct = node->fdw_state;
	bool returns = node->resultRelInfo->ri_projectReturning != NULL;
	MemoryContext before = MemoryContextSwitchTo(node->ss.ps.state->es_query_cxt);
	List *ids = drop_unknown(direct, evaluate_ids(node));
	bool updates = direct->operation == CMD_UPDATE;
	WalcuRowPatch patch = {.is_sure = true};
	ListCell *lc;

	if (updates && ids != NIL)
		patch = make_current_patch(node);

	foreach(lc, ids)
	{
		WalcuWrite *write = writer_create(direct->writer, updates ? "PATCH" : "DELETE", lfirst(lc));

		if (patch.body)
			write_set_body(write, patch.body);
		if (!patch.is_sure)
			write_set_remake(write, remake_patch, direct);
		write_expect(write, patch.sets);
		write->needs_reply = returns;
		write->detached = !returns;
		writer_send(write);
		if (returns)
			direct->writes = lappend(direct->writes, write);
	}
	writer_finish(direct->writer);
	if (!returns)
		count_rows(node, list_length(ids) - writer_take_unwritten(direct->writer, NULL));
	MemoryContextSwitchTo(before);
}

/* Returns the ids (of char *), each of them once.  NULL is no document's id. */
static List *
evaluate_ids(ForeignScanState *node)
{
	WalcuDirectModify *direct = node->fdw_state;
	bool is_null;
	Datum value = ExecEvalExprSwitchContext(direct->state, node->ss.ps.ps_ExprContext, &is_null);
	List *ids = NIL;
	Datum *elements;
	bool *nulls;
	int count;

	if (is_null)
		return NIL;
	if (!direct->is_list)
		return list_make1(TextDatumGetCString(value));
	deconstruct_array(DatumGetArrayTypeP(value), TEXTOID, -1, false, TYPALIGN_INT, &elements, &nulls, &count);
	for (int i = 0; i < count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (!nulls[i])
			ids = lappend(ids, TextDatumGetCString(elements[i]));
	}
	return text_sort_unique(ids, text_compare_bytes);
}

/*
 * Leaves out the ids that no document has, of those that cannot stand in a path, where one that a document
 * has stays and is an error of the writer's; and of those that are no ObjectIds as the service writes them:
 * it may refuse them or, worse, take them for another's.
 */
static List *
drop_unknown(const WalcuDirectModify *direct, List *ids)
{
	List *odd = NIL;
	List *kept = NIL;
	ListCell *lc;

	foreach(lc, ids)
	{
		if (is_sure_id(direct->row->options, lfirst(lc)))
			kept = lappend(kept, lfirst(lc));
		else
			odd = lappend(odd, lfirst(lc));
	}
	if (odd == NIL)
		return ids;
	foreach(lc, find_ids(direct->row->options, direct->credential, odd, NULL))
	{
		/* a service that ignores the filter has others, too */
		if (text_in_list(odd, lfirst(lc)))
			kept = lappend(kept, lfirst(lc));
	}
	return kept;
}

/* Does the path of a URL name the document that has this id, and no other? */
static bool
is_sure_id(const WalcuOptions *options, const char *id)
{
	return url_is_plain_segment(id) &&
		   (objectid_is_valid(id) || id_place_own_type(options) == WALCU_ID_STRING);
}

static WalcuRowPatch
make_current_patch(ForeignScanState *node)
{
	WalcuDirectModify *direct = node->fdw_state;
	int count = list_length(direct->values);

	direct->set_values = palloc(count * sizeof(Datum));
	direct->set_nulls = palloc(count * sizeof(bool));
	for (int i = 0; i < count; i++)
		direct->set_values[i] = ExecEvalExprSwitchContext(list_nth(direct->values, i),
														  node->ss.ps.ps_ExprContext, &direct->set_nulls[i]);
	return row_setting_patch(direct->row, direct->columns, direct->set_values, direct->set_nulls);
}

/* WalcuRemake */
static char *
remake_patch(void *arg, const WalcuDocument *document)
{
	const WalcuDirectModify *direct = arg;

	return row_document_patch(direct->row, direct->columns, direct->set_values, direct->set_nulls, document,
							  direct->credential);
}

/* Counts rows that are not returned, as IterateDirectModify has to: the executor does not see them. */
static void
count_rows(ForeignScanState *node, int64 rows)
{
	WalcuDirectModify *direct = node->fdw_state;

	if (direct->sets_tag)
		node->ss.ps.state->es_processed += rows;
	if (node->ss.ps.instrument)
		node->ss.ps.instrument->tuplecount += rows;
}

/* Returns the next document that was there, for RETURNING. */
static TupleTableSlot *
next_returned(ForeignScanState *node)
{
	WalcuDirectModify *direct = node->fdw_state;
	TupleTableSlot *slot = node->ss.ss_ScanTupleSlot;

	ExecClearTuple(slot);
	while (direct->next < list_length(direct->writes))
	{
		WalcuWrite *write = list_nth(direct->writes, direct->next++);
		MemoryContext before;

		if (write->outcome != WALCU_WRITE_DONE)
			continue;
		MemoryContextReset(direct->row_context);
		before = MemoryContextSwitchTo(direct->row_context);
		row_store(direct->row, &write->document, writer_credential(write), slot);
		MemoryContextSwitchTo(before);
		/* 18 leaves to the scan what RETURNING may say of it */
		slot->tts_tableOid = RelationGetRelid(node->ss.ss_currentRelation);
		writer_release(write);
		if (direct->sets_tag)
			node->ss.ps.state->es_processed++;
		node->resultRelInfo->ri_projectReturning->pi_exprContext->ecxt_scantuple = slot;
		break;
	}
	return slot;
}
