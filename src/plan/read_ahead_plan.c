/*
 * read_ahead_plan.c
 *	  Where a plan asks a foreign scan for one key after another, and which node could tell it of more.
 *
 * A scan of ours below a nested loop, or in a correlated subquery, has conditions on parameters, is executed
 * once for each row of an outer side that it does not see, and sends a request each time.  PostgreSQL has no
 * path that a hook could replace there: a subquery's parameters have no paths, and those of a nested loop
 * have no numbers until the plan is made.  So finished plans are looked through, and where a scan's condition
 * "column = expression of such parameters", "column = ANY (such an expression)" or "expression = ANY (array
 * column)", can become a filter with a list, or "column >= such an expression", one with many ranges, a node
 * is put between the outer side and what takes its rows:
 *
 *	  Nested Loop                            Seq Scan with a subquery in its target list or conditions
 *	    -> Read Ahead                        becomes  Read Ahead with that target list and these conditions
 *	         -> the outer side                          -> Seq Scan
 *	    -> Aggregate -> Foreign Scan
 *
 * The node (exec/read_ahead.c) hands on the same rows in the same order, and it can be asked which keys the
 * rows have that come next.  The scan (exec/key_rows.c) asks it when it is executed with a key that it has no
 * documents for: then it reads those of many keys, and holds them by key.  What the scan returns never
 * depends on what it is told: it looks at its own parameters, and PostgreSQL checks its conditions, each
 * time.  So these have to be right only: that the rows of the outer side may be read early (nothing below
 * locks, changes or draws lots), that nothing else is computed more often or in another order (the target
 * list moves as a whole, and conditions from the first one on that has such a subquery), and that held
 * documents are dropped when any other parameter changes (key_rows.c).
 *
 * The plan of a session's first statement is not seen when it is made (missed_plans.c).  A copy of it is
 * looked through whenever it is to be run.
 *
 * Rows are read ahead only when a scan asks for keys; as many at first as a LIMIT above wants, or a reply's
 * worth, and then twice as many each time.  Where documents of a key may be many and few of them are wanted
 * (LIMIT in LATERAL, EXISTS), asking for those of all keys is given up when that takes more requests than it
 * spares.
 */
#include "postgres.h"

#include "plan/read_ahead_plan.h"

#include "access/parallel.h"
#include "catalog/pg_class.h"
#include "executor/executor.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "optimizer/planner.h"
#include "parser/parsetree.h"
#include "plan/join_path.h"
#include "plan/join_plan.h"
#include "plan/join_key.h"
#include "plan/key_lookup.h"
#include "plan/missed_plans.h"
#include "plan/plan.h"
#include "plan/range_key.h"
#include "plan/read_ahead_node.h"
#include "plan/refused_conflicts.h"
#include "plan/relinfo.h"
#include "pushdown/pushdown.h"
#include "utils/lsyscache.h"

/* It looks for scans that are executed with other values of some parameters each time. */
typedef struct ScanSearch
{
	WalcuPlanSearch *search; /* This is about the whole statement. */
	List *numbers;           /* These parameters, of int, */
	List *values;            /* have these values for a row of the outer side, of Expr. */
	WalcuReadAheadPlan *found;
} ScanSearch;

/* A condition of a scan from which the key of an outer row is known. */
typedef struct SearchKey
{
	int place;        /* It is this one among the scan's conditions. */
	Expr *expression; /* The key is this, made of the row. */
	Oid list_type;    /* Arrays of keys are of this type; InvalidOid for a bound, of which there are none. */
	bool by_id;       /* No two documents have the same one. */
} SearchKey;

/* One from which a bound is known. */
typedef struct ScanBound
{
	SearchKey key;         /* This is it as a key, */
	WalcuRangeBound bound; /* and this what it says of the scan's row. */
} ScanBound;

/* It replaces parameters by their values. */
typedef struct ParamValues
{
	List *numbers;   /* See ScanSearch. */
	List *values;    /* See ScanSearch. */
	bool has_others; /* There are other parameters, too. */
} ParamValues;

static planner_hook_type previous_planner;
static ExecutorStart_hook_type previous_executor_start;

static PlannedStmt *plan_statement(Query *query, const char *text, int options,
								   ParamListInfo values COMPAT_PLANNER_PARAMS);
static PlannedStmt *make_plan(Query *query, const char *text, int options,
							  ParamListInfo values COMPAT_PLANNER_PARAMS);
static void start_statement(QueryDesc *description, int eflags);
static bool may_improve_copy(const QueryDesc *description);
static bool may_have_scans(const PlannedStmt *statement);
static void improve_statement(WalcuPlanSearch *search, bool may_go_back);
static void improve_plan(WalcuPlanSearch *search, Plan **place);
static int count_wanted_below(const Plan *plan, int wanted);
static int64 constant_of(const Node *expression);
static void improve_children(WalcuPlanSearch *search, Plan *plan);
static void improve_list(WalcuPlanSearch *search, List *plans);
static void improve_loop(WalcuPlanSearch *search, NestLoop *loop);
static void improve_subqueries(WalcuPlanSearch *search, Plan **place);
static void find_keyed_scans(Plan *plan, ScanSearch *scans);
static void find_in_list(List *plans, ScanSearch *scans);
static void match_scan(ForeignScan *scan, ScanSearch *scans);
static List *list_scan_keys(const ForeignScan *scan, const WalcuRelation *relation, ScanSearch *scans);
static void add_scan_key(const ForeignScan *scan, const SearchKey *key, ScanSearch *scans);
static List *list_scan_bounds(const ForeignScan *scan, const WalcuRelation *relation, ScanSearch *scans);
static bool match_bound(const WalcuRelation *relation, Expr *clause, ScanSearch *scans, ScanBound *found);
static Expr *make_row_value(Expr *clause, Expr *inner, Expr *outer, ScanSearch *scans);
static bool match_key(const WalcuRelation *relation, Expr *clause, ScanSearch *scans, SearchKey *found);
static Node *replace_params(Node *node, void *values);
static bool has_exec_param(Node *node, void *context);

/* _PG_init calls this when the library is loaded. */
void
read_ahead_plan_init(void)
{
	previous_planner = planner_hook;
	planner_hook = plan_statement;
	previous_executor_start = ExecutorStart_hook;
	ExecutorStart_hook = start_statement;
}

/* planner_hook */
static PlannedStmt *
plan_statement(Query *query, const char *text, int options, ParamListInfo values COMPAT_PLANNER_PARAMS)
{
	PlannedStmt *statement = make_plan(query, text, options, values COMPAT_PLANNER_ARGS);
	WalcuPlanSearch search = {.statement = statement};

	if (option_enable_batched_join && may_have_scans(statement))
		improve_statement(&search, (options & CURSOR_OPT_SCROLL) != 0);
	return statement;
}

static PlannedStmt *
make_plan(Query *query, const char *text, int options, ParamListInfo values COMPAT_PLANNER_PARAMS)
{
	PlannedStmt *volatile statement = NULL;

	refused_conflicts_check(query);
	missed_plans_begin_watched();
	PG_TRY();
	{
		statement = previous_planner ? previous_planner(query, text, options, values COMPAT_PLANNER_ARGS)
									 : standard_planner(query, text, options, values COMPAT_PLANNER_ARGS);
	}
	PG_FINALLY();
	{
		missed_plans_end_watched();
	}
	PG_END_TRY();
	return statement;
}

/* ExecutorStart_hook */
static void
start_statement(QueryDesc *description, int eflags)
{
	if (may_improve_copy(description))
	{
		MemoryContext context =
			AllocSetContextCreate(CurrentMemoryContext, "plan copy", ALLOCSET_DEFAULT_SIZES);
		MemoryContext before = MemoryContextSwitchTo(context);
		PlannedStmt *copy = copyObject(description->plannedstmt);
		WalcuPlanSearch search = {.statement = copy, .only_missed = true};

		improve_statement(&search, (eflags & EXEC_FLAG_BACKWARD) != 0);
		MemoryContextSwitchTo(before);
		if (search.taken)
			description->plannedstmt = copy;
		else
			MemoryContextDelete(context);
	}
	if (previous_executor_start)
		previous_executor_start(description, eflags);
	else
		standard_ExecutorStart(description, eflags);
}

/*
 * Returns whether a plan may have been missed, and may be replaced by a copy.  A function in SQL keeps what
 * is allocated for its statements for as long as a query calls it.
 */
static bool
may_improve_copy(const QueryDesc *description)
{
	return missed_plans_exist() && option_enable_batched_join && !IsParallelWorker() &&
		   description->dest->mydest != DestSQLFunction && may_have_scans(description->plannedstmt);
}

/* Returns whether a statement reads a foreign table, and more than one time. */
static bool
may_have_scans(const PlannedStmt *statement)
{
	int relations = 0;
	bool has_foreign = false;
	ListCell *lc;

	foreach(lc, statement->rtable)
	{
		const RangeTblEntry *entry = lfirst(lc);

		relations++;
		has_foreign |= entry->rtekind == RTE_RELATION && entry->relkind == RELKIND_FOREIGN_TABLE;
	}
	return has_foreign && relations > 1;
}

/* Puts nodes that read ahead into a statement's plan; one that may be run backwards stays so. */
static void
improve_statement(WalcuPlanSearch *search, bool may_go_back)
{
	/* subqueries of subqueries come before these */
	improve_list(search, search->statement->subplans);
	if (!may_go_back || IsA(search->statement->planTree, Material))
		improve_plan(search, &search->statement->planTree);
}

/* Puts nodes that read ahead into a plan, wherever they are of use; those of the innermost loops first. */
static void
improve_plan(WalcuPlanSearch *search, Plan **place)
{
	int wanted = search->wanted;

	if (*place == NULL)
		return;
	search->wanted = count_wanted_below(*place, wanted);
	improve_children(search, *place);
	if (IsA(*place, NestLoop))
		improve_loop(search, (NestLoop *) *place);
	search->wanted = wanted;
	improve_subqueries(search, place);
}

/* Counts how many rows of what is below a node are likely to be wanted, where so many of its own are. */
static int
count_wanted_below(const Plan *plan, int wanted)
{
	switch (nodeTag(plan))
	{
		case T_Limit:
		{
			const Limit *limit = (const Limit *) plan;
			int64 count = constant_of(limit->limitCount);
			int64 offset = limit->limitOffset ? constant_of(limit->limitOffset) : 0;

			/* one that only the execution knows is likely to be small */
			return Max(1, Min(Max(count, 0) + Max(offset, 0), PG_INT32_MAX));
		}
		case T_Sort:
		case T_Agg:
		case T_Group:
		case T_WindowAgg:
		case T_Hash:
		case T_SetOp:
			return 0;
		default:
			return wanted;
	}
}

/* Returns the value of a constant number; 0 where it is none. */
static int64
constant_of(const Node *expression)
{
	const Const *value = (const Const *) expression;

	return expression && IsA(expression, Const) && !value->constisnull ? DatumGetInt64(value->constvalue) : 0;
}

static void
improve_children(WalcuPlanSearch *search, Plan *plan)
{
	search->last_node = Max(search->last_node, plan->plan_node_id);
	improve_plan(search, &plan->lefttree);
	/* what a merge join goes back in has to be able to */
	if (!IsA(plan, MergeJoin))
		improve_plan(search, &plan->righttree);
	else if (IsA(plan->righttree, Sort) || IsA(plan->righttree, Material))
		improve_children(search, plan->righttree);
	switch (nodeTag(plan))
	{
		case T_Append:
			improve_list(search, ((Append *) plan)->appendplans);
			break;
		case T_MergeAppend:
			improve_list(search, ((MergeAppend *) plan)->mergeplans);
			break;
		case T_SubqueryScan:
			improve_plan(search, &((SubqueryScan *) plan)->subplan);
			break;
		case T_CustomScan:
			/* the inner side of a batched join has to be a foreign scan, and nothing is known of others */
			if (join_plan_is_join(plan))
				improve_plan(search, (Plan **) &linitial(((CustomScan *) plan)->custom_plans));
			break;
		default:
			break;
	}
}

static void
improve_list(WalcuPlanSearch *search, List *plans)
{
	ListCell *lc;

	foreach(lc, plans)
		improve_plan(search, (Plan **) &lfirst(lc));
}

/* Reads the outer side of a nested loop ahead, for scans of its inner side. */
static void
improve_loop(WalcuPlanSearch *search, NestLoop *loop)
{
	WalcuReadAheadPlan found = {0};
	ScanSearch scans = {.search = search, .found = &found};
	ListCell *lc;

	foreach(lc, loop->nestParams)
	{
		const NestLoopParam *param = lfirst(lc);

		scans.numbers = lappend_int(scans.numbers, param->paramno);
		scans.values = lappend(scans.values, param->paramval);
	}
	if (scans.numbers == NIL || !read_ahead_node_is_safe(loop->join.plan.lefttree))
		return;
	find_keyed_scans(loop->join.plan.righttree, &scans);
	if (found.scans != NIL)
		loop->join.plan.lefttree = read_ahead_node_below(search, loop->join.plan.lefttree, &found);
}

/* Reads ahead the rows that a node computes its subqueries for. */
static void
improve_subqueries(WalcuPlanSearch *search, Plan **place)
{
	WalcuReadAheadPlan above = {0};
	WalcuReadAheadPlan below = {0};
	List *subqueries = read_ahead_node_subqueries(*place);
	List *useful = NIL;
	ListCell *lc;

	foreach(lc, subqueries)
	{
		const WalcuNodeSubquery *entry = lfirst(lc);
		SubPlan *subquery = entry->subquery;
		WalcuReadAheadPlan *found = entry->below ? &below : &above;
		int before = list_length(found->scans);
		ScanSearch scans = {
			.search = search, .numbers = subquery->parParam, .values = subquery->args, .found = found};

		find_keyed_scans(list_nth(search->statement->subplans, subquery->plan_id - 1), &scans);
		if (!entry->below && list_length(found->scans) > before)
			useful = lappend(useful, subquery);
	}
	if (below.scans != NIL)
		(*place)->lefttree = read_ahead_node_below(search, (*place)->lefttree, &below);
	if (above.scans != NIL)
		*place = read_ahead_node_above(search, *place, useful, &above);
}

/* Adds the scans of a plan that can be told of keys to what was found. */
static void
find_keyed_scans(Plan *plan, ScanSearch *scans)
{
	ListCell *lc;

	if (plan == NULL)
		return;
	/* PostgreSQL makes these of min() and max() */
	foreach(lc, plan->initPlan)
	{
		const SubPlan *subquery = lfirst(lc);

		find_keyed_scans(list_nth(scans->search->statement->subplans, subquery->plan_id - 1), scans);
	}
	find_keyed_scans(plan->lefttree, scans);
	find_keyed_scans(plan->righttree, scans);
	switch (nodeTag(plan))
	{
		case T_ForeignScan:
			match_scan((ForeignScan *) plan, scans);
			break;
		case T_Append:
			find_in_list(((Append *) plan)->appendplans, scans);
			break;
		case T_MergeAppend:
			find_in_list(((MergeAppend *) plan)->mergeplans, scans);
			break;
		case T_SubqueryScan:
			find_keyed_scans(((SubqueryScan *) plan)->subplan, scans);
			break;
		case T_CustomScan:
			find_in_list(((CustomScan *) plan)->custom_plans, scans);
			break;
		default:
			break;
	}
}

static void
find_in_list(List *plans, ScanSearch *scans)
{
	ListCell *lc;

	foreach(lc, plans)
		find_keyed_scans(lfirst(lc), scans);
}

/* Adds a scan, if it is one of ours and has keys; by the _id rather than by anything else. */
static void
match_scan(ForeignScan *scan, ScanSearch *scans)
{
	WalcuPlanSearch *search = scans->search;
	WalcuOptions options;
	WalcuRelation relation = {scan->scan.scanrelid, InvalidOid, &options};
	WalcuPlan plan;
	List *keys;
	ListCell *lc;

	if (scan->operation != CMD_SELECT || bms_is_member(scan->scan.plan.plan_node_id, search->taken) ||
		!relinfo_is_our_scan(scan))
		return;
	plan = plan_of_scan(scan);
	if ((search->only_missed && !plan.is_missed) || plan.keyed_by || plan.search || plan.skips)
		return;
	relation.relid = rt_fetch(scan->scan.scanrelid, search->statement->rtable)->relid;
	options = *option_for_table(relation.relid);
	options.pushdown = plan.pushdown;
	keys = list_scan_keys(scan, &relation, scans);
	if (keys == NIL)
		keys = list_scan_bounds(scan, &relation, scans);
	if (keys == NIL)
		return;
	search->taken = bms_add_member(search->taken, scan->scan.plan.plan_node_id);
	foreach(lc, keys)
		add_scan_key(scan, lfirst(lc), scans);
}

/* Lists the keys that a scan can be told of: the _id, which leads to one document, or all others. */
static List *
list_scan_keys(const ForeignScan *scan, const WalcuRelation *relation, ScanSearch *scans)
{
	List *keys = NIL;
	ListCell *lc;

	foreach(lc, scan->scan.plan.qual)
	{
		SearchKey *key = palloc0(sizeof(SearchKey));

		key->place = foreach_current_index(lc);
		if (!match_key(relation, lfirst(lc), scans, key))
			continue;
		if (key->by_id)
			return list_make1(key);
		keys = lappend(keys, key);
	}
	return keys;
}

/* Lists the bounds of a range of values that a scan has in place of keys: one or two, or none. */
static List *
list_scan_bounds(const ForeignScan *scan, const WalcuRelation *relation, ScanSearch *scans)
{
	ScanBound *found = palloc0(list_length(scan->scan.plan.qual) * sizeof(ScanBound));
	int count = 0;
	ListCell *lc;

	foreach(lc, scan->scan.plan.qual)
	{
		found[count].key.place = foreach_current_index(lc);
		count += match_bound(relation, lfirst(lc), scans, &found[count]);
	}
	for (int i = 0; i < count; i++)
	{
		for (int j = 0; j < count; j++)
		{
			if (range_key_make_range(&found[i].bound, &found[j].bound))
				return list_make2(&found[i].key, &found[j].key);
		}
	}
	return count > 0 ? list_make1(&found[0].key) : NIL;
}

/* Adds one of a scan's keys.  Which of them it asks for, it decides when it knows the rows (key_choice.c). */
static void
add_scan_key(const ForeignScan *scan, const SearchKey *key, ScanSearch *scans)
{
	PlannedStmt *statement = scans->search->statement;
	WalcuReadAheadPlan *found = scans->found;
	ListCell *lc;

	found->scans = lappend_int(found->scans, scan->scan.plan.plan_node_id);
	found->quals = lappend_int(found->quals, key->place);
	found->keys = lappend(found->keys, key->expression);
	if (OidIsValid(key->list_type))
	{
		found->key_params = lappend_int(found->key_params, list_length(statement->paramExecTypes));
		statement->paramExecTypes = lappend_oid(statement->paramExecTypes, key->list_type);
	}
	else
		found->key_params = lappend_int(found->key_params, -1);
	foreach(lc, scans->numbers)
		found->params = bms_add_member(found->params, lfirst_int(lc));
}

/*
 * Makes the key, of a row of the outer side, that a condition is about, or the array of keys.  Returns false
 * when it cannot be a list's.
 */
static bool
match_key(const WalcuRelation *relation, Expr *clause, ScanSearch *scans, SearchKey *found)
{
	WalcuJoinPlan sides;
	WalcuPushdownCondition *filtered;
	Expr *list;

	if (!join_key_find_in_scan(clause, &sides))
		return false;
	found->expression = make_row_value(clause, sides.inner_key, sides.outer_key, scans);
	list = join_key_of_many(&sides, 0);
	if (found->expression == NULL || list == NULL)
		return false;
	filtered = linitial(pushdown_conditions(relation, list_make1(list)));
	if (filtered->filter == NULL)
		return false;
	found->list_type = join_key_list_type(&sides);
	found->by_id = filtered->filter->condition && key_lookup_is_id(filtered->filter->condition->operand);
	return true;
}

/* Makes the bound, of a row of the outer side, that a condition is about.  Returns false when it has none. */
static bool
match_bound(const WalcuRelation *relation, Expr *clause, ScanSearch *scans, ScanBound *found)
{
	if (!range_key_find(clause, &found->bound))
		return false;
	found->key.expression = make_row_value(clause, found->bound.inner, found->bound.bound, scans);
	return found->key.expression && pushdown_is_possible(relation, clause);
}

/*
 * Makes what a condition has on the outer side, of a row of that; NULL when it is made of anything else, or
 * the inner side is not of the scan's row alone.
 */
static Expr *
make_row_value(Expr *clause, Expr *inner, Expr *outer, ScanSearch *scans)
{
	ParamValues values = {scans->numbers, scans->values, false};
	Expr *value;

	if (contain_var_clause((Node *) outer) || !contain_var_clause((Node *) inner) ||
		contain_subplans((Node *) clause) || contain_volatile_functions((Node *) clause) ||
		!has_exec_param((Node *) outer, NULL) || has_exec_param((Node *) inner, NULL))
		return NULL;
	value = (Expr *) replace_params((Node *) outer, &values);
	return values.has_others ? NULL : value;
}

/* Copies an expression, with the values of parameters in their places. */
static Node *
replace_params(Node *node, void *context)
{
	ParamValues *values = context;
	ListCell *lc;
	ListCell *lc2;

	if (node == NULL)
		return NULL;
	if (!IsA(node, Param) || ((Param *) node)->paramkind != PARAM_EXEC)
		return expression_tree_mutator(node, replace_params, context);
	forboth(lc, values->numbers, lc2, values->values)
	{
		if (lfirst_int(lc) == ((Param *) node)->paramid)
			return copyObject(lfirst(lc2));
	}
	values->has_others = true;
	return node;
}

static bool
has_exec_param(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Param) && ((Param *) node)->paramkind == PARAM_EXEC)
		return true;
	return expression_tree_walker(node, has_exec_param, context);
}
