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
 * A value that does not fit its column is NULL here, whatever the table's options say: one of them is no
 * reason to have no statistics.
 */
#include "postgres.h"

#include "command/analyze.h"

#include <math.h>

#include "access/htup_details.h"
#include "base/compat.h"
#include "fetch/document_values.h"
#include "fetch/fetch.h"
#include "fetch/page_at_offset.h"
#include "json/decode.h"
#include "plan/count_cache.h"
#include "plan/path.h"
#include "pushdown/projection.h"
#include "service/learned_sort.h"
#include "utils/memutils.h"
#include "utils/rel.h"

/* Pages that analyze_sampling 'auto' takes at most. */
#define AUTO_PAGES 30

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

static WalcuQuery make_table_query(Relation relation);
static WalcuCount count_table(const WalcuQuery *query, Relation relation);
static int sample_rows(Relation relation, int level, HeapTuple *rows, int wanted, double *total,
					   double *dead);
static int64 count_wanted_pages(const WalcuOptions *options, const WalcuCount *count, int wanted);
static void decode_whole_rows(Sample *sample);
static void sample_all_documents(Sample *sample, double documents);
static void sample_pages(Sample *sample, const WalcuCount *count, int64 pages);
static void take_page(Sample *sample, WalcuPageAtOffset *page_at);
static void consider_document(Sample *sample, const WalcuDocument *document);
static HeapTuple make_row(Sample *sample, const WalcuDocument *document);

/* FdwRoutine.AnalyzeForeignTable; pages are those of the service. */
bool
analyze_table(Relation relation, AcquireSampleRowsFunc *sampler, BlockNumber *pages)
{
	WalcuQuery query = make_table_query(relation);
	WalcuTally tally = {0};
	WalcuCount count = count_documents(&query, &tally, Max(relation->rd_rel->reltuples, 0), 0);

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
	WalcuCount count = count_table(&sample.query, relation);
	int64 pages = count_wanted_pages(options, &count, wanted);

	sample.row_context = AllocSetContextCreate(CurrentMemoryContext, "walcu row", ALLOCSET_DEFAULT_SIZES);
	/* the count has found out what the service takes */
	sample.query.is_taken = true;
	sample.query.unsorted = learned_sort(options) == WALCU_SORT_IGNORED;
	decode_whole_rows(&sample);
	if (pages * count.page_size >= count.documents)
	{
		sample_all_documents(&sample, count.documents);
		count.documents = sample.seen;
	}
	else
		sample_pages(&sample, &count, pages);
	*total = count.documents;
	*dead = 0;
	ereport(level, errmsg("\"%s\": resource \"%s\" has %.0f documents; " INT64_FORMAT
						  " of them were read in " INT64_FORMAT " requests, %d rows are in the sample",
						  RelationGetRelationName(relation), options->resource, count.documents, sample.seen,
						  sample.tally.requests, sample.taken));
	if (decode_mismatches(sample.decoder) > 0)
		ereport(level, errmsg("\"%s\": read " INT64_FORMAT " values that do not fit their columns as NULL",
							  RelationGetRelationName(relation), decode_mismatches(sample.decoder)));
	MemoryContextDelete(sample.row_context);
	return sample.taken;
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

/* The whole row is decoded, as the caller does not say which columns it wants. */
static void
decode_whole_rows(Sample *sample)
{
	TupleDesc descriptor = RelationGetDescr(sample->relation);
	List *paths = NIL;

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

/* Of all documents considered, every one is in the sample with the same chance (Vitter's algorithm R). */
static void
consider_document(Sample *sample, const WalcuDocument *document)
{
	int64 place = sample->seen++;

	if (sample->taken < sample->wanted)
		sample->rows[sample->taken++] = make_row(sample, document);
	else
	{
		place = (int64) (compat_random() * (place + 1));
		if (place >= sample->wanted)
			return;
		heap_freetuple(sample->rows[place]);
		sample->rows[place] = make_row(sample, document);
	}
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
