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

static WalcuFilter *make_id_filter(const WalcuOptions *options, List *ids);
static WalcuFilter *make_list_filter(List *literals);

/*
 * Returns the ids (of char *) that documents have.  ids is a list of char *, in order and each of them
 * once.  tally counts what that takes; NULL where nobody wants to know.
 */
List *
find_ids(const WalcuOptions *options, const char *credential, List *ids, WalcuTally *tally)
{
	WalcuFilter *filter = make_id_filter(options, ids);
	WalcuQuery query = {
		.options = options,
		.credential = credential,
		.strategy = WALCU_BY_PAGES,
		.filters = list_make1(filter),
		.project = list_make1("_id"),
		.all_rows = true,
	};
	WalcuTally unwanted = {0};
	WalcuFetch *fetch;
	WalcuDocument document;
	List *found = NIL;

	if (filter == &filter_nothing)
		return NIL;
	/* ids are in order, and the empty one, which pages take for none unless it is asked for, is the first */
	if (((char *) linitial(ids))[0] == '\0')
		query.id = linitial(ids);
	fetch = fetch_open(&query, tally ? tally : &unwanted);
	while (!fetch_has_ended(fetch))
	{
		if (fetch_next(fetch, &document))
			found = lappend(found, pstrdup(document.id));
		else
			fetch_wait(fetch, -1);
	}
	fetch_close(fetch);
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
