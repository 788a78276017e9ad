/*
 * analyze.c
 *	  ANALYZE of a foreign table: how many documents there are, and a sample of them.
 *
 * Documents are counted (count.c), and the sample is made of whole pages: in the order of _id, every n-th
 * page, where the first one is taken at random.  So every document has the same chance, whenever it was made,
 * none is taken twice, and the sample extends over all of the time in which documents were made.  Pages at
 * random places of the range of _id would be cheaper for the service, but prefer documents that were made
 * when there were few.
 *
 * A table that is small, as far as anybody knows, is read instead of counted: its documents are the sample,
 * and PostgreSQL, which asks for the size first and then for the sample, gets both from the same requests.
 *
 * A value that does not fit its column is NULL here, whatever the table's options say: one of them is no
 * reason to have no statistics.
 */
#include "postgres.h"

#include "command/analyze.h"

#include <math.h>

#include "access/htup_details.h"
#include "base/compat.h"
#include "base/reset_callback.h"
#include "fetch/document_values.h"
#include "fetch/fetch.h"
#include "fetch/page_at_offset.h"
#include "json/decode.h"
#include "lib/ilist.h"
#include "plan/count_cache.h"
#include "plan/path.h"
#include "pushdown/projection.h"
#include "service/learned_sort.h"
#include "utils/memutils.h"
#include "utils/rel.h"

/* Pages that analyze_sampling 'auto' takes at most. */
#define AUTO_PAGES 30

/* A table that is known to have no more pages is read at once; of another one, the first page is. */
#define SMALL_PAGES 4

/* Milliseconds that are waited at once. */
#define LONGEST_WAIT 1000

/* What becomes of the documents that were read. */
typedef struct Sample
{
	Relation relation;         /* It is the table. */
	WalcuQuery query;          /* Its documents are asked for by this. */
	WalcuTally tally;          /* It counts what that takes. */
	WalcuDecoder *decoder;     /* It makes rows of documents. */
	MemoryContext row_context; /* It holds what the current document's values point to. */
	HeapTuple *rows;           /* These are in the sample. */
	int wanted;                /* There are so many at most. */
	int taken;                 /* There are so many so far. */
	int64 seen;                /* So many documents were considered. */
} Sample;

/* The rows of a small table, from its being measured until it is sampled. */
typedef struct SmallTable
{
	dlist_node node;       /* This is its place among others: of a parent, all children are measured first. */
	Oid relid;             /* This is the table. */
	MemoryContext context; /* All of it is in here. */
	List *rows;            /* These (HeapTuple) are its rows, or the first of them. */
	bool is_whole;         /* They are all. */
	int64 requests;        /* They took so many requests. */
	int64 mismatches;      /* So many values did not fit their columns. */
} SmallTable;

/* These have been measured. */
static dlist_head small_tables = DLIST_STATIC_INIT(small_tables);

static WalcuQuery make_table_query(Relation relation);
static void prepare_rows(Sample *sample);
static WalcuCount count_small_table(const SmallTable *small);
static double find_known_size(const WalcuQuery *query, Relation relation);
static SmallTable *read_small_table(Relation relation, int64 most);
static void read_few_documents(Sample *sample, SmallTable *small, int64 most);
static void forget_small_table(void *arg);
static SmallTable *find_small_table(Relation relation);
static void sample_small_table(Sample *sample, SmallTable *small);
static void sample_large_table(Sample *sample, WalcuCount *count);
static WalcuCount count_table(const WalcuQuery *query, Relation relation);
static int sample_rows(Relation relation, int level, HeapTuple *rows, int wanted, double *total,
					   double *dead);
static int64 count_wanted_pages(const WalcuOptions *options, const WalcuCount *count, int wanted);
static void sample_all_documents(Sample *sample, double documents);
static void sample_pages(Sample *sample, const WalcuCount *count, int64 pages);
static void take_page(Sample *sample, WalcuPageAtOffset *page_at);
static void consider_document(Sample *sample, const WalcuDocument *document);
static int choose_place(Sample *sample);
static HeapTuple make_row(Sample *sample, const WalcuDocument *document);

/* FdwRoutine.AnalyzeForeignTable; pages are those of the service. */
bool
analyze_table(Relation relation, AcquireSampleRowsFunc *sampler, BlockNumber *pages)
{
	WalcuQuery query = make_table_query(relation);
	int page_size = query.options->fetch_size;
	double known = find_known_size(&query, relation);
	SmallTable *small = NULL;
	WalcuTally tally = {0};
	WalcuCount count = {.page_size = page_size};

	if (known <= SMALL_PAGES * page_size)
		small = read_small_table(relation, known > page_size ? SMALL_PAGES * page_size : page_size);
	if (small && small->is_whole)
		count.documents = list_length(small->rows);
	else if (small)
		count = count_documents_behind(&query, &tally, count_small_table(small));
	else
		count = count_documents(&query, &tally, known, 0);
	if (small && !small->is_whole)
		MemoryContextDelete(small->context);
	count_cache_note(&query, &count);
	*pages = (BlockNumber) Min(Max(ceil(count.documents / query.options->fetch_size), 1), MaxBlockNumber);
	*sampler = sample_rows;
	return true;
}

/* All of a table, with its owner's credentials, as ANALYZE runs for the owner. */
static WalcuQuery
make_table_query(Relation relation)
{
	WalcuOptions *options = palloc(sizeof(WalcuOptions));

	*options = *option_for_table(RelationGetRelid(relation));
	options->on_type_mismatch = WALCU_MISMATCH_NULL;
	return (WalcuQuery){
		.options = options,
		.credential = option_credential_header(relation->rd_rel->relowner, options->serverid),
		.strategy = WALCU_BY_PAGES,
		.project = list_make1("_id"),
		.all_rows = true,
	};
}

/* Tells how many documents have been read, and how many a page has of them, about. */
static WalcuCount
count_small_table(const SmallTable *small)
{
	int count = list_length(small->rows);

	return (WalcuCount){.documents = count, .page_size = (count + small->requests - 1) / small->requests};
}

/* Returns about how many documents the table has; 0 when that is not known. */
static double
find_known_size(const WalcuQuery *query, Relation relation)
{
	WalcuCount count;

	/* the parent of a partition may just have counted it */
	if (relation->rd_rel->reltuples <= 0 && count_cache_lookup(query, &count))
		return count.documents;
	return Max(relation->rd_rel->reltuples, 0);
}

/* Reads all rows of a table, or the first of them, if they are more than most. */
static SmallTable *
read_small_table(Relation relation, int64 most)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "walcu small table", ALLOCSET_DEFAULT_SIZES);
	MemoryContext before = MemoryContextSwitchTo(context);
	SmallTable *small = palloc0(sizeof(SmallTable));
	Sample sample = {.relation = relation, .query = make_table_query(relation)};

	small->relid = RelationGetRelid(relation);
	small->context = context;
	dlist_push_head(&small_tables, &small->node);
	reset_callback_add(context, forget_small_table, small);
	prepare_rows(&sample);
	/* nothing is to be read ahead of what is wanted */
	sample.query.wanted = most;
	sample.query.all_rows = false;
	read_few_documents(&sample, small, most);
	small->requests = sample.tally.requests;
	small->mismatches = decode_mismatches(sample.decoder);
	MemoryContextDelete(sample.row_context);
	MemoryContextSwitchTo(before);
	return small;
}

static void
read_few_documents(Sample *sample, SmallTable *small, int64 most)
{
	WalcuFetch *fetch = fetch_open(&sample->query, &sample->tally);

	for (;;)
	{
		WalcuDocument document;

		if (fetch_next(fetch, &document))
		{
			/* one more tells that there are more, and is not kept */
			if (list_length(small->rows) == most)
				break;
			small->rows = lappend(small->rows, make_row(sample, &document));
		}
		else if (fetch_has_ended(fetch) || list_length(small->rows) == most)
			break;
		else
			fetch_wait(fetch, LONGEST_WAIT);
	}
	small->is_whole = fetch_has_ended(fetch);
	fetch_close(fetch);
}

static void
forget_small_table(void *arg)
{
	dlist_delete(&((SmallTable *) arg)->node);
}

/* Returns NULL when the table was not found to be small. */
static SmallTable *
find_small_table(Relation relation)
{
	dlist_iter iter;

	dlist_foreach(iter, &small_tables)
	{
		SmallTable *small = dlist_container(SmallTable, node, iter.cur);

		if (small->relid == RelationGetRelid(relation))
			return small;
	}
	return NULL;
}

/* analyze_table has just counted, unless many tables were sampled since. */
static WalcuCount
count_table(const WalcuQuery *query, Relation relation)
{
	WalcuTally tally = {0};
	WalcuCount count;

	if (!count_cache_lookup(query, &count))
		count = count_documents(query, &tally, Max(relation->rd_rel->reltuples, 0), 0);
	return count;
}

/* AcquireSampleRowsFunc: the number of rows that it has put into rows. */
static int
sample_rows(Relation relation, int level, HeapTuple *rows, int wanted, double *total, double *dead)
{
	Sample sample = {
		.relation = relation, .query = make_table_query(relation), .rows = rows, .wanted = wanted};
	const WalcuOptions *options = sample.query.options;
	SmallTable *small = find_small_table(relation);
	WalcuCount count = {0};
	int64 mismatches;

	if (small)
	{
		count.documents = list_length(small->rows);
		mismatches = small->mismatches;
		sample_small_table(&sample, small);
	}
	else
	{
		prepare_rows(&sample);
		sample_large_table(&sample, &count);
		mismatches = decode_mismatches(sample.decoder);
		MemoryContextDelete(sample.row_context);
	}
	*total = count.documents;
	*dead = 0;
	ereport(level, errmsg("\"%s\": resource \"%s\" has %.0f documents; " INT64_FORMAT
						  " of them were read in " INT64_FORMAT " requests, %d rows are in the sample",
						  RelationGetRelationName(relation), options->resource, count.documents, sample.seen,
						  sample.tally.requests, sample.taken));
	if (mismatches > 0)
		ereport(level, errmsg("\"%s\": read " INT64_FORMAT " values that do not fit their columns as NULL",
							  RelationGetRelationName(relation), mismatches));
	return sample.taken;
}

/* Takes the sample of the rows that were read to measure the table, and frees them. */
static void
sample_small_table(Sample *sample, SmallTable *small)
{
	ListCell *lc;

	foreach(lc, small->rows)
	{
		int place = choose_place(sample);

		if (place >= 0)
			sample->rows[place] = heap_copytuple(lfirst(lc));
	}
	sample->tally.requests = small->requests;
	MemoryContextDelete(small->context);
}

static void
sample_large_table(Sample *sample, WalcuCount *count)
{
	int64 pages;

	*count = count_table(&sample->query, sample->relation);
	/* the count has found out what the service takes */
	sample->query.is_taken = true;
	sample->query.unsorted = learned_sort(sample->query.options) == WALCU_SORT_IGNORED;
	pages = count_wanted_pages(sample->query.options, count, sample->wanted);
	if (pages * count->page_size >= count->documents)
	{
		sample_all_documents(sample, count->documents);
		count->documents = sample->seen;
	}
	else
		sample_pages(sample, count, pages);
}

/* How many pages make up the sample. */
static int64
count_wanted_pages(const WalcuOptions *options, const WalcuCount *count, int wanted)
{
	int64 pages = (wanted + count->page_size - 1) / count->page_size;

	switch (options->analyze_sampling)
	{
		case WALCU_SAMPLING_OFF:
			pages = (int64) ceil(count->documents / count->page_size);
			break;
		case WALCU_SAMPLING_AUTO:
			pages = Min(pages, AUTO_PAGES);
			break;
		case WALCU_SAMPLING_RANDOM:
			break;
	}
	return pages;
}

/* Prepares to make rows of documents: whole ones, as the caller does not say which columns it wants. */
static void
prepare_rows(Sample *sample)
{
	TupleDesc descriptor = RelationGetDescr(sample->relation);
	List *paths = NIL;

	sample->row_context = AllocSetContextCreate(CurrentMemoryContext, "walcu row", ALLOCSET_DEFAULT_SIZES);
	sample->query.unsorted = learned_sort(sample->query.options) == WALCU_SORT_IGNORED;
	sample->decoder = decode_prepare(sample->query.options, descriptor);
	for (int i = 0; i < descriptor->natts; i++)
	{
		WalcuColumn *column;

		if (TupleDescAttr(descriptor, i)->attisdropped)
			continue;
		column = option_for_column(RelationGetRelid(sample->relation), i + 1);
		if (column->parameter)
			continue;
		decode_want(sample->decoder, i, column->path);
		paths = lappend(paths, column->path);
	}
	sample->query.project = projection_fields(paths);
}

/* Consider every document, read as a scan of the table would. */
static void
sample_all_documents(Sample *sample, double documents)
{
	WalcuFetch *fetch;
	WalcuDocument document;

	sample->query.strategy = path_strategy(sample->query.options, documents);
	fetch = fetch_open(&sample->query, &sample->tally);
	for (;;)
	{
		if (fetch_next(fetch, &document))
			consider_document(sample, &document);
		else if (fetch_has_ended(fetch))
			break;
		else
			fetch_wait(fetch, LONGEST_WAIT);
	}
	fetch_close(fetch);
}

/* Consider the documents of so many pages, several of which are under way at once. */
static void
sample_pages(Sample *sample, const WalcuCount *count, int64 pages)
{
	double distance = ceil(count->documents / count->page_size) / pages;
	double first = compat_random() * distance;
	List *pending = NIL;
	int64 asked = 0;

	while (asked < pages || pending != NIL)
	{
		WalcuPageAtOffset *page_at;

		while (asked < pages && list_length(pending) < sample->query.options->max_connections)
		{
			int64 page = (int64) (first + asked++ * distance);

			pending = lappend(pending,
							  page_at_offset_start(&sample->query, &sample->tally, page * count->page_size));
		}
		page_at = linitial(pending);
		pending = list_delete_first(pending);
		take_page(sample, page_at);
		page_at_offset_release(page_at);
	}
}

static void
take_page(Sample *sample, WalcuPageAtOffset *page_at)
{
	StringInfo id = makeStringInfo();
	WalcuDocument document;

	while (page_at_offset_next(page_at, &document, id))
		consider_document(sample, &document);
}

static void
consider_document(Sample *sample, const WalcuDocument *document)
{
	int place = choose_place(sample);

	if (place >= 0)
		sample->rows[place] = make_row(sample, document);
}

/*
 * Where in the sample the next document goes; -1 for nowhere.  Of all documents considered, every one is in
 * the sample with the same chance (Vitter's algorithm R).
 */
static int
choose_place(Sample *sample)
{
	int64 place = sample->seen++;

	if (sample->taken < sample->wanted)
		return sample->taken++;
	place = (int64) (compat_random() * (place + 1));
	if (place >= sample->wanted)
		return -1;
	heap_freetuple(sample->rows[place]);
	return (int) place;
}

static HeapTuple
make_row(Sample *sample, const WalcuDocument *document)
{
	TupleDesc descriptor = RelationGetDescr(sample->relation);
	MemoryContext before = MemoryContextSwitchTo(sample->row_context);
	Datum *values;
	bool *nulls;
	HeapTuple row;

	MemoryContextReset(sample->row_context);
	values = palloc0(descriptor->natts * sizeof(Datum));
	nulls = palloc(descriptor->natts * sizeof(bool));
	memset(nulls, true, descriptor->natts * sizeof(bool));
	document_values(sample->decoder, document, sample->query.credential, values, nulls);
	MemoryContextSwitchTo(before);
	row = heap_form_tuple(descriptor, values, nulls);
	return row;
}
