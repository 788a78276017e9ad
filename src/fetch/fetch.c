/*
 * fetch.c
 *	  Where the documents of a scan come from: which lanes are read, and from which the next is.
 *
 * The scan opens a source with what it wants and takes documents one at a time; how many
 * requests that takes, and how many of them are under way at once, is decided here.  A scan is a list
 * of streams.  With an order they are read one after the other, else several at once,
 * each in a lane of its own (lane.c); and when lanes are to spare, the range of _id that one has before it
 * is divided with another, so that all end together however unevenly documents lie.
 */
#include "postgres.h"

#include "fetch/fetch.h"

#include "base/digest.h"
#include "base/range.h"
#include "catalog/pg_type.h"
#include "fetch/cursor.h"
#include "http/stats.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

/* Documents that are taken before the other lanes are looked at. */
#define LOOK_INTERVAL 16

/* A range is divided when this many pages are expected in it. */
#define LEAST_PAGES 4

struct WalcuSource
{
	WalcuQuery query; /* with another strategy, when a job came to nothing */
	WalcuReading reading;
	WalcuStats *stats;
	MemoryContext context; /* holds the source and its lanes */
	List *streams;         /* of WalcuStream */
	int next_stream;       /* the first that has no lane yet */
	List *lanes;           /* of WalcuLane: those being read, in the order of their streams */
	WalcuLane *lane;       /* of the last document */
	int until_look;        /* documents to be taken before the lanes are looked at */
	HTAB *seen;            /* of a list's parts: the documents, by WalcuDigest of their _id; or NULL */
};

static bool next_document(WalcuSource *source, WalcuDocument *document);
static void prepare_keys(WalcuSource *source);
static bool has_fallback(const WalcuQuery *query);
static bool take(WalcuSource *source, WalcuDocument *document);
static void look_at_lanes(WalcuSource *source, bool wait);
static bool any_ended(const WalcuSource *source);
static void fall_back(WalcuSource *source);
static const char *obstacle(const WalcuSource *source);
static void read_pages(WalcuSource *source);
static void close_lanes(WalcuSource *source);
static void close_lane(WalcuSource *source, WalcuLane *lane);
static void open_lanes(WalcuSource *source);
static int width(const WalcuSource *source);
static bool divide_range(WalcuSource *source);
static bool is_repeated(WalcuSource *source);
static void remember_ids(WalcuSource *source);

/* Open a source, and send its first requests.  query and tally must outlive it. */
WalcuSource *
source_open(const WalcuQuery *query, WalcuTally *tally)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "walcu source", ALLOCSET_DEFAULT_SIZES);
	MemoryContext before = MemoryContextSwitchTo(context);
	WalcuSource *source = palloc0(sizeof(WalcuSource));

	source->query = *query;
	source->reading.query = &source->query;
	source->reading.tally = tally;
	source->reading.share.memo = query->memo;
	source->reading.may_be_rejected = has_fallback(query);
	source->context = context;
	source->stats = stats_of(query->options);
	prepare_keys(source);
	source->streams = query_streams(query, query->clauses);
	open_lanes(source);
	MemoryContextSwitchTo(before);
	return source;
}

/*
 * The next document of those that are here; false when there is none, or no more (source_has_ended).  Its
 * bytes are good until the next call, and until anything else talks to the service.
 */
bool
source_next(WalcuSource *source, WalcuDocument *document)
{
	do
	{
		if (!next_document(source, document))
			return false;
	} while (is_repeated(source));
	source->reading.tally->documents++;
	source->reading.delivered++;
	source->stats->documents++;
	return true;
}

/* Wait until something has happened, at most limit milliseconds; serves interrupts. */
void
source_wait(WalcuSource *source, double limit)
{
	look_at_lanes(source, true);
	if (source->lanes)
		transport_drive(source_transfer(source), limit);
}

/*
 * Take in what others' waiting has brought, as somebody else is about to wait; is there something for
 * source_next?
 */
bool
source_look(WalcuSource *source)
{
	ListCell *lc;

	look_at_lanes(source, true);
	foreach(lc, source->lanes)
	{
		if (lane_has_news(lfirst(lc)))
			return true;
	}
	return false;
}

/* Is there nothing more to come? */
bool
source_has_ended(const WalcuSource *source)
{
	return source->lanes == NIL;
}

/* Which documents the last one is of, by what was asked for. */
WalcuStreamPart
source_part(const WalcuSource *source)
{
	return source->lane->stream->part;
}

/* What the next document is waited for on; NULL at the end. */
WalcuTransfer *
source_transfer(const WalcuSource *source)
{
	return source->lanes ? lane_transfer(linitial(source->lanes)) : NULL;
}

/* Drop a source, at its end or before. */
void
source_close(WalcuSource *source)
{
	close_lanes(source);
	MemoryContextDelete(source->context);
}

/* As source_next, but the parts of a list may repeat documents. */
static bool
next_document(WalcuSource *source, WalcuDocument *document)
{
	if (source->until_look-- > 0 && source->lane && lane_take(source->lane, document))
		return true;
	source->until_look = LOOK_INTERVAL;
	if (source->lanes)
		transport_drive(source_transfer(source), 0);
	do
	{
		look_at_lanes(source, false);
		if (take(source, document))
			return true;
	} while (any_ended(source));
	return false;
}

/* Keys are read as the texts that a filter has them as. */
static void
prepare_keys(WalcuSource *source)
{
	List *keys = source->query.keys;
	TupleDesc columns;

	if (keys == NIL)
		return;
	columns = CreateTemplateTupleDesc(list_length(keys));
	for (int i = 0; i < list_length(keys); i++)
		TupleDescInitEntry(columns, i + 1, "key", JSONOID, -1, 0);
	source->reading.keys = decode_prepare(source->query.options, columns);
	for (int i = 0; i < list_length(keys); i++)
		decode_want(source->reading.keys, i, ((WalcuSortKey *) list_nth(keys, i))->operand->path);
}

/* Is there less that the service may not take? */
static bool
has_fallback(const WalcuQuery *query)
{
	return query->strategy != WALCU_BY_ID &&
		   strcmp(clause_filter(query->clauses), clause_filter(query->fallback)) != 0;
}

/* The next document of those that are here, of the first lane only where there is an order. */
static bool
take(WalcuSource *source, WalcuDocument *document)
{
	ListCell *lc;

	foreach(lc, source->lanes)
	{
		WalcuLane *lane = lfirst(lc);

		while (lane_has_news(lane))
		{
			if (lane_take(lane, document))
			{
				source->lane = lane;
				return true;
			}
		}
		if (source->query.keys != NIL && !lane->ended)
			break;
	}
	return false;
}

static bool
any_ended(const WalcuSource *source)
{
	ListCell *lc;

	foreach(lc, source->lanes)
	{
		if (((WalcuLane *) lfirst(lc))->ended)
			return true;
	}
	return false;
}

/* Take in what has arrived, close the lanes that have ended, and open others. */
static void
look_at_lanes(WalcuSource *source, bool wait)
{
	WalcuLane *first;
	ListCell *lc;

	foreach(lc, source->lanes)
		lane_look(lfirst(lc), wait);
	first = source->lanes ? linitial(source->lanes) : NULL;
	if (first && lane_is_rejected(first))
		fall_back(source);
	else if (source->query.strategy == WALCU_BY_JOB && obstacle(source))
		read_pages(source);
	else if (first && lane_is_answered(first))
		source->reading.may_be_rejected = false;
	foreach(lc, source->lanes)
	{
		WalcuLane *lane = lfirst(lc);

		if (!lane->ended)
			continue;
		source->lanes = foreach_delete_current(source->lanes, lc);
		close_lane(source, lane);
	}
	open_lanes(source);
}

/* The service did not take the filter: ask again without what it may not have taken. */
static void
fall_back(WalcuSource *source)
{
	MemoryContext before = MemoryContextSwitchTo(source->context);

	close_lanes(source);
	source->reading.tally->rejected++;
	source->reading.may_be_rejected = false;
	source->streams = query_streams(&source->query, source->query.fallback);
	source->next_stream = 0;
	MemoryContextSwitchTo(before);
}

/* Why there are no results of a job to be had; NULL while there may be. */
static const char *
obstacle(const WalcuSource *source)
{
	ListCell *lc;

	foreach(lc, source->lanes)
	{
		const char *obstacle = lane_obstacle(lfirst(lc));

		if (obstacle)
			return obstacle;
	}
	return NULL;
}

/*
 * There are no results of a job to be had: read pages instead, of all streams that have not ended.  Of one of
 * several some documents may have been taken, but those are parts of a list (is_repeated).
 */
static void
read_pages(WalcuSource *source)
{
	MemoryContext before = MemoryContextSwitchTo(source->context);
	List *streams = NIL;
	ListCell *lc;

	strlcpy(source->reading.tally->no_job, obstacle(source), sizeof(source->reading.tally->no_job));
	foreach(lc, source->lanes)
		streams = lappend(streams, ((WalcuLane *) lfirst(lc))->stream);
	source->streams = list_concat(streams, list_copy_tail(source->streams, source->next_stream));
	source->next_stream = 0;
	close_lanes(source);
	source->query.strategy = source->query.keys == NIL ? WALCU_BY_RANGES : WALCU_BY_PAGES;
	MemoryContextSwitchTo(before);
}

static void
close_lanes(WalcuSource *source)
{
	ListCell *lc;

	foreach(lc, source->lanes)
		close_lane(source, lfirst(lc));
	list_free(source->lanes);
	source->lanes = NIL;
}

static void
close_lane(WalcuSource *source, WalcuLane *lane)
{
	if (lane == source->lane)
		source->lane = NULL;
	lane_close(lane);
}

/* Open lanes for streams that have none yet; when all have, divide ranges between more lanes. */
static void
open_lanes(WalcuSource *source)
{
	int lanes = width(source);
	MemoryContext before = MemoryContextSwitchTo(source->context);

	while (list_length(source->lanes) < lanes && source->next_stream < list_length(source->streams))
	{
		WalcuStream *stream = list_nth(source->streams, source->next_stream++);

		source->lanes = lappend(source->lanes, source->query.strategy == WALCU_BY_JOB
												   ? lane_open_job(&source->reading, stream)
												   : lane_open(&source->reading, stream, NULL, NULL));
	}
	while (source->lanes && list_length(source->lanes) < lanes && divide_range(source))
		;
	MemoryContextSwitchTo(before);
}

/* How many lanes may be read at once. */
static int
width(const WalcuSource *source)
{
	const WalcuQuery *query = &source->query;

	if (source->reading.may_be_rejected)
		return 1;
	if (query->strategy == WALCU_BY_RANGES || (query->strategy == WALCU_BY_JOB && query->keys == NIL))
		return query->options->max_connections;
	/* the first page of what comes next is under way while the end of what comes before is read */
	return (query->strategy == WALCU_BY_PAGES && query->keys != NIL && query->all_rows) ? 2 : 1;
}

/* Give a new lane half of what the lane with the most work has before it; false when that is not worth a request. */
static bool
divide_range(WalcuSource *source)
{
	WalcuLane *longest = NULL;
	WalcuLane *added;
	WalcuRest most = {0};
	char *middle;
	ListCell *lc;

	/* before a page is whole, nobody knows whether there is another */
	if (source->query.strategy != WALCU_BY_RANGES || !query_is_keyed(&source->query) ||
		source->reading.page_size == 0)
		return false;
	foreach(lc, source->lanes)
	{
		WalcuRest rest = lane_rest(lfirst(lc));

		if (rest.documents > most.documents)
		{
			longest = lfirst(lc);
			most = rest;
		}
	}
	if (longest == NULL || most.documents < LEAST_PAGES * source->reading.page_size)
		return false;
	middle = range_middle(most.position, most.end);
	if (strcmp(middle, most.position) <= 0)
		return false;
	added = lane_open(&source->reading, longest->stream, middle, longest->before);
	added->expected = most.documents / 2;
	longest->before = middle;
	longest->expected = most.documents / 2;
	source->lanes = lappend(source->lanes, added);
	source->reading.tally->ranges++;
	return true;
}

/*
 * A service that ignores the filter sends every document with each part of a list.  Of what it
 * should send there are no more than fit the list, so that memory is bounded by the query's own.
 */
static bool
is_repeated(WalcuSource *source)
{
	const StringInfo id = source->lane->id;
	WalcuDigest digest;
	bool found;

	if (source->query.strategy == WALCU_BY_ID || !source->lane->stream->of_list || id->len == 0)
		return false;
	if (source->seen == NULL)
		remember_ids(source);
	digest = digest_of(id->data, id->len);
	hash_search(source->seen, &digest, HASH_ENTER, &found);
	return found;
}

static void
remember_ids(WalcuSource *source)
{
	HASHCTL control = {
		.keysize = sizeof(WalcuDigest), .entrysize = sizeof(WalcuDigest), .hcxt = source->context};

	source->seen = hash_create("walcu documents seen", 1024, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}
