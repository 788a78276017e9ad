/*
 * direct_modify.c
 *	  UPDATE and DELETE of documents whose ids are given, without reading them first.
 *
 * The planner asks whether a statement's only condition is on _id, and whether what it sets needs
 * nothing of the old rows; then the scan changes the documents itself, with one request each, which
 * direct_send.c sends.  Everything else is modify.c's.
 */
#include "postgres.h"

#include "modify/direct_modify.h"

#include "access/table.h"
#include "base/compat.h"
#include "base/read_only.h"
#include "executor/executor.h"
#include "modify/column_rules.h"
#include "modify/direct_send.h"
#include "modify/row_conditions.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/appendinfo.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "plan/key_lookup.h"
#include "plan/plan.h"
#include "plan/relinfo.h"
#include "service/option_column.h"
#include "utils/memutils.h"

/* The members of a plan's fdw_private have these places.  read_direct_plan reads them. */
typedef enum DirectPrivateIndex
{
	DIRECT_PRIVATE_IS_LIST,  /* This is a Boolean. */
	DIRECT_PRIVATE_SETS_TAG, /* This is a Boolean. */
	DIRECT_PRIVATE_TOGETHER, /* This is a Boolean. */
	DIRECT_PRIVATE_COLUMNS   /* This is a list of int. */
} DirectPrivateIndex;

/* The members of a plan's fdw_exprs have these places.  read_direct_plan reads them. */
typedef enum DirectExprIndex
{
	DIRECT_EXPR_IDS,   /* This is one _id, or an array of them. */
	DIRECT_EXPR_VALUES /* This is a list of values, as the columns are. */
} DirectExprIndex;

static ForeignScan *scan_of_target(ModifyTable *plan, Index target, int subplan);
static bool reads_all_children(const Plan *child);
static Expr *find_scan_ids(PlannerInfo *root, const ForeignScan *scan, bool *is_list);
static void read_direct_plan(WalcuDirectModify *direct, const ForeignScan *scan, List **values);
static bool set_values(PlannerInfo *root, Index target, List **columns, List **values);
static bool may_leave_partition(Oid relid, List *columns);
static bool needs_row(Expr *value);
static bool is_null_constant(const Expr *value);
static bool is_multiple_assignment(Node *node, void *context);
static void count_rows(ForeignScanState *node);
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
	/* the rows of writes that wait for the commit are counted before they are sent, and those of an outbox
	 * cannot be returned as the service will have them */
	if (options->write_mode == WALCU_WRITE_AT_COMMIT ||
		(options->write_mode == WALCU_WRITE_OUTBOX && plan->returningLists != NIL) ||
		(plan->operation == CMD_UPDATE && options->update_method != WALCU_UPDATE_PATCH))
		return false;
	ids = find_scan_ids(root, scan, &is_list);
	if (ids == NULL || (plan->operation == CMD_UPDATE && (!set_values(root, target, &columns, &values) ||
														  may_leave_partition(options->relid, columns))))
		return false;
	scan->operation = plan->operation;
	scan->resultRelation = target;
	scan->scan.plan.qual = NIL;
	/* exec/async.c reads documents; Append is to run what changes them as any other plan */
	scan->scan.plan.async_capable = false;
	/* in the order of DirectExprIndex and of DirectPrivateIndex */
	scan->fdw_exprs = list_make2(ids, values);
	scan->fdw_private = list_make4(makeBoolean(is_list), makeBoolean(plan->canSetTag),
								   makeBoolean(reads_all_children(outerPlan(plan))), columns);
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
		AllocSetContextCreate(CurrentMemoryContext, "walcu written row", ALLOCSET_START_SMALL_SIZES);
	direct->write_log = write_log_open(estate);
	write_log_add_servers(direct->write_log, estate->es_range_table);
	direct->credential =
		option_credential_header(compat_modify_userid(node->resultRelInfo, estate), options->serverid);
	direct->writer = writer_open(CurrentMemoryContext, options, direct->credential, direct->write_log);
	if (options->write_mode == WALCU_WRITE_OUTBOX)
		direct->outbox =
			outbox_record_target(options->relid, compat_modify_userid(node->resultRelInfo, estate));
	if (direct->sends_together)
		direct_send_expect(node);
}

/* FdwRoutine.IterateDirectModify */
TupleTableSlot *
direct_modify_iterate(ForeignScanState *node)
{
	WalcuDirectModify *direct = node->fdw_state;

	if (!direct->sent)
		direct_send(node);
	if (node->resultRelInfo->ri_projectReturning)
		return next_returned(node);
	count_rows(node);
	return ExecClearTuple(node->ss.ss_ScanTupleSlot);
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

/* Tells whether a plan is an Append that leaves no child out when it is run, of those that have begun. */
static bool
reads_all_children(const Plan *child)
{
	return IsA(child, Append) && !compat_append_prunes((const Append *) child);
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
	direct->sends_together = boolVal(list_nth(scan->fdw_private, DIRECT_PRIVATE_TOGETHER));
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

/* Tells whether to set these columns (from 0) could put a document out of its partition. */
static bool
may_leave_partition(Oid relid, List *columns)
{
	Relation relation = table_open(relid, NoLock);
	bool may_leave = list_intersection_int(columns, row_conditions_partition_columns(relation)) != NIL;

	table_close(relation, NoLock);
	return may_leave;
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

/* Counts rows that are not returned, as IterateDirectModify has to: the executor does not see them. */
static void
count_rows(ForeignScanState *node)
{
	WalcuDirectModify *direct = node->fdw_state;
	int64 rows = direct->documents - writer_take_unwritten(direct->writer, NULL);

	direct->documents = 0;
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
