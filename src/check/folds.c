/*
 * folds.c
 *	  A check of texts: does the service compare them as they are?
 *
 * The main sample is looked at before other checks, which do not judge by places whose texts are changed; the
 * other samples, by one request each, when these are done.
 */
#include "postgres.h"

#include "check/folds.h"

#include "base/text.h"
#include "check/fold_search.h"
#include "check/row.h"
#include "pushdown/folded_text.h"

/* So many places, if all of a resource, stand for all its texts. */
#define ENOUGH_PLACES 4

static void add_texts_row(WalcuCheckRun *run);
static void append_found(List **items, const WalcuCheckRun *run, const WalcuFoldSearch *search,
						 bool is_listed);
static List *list_contradicted(const WalcuCheckRun *run, List *searches);
static char *advise_places(const WalcuCheckRun *run, List *found, List *contradicted);
static char *join_items(List *names, bool is_shown);
static char *describe_rest(List *searches);

/* Looks at the main sample. */
void
folds_look_at_main(WalcuCheckRun *run)
{
	if (run->main)
		fold_search_samples(run, list_make1(run->main));
}

/* Where does the service change texts before it compares them? */
void
folds_check(WalcuCheckRun *run)
{
	fold_search_samples(run, list_delete_ptr(list_copy(run->samples), run->main));
	add_texts_row(run);
}

static void
add_texts_row(WalcuCheckRun *run)
{
	List *searches = run->searches;
	int none = fold_search_count(searches, FOLD_NONE);
	List *found = NIL;
	List *listed = NIL;
	List *contradicted = list_contradicted(run, searches);
	ListCell *lc;

	foreach(lc, searches)
	{
		append_found(&found, run, lfirst(lc), false);
		append_found(&listed, run, lfirst(lc), true);
	}
	if (run->q_is_ignored)
		row_add(run, "texts", CHECK_UNKNOWN, NULL,
				"The service ignores conditions, so that nothing tells how it compares texts.");
	else if (found)
		row_add(run, "texts", CHECK_DIFFERS, advise_places(run, found, contradicted),
				"The service changes texts before it compares them, as setters and collations do: %s. "
				"Conditions on these miss rows.%s",
				join_items(found, true), describe_rest(searches));
	else if (contradicted)
		row_add(run, "texts", CHECK_DIFFERS, advise_places(run, NIL, contradicted),
				"The option folded_texts names places where texts are compared as they are: %s. Conditions "
				"on these could be sent.",
				join_items(contradicted, true));
	else if (listed)
		row_add(run, "texts", CHECK_OK, NULL,
				"The service changes texts before it compares them, as the option folded_texts says: %s.%s",
				join_items(listed, true), describe_rest(searches));
	else if (none > 0)
		row_add(run, "texts", CHECK_OK, NULL, "Texts are compared as they are. %s %s tried.%s",
				text_counted(none, "place"), none == 1 ? "was" : "were", describe_rest(searches));
	else
		row_add(run, "texts", CHECK_UNKNOWN, NULL, "No place with texts could be tried.");
}

/* Appends the places found that the option names, or does not; the resource when it is all of its places. */
static void
append_found(List **items, const WalcuCheckRun *run, const WalcuFoldSearch *search, bool is_listed)
{
	const char *resource = search->sample->resource;
	List *one = list_make1(unconstify(WalcuFoldSearch *, search));
	bool is_all =
		fold_search_count(one, FOLD_NONE) == 0 && fold_search_count(one, FOLD_FOUND) >= ENOUGH_PLACES;
	ListCell *lc;

	foreach(lc, search->places)
	{
		const WalcuTextPlace *place = lfirst(lc);
		char *item = is_all ? pstrdup(resource) : psprintf("%s.%s", resource, place->path);

		if (place->state == FOLD_FOUND &&
			folded_text_is_listed(run->options->folded_texts, resource, place->path) == is_listed &&
			!text_in_list(*items, item))
			*items = lappend(*items, item);
	}
}

/* Returns the places that the option names, though texts are compared there as they are. */
static List *
list_contradicted(const WalcuCheckRun *run, List *searches)
{
	List *contradicted = NIL;
	ListCell *lc;

	foreach(lc, searches)
	{
		const WalcuFoldSearch *search = lfirst(lc);
		ListCell *cell;

		foreach(cell, search->places)
		{
			const WalcuTextPlace *place = lfirst(cell);
			char *item = psprintf("%s.%s", search->sample->resource, place->path);

			if (place->state == FOLD_NONE && text_in_list(run->options->folded_texts, item))
				contradicted = lappend(contradicted, item);
		}
	}
	return contradicted;
}

/* Advises what the option should name. */
static char *
advise_places(const WalcuCheckRun *run, List *found, List *contradicted)
{
	List *items = NIL;
	ListCell *lc;

	foreach(lc, run->options->folded_texts)
	{
		if (!text_in_list(contradicted, lfirst(lc)))
			items = lappend(items, lfirst(lc));
	}
	items = list_concat(items, found);
	return items ? row_set_option(run, "folded_texts", join_items(items, false))
				 : row_drop_option(run, "folded_texts");
}

/* Returns names with commas, or as many as a row shows. */
static char *
join_items(List *names, bool is_shown)
{
	StringInfoData text;
	ListCell *lc;

	initStringInfo(&text);
	foreach(lc, names)
	{
		if (is_shown)
			row_append_name(&text, lfirst(lc));
		else
			appendStringInfo(&text, "%s%s", text.len > 0 ? ", " : "", (char *) lfirst(lc));
	}
	return text.data;
}

/* Returns sentences on resources of which too much is named, or nothing was asked; empty for none. */
static char *
describe_rest(List *searches)
{
	List *unsure = NIL;
	List *left_out = NIL;
	StringInfoData text;
	ListCell *lc;

	initStringInfo(&text);
	foreach(lc, searches)
	{
		const WalcuFoldSearch *search = lfirst(lc);

		if (search->is_unsure)
			unsure = lappend(unsure, unconstify(char *, search->sample->resource));
		else if (search->is_left_out && fold_search_count(list_make1(lfirst(lc)), FOLD_NONE) == 0)
			left_out = lappend(left_out, unconstify(char *, search->sample->resource));
	}
	if (unsure)
		appendStringInfo(&text, " Some of %s may be named without need: check each of these alone to know.",
						 join_items(unsure, true));
	if (left_out)
		appendStringInfo(&text, " For want of requests %s %s not tried: check each alone.",
						 join_items(left_out, true), list_length(left_out) == 1 ? "was" : "were");
	return text.data;
}
