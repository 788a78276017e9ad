/*
 * sibling_scans.c
 *	  The scans of one statement that read the same documents.
 *
 * The arms of a UNION ALL that turn columns into rows, the two sides of a self join, the subqueries of a
 * report: each reads all documents of a resource, or all of one filter, and needs fields of its own.  So each
 * asks for the fields of all, and what the first one was answered serves the others, too (reply_cache.c).
 * Where Append runs them beside each other, the first is read to its end before the others begin: at once,
 * each would ask for itself.
 *
 * That is worth while only where the replies can be held.  Larger ones would come once for each scan, with
 * fields that it does not need.
 *
 * scan.c has each scan of an execution noted here before the first one is read; async.c asks who is ahead.
 */
#include "postgres.h"

#include "exec/sibling_scans.h"

#include "base/compat.h"
#include "base/statement.h"
#include "catalog/pg_type.h"
#include "fetch/document_rows.h"
#include "pushdown/projection.h"
#include "rewrite/rewriteManip.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"

/* What JSON has around a value, but for its name: quotes, colon, comma. */
#define MEMBER_SIZE 6

/* Bytes of a JSON value that nobody has analyzed, where it may be an object or a list. */
#define SIZE_OF_NESTED 500

/* The scans of a statement. */
typedef struct StatementScans
{
	List *scans;     /* These (WalcuSiblingScan) may have siblings. */
	bool is_settled; /* Each knows its own. */
} StatementScans;

/* Those of one table. */
typedef struct TableScans
{
	Oid relid;   /* This is the hash key. */
	List *scans; /* These (WalcuSiblingScan) are they. */
} TableScans;

static StatementScans *find_statement_scans(EState *estate);
static bool may_have_siblings(const WalcuPlan *plan);
static List *copy_conditions(ForeignScanState *node);
static bool has_open_sibling(const WalcuSiblingScan *scan, bool below_same_append);
static void settle_siblings_of(WalcuSiblingScan *scan);
static void settle_siblings(List *scans);
static HTAB *group_by_table(List *scans);
static void settle_siblings_of_table(List *scans);
static List *find_siblings(List *scans, const WalcuSiblingScan *scan);
static bool are_siblings(const WalcuSiblingScan *scan, const WalcuSiblingScan *other);
static List *union_columns(List *siblings);
static bool fits_reply_cache(List *siblings, List *columns);
static double estimate_member_size(Oid relid, TupleDesc descriptor, int column);
static List *make_shared_fields(const WalcuSiblingScan *scan, List *columns);

/* Notes a scan that is to be read, or shown.  Returns NULL for one that can have no siblings. */
WalcuSiblingScan *
sibling_scans_add(ForeignScanState *node, const WalcuPlan *plan, const WalcuOptions *options)
{
	EState *estate = node->ss.ps.state;
	StatementScans *statement;
	WalcuSiblingScan *scan;

	if (!may_have_siblings(plan))
		return NULL;
	statement = find_statement_scans(estate);
	scan = palloc0(sizeof(WalcuSiblingScan));
	scan->node = node;
	scan->relid = options->relid;
	scan->plan = plan;
	scan->options = options;
	statement->scans = lappend(statement->scans, scan);
	return scan;
}

/* The fields that a scan, which is about to be read or shown, asks for: its own, or those of its siblings. */
List *
sibling_scans_fields(WalcuSiblingScan *scan, List *own)
{
	if (scan == NULL)
		return own;
	settle_siblings_of(scan);
	return scan->asks_for_theirs ? scan->project : own;
}

/* Is a sibling, below the same Append, being read, whose replies are to serve this scan? */
bool
sibling_scans_are_ahead(const WalcuSiblingScan *scan)
{
	return scan && has_open_sibling(scan, true);
}

/* Is a sibling being read, wherever it stands, whose replies may serve this scan? */
bool
sibling_scans_are_open(WalcuSiblingScan *scan)
{
	if (scan == NULL)
		return false;
	settle_siblings_of(scan);
	return has_open_sibling(scan, false);
}

static bool
has_open_sibling(const WalcuSiblingScan *scan, bool below_same_append)
{
	ListCell *lc;

	foreach(lc, scan->siblings)
	{
		const WalcuSiblingScan *sibling = lfirst(lc);

		if (sibling != scan && sibling->is_open && (!below_same_append || sibling->append == scan->append))
			return true;
	}
	return false;
}

/* Finds out, once for a statement, which of its scans are siblings. */
static void
settle_siblings_of(WalcuSiblingScan *scan)
{
	EState *estate = scan->node->ss.ps.state;
	StatementScans *statement = find_statement_scans(estate);

	if (!statement->is_settled && list_length(statement->scans) > 1)
	{
		MemoryContext before = MemoryContextSwitchTo(estate->es_query_cxt);

		settle_siblings(statement->scans);
		MemoryContextSwitchTo(before);
	}
	statement->is_settled = true;
}

/* The scans of the statement that are noted. */
static StatementScans *
find_statement_scans(EState *estate)
{
	void **place = statement_part(estate->es_query_cxt, WALCU_STATEMENT_SCANS);

	if (*place == NULL)
		*place = MemoryContextAllocZero(estate->es_query_cxt, sizeof(StatementScans));
	return *place;
}

/* One that ends early, asks for keys or for one document has replies of its own. */
static bool
may_have_siblings(const WalcuPlan *plan)
{
	return plan->strategy != WALCU_BY_ID && plan->all_rows && plan->keyed_by == NULL &&
		   plan->search == NULL && plan->limit == NULL && plan->offset == NULL;
}

/* Finds out which scans read the same, and which fields these ask for. */
static void
settle_siblings(List *scans)
{
	HTAB *tables = group_by_table(scans);
	HASH_SEQ_STATUS status;
	TableScans *table;

	hash_seq_init(&status, tables);
	while ((table = hash_seq_search(&status)) != NULL)
	{
		if (list_length(table->scans) > 1)
			settle_siblings_of_table(table->scans);
	}
	hash_destroy(tables);
}

/* There may be hundreds of tables, of partitions, which have nothing to do with each other. */
static HTAB *
group_by_table(List *scans)
{
	HASHCTL control = {.keysize = sizeof(Oid), .entrysize = sizeof(TableScans), .hcxt = CurrentMemoryContext};
	HTAB *tables =
		hash_create("walcu tables", list_length(scans), &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	ListCell *lc;

	foreach(lc, scans)
	{
		WalcuSiblingScan *scan = lfirst(lc);
		bool found;
		TableScans *table = hash_search(tables, &scan->relid, HASH_ENTER, &found);

		table->scans = lappend(found ? table->scans : NIL, scan);
	}
	return tables;
}

static void
settle_siblings_of_table(List *scans)
{
	ListCell *lc;

	foreach(lc, scans)
	{
		WalcuSiblingScan *scan = lfirst(lc);

		scan->conditions = copy_conditions(scan->node);
	}
	foreach(lc, scans)
	{
		WalcuSiblingScan *scan = lfirst(lc);
		List *siblings = find_siblings(scans, scan);
		List *columns = union_columns(siblings);

		if (list_length(siblings) < 2 || !fits_reply_cache(siblings, columns))
			continue;
		scan->siblings = siblings;
		scan->asks_for_theirs = !equal(columns, scan->plan->columns);
		if (scan->asks_for_theirs)
			scan->project = make_shared_fields(scan, columns);
	}
}

/* A scan's conditions, as those of the statement's first relation. */
static List *
copy_conditions(ForeignScanState *node)
{
	List *conditions = copyObject(node->ss.ps.plan->qual);

	ChangeVarNodes((Node *) conditions, ((Scan *) node->ss.ps.plan)->scanrelid, 1, 0);
	return conditions;
}

/* Those that read what a scan does, itself among them. */
static List *
find_siblings(List *scans, const WalcuSiblingScan *scan)
{
	List *siblings = NIL;
	ListCell *lc;

	foreach(lc, scans)
	{
		if (are_siblings(scan, lfirst(lc)))
			siblings = lappend(siblings, lfirst(lc));
	}
	return siblings;
}

static bool
are_siblings(const WalcuSiblingScan *scan, const WalcuSiblingScan *other)
{
	return compat_scan_userid(scan->node) == compat_scan_userid(other->node) &&
		   scan->plan->pushdown == other->plan->pushdown && equal(scan->plan->order, other->plan->order) &&
		   (scan->plan->strategy == WALCU_BY_JOB) == (other->plan->strategy == WALCU_BY_JOB) &&
		   equal(scan->conditions, other->conditions);
}

/* The columns that one of them needs, of int: attribute numbers. */
static List *
union_columns(List *siblings)
{
	List *columns = NIL;
	ListCell *lc;

	foreach(lc, siblings)
		columns = list_concat_unique_int(columns, ((WalcuSiblingScan *) lfirst(lc))->plan->columns);
	list_sort(columns, list_int_cmp);
	return columns;
}

/* Are the replies with these columns likely to be held until the last scan has ended? */
static bool
fits_reply_cache(List *siblings, List *columns)
{
	Relation relation = ((WalcuSiblingScan *) linitial(siblings))->node->ss.ss_currentRelation;
	double documents = 0;
	double size = 0;
	ListCell *lc;

	foreach(lc, siblings)
		documents = Max(documents, ((WalcuSiblingScan *) lfirst(lc))->plan->documents);
	foreach(lc, columns)
		size += estimate_member_size(RelationGetRelid(relation), RelationGetDescr(relation), lfirst_int(lc));
	return documents * size <= reply_cache_limit();
}

/* The bytes that a column's value has in a document, with its name. */
static double
estimate_member_size(Oid relid, TupleDesc descriptor, int column)
{
	Form_pg_attribute attribute = TupleDescAttr(descriptor, column - 1);
	int width = get_attavgwidth(relid, column);
	bool is_nested = type_is_array(attribute->atttypid) || attribute->atttypid == JSONBOID ||
					 attribute->atttypid == JSONOID;

	if (width <= 0)
		width = is_nested ? SIZE_OF_NESTED : get_typavgwidth(attribute->atttypid, attribute->atttypmod);
	return width + strlen(NameStr(attribute->attname)) + MEMBER_SIZE;
}

static List *
make_shared_fields(const WalcuSiblingScan *scan, List *columns)
{
	TupleDesc descriptor = RelationGetDescr(scan->node->ss.ss_currentRelation);

	return projection_fields(document_rows_paths(scan->options, descriptor, columns));
}
