/*
 * find_ids.c
 *	  Which of some ids have a document?
 *
 * An _id that cannot stand in the path of a URL is asked for with a filter.  A write by _id, which knows its
 * document by the path alone, asks here whether there is one at all.
 */
#include "postgres.h"

#include "fetch/find_ids.h"

#include "base/utf8.h"
#include "fetch/fetch.h"

static WalcuFilter *make_id_filter(List *ids);

/*
 * Returns the ids (of char *) that documents have.  ids is a list of char *, in order and each of them
 * once.
 */
List *
find_ids(const WalcuOptions *options, const char *credential, List *ids)
{
	WalcuFilter *filter = make_id_filter(ids);
	WalcuQuery query = {
		.options = options,
		.credential = credential,
		.strategy = WALCU_BY_PAGES,
		.filters = list_make1(filter),
		.project = list_make1("_id"),
		.all_rows = true,
	};
	WalcuTally tally = {0};
	WalcuFetch *fetch;
	WalcuDocument document;
	List *found = NIL;

	if (filter == &filter_nothing)
		return NIL;
	query.fallback = query.filters;
	/* ids are in order, and the empty one, which pages take for none unless it is asked for, is the first */
	if (((char *) linitial(ids))[0] == '\0')
		query.id = linitial(ids);
	fetch = fetch_open(&query, &tally);
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

static WalcuFilter *
make_id_filter(List *ids)
{
	List *literals = NIL;
	WalcuFilter *filter;
	ListCell *lc;

	foreach(lc, ids)
	{
		/* no document has an _id that is no text in UTF-8 */
		if (utf8_from_server(lfirst(lc)))
			literals = lappend(literals, filter_string(lfirst(lc)));
	}
	if (literals == NIL)
		return &filter_nothing;
	filter = filter_test("_id", "$in", filter_list(literals));
	filter->literals = literals;
	return filter;
}
