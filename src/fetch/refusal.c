/*
 * refusal.c
 *	  What is asked for instead of a filter that the service refused.
 *
 * A service refuses a filter (retry_is_refused) when it cannot cast one of its values: which it can, nobody
 * knows for certain.  PostgreSQL looks at every condition itself, so that less of the filter does, and costs
 * documents only.  fetch.c and count.c ask here, as long as no document was taken:
 *
 * 1. Where the filter compares places of ids with texts that are none, these places may hold ObjectIds.  The
 *    service says so, or is asked (find_objectids): then the texts can equal nothing, and are left out, now
 *    and for the rest of the session (learned.c).
 * 2. Tests of places that the description lacks are left out, and those with such texts as a whole.
 * 3. Nothing is left but what paging needs.
 * 4. As long as nobody knows that the service sorts, the order is left out instead, and the whole filter
 *    asked for.  If that is taken, the session knows that the service does not sort (learned_sort.c).
 * 5. An order that is read in two parts, with NULLs and without, is read in one, and sorted here.
 *
 * Once the service has taken what is left, a WARNING tells what was left out, and in which words it was
 * refused, the first time in a session.  If it refuses that, too, the filter was not to blame.
 */
#include "postgres.h"

#include "fetch/refusal.h"

#include "base/text.h"
#include "fetch/page_at_offset.h"
#include "http/http_error.h"
#include "service/id_place.h"
#include "service/learned.h"
#include "service/learned_sort.h"

/* This is no ObjectId for any version of Mongoose, and nothing else that a service could object to. */
#define NO_OBJECTID "\"x\""

/* Characters of a filter that a message shows. */
#define SHAPE_SIZE 500

/* A part of the filter that the service has refused. */
typedef struct Refusal
{
	List *left_out;    /* These clauses (WalcuFilter) are not asked for any more. */
	const char *words; /* The service's status, and what it said. */
} Refusal;

static bool take_back_id(const WalcuQuery *query, const WalcuTransfer *refused, const char *words,
						 WalcuTally *tally);
static void forgo_sort(WalcuQuery *query, const char *words);
static bool learn_objectids(const WalcuQuery *query, const char *words, List *suspects, WalcuTally *tally);
static bool names_objectids(const char *words, const char *path);
static bool is_path_of(const char *path, const char *named, size_t length);
static List *find_objectids(const WalcuQuery *query, List *suspects, WalcuTally *tally);
static bool takes_filters(const WalcuQuery *query, List *filters, WalcuTally *tally);
static void warn_of_objectids(const WalcuQuery *query, const char *path, const char *words);
static const char *find_named_value(const char *words);
static void keep_refusal(WalcuQuery *query, List *left_out, const char *words);
static void warn_of_refusal(const WalcuQuery *query, const Refusal *refusal);

/*
 * The parts (WalcuQueryPart) of what is asked for now; NIL when no document can match.  Where a list of texts
 * is split over several requests, places of ids are found out about before: once the documents of the first
 * one were taken, none of the others may be refused.
 */
List *
refusal_parts(const WalcuQuery *query, WalcuTally *tally)
{
	List *filters = query_filters(query);
	List *parts = (query->parts && filters == query->filters) ? list_copy(query->parts)
															  : query_split_parts(query, filters);
	ListCell *lc;

	if (((WalcuQueryPart *) linitial(parts))->of_list && filter_suspects(filters, query->options) != NIL)
	{
		foreach(lc, find_objectids(query, filter_suspects(filters, query->options), tally))
			learned_note(WALCU_LEARNED_OBJECTIDS, query->options, lfirst(lc));
		filters = query_filters(query);
		parts = query_split_parts(query, filters);
	}
	return (filters != NIL && linitial(filters) == &filter_nothing) ? NIL : parts;
}

/*
 * Takes back a part of the filter that the service refused: query_filters tells what is left.  False when it
 * is known by now that no document matches.
 */
bool
refusal_take_back(WalcuQuery *query, const WalcuTransfer *refused, WalcuTally *tally)
{
	const char *words = psprintf("%d%s%s", refused->status, refused->length > 0 ? ": " : "",
								 http_error_words(refused, query->credential));
	List *before = query_filters(query);
	List *after;

	if (query->strategy == WALCU_BY_ID)
		return take_back_id(query, refused, words, tally);
	tally->rejected++;
	if (before == NIL && refused->status != 500 && query_sort_may_be_refused(query))
	{
		forgo_sort(query, words);
		return true;
	}
	if (before == NIL && query_splits_nulls(query))
	{
		keep_refusal(query, ((WalcuQueryPart *) linitial(query_split_parts(query, NIL)))->filters, words);
		query->unsplit = true;
		return true;
	}
	if (query->extent == WALCU_FILTER_WHOLE &&
		learn_objectids(query, words, filter_suspects(before, query->options), tally))
	{
		after = query_filters(query);
		return after == NIL || linitial(after) != &filter_nothing;
	}
	query->extent = (query->extent == WALCU_FILTER_WHOLE) ? WALCU_FILTER_DESCRIBED : WALCU_FILTER_NONE;
	after = query_filters(query);
	if (after == NIL || strcmp(filter_text(after), filter_text(before)) == 0)
	{
		query->extent = WALCU_FILTER_NONE;
		after = NIL;
	}
	tally->widened++;
	if (before != NIL)
		keep_refusal(query, list_difference_ptr(before, after), words);
	return true;
}

/* The service has taken what was asked for: only what was left out can be what it refused. */
void
refusal_note_taken(WalcuQuery *query)
{
	ListCell *lc;

	query->is_taken = true;
	if (query->unsorted_words)
		learned_sort_note_ignored(query->options, psprintf("It answered %s.", query->unsorted_words));
	query->unsorted_words = NULL;
	foreach(lc, query->refusals)
		warn_of_refusal(query, lfirst(lc));
	query->refusals = NIL;
}

/* Leaves out the order: if the service takes that, the filter was not to blame. */
static void
forgo_sort(WalcuQuery *query, const char *words)
{
	query->unsorted = true;
	query->unsorted_words = words;
	query->extent = WALCU_FILTER_WHOLE;
	query->refusals = NIL;
}

/* An _id that is no ObjectId: no document has it, where the service answers anything else. */
static bool
take_back_id(const WalcuQuery *query, const WalcuTransfer *refused, const char *words, WalcuTally *tally)
{
	/* a service that does not work says so again */
	if (refused->status >= 500)
		takes_filters(query, NIL, tally);
	if (names_objectids(words, "_id"))
		learned_note(WALCU_LEARNED_OBJECTIDS, query->options, "_id");
	return false;
}

/* Finds out which of the places, that were compared with texts, hold ObjectIds; false when none does. */
static bool
learn_objectids(const WalcuQuery *query, const char *words, List *suspects, WalcuTally *tally)
{
	List *found = NIL;
	ListCell *lc;

	foreach(lc, suspects)
	{
		if (names_objectids(words, lfirst(lc)))
			found = lappend(found, lfirst(lc));
	}
	if (found == NIL)
		found = find_objectids(query, suspects, tally);
	foreach(lc, found)
	{
		learned_note(WALCU_LEARNED_OBJECTIDS, query->options, lfirst(lc));
		warn_of_objectids(query, lfirst(lc), words);
	}
	return found != NIL;
}

/*
 * Do the service's words name the place as one of ObjectIds?  Mongoose's are: Cast to ObjectId failed for
 * value "x" (type string) at path "client_id" for model "saleleads".
 */
static bool
names_objectids(const char *words, const char *path)
{
	const char *at = strstr(words, "ObjectId");

	while (at && (at = strstr(at, "at path ")) != NULL)
	{
		/* the quotes are escaped where the words are JSON */
		at += strlen("at path ");
		at += strspn(at, "\\\"");
		if (is_path_of(path, at, strcspn(at, "\\\" ")))
			return true;
	}
	return false;
}

/* Is a path the one that is named, which may be relative to an array that it is in? */
static bool
is_path_of(const char *path, const char *named, size_t length)
{
	size_t path_length = strlen(path);

	return length > 0 && length <= path_length && strncmp(path + path_length - length, named, length) == 0 &&
		   (length == path_length || path[path_length - length - 1] == '.');
}

/*
 * Asks which of the places hold ObjectIds.  A text that no service could object to otherwise is refused
 * there, though the service works, and takes the rest of the filter.
 */
static List *
find_objectids(const WalcuQuery *query, List *suspects, WalcuTally *tally)
{
	List *found = NIL;
	ListCell *lc;

	if (suspects == NIL ||
		!takes_filters(query, filter_reduced(query->filters, WALCU_FILTER_WITHOUT_TEXTS, query->options),
					   tally))
		return NIL;
	foreach(lc, suspects)
	{
		if (takes_filters(query, list_make1(filter_test(lfirst(lc), "$eq", NO_OBJECTID)), tally))
			learned_note(WALCU_LEARNED_TEXTS, query->options, lfirst(lc));
		else
			found = lappend(found, lfirst(lc));
	}
	return found;
}

/*
 * Tells whether the ids of a resource's documents are known to be ObjectIds.  Where nobody has said so, and
 * nothing has shown it yet, the service is asked.
 */
bool
refusal_ids_are_objectids(const WalcuOptions *options, const char *credential)
{
	WalcuQuery query = {.options = options, .credential = credential, .strategy = WALCU_BY_PAGES};
	WalcuTally tally = {0};
	int id_type = id_place_own_type(options);

	if (id_type != WALCU_ID_AUTO)
		return id_type == WALCU_ID_OBJECTID;
	if (!learned_tells(WALCU_LEARNED_OBJECTIDS, options, "_id") &&
		!learned_tells(WALCU_LEARNED_TEXTS, options, "_id") &&
		find_objectids(&query, list_make1("_id"), &tally) != NIL)
		learned_note(WALCU_LEARNED_OBJECTIDS, options, "_id");
	return learned_tells(WALCU_LEARNED_OBJECTIDS, options, "_id");
}

/* Does the service take these filters?  Without any, what it answers otherwise is an error. */
static bool
takes_filters(const WalcuQuery *query, List *filters, WalcuTally *tally)
{
	WalcuQuery probe = {
		.options = query->options,
		.credential = query->credential,
		.strategy = WALCU_BY_PAGES,
		.filters = filters,
		.project = list_make1("_id"),
		.wanted = 1,
		.unsorted = query->unsorted || learned_sort(query->options) == WALCU_SORT_IGNORED,
	};
	WalcuPageAtOffset *page_at = page_at_offset_start(&probe, tally, 0);
	StringInfo id = makeStringInfo();
	WalcuDocument document;
	bool taken;

	while (page_at_offset_next(page_at, &document, id))
		;
	taken = !page_at->page->rejected;
	page_at_offset_release(page_at);
	return taken;
}

static void
warn_of_objectids(const WalcuQuery *query, const char *path, const char *words)
{
	const WalcuOptions *options = query->options;

	if (learned_tells(WALCU_LEARNED_WARNED, options, path))
		return;
	learned_note(WALCU_LEARNED_WARNED, options, path);
	ereport(
		WARNING, errcode(WALCU_WARNING_REFUSED_FILTER),
		errmsg("server \"%s\" refused to compare \"%s\" of resource \"%s\" with %s", options->server_name,
			   path, options->resource, find_named_value(words)),
		errdetail("It answered %s.", words),
		errhint(
			"Such texts are not sent any more in this session.  Set the option id_type of the column with "
			"the path \"%s\" to 'objectid', and none is sent.",
			path));
}

/* Tells with what a place was compared, which is a value that the service's words name, as Mongoose's do. */
static const char *
find_named_value(const char *words)
{
	const char *at = strstr(words, "for value ");
	size_t length;

	if (at == NULL)
		return "a text that is not an ObjectId";
	at += strlen("for value ");
	/* the quotes are escaped where the words are JSON */
	at += *at == '\\';
	at += *at == '"';
	length = strcspn(at, "\\\"");
	return psprintf("\"%s\", which is not an ObjectId", text_shown(pnstrdup(at, length), TEXT_OF_ID));
}

static void
keep_refusal(WalcuQuery *query, List *left_out, const char *words)
{
	Refusal *refusal = palloc(sizeof(Refusal));

	refusal->left_out = left_out;
	refusal->words = words;
	query->refusals = lappend(query->refusals, refusal);
}

static void
warn_of_refusal(const WalcuQuery *query, const Refusal *refusal)
{
	const WalcuOptions *options = query->options;
	char *shape = filter_shape(refusal->left_out);

	if (learned_tells(WALCU_LEARNED_WARNED, options, shape))
		return;
	learned_note(WALCU_LEARNED_WARNED, options, shape);
	ereport(WARNING, errcode(WALCU_WARNING_REFUSED_FILTER),
			errmsg("server \"%s\" refused a filter on %s of resource \"%s\"", options->server_name,
				   text_shown(shape, SHAPE_SIZE), options->resource),
			errdetail("It answered %s.  The filter was %s.", refusal->words,
					  text_shown(filter_text(refusal->left_out), SHAPE_SIZE)),
			errhint("The condition was checked here instead, which took more documents.  Set the option "
					"pushdown of the column to 'false', or id_type where ids are compared."));
}
