/*
 * scan_group.c
 *	  The scans that one Append or Merge Append reads, and which of them begin before their turn.
 *
 * PostgreSQL reads the children of a Merge Append one after the other, until each has given its first row,
 * and those of an Append that are not foreign scans themselves (aggregates and joins of partitions), or where
 * it is not to be asynchronous, one to its end before the next.  So each would wait for its own first reply.
 * Therefore, when one of the scans below such a node begins, the others send their first requests, too:
 *
 * - below a Merge Append all of them, as each has to give a row,
 * - below an Append all of them where all rows are wanted; else few, and more with each child that ended and
 *   did not have enough.
 *
 * A scan that has begun early holds one page, and what the service has answered to it, be it an error, is not
 * looked at before its rows are asked for.  What may not begin: a scan whose conditions are about a row that
 * is not there yet, one that is left out in this execution, one that reads what another one brings, and a
 * background job, whose time would run.
 *
 * Where Append runs its scans beside each other (async.c), and a LIMIT is likely to need few of them, the
 * others are held until some have ended.  So the same number of requests would be sent if all partitions had
 * to be read, and one if the first has enough.
 *
 * The executor calls in here for each foreign scan, which goes on to key_rows.c; async.c asks which are held.
 * scan_search.c finds the groups.
 */
#include "postgres.h"

#include <math.h>

#include "exec/scan_group.h"

#include "base/statement.h"
#include "exec/key_rows.h"
#include "exec/scan.h"
#include "exec/scan_search.h"
#include "executor/executor.h"
#include "http/connection.h"

/* So many begin at first where it is only guessed that one has not enough rows. */
#define FIRST_BY_GUESS 4

/* For each child that ended and did not have enough, so many more are read at once. */
#define MORE_FOR_EACH 3

/* So many requests must be left to a statement for a scan to begin early: a page, a probe, and retries. */
#define LEAST_REQUESTS_LEFT 4

/* What is known of a statement's scans while it runs. */
typedef struct WalcuScanStatement
{
	PlanState *root;      /* It is the statement's plan; NULL where no scan is to begin early. */
	int scan_count;       /* It has so many scans of ours. */
	bool is_searched;     /* They have their places. */
	Bitmapset *constants; /* These parameters keep their values as long as it runs. */
} WalcuScanStatement;

/* So many scans of ours have begun in the session, by which it is seen whether a statement has any. */
static uint64 scans_begun;

static ExecutorStart_hook_type next_executor_start;

static void start_with_groups(QueryDesc *description, int eflags);
static bool reads_only(const PlannedStmt *statement);
static WalcuScanStatement *expect_scan(EState *estate);
static void begin_others(ForeignScanState *node);
static bool follows_sibling(const WalcuScanPlace *place);
static void search_groups(ForeignScanState *node);
static void begin_others_of(WalcuScanPlace *place);
static void begin_early(WalcuScanPlace *place, bool is_certain);
static bool may_begin_early(const WalcuScanPlace *place, bool is_certain);
static bool is_pruned_now(const WalcuScanPlace *place);
static bool has_values(const WalcuScanPlace *place);
static int count_at_once(const WalcuScanGroup *group, int ended);
static void ask_for_limit(WalcuScanGroup *group, ForeignScanState *node);

/* _PG_init calls this when the library is loaded. */
void
scan_group_init(void)
{
	next_executor_start = ExecutorStart_hook;
	ExecutorStart_hook = start_with_groups;
}

/* FdwRoutine.BeginForeignScan */
void
scan_group_begin_scan(ForeignScanState *node, int eflags)
{
	scan_begin(node, eflags);
	if (!(eflags & EXEC_FLAG_EXPLAIN_ONLY))
		((WalcuScan *) node->fdw_state)->statement = expect_scan(node->ss.ps.state);
}

/* FdwRoutine.IterateForeignScan */
TupleTableSlot *
scan_group_iterate_scan(ForeignScanState *node)
{
	WalcuScan *scan = node->fdw_state;

	if (scan->is_early || (scan->fetch == NULL && !scan->ended && !key_rows_are_ahead(node)))
	{
		search_groups(node);
		scan_open(node);
		begin_others(node);
	}
	return key_rows_iterate(node);
}

/* Notes that a statement, which is to be run, has a scan of ours. */
static WalcuScanStatement *
expect_scan(EState *estate)
{
	void **place = statement_part(estate->es_query_cxt, WALCU_STATEMENT_GROUPS);
	WalcuScanStatement *statement;

	if (*place == NULL)
		*place = MemoryContextAllocZero(estate->es_query_cxt, sizeof(WalcuScanStatement));
	statement = *place;
	statement->scan_count++;
	scans_begun++;
	return statement;
}

/* ExecutorStart_hook: a statement's scans are found from its root, which nothing else that they see tells. */
static void
start_with_groups(QueryDesc *description, int eflags)
{
	uint64 before = scans_begun;
	void **place;

	if (next_executor_start)
		next_executor_start(description, eflags);
	else
		standard_ExecutorStart(description, eflags);
	if (scans_begun == before || !reads_only(description->plannedstmt))
		return;
	place = statement_part(description->estate->es_query_cxt, WALCU_STATEMENT_GROUPS);
	if (*place)
		((WalcuScanStatement *) *place)->root = description->planstate;
}

/* What a statement changes might be read by a scan that has begun before. */
static bool
reads_only(const PlannedStmt *statement)
{
	return (statement->commandType == CMD_SELECT || statement->commandType == CMD_INSERT) &&
		   !statement->hasModifyingCTE;
}

/*
 * Lets those begin that are read by the same nodes as a scan that has begun, or is asked for its first row
 * after it began early.
 */
static void
begin_others(ForeignScanState *node)
{
	WalcuScan *scan = node->fdw_state;
	bool was_early = scan->is_early;
	ListCell *lc;

	scan->is_early = false;
	foreach(lc, scan->places)
	{
		const WalcuScanGroup *group = ((WalcuScanPlace *) lfirst(lc))->group;

		/* then all that can have begun with it, or with the one whose replies it is to have */
		if ((was_early || follows_sibling(lfirst(lc))) && (group->is_merge || group->wants_all))
			continue;
		begin_others_of(lfirst(lc));
	}
}

/* Tells whether the same nodes read a sibling of a scan before it. */
static bool
follows_sibling(const WalcuScanPlace *place)
{
	const WalcuSiblingScan *sibling = ((const WalcuScan *) place->scan->fdw_state)->sibling;
	ListCell *sibling_cell;
	ListCell *lc;

	foreach(sibling_cell, sibling ? sibling->siblings : NIL)
	{
		const WalcuSiblingScan *other = lfirst(sibling_cell);

		foreach(lc, ((const WalcuScan *) other->node->fdw_state)->places)
		{
			const WalcuScanPlace *before = lfirst(lc);

			if (before->group == place->group && before->position < place->position)
				return true;
		}
	}
	return false;
}

static void
search_groups(ForeignScanState *node)
{
	EState *estate = node->ss.ps.state;
	WalcuScanStatement *statement = ((WalcuScan *) node->fdw_state)->statement;
	MemoryContext before;

	if (statement->is_searched || statement->root == NULL || statement->scan_count < 2)
		return;
	before = MemoryContextSwitchTo(estate->es_query_cxt);
	statement->constants = scan_search_groups(statement->root);
	MemoryContextSwitchTo(before);
	statement->is_searched = true;
}

/* Lets others of one group begin: those behind the scan, as far as they are likely to be wanted. */
static void
begin_others_of(WalcuScanPlace *place)
{
	WalcuScanGroup *group = place->group;
	bool is_certain = group->is_merge || group->wants_all;
	int children = group->child_count;

	if (!is_certain)
	{
		ask_for_limit(group, place->scan);
		children = place->child + count_at_once(group, place->child);
	}
	for (int i = group->is_merge ? 0 : place->position + 1; i < list_length(group->places); i++)
	{
		WalcuScanPlace *other = list_nth(group->places, i);

		if (other->child >= children)
			break;
		if (other != place)
			begin_early(other, is_certain);
	}
}

static void
begin_early(WalcuScanPlace *place, bool is_certain)
{
	ForeignScanState *node = place->scan;
	WalcuScan *scan = node->fdw_state;

	if (!may_begin_early(place, is_certain))
		return;
	/* the executor would do so before it asked for a row */
	if (node->ss.ps.chgParam != NULL)
		ExecReScan(&node->ss.ps);
	scan_open(node);
	scan->is_early = scan->fetch != NULL;
}

/* Tells whether a scan may begin; is_certain says that its first row is wanted, or very likely to be. */
static bool
may_begin_early(const WalcuScanPlace *place, bool is_certain)
{
	ForeignScanState *node = place->scan;
	const WalcuScan *scan = node->fdw_state;
	int left;

	/* Append asks those that it runs beside each other itself */
	if (node->ss.ps.async_capable || scan->fetch || (scan->ended && node->ss.ps.chgParam == NULL) ||
		scan->strategy == WALCU_BY_JOB || scan->plan.keyed_by || is_pruned_now(place) || !has_values(place) ||
		sibling_scans_are_open(scan->sibling) || key_rows_are_ahead(node))
		return false;
	/* none that are counted are sent in vain */
	left = connection_requests_left(scan->query.options);
	return is_certain ? left >= LEAST_REQUESTS_LEFT : left == PG_INT32_MAX;
}

/* Tells whether an execution leaves the child out, as its parameters say that it has no rows. */
static bool
is_pruned_now(const WalcuScanPlace *place)
{
	const WalcuScanGroup *group = place->group;
	const Bitmapset *valid = group->is_merge ? ((const MergeAppendState *) group->node)->ms_valid_subplans
											 : ((const AppendState *) group->node)->as_valid_subplans;

	return !bms_is_member(place->child, valid);
}

/*
 * Tells whether the parameters of a scan have the values that it will be executed with.  A child has those of
 * its parent, which is being executed.  What is below a child may depend on a row that another node there is
 * to give; and it begins again when the child does.
 */
static bool
has_values(const WalcuScanPlace *place)
{
	const PlanState *node = &place->scan->ss.ps;
	const WalcuScan *scan = place->scan->fdw_state;

	if (place->is_child)
		return true;
	return node->chgParam == NULL && place->group->children[place->child]->chgParam == NULL &&
		   bms_is_subset(node->plan->allParam, scan->statement->constants);
}

/*
 * Tells whether a scan that Append runs beside others is held: those that have begun are likely to have as
 * many rows as its LIMIT says.
 */
bool
scan_group_holds(ForeignScanState *node)
{
	const WalcuScan *scan = node->fdw_state;
	WalcuScanPlace *place;
	WalcuScanGroup *group;

	search_groups(node);
	place = (scan->plan.limit || scan->plan.wanted > 0) ? scan_places_find_limited(scan->places) : NULL;
	if (place == NULL || key_rows_are_ahead(node))
		return false;
	group = place->group;
	ask_for_limit(group, node);
	return group->limit > 0 && group->begun - group->ended >= count_at_once(group, group->ended);
}

/*
 * How many children of an Append are to be read at once after so many have ended: as many as are likely to
 * have what is wanted yet, which is known better from child to child.
 */
static int
count_at_once(const WalcuScanGroup *group, int ended)
{
	int most = Max(group->first, 1) + MORE_FOR_EACH * ended;
	double missing = Max(group->limit - group->given, 1);

	if (ended > 0 && group->limit > 0 && group->given > 0)
		most = (int) Min(most, ceil(missing * ended / group->given));
	return most;
}

/* Finds out how many rows the query wants, and how many scans are likely to have them. */
static void
ask_for_limit(WalcuScanGroup *group, ForeignScanState *node)
{
	const WalcuScan *scan = node->fdw_state;
	double rows = 0;
	double pages = 0;
	ListCell *lc;

	if (group->limit >= 0)
		return;
	group->limit = (scan->limit || scan->plan.wanted > 0) ? scan_wanted_rows(node, WALCU_PUSHDOWN_SENT) : 0;
	group->first = 0;
	foreach(lc, group->places)
	{
		const WalcuScanPlace *place = lfirst(lc);
		int page = ((const WalcuScan *) place->scan->fdw_state)->query.options->fetch_size;

		if (pages >= group->limit && (rows >= group->limit || group->first >= FIRST_BY_GUESS))
			break;
		rows += Min(place->scan->ss.ps.plan->plan_rows, page);
		pages += page;
		group->first++;
	}
}
