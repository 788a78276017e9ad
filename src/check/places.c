/*
 * places.c
 *	  Checks of places that the service does not know, and of ids: are they ObjectIds or texts?
 *
 * Mongoose drops a condition on an unknown place, or not, as its strictQuery says.  An ObjectId equals its
 * digits in capitals, too, and a text does not: so ids tell what they are without a request being refused.
 */
#include "postgres.h"

#include <jansson.h>

#include <ctype.h>

#include "check/places.h"

#include "base/objectid.h"
#include "check/ask.h"
#include "check/row.h"
#include "check/sample.h"
#include "pushdown/filter.h"
#include "service/id_place.h"
#include "service/option_value.h"

/* No document has a member with this name. */
#define UNKNOWN_NAME "walcu_fdw_check"

/* So many documents are asked for. */
#define MOST_DOCUMENTS 5

/* So many places of ids are tried. */
#define MOST_PLACES 12

/* What is no id of either kind. */
#define NO_ID "nope"

/* A place that has ids. */
typedef struct IdPlace
{
	const char *path; /* It is dotted. */
	int document;     /* This document has one there, which no other place is tried with. */
	char *capitals;   /* This is it, in capitals. */
	bool came;        /* The document came when it was asked for by that. */
} IdPlace;

static char *list_ids(const WalcuCheckSample *sample, int count);
static List *list_id_places(const WalcuCheckSample *sample);
static IdPlace *make_id_place(const WalcuCheckSample *sample, const char *path, List *places);
static char *capitalize_id(const char *id);
static char *write_condition(const WalcuCheckSample *sample, List *places);
static void take_capitals(const WalcuCheckSample *sample, List *places, const WalcuCheckReply *reply);
static void add_kind_row(WalcuCheckRun *run, List *places);
static void check_refusals(WalcuCheckRun *run);
static void add_refusal_row(WalcuCheckRun *run, const char *check, const char *what,
							const WalcuCheckReply *reply);

/* What becomes of a condition on a place that the service does not know? */
void
places_check_unknown(WalcuCheckRun *run)
{
	const WalcuCheckSample *sample = run->main;
	int wanted = Min(sample->count, MOST_DOCUMENTS);
	char *condition =
		psprintf("{\"_id\":{\"$in\":%s},\"" UNKNOWN_NAME "\":{\"$exists\":true}}", list_ids(sample, wanted));
	WalcuCheckReply reply = ask_one(run, ask_list(run, sample->resource, condition, 0));

	if (!reply.asked || reply.status == 0)
		row_add(run, "unknown places", CHECK_UNKNOWN, NULL, "%s", reply.failure);
	else if (!reply.ok)
		row_add(run, "unknown places", CHECK_DIFFERS, NULL,
				"A condition on a place that the service does not know is refused. %s "
				"PostgreSQL looks at all documents instead.",
				reply.failure);
	else if (json_array_size(reply.json) == 0)
		row_add(run, "unknown places", CHECK_OK, NULL,
				"A condition on a place that the service does not know is kept.");
	else
		row_add(run, "unknown places", CHECK_DIFFERS, NULL,
				"A condition on a place that the service does not know is dropped, as by Mongoose with "
				"strictQuery. "
				"PostgreSQL looks at the documents that come.");
}

/* Returns the ids of the first documents, as JSON. */
static char *
list_ids(const WalcuCheckSample *sample, int count)
{
	List *ids = NIL;

	for (int i = 0; i < count; i++)
		ids = lappend(ids, sample_json(json_object_get(sample_document(sample, i), "_id")));
	return filter_list(ids);
}

/* Are ids ObjectIds, or texts? */
void
places_check_ids(WalcuCheckRun *run)
{
	List *places = list_id_places(run->main);

	if (places == NIL)
		row_add(run, "ids", CHECK_UNKNOWN, NULL,
				"The documents have no ids of 24 hexadecimal digits with a letter.");
	else
	{
		WalcuCheckReply reply =
			ask_one(run, ask_list(run, run->main->resource, write_condition(run->main, places), 0));

		if (reply.ok)
		{
			take_capitals(run->main, places, &reply);
			add_kind_row(run, places);
		}
		else
			row_add(run, "ids", reply.status ? CHECK_FAILED : CHECK_UNKNOWN, NULL, "%s", reply.failure);
	}
	check_refusals(run);
}

/*
 * Returns _id and other places (of IdPlace) that are named as ids are and have some, each with a document.
 */
static List *
list_id_places(const WalcuCheckSample *sample)
{
	IdPlace *place = make_id_place(sample, "_id", NIL);
	List *places = place ? list_make1(place) : NIL;
	ListCell *lc;

	foreach(lc, sample_places(sample->fields, 2))
	{
		const WalcuCheckPlace *described = lfirst(lc);

		if (described->kind != WALCU_FIELD_STRING || described->array ||
			!id_place_is_named(described->path) || strcmp(described->path, "_id") == 0 ||
			list_length(places) >= MOST_PLACES)
			continue;
		place = make_id_place(sample, described->path, places);
		if (place)
			places = lappend(places, place);
	}
	return places;
}

/* NULL when no document that is still free has an id there. */
static IdPlace *
make_id_place(const WalcuCheckSample *sample, const char *path, List *places)
{
	for (int i = 0; i < sample->count; i++)
	{
		json_t *value;
		bool is_free = sample_id(sample, i) != NULL;
		char *capitals;
		IdPlace *place;
		ListCell *lc;

		foreach(lc, places)
			is_free &= ((IdPlace *) lfirst(lc))->document != i;
		if (!is_free || !sample_value(sample_document(sample, i), path, &value) ||
			!sample_is_object_id(value))
			continue;
		capitals = capitalize_id(json_string_value(value));
		if (strcmp(capitals, json_string_value(value)) == 0)
			continue;
		place = palloc0(sizeof(IdPlace));
		place->path = path;
		place->document = i;
		place->capitals = capitals;
		return place;
	}
	return NULL;
}

static char *
capitalize_id(const char *id)
{
	char *capitals = pstrdup(id);

	for (char *c = capitals; *c; c++)
		*c = toupper((unsigned char) *c);
	return capitals;
}

/* Each place is asked about with a document of its own: _id by its capitals alone, the others besides. */
static char *
write_condition(const WalcuCheckSample *sample, List *places)
{
	List *arms = NIL;
	ListCell *lc;

	foreach(lc, places)
	{
		const IdPlace *place = lfirst(lc);
		char *capitals = psprintf("{%s:\"%s\"}", filter_string(place->path), place->capitals);

		if (strcmp(place->path, "_id") == 0)
			arms = lappend(arms, capitals);
		else
			arms = lappend(
				arms, psprintf("{\"$and\":[{\"_id\":%s},%s]}",
							   sample_json(json_object_get(sample_document(sample, place->document), "_id")),
							   capitals));
	}
	return list_length(arms) == 1 ? linitial(arms) : psprintf("{\"$or\":%s}", filter_list(arms));
}

static void
take_capitals(const WalcuCheckSample *sample, List *places, const WalcuCheckReply *reply)
{
	for (size_t i = 0; i < json_array_size(reply->json); i++)
	{
		json_t *id = json_object_get(json_array_get(reply->json, i), "_id");
		int document = json_is_string(id) ? sample_find_id(sample, json_string_value(id)) : -1;
		ListCell *lc;

		foreach(lc, places)
		{
			IdPlace *place = lfirst(lc);

			place->came |= place->document == document;
		}
	}
}

/* What all places agree on can be said to the server. */
static void
add_kind_row(WalcuCheckRun *run, List *places)
{
	const char *now = option_value_of(run->server_options, "id_type");
	StringInfoData objectids;
	StringInfoData strings;
	const char *kind;
	ListCell *lc;

	initStringInfo(&objectids);
	initStringInfo(&strings);
	foreach(lc, places)
	{
		const IdPlace *place = lfirst(lc);

		row_append_name(place->came ? &objectids : &strings, place->path);
	}
	if (objectids.len > 0 && strings.len > 0)
	{
		bool is_auto = now == NULL || strcmp(now, "auto") == 0;

		row_add(run, "ids", is_auto ? CHECK_OK : CHECK_DIFFERS,
				is_auto ? NULL : row_set_option(run, "id_type", "auto"),
				"Some are ObjectIds (%s), and some are texts (%s). The extension finds out which.",
				objectids.data, strings.data);
		return;
	}
	kind = objectids.len > 0 ? "objectid" : "string";
	if (now && strcmp(now, kind) == 0)
		row_add(run, "ids", CHECK_OK, NULL, "They are %s (%s), as the option id_type says.",
				objectids.len > 0 ? "ObjectIds" : "texts", objectids.len > 0 ? objectids.data : strings.data);
	else
		row_add(run, "ids", CHECK_DIFFERS, row_set_option(run, "id_type", kind), "They are %s (%s). %s.",
				objectids.len > 0 ? "ObjectIds" : "texts", objectids.len > 0 ? objectids.data : strings.data,
				now ? "The option id_type says otherwise"
					: "The extension finds that out by itself, with requests that the option id_type saves");
}

/* What does the service answer to what is no id? */
static void
check_refusals(WalcuCheckRun *run)
{
	const char *resource = run->main->resource;
	WalcuRequest *requests[] = {
		ask_path(run, "GET", resource, NO_ID),
		ask_list(run, resource, "{\"_id\":\"" NO_ID "\"}", 1),
		ask_list(run, resource, "{\"_id\":{\"$regex\":\"^" NO_ID "\"}}", 1),
	};
	WalcuCheckReply replies[lengthof(requests)];

	ask_all(run, requests, replies, lengthof(requests));
	add_refusal_row(run, "ids document", "GET of a document whose _id is none", &replies[0]);
	add_refusal_row(run, "ids condition", "A condition that _id is what is no id", &replies[1]);
	add_refusal_row(run, "ids pattern", "A condition that _id matches a pattern", &replies[2]);
}

static void
add_refusal_row(WalcuCheckRun *run, const char *check, const char *what, const WalcuCheckReply *reply)
{
	if (reply->status == 0)
		row_add(run, check, CHECK_UNKNOWN, NULL, "%s", reply->failure);
	else if (reply->status == 404)
		row_add(run, check, CHECK_OK, NULL, "%s is answered 404, as one that is not there.", what);
	else if (reply->ok && json_array_size(reply->json) == 0)
		row_add(run, check, CHECK_OK, NULL, "%s is answered with no documents.", what);
	else if (reply->ok)
		row_add(run, check, CHECK_FAILED, NULL, "%s is answered with documents.", what);
	else
		row_add(run, check, CHECK_DIFFERS, NULL, "%s is refused: %s The extension does without it.", what,
				reply->failure);
}
