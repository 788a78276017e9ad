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
 * A table that is small, as far as anybody knows, is read instead of counted (small_table.c).
 */
#include "postgres.h"

#include "command/analyze.h"

#include <math.h>

#include "access/htup_details.h"
#include "base/compat.h"
#include "command/sample_reader.h"
#include "command/small_table.h"
#include "fetch/fetch.h"
#include "fetch/page_at_offset.h"
#include "plan/count_cache.h"
#include "plan/path.h"
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
	WalcuSampleReader *reader; /* It makes rows of them; NULL where they are rows already. */
	HeapTuple *rows;           /* These are in the sample. */
	int wanted;                /* There are so many at most. */
	int taken;                 /* There are so many so far. */
	int64 documents;           /* So many documents were considered, */
	int64 seen;                /* which have so many rows, */
	int64 requests;            /* and took so many requests. */
	int64 mismatches;          /* So many values did not fit their columns. */
} Sample;

static double sample_small_table(Sample *sample, WalcuSmallTable *small);
static double sample_large_table(Sample *sample, Relation relation);
static WalcuCount count_table(const WalcuQuery *query, Relation relation);
static int sample_rows(Relation relation, int level, HeapTuple *rows, int wanted, double *total,
					   double *dead);
static int64 count_wanted_pages(const WalcuOptions *options, const WalcuCount *count, int wanted);
static void sample_all_documents(Sample *sample, double documents);
static void sample_pages(Sample *sample, const WalcuCount *count, int64 pages);
static void take_page(Sample *sample, WalcuPageAtOffset *page_at);
static void consider_document(Sample *sample, const WalcuDocument *document);
static int choose_place(Sample *sample);

/* FdwRoutine.AnalyzeForeignTable; pages are those of the service. */
bool
analyze_table(Relation relation, AcquireSampleRowsFunc *sampler, BlockNumber *pages)
{
	WalcuQuery query = sample_reader_query(relation);
	double known = small_table_known_size(&query, relation);
	WalcuSmallTable *small = small_table_read(relation, known);
	WalcuTally tally = {0};
	WalcuCount count = {.page_size = query.options->fetch_size};

	if (small && small->is_whole)
		count.documents = small->documents;
	else if (small)
		count = count_documents_behind(&query, &tally, small_table_count(small));
	else
		count = count_documents(&query, &tally, known, 0);
	if (small && !small->is_whole)
		small_table_drop(small);
	count_cache_note(&query, &count);
	*pages = (BlockNumber) Min(Max(ceil(count.documents / query.options->fetch_size), 1), MaxBlockNumber);
	*sampler = sample_rows;
	return true;
}

/* analyze_table has just counted, unless many tables were sampled since. */
static WalcuCount
count_table(const WalcuQuery *query, Relation relation)
{
	WalcuTally tally = {0};
	WalcuCount count;

	if (!count_cache_lookup(query, &count))
		count = count_documents(query, &tally, small_table_known_size(query, relation), 0);
	return count;
}

/* AcquireSampleRowsFunc: the number of rows that it has put into rows. */
static int
sample_rows(Relation relation, int level, HeapTuple *rows, int wanted, double *total, double *dead)
{
	Sample sample = {.rows = rows, .wanted = wanted};
	const WalcuOptions *options = option_for_table(RelationGetRelid(relation));
	double documents;
	WalcuSmallTable *small = small_table_find(RelationGetRelid(relation));

	if (small)
		documents = sample_small_table(&sample, small);
	else
		documents = sample_large_table(&sample, relation);
	/* each document of the sample stands for as many */
	*total = options->array ? documents * sample.seen / Max(sample.documents, 1) : documents;
	*dead = 0;
	ereport(level, errmsg("\"%s\": resource \"%s\" has %.0f documents; " INT64_FORMAT
						  " of them were read in " INT64_FORMAT " requests, %d rows are in the sample",
						  RelationGetRelationName(relation), options->resource, documents, sample.documents,
						  sample.requests, sample.taken));
	if (sample.mismatches > 0)
		ereport(level, errmsg("\"%s\": read " INT64_FORMAT " values that do not fit their columns as NULL",
							  RelationGetRelationName(relation), sample.mismatches));
	return sample.taken;
}

/* Takes the sample of the rows that were read to measure the table.  Returns how many documents it has. */
static double
sample_small_table(Sample *sample, WalcuSmallTable *small)
{
	ListCell *lc;

	foreach(lc, small->rows)
	{
		int place = choose_place(sample);

		if (place >= 0)
			sample->rows[place] = heap_copytuple(lfirst(lc));
	}
	sample->requests = small->requests;
	sample->mismatches = small->mismatches;
	sample->documents = small->documents;
	small_table_end_use(small);
	return sample->documents;
}

/* Takes the sample of what is read for it.  Returns how many documents the table has. */
static double
sample_large_table(Sample *sample, Relation relation)
{
	WalcuSampleReader *reader = sample_reader_open(relation);
	WalcuCount count = count_table(&reader->query, relation);
	int64 pages = count_wanted_pages(reader->query.options, &count, sample->wanted);

	sample->reader = reader;
	/* the count has found out what the service takes */
	reader->query.is_taken = true;
	reader->query.unsorted = learned_sort(reader->query.options) == WALCU_SORT_IGNORED;
	if (pages * count.page_size >= count.documents)
	{
		sample_all_documents(sample, count.documents);
		count.documents = sample->documents;
	}
	else
		sample_pages(sample, &count, pages);
	sample->requests = reader->tally.requests;
	sample->mismatches = document_rows_mismatches(reader->maker);
	sample_reader_close(reader);
	return count.documents;
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

/* Consider every document, read as a scan of the table would. */
static void
sample_all_documents(Sample *sample, double documents)
{
	WalcuFetch *fetch;
	WalcuDocument document;

	sample->reader->query.strategy = path_strategy(sample->reader->query.options, documents);
	fetch = fetch_open(&sample->reader->query, &sample->reader->tally);
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

		while (asked < pages && list_length(pending) < sample->reader->query.options->max_connections)
		{
			int64 page = (int64) (first + asked++ * distance);

			pending = lappend(pending, page_at_offset_start(&sample->reader->query, &sample->reader->tally,
															page * count->page_size));
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
	WalcuSampleReader *reader = sample->reader;

	sample->documents++;
	sample_reader_begin(reader, document);
	while (document_rows_find(reader->maker))
	{
		int place = choose_place(sample);

		if (place >= 0)
			sample->rows[place] = sample_reader_make_row(reader);
		else
			document_rows_skip(reader->maker);
	}
}

/*
 * Where in the sample the next row goes; -1 for nowhere.  Of all rows considered, every one is in
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
