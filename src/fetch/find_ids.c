/*
 * find_ids.c
 *	  Which of some ids have a document?
 *
 * An _id that cannot stand in the path of a URL is asked for with a filter.  A write by _id, which knows its
 * document by the path alone, asks here whether there is one at all.
 */
#include "postgres.h"

#include "fetch/find_ids.h"

#include "base/objectid.h"
#include "base/utf8.h"
#include "fetch/fetch.h"
#include "service/id_place.h"
#include "service/learned.h"

struct WalcuIdSearch
{
	WalcuQuery query;    /* It asks for the documents that have one of the ids. */
	WalcuTally unwanted; /* It counts what nobody wants to know. */
	WalcuFetch *fetch;   /* They come from it; NULL where no document can have one. */
};

static WalcuFilter *make_id_filter(const WalcuOptions *options, List *ids);
static WalcuFilter *make_list_filter(List *literals);

/*
 * Returns the ids (of char *) that documents have.  ids is a list of char *, in order and each of them
 * once.  tally counts what that takes; NULL where nobody wants to know.
 */
List *
find_ids(const WalcuOptions *options, const char *credential, List *ids, WalcuTally *tally)
{
	return find_ids_finish(find_ids_begin(options, credential, ids, tally));
}

/*
 * Sends the request for that, with the same arguments, which must live until find_ids_finish has been called
 * in the same memory context.
 */
WalcuIdSearch *
find_ids_begin(const WalcuOptions *options, const char *credential, List *ids, WalcuTally *tally)
{
	WalcuFilter *filter = make_id_filter(options, ids);
	WalcuIdSearch *search = palloc0(sizeof(WalcuIdSearch));

	search->query = (WalcuQuery){
		.options = options,
		.credential = credential,
		.strategy = WALCU_BY_PAGES,
		.filters = list_make1(filter),
		.project = list_make1("_id"),
		.all_rows = true,
	};
	if (filter == &filter_nothing)
		return search;
	/* ids are in order, and the empty one, which pages take for none unless it is asked for, is the first */
	if (((char *) linitial(ids))[0] == '\0')
		search->query.id = linitial(ids);
	search->fetch = fetch_open(&search->query, tally ? tally : &search->unwanted);
	return search;
}

/* Returns the ids (of char *) that documents have, and ends the search. */
List *
find_ids_finish(WalcuIdSearch *search)
{
	WalcuFetch *fetch = search->fetch;
	WalcuDocument document;
	List *found = NIL;

	while (fetch && !fetch_has_ended(fetch))
	{
		if (fetch_next(fetch, &document))
			found = lappend(found, pstrdup(document.id));
		else
			fetch_wait(fetch, -1);
	}
	if (fetch)
		fetch_close(fetch);
	pfree(search);
	return found;
}

/* Where ObjectIds are known to be there, no document has an _id that is none. */
static WalcuFilter *
make_id_filter(const WalcuOptions *options, List *ids)
{
	int id_type = id_place_own_type(options);
	bool known = id_type == WALCU_ID_OBJECTID || learned_tells(WALCU_LEARNED_OBJECTIDS, options, "_id");
	List *literals = NIL;
	List *castable = NIL;
	WalcuFilter *filter;
	ListCell *lc;

	foreach(lc, ids)
	{
		bool is_cast = objectid_is_cast(lfirst(lc));

		/* no document has an _id that is no text in UTF-8 */
		if (utf8_from_server(lfirst(lc)) && (is_cast || !known))
			literals = lappend(literals, filter_string(lfirst(lc)));
		if (is_cast)
			castable = lappend(castable, llast(literals));
	}
	filter = make_list_filter(literals);
	if (id_type == WALCU_ID_AUTO && list_length(literals) > list_length(castable))
		filter->ids_only = make_list_filter(castable);
	return filter;
}

static WalcuFilter *
make_list_filter(List *literals)
{
	WalcuFilter *filter;

	if (literals == NIL)
		return &filter_nothing;
	filter = filter_test("_id", "$in", filter_list(literals));
	filter->literals = literals;
	return filter;
}
