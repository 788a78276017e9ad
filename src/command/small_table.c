/*
 * small_table.c
 *	  Tables that ANALYZE reads instead of counting their documents.
 *
 * PostgreSQL asks for the size of a table first, and then for a sample of it.  A table that is small, as far
 * as anybody knows, is read when the first is asked: its documents are the sample.
 *
 * Of a partitioned table, PostgreSQL measures one partition after the other, then samples them, and after
 * that it analyzes each of them by itself.  So when the first is measured, the next ones are read, too; and
 * what has been read stays until the partition has its own turn, as far as maintenance_work_mem has room for
 * all of them.  As each would have a sample of its own, larger tables are read so than by themselves.  That
 * an ANALYZE of the parent is under way is known by its lock, which nothing else here takes: PostgreSQL tells
 * a table nothing of its parent's.
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
#include "utils/hsearch.h"
#include "utils/memutils.h"

/* A table that is known to have no more pages is read; of one that nobody knows, so many are at first. */
#define SMALL_PAGES   4
#define UNKNOWN_PAGES 1

/*
 * A partition that its parent's ANALYZE measures is read if it has no more pages, as far as anybody knows.
 * To count it and to sample it twice takes more.
 */
#define SMALL_PARTITION_PAGES 30

/* So many tables are being read at once: about as many as PostgreSQL's own settings leave descriptors for. */
#define MOST_READINGS 300

/* Milliseconds that are waited at once. */
#define LONGEST_WAIT 1000

/* A table that is being read. */
typedef struct Reading
{
	MemoryContext context;     /* All of it is in here. */
	WalcuSampleReader *reader; /* It makes the rows. */
	WalcuFetch *fetch;         /* The documents come from it, */
	WalcuSmallTable *small;    /* and the rows go here. */
	int64 most;                /* There are so many documents at most, where the table is to be small. */
	bool is_done;              /* All have come, or as many and one more. */
	Size bytes;                /* It had so much memory when it was looked at. */
} Reading;

/* The partitions of a table that is being analyzed. */
typedef struct Partitions
{
	Oid parent;            /* They are its own, or those of its partitions. */
	MemoryContext context; /* All of it is in here. */
	List *unread;          /* These (Oid) have not begun, in the order in which they are measured. */
	List *readings;        /* These (of Reading *) have, */
	Size bytes;            /* and had so much memory when each was looked at. */
} Partitions;

/* A table that has been measured. */
typedef struct SmallTableEntry
{
	Oid relid; /* This is the hash key. */
	WalcuSmallTable *small;
} SmallTableEntry;

/* Those tables: of a parent, all children are measured before the first is sampled. */
static HTAB *small_tables = NULL;

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
static Reading *begin_reading(Relation relation, double known, bool is_partition);
static Reading *take_reading(Oid relid);
static WalcuSmallTable *create_small_table(Relation relation);
static void keep_small_table(WalcuSmallTable *small, Oid parent);
static void forget_small_table(void *arg);
static void read_rows(Reading *reading);
static void read_of_partitions(void);
static void note_reading_bytes(Reading *reading);
static bool has_room(void);
static void take_rows(Reading *reading);

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
		reading = begin_reading(relation, known, OidIsValid(parent));
	if (reading == NULL)
		return NULL;
	read_rows(reading);
	small = reading->small;
	keep_small_table(small, parent);
	MemoryContextDelete(reading->context);
	return small;
}

/* Returns NULL when the table was not found to be small. */
WalcuSmallTable *
small_table_find(Oid relid)
{
	SmallTableEntry *entry = small_tables ? hash_search(small_tables, &relid, HASH_FIND, NULL) : NULL;

	return entry ? entry->small : NULL;
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
	if (!small->is_kept || !has_room())
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
		Reading *reading = begin_reading(relation, small_table_known_size(&query, relation), true);

		if (reading)
		{
			partitions->readings = lappend(partitions->readings, reading);
			note_reading_bytes(reading);
		}
		table_close(relation, NoLock);
	}
	MemoryContextSwitchTo(before);
}

/* Sends the first request for a table's documents.  Returns NULL when it is known to have many. */
static Reading *
begin_reading(Relation relation, double known, bool is_partition)
{
	int small_pages = is_partition ? SMALL_PARTITION_PAGES : SMALL_PAGES;
	int unknown_pages = is_partition ? SMALL_PARTITION_PAGES : UNKNOWN_PAGES;
	MemoryContext context;
	MemoryContext before;
	WalcuSampleReader *reader;
	Reading *reading;
	int page;

	context = AllocSetContextCreate(CurrentMemoryContext, "walcu small table read", ALLOCSET_DEFAULT_SIZES);
	before = MemoryContextSwitchTo(context);
	reader = sample_reader_open(relation);
	page = reader->query.options->fetch_size;
	if (known > small_pages * page)
	{
		MemoryContextSwitchTo(before);
		MemoryContextDelete(context);
		return NULL;
	}
	reading = palloc0(sizeof(Reading));
	reading->context = context;
	reading->reader = reader;
	reading->small = create_small_table(relation);
	reading->most = (known > unknown_pages * page ? small_pages : unknown_pages) * page;
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
		partitions->bytes -= reading->bytes;
		return reading;
	}
	return NULL;
}

static WalcuSmallTable *
create_small_table(Relation relation)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "walcu small table", ALLOCSET_DEFAULT_SIZES);
	MemoryContext before = MemoryContextSwitchTo(context);
	WalcuSmallTable *small = palloc0(sizeof(WalcuSmallTable));

	small->relid = RelationGetRelid(relation);
	small->context = context;
	small->descriptor = CreateTupleDescCopyConstr(RelationGetDescr(relation));
	MemoryContextSwitchTo(before);
	return small;
}

/*
 * Keeps a table that has been read until it is sampled, or longer.  An ANALYZE of many tables has a
 * transaction for each of them, and the portal lives as long as all of it.  A background worker has none.
 */
static void
keep_small_table(WalcuSmallTable *small, Oid parent)
{
	HASHCTL control = {.keysize = sizeof(Oid), .entrysize = sizeof(SmallTableEntry)};

	if (small_tables == NULL)
		small_tables = hash_create("walcu_fdw small tables", 64, &control, HASH_ELEM | HASH_BLOBS);
	small->parent = parent;
	small->is_kept = OidIsValid(parent) && PortalContext;
	MemoryContextSetParent(small->context, small->is_kept ? PortalContext : CurrentMemoryContext);
	reset_callback_add(small->context, forget_small_table, small);
	((SmallTableEntry *) hash_search(small_tables, &small->relid, HASH_ENTER, NULL))->small = small;
}

static void
forget_small_table(void *arg)
{
	WalcuSmallTable *small = arg;

	kept_bytes -= small->kept_bytes;
	hash_search(small_tables, &small->relid, HASH_REMOVE, NULL);
}

/* Reads a table.  Where it is a partition, what comes of the others meanwhile is read, too. */
static void
read_rows(Reading *reading)
{
	WalcuSmallTable *small = reading->small;

	for (;;)
	{
		take_rows(reading);
		if (reading->is_done)
			break;
		read_of_partitions();
		fetch_wait(reading->fetch, LONGEST_WAIT);
	}
	small->is_whole = fetch_has_ended(reading->fetch);
	small->requests = reading->reader->tally.requests;
	small->mismatches = document_rows_mismatches(reading->reader->maker);
}

/* Reads what has come of the partitions that have begun, as far as there is room, so that they go on. */
static void
read_of_partitions(void)
{
	ListCell *lc;

	foreach(lc, partitions ? partitions->readings : NIL)
	{
		Reading *reading = lfirst(lc);

		if (!fetch_is_stirred(reading->fetch) || !has_room())
			continue;
		take_rows(reading);
		note_reading_bytes(reading);
	}
}

/* Finds out how much memory a partition has that has begun. */
static void
note_reading_bytes(Reading *reading)
{
	partitions->bytes -= reading->bytes;
	reading->bytes = MemoryContextMemAllocated(reading->context, true);
	partitions->bytes += reading->bytes;
}

/* Tells whether maintenance_work_mem has room for more rows that are kept. */
static bool
has_room(void)
{
	return kept_bytes + (partitions ? partitions->bytes : 0) <= maintenance_work_mem * (Size) 1024;
}

/* Makes rows of the documents that have come. */
static void
take_rows(Reading *reading)
{
	WalcuSmallTable *small = reading->small;
	MemoryContext before = MemoryContextSwitchTo(small->context);
	WalcuDocument document;

	while (!reading->is_done && fetch_next(reading->fetch, &document))
	{
		/* one more tells that there are more, and is not kept */
		reading->is_done = small->documents == reading->most;
		if (reading->is_done)
			break;
		small->documents++;
		sample_reader_begin(reading->reader, &document);
		while (document_rows_find(reading->reader->maker))
			small->rows = lappend(small->rows, sample_reader_make_row(reading->reader));
	}
	reading->is_done |= fetch_has_ended(reading->fetch) || small->documents == reading->most;
	MemoryContextSwitchTo(before);
}
