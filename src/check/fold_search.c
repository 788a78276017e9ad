/*
 * fold_search.c
 *	  The search for places whose texts the service changes before it compares them.
 *
 * A setter of a schema (lowercase, uppercase, trim) or a collation shows when a document does not come by its
 * own text, or comes by that in the other case or with blanks around.  All places of a resource are asked
 * about at once, so that nothing comes where nothing is found; only places that share a document which came
 * are asked about again.  folds.c calls this, and judges.
 */
#include "postgres.h"

#include <jansson.h>

#include <ctype.h>

#include "check/fold_search.h"

#include "base/text.h"
#include "check/ask.h"
#include "miscadmin.h"
#include "nodes/bitmapset.h"
#include "pushdown/filter.h"
#include "service/id_place.h"

/* Places are so many levels deep, texts so long, and a resource is asked so many times, at most. */
#define LEVELS      4
#define MOST_LENGTH 40
#define MOST_ROUNDS 4

/* What a URL has beside the filter takes so many bytes at most, and what it says of a document alone. */
#define URL_BESIDE      500
#define URL_OF_DOCUMENT 80

static WalcuFoldSearch *make_search(WalcuCheckSample *sample);
static bool is_in_list(List *places, const char *path);
static bool is_plain_path(const char *path);
static const char *choose_text(const WalcuCheckSample *sample, int document, const char *path);
static bool is_telling(json_t *value);
static bool has_alike(List *values, json_t *value);
static void choose_places(const WalcuCheckRun *run, WalcuFoldSearch *search, bool with_untried);
static void take_free_document(const WalcuFoldSearch *search, WalcuTextPlace *place, int *room);
static void gather_places(WalcuFoldSearch *search, bool in_array, int *room);
static bool put_place(WalcuTextPlace *place, int document, int *room);
static bool is_unplaced(const WalcuTextPlace *place, bool in_array);
static int find_fullest_document(const WalcuFoldSearch *search, bool in_array);
static bool is_document_used(const WalcuFoldSearch *search, int document);
static char *write_search(const WalcuFoldSearch *search);
static char *write_place(const WalcuTextPlace *place, int document);
static char *swap_case(const char *text);
static int ask_searches(WalcuCheckRun *run, List *searches);
static bool take_documents(WalcuFoldSearch *search, const WalcuCheckReply *reply);
static void settle_suspects(List *searches);

/* Looks for such places in these samples, and notes what it finds in them and in the run. */
void
fold_search_samples(WalcuCheckRun *run, List *samples)
{
	List *searches = NIL;
	ListCell *lc;

	foreach(lc, samples)
		searches = lappend(searches, make_search(lfirst(lc)));
	for (int round = 0; round < MOST_ROUNDS; round++)
	{
		foreach(lc, searches)
		{
			CHECK_FOR_INTERRUPTS();
			choose_places(run, lfirst(lc), round == 0 || run->resource != NULL);
		}
		if (ask_searches(run, searches) == 0)
			break;
	}
	settle_suspects(searches);
	run->searches = list_concat(run->searches, searches);
}

static WalcuFoldSearch *
make_search(WalcuCheckSample *sample)
{
	WalcuFoldSearch *search = palloc0(sizeof(WalcuFoldSearch));
	List *plain = sample_places(sample->fields, LEVELS);
	ListCell *lc;

	search->sample = sample;
	foreach(lc, sample_places_in_arrays(sample->fields, LEVELS))
	{
		const WalcuCheckPlace *described = lfirst(lc);
		WalcuTextPlace *place;

		if (described->kind != WALCU_FIELD_STRING || id_place_is_named(described->path) ||
			!is_plain_path(described->path))
			continue;
		place = palloc0(sizeof(WalcuTextPlace));
		place->path = described->path;
		place->in_array = !is_in_list(plain, described->path);
		place->document = -1;
		place->texts = palloc0(sample->count * sizeof(char *));
		for (int i = 0; i < sample->count; i++)
			place->texts[i] = choose_text(sample, i, place->path);
		search->places = lappend(search->places, place);
	}
	return search;
}

static bool
is_in_list(List *places, const char *path)
{
	ListCell *lc;

	foreach(lc, places)
	{
		if (strcmp(((WalcuCheckPlace *) lfirst(lc))->path, path) == 0)
			return true;
	}
	return false;
}

/* Can the option name it without quotes? */
static bool
is_plain_path(const char *path)
{
	for (const char *c = path; *c; c++)
	{
		if (!isalnum((unsigned char) *c) && strchr("_.-", *c) == NULL)
			return false;
	}
	return true;
}

/* Returns a text of a document at a place that tells whether it is compared as it is; NULL when none does. */
static const char *
choose_text(const WalcuCheckSample *sample, int document, const char *path)
{
	List *values = NIL;
	ListCell *lc;

	if (sample_id(sample, document) == NULL)
		return NULL;
	sample_collect_values(sample_document(sample, document), path, &values);
	foreach(lc, values)
	{
		if (is_telling(lfirst(lc)) && !has_alike(values, lfirst(lc)))
			return json_string_value(lfirst(lc));
	}
	return NULL;
}

/* Is it a short text of ASCII with a letter, without blanks around? */
static bool
is_telling(json_t *value)
{
	const char *text = json_string_value(value);
	size_t length = text ? json_string_length(value) : 0;
	bool has_letter = false;

	if (length == 0 || length > MOST_LENGTH || sample_is_object_id(value) || text[0] == ' ' ||
		text[length - 1] == ' ')
		return false;
	for (size_t i = 0; i < length; i++)
	{
		if (text[i] < ' ' || text[i] > '~')
			return false;
		has_letter |= isalpha((unsigned char) text[i]) != 0;
	}
	return has_letter;
}

/* Is another one of the values the same but for case or blanks? */
static bool
has_alike(List *values, json_t *value)
{
	ListCell *lc;

	foreach(lc, values)
	{
		const char *other = json_string_value(lfirst(lc));

		if (lfirst(lc) != value && other && text_contains(other, json_string_value(value)))
			return true;
	}
	return false;
}

/* Chooses what to ask of a resource next, as far as it fits into a URL: suspects, and what was not tried. */
static void
choose_places(const WalcuCheckRun *run, WalcuFoldSearch *search, bool with_untried)
{
	int room = run->options->max_url_length - URL_BESIDE;
	ListCell *lc;

	foreach(lc, search->places)
		((WalcuTextPlace *) lfirst(lc))->document = -1;
	if (search->is_refused)
		return;
	foreach(lc, search->places)
	{
		WalcuTextPlace *place = lfirst(lc);

		if (place->state == FOLD_SUSPECT)
			take_free_document(search, place, &room);
	}
	/* those within arrays are seldom asked about by queries, and get what room is left */
	for (int in_array = 0; in_array <= 1 && with_untried; in_array++)
	{
		gather_places(search, in_array != 0, &room);
		foreach(lc, search->places)
		{
			WalcuTextPlace *place = lfirst(lc);

			if (place->state == FOLD_UNTRIED && place->document >= 0 && place->in_array == (in_array != 0))
				take_free_document(search, place, &room);
		}
	}
}

/* Lets a place be asked about on a document of its own, if there is one, and room. */
static void
take_free_document(const WalcuFoldSearch *search, WalcuTextPlace *place, int *room)
{
	for (int i = 0; i < search->sample->count; i++)
	{
		if (place->texts[i] == NULL || is_document_used(search, i))
			continue;
		if (*room > URL_OF_DOCUMENT && put_place(place, i, room))
			*room -= URL_OF_DOCUMENT;
		return;
	}
}

/* Chooses as few documents as have telling texts at the places that were not tried yet. */
static void
gather_places(WalcuFoldSearch *search, bool in_array, int *room)
{
	bool is_any = true;

	while (is_any && *room > URL_OF_DOCUMENT)
	{
		int document = find_fullest_document(search, in_array);
		ListCell *lc;

		is_any = false;
		*room -= URL_OF_DOCUMENT;
		foreach(lc, search->places)
		{
			WalcuTextPlace *place = lfirst(lc);

			if (document >= 0 && is_unplaced(place, in_array) && place->texts[document])
				is_any |= put_place(place, document, room);
		}
	}
}

/* Lets a place be asked about on a document; false when there is no room for it. */
static bool
put_place(WalcuTextPlace *place, int document, int *room)
{
	int length = (int) request_encoded_length(write_place(place, document));

	if (place->document >= 0)
		length -= (int) request_encoded_length(write_place(place, place->document));
	if (*room < length)
		return false;
	*room -= length;
	place->document = document;
	return true;
}

/* Was it neither tried yet, nor is it about to be? */
static bool
is_unplaced(const WalcuTextPlace *place, bool in_array)
{
	return place->state == FOLD_UNTRIED && place->document < 0 && place->in_array == in_array;
}

/* Returns the document with telling texts at most places that are to be gathered; -1 when there is none. */
static int
find_fullest_document(const WalcuFoldSearch *search, bool in_array)
{
	int fullest = -1;
	int most = 0;

	for (int i = 0; i < search->sample->count; i++)
	{
		int count = 0;
		ListCell *lc;

		foreach(lc, search->places)
		{
			const WalcuTextPlace *place = lfirst(lc);

			count += is_unplaced(place, in_array) && place->texts[i] != NULL;
		}
		if (count > most && !is_document_used(search, i))
		{
			most = count;
			fullest = i;
		}
	}
	return fullest;
}

static bool
is_document_used(const WalcuFoldSearch *search, int document)
{
	ListCell *lc;

	foreach(lc, search->places)
	{
		if (((WalcuTextPlace *) lfirst(lc))->document == document)
			return true;
	}
	return false;
}

/* Returns the filter that asks about all places at once; NULL for none. */
static char *
write_search(const WalcuFoldSearch *search)
{
	List *arms = NIL;

	for (int i = 0; i < search->sample->count; i++)
	{
		List *places = NIL;
		ListCell *lc;

		foreach(lc, search->places)
		{
			if (((WalcuTextPlace *) lfirst(lc))->document == i)
				places = lappend(places, write_place(lfirst(lc), i));
		}
		if (places)
			arms = lappend(arms,
						   psprintf("{\"_id\":%s,\"$or\":%s}",
									sample_json(json_object_get(sample_document(search->sample, i), "_id")),
									filter_list(places)));
	}
	return arms ? psprintf("{\"$or\":%s}", filter_list(arms)) : NULL;
}

/* No document that has the text of a place meets this, when texts are compared as they are. */
static char *
write_place(const WalcuTextPlace *place, int document)
{
	const char *name = filter_string(place->path);
	const char *text = place->texts[document];

	return psprintf("{%s:{\"$ne\":%s}},{%s:{\"$in\":[%s,%s]}}", name, filter_string(text), name,
					filter_string(swap_case(text)), filter_string(psprintf(" %s ", text)));
}

static char *
swap_case(const char *text)
{
	char *swapped = pstrdup(text);

	for (char *c = swapped; *c; c++)
		*c = isupper((unsigned char) *c) ? tolower((unsigned char) *c) : toupper((unsigned char) *c);
	return swapped;
}

/* Asks about the places that have a document, as far as requests are left.  Returns how many it took. */
static int
ask_searches(WalcuCheckRun *run, List *searches)
{
	int count = 0;
	WalcuRequest **requests = palloc(list_length(searches) * sizeof(WalcuRequest *));
	WalcuCheckReply *replies = palloc(list_length(searches) * sizeof(WalcuCheckReply));
	WalcuFoldSearch **asked = palloc(list_length(searches) * sizeof(WalcuFoldSearch *));
	ListCell *lc;

	for (int pass = 0; pass < 2; pass++)
	{
		foreach(lc, searches)
		{
			WalcuFoldSearch *search = lfirst(lc);
			bool has_suspects = fold_search_count(list_make1(search), FOLD_SUSPECT) > 0;
			char *filter = has_suspects == (pass == 0) ? write_search(search) : NULL;

			if (filter == NULL)
				continue;
			search->is_left_out = count >= ask_left(run);
			if (search->is_left_out)
				continue;
			asked[count] = search;
			requests[count++] = ask_list(run, search->sample->resource, filter, 0);
		}
	}
	ask_all(run, requests, replies, count);
	for (int i = 0; i < count; i++)
	{
		asked[i]->is_refused = !replies[i].ok || !json_is_array(replies[i].json);
		if (!asked[i]->is_refused)
			run->q_is_ignored |= !take_documents(asked[i], &replies[i]);
	}
	return count;
}

/* Returns false when a document came that was not asked about. */
static bool
take_documents(WalcuFoldSearch *search, const WalcuCheckReply *reply)
{
	Bitmapset *came = NULL;
	ListCell *lc;

	for (size_t i = 0; i < json_array_size(reply->json); i++)
	{
		const char *id = json_string_value(json_object_get(json_array_get(reply->json, i), "_id"));
		int document = id ? sample_find_id(search->sample, id) : -1;

		if (document < 0 || !is_document_used(search, document))
			return false;
		came = bms_add_member(came, document);
	}
	foreach(lc, search->places)
	{
		WalcuTextPlace *place = lfirst(lc);
		int sharing = 0;
		ListCell *cell;

		foreach(cell, search->places)
			sharing += ((WalcuTextPlace *) lfirst(cell))->document == place->document;
		if (place->document >= 0)
			place->state = !bms_is_member(place->document, came) ? FOLD_NONE
						   : sharing > 1                         ? FOLD_SUSPECT
																 : FOLD_FOUND;
	}
	return true;
}

/*
 * Suspects count as found: to be careful where they cannot be told apart costs time, to be careless costs
 * rows.  Other checks are to know of these places.
 */
static void
settle_suspects(List *searches)
{
	ListCell *lc;

	foreach(lc, searches)
	{
		WalcuFoldSearch *search = lfirst(lc);
		ListCell *cell;

		foreach(cell, search->places)
		{
			WalcuTextPlace *place = lfirst(cell);

			if (place->state == FOLD_SUSPECT)
			{
				place->state = FOLD_FOUND;
				search->is_unsure = true;
			}
			if (place->state == FOLD_FOUND)
				search->sample->folded = lappend(search->sample->folded, unconstify(char *, place->path));
		}
	}
}

/* Returns how many places of searches (WalcuFoldSearch) are of this state. */
int
fold_search_count(List *searches, WalcuFoldState state)
{
	int count = 0;
	ListCell *lc;

	foreach(lc, searches)
	{
		ListCell *cell;

		foreach(cell, ((WalcuFoldSearch *) lfirst(lc))->places)
			count += ((WalcuTextPlace *) lfirst(cell))->state == state;
	}
	return count;
}
