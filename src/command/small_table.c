/*
 * small_table.c
 *	  Tables that ANALYZE reads instead of counting their documents.
 *
 * PostgreSQL asks for the size of a table first, and then for a sample of it.  A table that is small, as far
 * as anybody knows, is read when the first is asked: its documents are the sample.
 *
 * Of a partitioned table, PostgreSQL measures one partition after the other, then samples them, and after
 * that it analyzes each of them by itself.  So when the first is measured, the next ones send their requests,
 * too; and what has been read stays until the partition has its own turn, as far as maintenance_work_mem has
 * room for all of them.  That an ANALYZE of the parent is under way is known by its lock, which nothing else
 * here takes: PostgreSQL tells a table nothing of its parent's.
 *
 * analyze.c calls this.
 */
#include "postgres.h"

#include "command/small_table.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "base/reset_callback.h"
#include "catalog/partition.h"
#include "catalog/pg_inherits.h"
#include "command/sample_reader.h"
#include "fetch/fetch.h"
#include "miscadmin.h"
#include "plan/count_cache.h"
#include "plan/relinfo.h"
#include "storage/lmgr.h"
#include "utils/memutils.h"

/* A table that is known to have no more pages is read at once; of another one, the first page is. */
#define SMALL_PAGES 4

/* So many tables are being read at once. */
#define MOST_READINGS 64

/* Milliseconds that are waited at once. */
#define LONGEST_WAIT 1000

/* A table that is being read. */
typedef struct Reading
{
	MemoryContext context;     /* All of it is in here. */
	WalcuSampleReader *reader; /* It makes the rows. */
	WalcuFetch *fetch;         /* The documents come from it. */
	int64 most;                /* There are so many documents at most, where the table is to be small. */
} Reading;

/* The partitions of a table that is being analyzed. */
typedef struct Partitions
{
	Oid parent;            /* They are its own, or those of its partitions. */
	MemoryContext context; /* All of it is in here. */
	List *unread;          /* These (Oid) have not begun, in the order in which they are measured. */
	List *readings;        /* These (of Reading *) have. */
} Partitions;

/* These have been measured. */
static dlist_head small_tables = DLIST_STATIC_INIT(small_tables);

/* So much memory have those that have been sampled, and stay. */
static Size kept_bytes = 0;

/* They are being measured; NULL where no parent is being analyzed. */
static Partitions *partitions = NULL;

static Oid find_analyzed_parent(Relation relation);
static bool holds_lock_of_analyze(Oid relid);
static bool is_fresh(const WalcuSmallTable *small, Relation relation, Oid parent);
static void read_ahead(Oid parent);
static void list_partitions(Oid parent);
static void forget_partitions(void *arg);
static void begin_partition(Oid relid);
static Reading *begin_reading(Relation relation, double known);
static Reading *take_reading(Oid relid);
static WalcuSmallTable *create_small_table(Relation relation, Oid parent);
static void forget_small_table(void *arg);
static void read_rows(Reading *reading, WalcuSmallTable *small);

/* Returns about how many documents a table has; 0 when that is not known. */
double
small_table_known_size(const WalcuQuery *query, Relation relation)
{
	WalcuCount count;

	/* the parent of a partition may just have counted it */
	if ((relation->rd_rel->reltuples <= 0 || query->options->array) && count_cache_lookup(query, &count))
		return count.documents;
	/* its rows are no documents */
	if (query->options->array)
		return 0;
	return Max(relation->rd_rel->reltuples, 0);
}

/*
 * Reads all rows of a table that has about so many documents, or the first of them if it turns out to have
 * more than a small one.  Returns NULL when it is known to have more.
 */
WalcuSmallTable *
small_table_read(Relation relation, double known)
{
	Oid parent = find_analyzed_parent(relation);
	WalcuSmallTable *small = small_table_find(RelationGetRelid(relation));
	Reading *reading;

	if (small && is_fresh(small, relation, parent))
	{
		small->is_kept = OidIsValid(parent);
		return small;
	}
	if (small)
		small_table_drop(small);
	if (OidIsValid(parent))
		read_ahead(parent);
	reading = take_reading(RelationGetRelid(relation));
	if (reading == NULL)
		reading = begin_reading(relation, known);
	if (reading == NULL)
		return NULL;
	small = create_small_table(relation, parent);
	read_rows(reading, small);
	MemoryContextDelete(reading->context);
	return small;
}

/* Returns NULL when the table was not found to be small. */
WalcuSmallTable *
small_table_find(Oid relid)
{
	dlist_iter iter;

	dlist_foreach(iter, &small_tables)
	{
		WalcuSmallTable *small = dlist_container(WalcuSmallTable, node, iter.cur);

		if (small->relid == relid)
			return small;
	}
	return NULL;
}

/* Tells how many documents have been read, and how many a page has of them, about. */
WalcuCount
small_table_count(const WalcuSmallTable *small)
{
	int count = small->documents;

	return (WalcuCount){.documents = count, .page_size = (count + small->requests - 1) / small->requests};
}

/* Frees a table that has been sampled, unless it is going to be analyzed by itself. */
void
small_table_end_use(WalcuSmallTable *small)
{
	kept_bytes -= small->kept_bytes;
	small->kept_bytes = MemoryContextMemAllocated(small->context, true);
	kept_bytes += small->kept_bytes;
	if (!small->is_kept || kept_bytes > maintenance_work_mem * (Size) 1024)
		small_table_drop(small);
	else
		small->requests = 0;
}

void
small_table_drop(WalcuSmallTable *small)
{
	MemoryContextDelete(small->context);
}

/* Returns the table whose ANALYZE measures a partition; InvalidOid where the partition itself is analyzed. */
static Oid
find_analyzed_parent(Relation relation)
{
	Oid parent = InvalidOid;
	List *ancestors;
	ListCell *lc;

	if (!relation->rd_rel->relispartition || holds_lock_of_analyze(RelationGetRelid(relation)))
		return InvalidOid;
	ancestors = get_partition_ancestors(RelationGetRelid(relation));
	foreach(lc, ancestors)
	{
		if (!holds_lock_of_analyze(lfirst_oid(lc)))
			continue;
		parent = lfirst_oid(lc);
		break;
	}
	list_free(ancestors);
	return parent;
}

static bool
holds_lock_of_analyze(Oid relid)
{
	Relation relation = RelationIdGetRelation(relid);
	bool holds = relation && CheckRelationLockedByMe(relation, ShareUpdateExclusiveLock, false);

	if (relation)
		RelationClose(relation);
	return holds;
}

/*
 * Tells whether the rows that were read are good for a table once more: those that another ANALYZE of the
 * same parent has left are not.
 */
static bool
is_fresh(const WalcuSmallTable *small, Relation relation, Oid parent)
{
	return OidIsValid(small->parent) && small->parent != parent && small->is_whole &&
		   equalTupleDescs(small->descriptor, RelationGetDescr(relation));
}

/* Lets partitions send their requests that are measured next. */
static void
read_ahead(Oid parent)
{
	if (partitions && partitions->parent != parent)
		MemoryContextDelete(partitions->context);
	if (partitions == NULL)
		list_partitions(parent);
	while (partitions->unread != NIL && list_length(partitions->readings) < MOST_READINGS)
	{
		Oid relid = linitial_oid(partitions->unread);

		partitions->unread = list_delete_first(partitions->unread);
		begin_partition(relid);
	}
}

static void
list_partitions(Oid parent)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "walcu partitions", ALLOCSET_DEFAULT_SIZES);
	MemoryContext before = MemoryContextSwitchTo(context);

	partitions = palloc0(sizeof(Partitions));
	reset_callback_add(context, forget_partitions, NULL);
	partitions->parent = parent;
	partitions->context = context;
	/* the parent's ANALYZE has locked them */
	partitions->unread = find_all_inheritors(parent, NoLock, NULL);
	MemoryContextSwitchTo(before);
}

static void
forget_partitions(void *arg)
{
	partitions = NULL;
}

/* Lets a partition send its request, if it is one of ours, and is to be read. */
static void
begin_partition(Oid relid)
{
	MemoryContext before = MemoryContextSwitchTo(partitions->context);
	const WalcuSmallTable *small = small_table_find(relid);

	if (relinfo_is_our_table(relid) && (small == NULL || small->parent == partitions->parent))
	{
		Relation relation = table_open(relid, NoLock);
		WalcuQuery query = sample_reader_query(relation);
		Reading *reading = begin_reading(relation, small_table_known_size(&query, relation));

		if (reading)
			partitions->readings = lappend(partitions->readings, reading);
		table_close(relation, NoLock);
	}
	MemoryContextSwitchTo(before);
}

/* Sends the first request for a table's documents.  Returns NULL when it is known to have many. */
static Reading *
begin_reading(Relation relation, double known)
{
	MemoryContext context;
	MemoryContext before;
	WalcuSampleReader *reader;
	Reading *reading;
	int page;

	context = AllocSetContextCreate(CurrentMemoryContext, "walcu small table read", ALLOCSET_DEFAULT_SIZES);
	before = MemoryContextSwitchTo(context);
	reader = sample_reader_open(relation);
	page = reader->query.options->fetch_size;
	if (known > SMALL_PAGES * page)
	{
		MemoryContextSwitchTo(before);
		MemoryContextDelete(context);
		return NULL;
	}
	reading = palloc0(sizeof(Reading));
	reading->context = context;
	reading->reader = reader;
	reading->most = known > page ? SMALL_PAGES * page : page;
	/* nothing is to be read ahead of what is wanted */
	reader->query.wanted = reading->most;
	reader->query.all_rows = false;
	reading->fetch = fetch_open(&reader->query, &reader->tally);
	MemoryContextSwitchTo(before);
	return reading;
}

/* Returns what has begun ahead for a table, which is the caller's from then on; NULL where nothing has. */
static Reading *
take_reading(Oid relid)
{
	ListCell *lc;

	foreach(lc, partitions ? partitions->readings : NIL)
	{
		Reading *reading = lfirst(lc);

		if (reading->reader->relid != relid)
			continue;
		partitions->readings = foreach_delete_current(partitions->readings, lc);
		return reading;
	}
	return NULL;
}

/*
 * An ANALYZE of many tables has a transaction for each of them, and the portal lives as long as all of it.  A
 * background worker has none.
 */
static WalcuSmallTable *
create_small_table(Relation relation, Oid parent)
{
	bool is_kept = OidIsValid(parent) && PortalContext;
	MemoryContext context = AllocSetContextCreate(is_kept ? PortalContext : CurrentMemoryContext,
												  "walcu small table", ALLOCSET_DEFAULT_SIZES);
	MemoryContext before = MemoryContextSwitchTo(context);
	WalcuSmallTable *small = palloc0(sizeof(WalcuSmallTable));

	small->relid = RelationGetRelid(relation);
	small->parent = parent;
	small->is_kept = is_kept;
	small->context = context;
	small->descriptor = CreateTupleDescCopyConstr(RelationGetDescr(relation));
	dlist_push_head(&small_tables, &small->node);
	reset_callback_add(context, forget_small_table, small);
	MemoryContextSwitchTo(before);
	return small;
}

static void
forget_small_table(void *arg)
{
	WalcuSmallTable *small = arg;

	kept_bytes -= small->kept_bytes;
	dlist_delete(&small->node);
}

static void
read_rows(Reading *reading, WalcuSmallTable *small)
{
	WalcuFetch *fetch = reading->fetch;
	MemoryContext before = MemoryContextSwitchTo(small->context);

	for (;;)
	{
		WalcuDocument document;

		if (fetch_next(fetch, &document))
		{
			/* one more tells that there are more, and is not kept */
			if (small->documents == reading->most)
				break;
			small->documents++;
			sample_reader_begin(reading->reader, &document);
			while (document_rows_find(reading->reader->maker))
				small->rows = lappend(small->rows, sample_reader_make_row(reading->reader));
		}
		else if (fetch_has_ended(fetch) || small->documents == reading->most)
			break;
		else
			fetch_wait(fetch, LONGEST_WAIT);
	}
	small->is_whole = fetch_has_ended(fetch);
	small->requests = reading->reader->tally.requests;
	small->mismatches = document_rows_mismatches(reading->reader->maker);
	MemoryContextSwitchTo(before);
}
