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
#include "check/tables.h"
#include "miscadmin.h"
#include "pushdown/filter.h"
#include "service/id_place.h"
#include "service/option_value.h"

/* No document has a member with this name. */
#define UNKNOWN_NAME "walcu_fdw_check"

/* So many documents are asked for. */
#define MOST_DOCUMENTS 5

/* So many places of ids are tried. */
#define MOST_PLACES 12

/* Texts at places of ids are looked for so many levels deep. */
#define ID_LEVELS 16

/* What is no id of either kind. */
#define NO_ID "nope"

/* A place that has ids. */
typedef struct IdPlace
{
	const char *path; /* It is dotted. */
	int document; /* This document has one there, which no other place is tried with; -1: texts are there. */
	char *capitals; /* This is it, in capitals. */
	bool came;      /* The document came when it was asked for by that. */
} IdPlace;

static char *list_ids(const WalcuCheckSample *sample, int count);
static bool has_id_option(const WalcuCheckSample *sample, List *options);
static void check_sample_ids(WalcuCheckRun *run, const WalcuCheckSample *sample, List *options);
static List *list_id_places(const WalcuCheckSample *sample, List *options);
static IdPlace *make_id_place(const WalcuCheckSample *sample, const char *path, List *places);
static IdPlace *make_text_place(const WalcuCheckSample *sample, const char *path);
static IdPlace *find_id_place(List *places, const char *path);
static char *capitalize_id(const char *id);
static char *write_condition(const WalcuCheckSample *sample, List *places);
static void take_capitals(const WalcuCheckSample *sample, List *places, const WalcuCheckReply *reply);
static bool is_own_id(const IdPlace *place);
static void add_kind_row(WalcuCheckRun *run, List *places);
static void append_text_places(WalcuCheckRun *run, StringInfo list);
static List *list_text_paths(const WalcuCheckSample *sample);
static bool has_text(const WalcuCheckSample *sample, const char *path);
static void judge_id_option(WalcuCheckRun *run, const WalcuCheckIdOption *option,
							const WalcuCheckSample *sample, List *places);
static const char *find_said_text(const WalcuCheckIdOption *option, const WalcuCheckSample *sample);
static const char *find_contradiction(const WalcuCheckIdOption *option, List *places, const char **other);
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

/* Are ids ObjectIds, or texts?  What tables and columns say of theirs is looked at, too. */
void
places_check_ids(WalcuCheckRun *run)
{
	List *options = tables_list_id_options(run);
	ListCell *lc;

	check_sample_ids(run, run->main, options);
	foreach(lc, run->samples)
	{
		const WalcuCheckSample *sample = lfirst(lc);

		if (sample != run->main && sample->count > 0 && has_id_option(sample, options))
			check_sample_ids(run, sample, options);
	}
	check_refusals(run);
}

static bool
has_id_option(const WalcuCheckSample *sample, List *options)
{
	ListCell *lc;

	foreach(lc, options)
	{
		if (strcmp(((WalcuCheckIdOption *) lfirst(lc))->resource, sample->resource) == 0)
			return true;
	}
	return false;
}

/* The main sample speaks for the server. */
static void
check_sample_ids(WalcuCheckRun *run, const WalcuCheckSample *sample, List *options)
{
	List *places = list_id_places(sample, options);
	char *condition = write_condition(sample, places);
	ListCell *lc;

	if (condition)
	{
		WalcuCheckReply reply = ask_one(run, ask_list(run, sample->resource, condition, 0));

		if (!reply.ok)
		{
			row_add(run, sample == run->main ? "ids" : psprintf("ids %s", sample->resource),
					reply.status ? CHECK_FAILED : CHECK_UNKNOWN, NULL, "%s", reply.failure);
			return;
		}
		take_capitals(sample, places, &reply);
	}
	if (sample == run->main)
		add_kind_row(run, places);
	foreach(lc, options)
	{
		if (strcmp(((WalcuCheckIdOption *) lfirst(lc))->resource, sample->resource) == 0)
			judge_id_option(run, lfirst(lc), sample, places);
	}
}

/*
 * Returns _id and other places (of IdPlace) that are named as ids are, or that a column says to hold some.
 * Each has a document of its own with one there.
 */
static List *
list_id_places(const WalcuCheckSample *sample, List *options)
{
	IdPlace *place = make_id_place(sample, "_id", NIL);
	List *places = place ? list_make1(place) : NIL;
	ListCell *lc;

	foreach(lc, options)
	{
		const WalcuCheckIdOption *option = lfirst(lc);

		if (option->path == NULL || strcmp(option->resource, sample->resource) != 0 ||
			find_id_place(places, option->path))
			continue;
		place = make_id_place(sample, option->path, places);
		if (place == NULL)
			place = make_text_place(sample, option->path);
		if (place)
			places = lappend(places, place);
	}
	foreach(lc, sample_places(sample->fields, 2))
	{
		const WalcuCheckPlace *described = lfirst(lc);

		if (described->kind != WALCU_FIELD_STRING || described->array ||
			!id_place_is_named(described->path) || find_id_place(places, described->path) ||
			list_length(places) >= MOST_PLACES)
			continue;
		place = make_id_place(sample, described->path, places);
		if (place)
			places = lappend(places, place);
	}
	return places;
}

static IdPlace *
find_id_place(List *places, const char *path)
{
	ListCell *lc;

	foreach(lc, places)
	{
		IdPlace *place = lfirst(lc);

		if (strcmp(place->path, path) == 0)
			return place;
	}
	return NULL;
}

/* NULL when no document has a text there that is no id. */
static IdPlace *
make_text_place(const WalcuCheckSample *sample, const char *path)
{
	for (int i = 0; i < sample->count; i++)
	{
		const char *text = sample_text(sample_document(sample, i), path);
		IdPlace *place;

		if (text == NULL || objectid_is_cast(text))
			continue;
		place = palloc0(sizeof(IdPlace));
		place->path = path;
		place->document = -1;
		return place;
	}
	return NULL;
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

/*
 * Each place is asked about with a document of its own: _id by its capitals alone, the others besides.  NULL
 * when there is none to ask about.
 */
static char *
write_condition(const WalcuCheckSample *sample, List *places)
{
	List *arms = NIL;
	ListCell *lc;

	foreach(lc, places)
	{
		const IdPlace *place = lfirst(lc);
		char *capitals = psprintf("{%s:\"%s\"}", filter_string(place->path), place->capitals);

		if (place->document < 0)
			continue;
		if (strcmp(place->path, "_id") == 0)
			arms = lappend(arms, capitals);
		else
			arms = lappend(
				arms, psprintf("{\"$and\":[{\"_id\":%s},%s]}",
							   sample_json(json_object_get(sample_document(sample, place->document), "_id")),
							   capitals));
	}
	if (arms == NIL)
		return NULL;
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

			place->came |= document >= 0 && place->document == document;
		}
	}
}

/* Is it one of the service's own ids, on which a word of the server or of a table holds? */
static bool
is_own_id(const IdPlace *place)
{
	return place->document >= 0 && id_place_is_named(place->path) && !id_place_is_foreign(place->path);
}

/*
 * What the ids are, and whether the server's word fits.  Of the server nothing is advised but "auto": other
 * resources, and documents that were not read, may have texts where these have ObjectIds, or the reverse.
 */
static void
add_kind_row(WalcuCheckRun *run, List *places)
{
	const char *now = option_value_of(run->server_options, "id_type");
	bool is_said = now && strcmp(now, "auto") != 0;
	bool says_objectids = is_said && strcmp(now, "objectid") == 0;
	StringInfoData objectids;
	StringInfoData strings;
	const char *words;
	bool is_wrong;
	ListCell *lc;

	initStringInfo(&objectids);
	initStringInfo(&strings);
	foreach(lc, places)
	{
		const IdPlace *place = lfirst(lc);

		if (is_own_id(place))
			row_append_name(place->came ? &objectids : &strings, place->path);
	}
	append_text_places(run, &strings);
	if (objectids.len == 0 && strings.len == 0)
	{
		row_add(run, "ids", CHECK_UNKNOWN, NULL,
				"The documents have no ids of 24 hexadecimal digits with a letter.");
		return;
	}
	if (objectids.len > 0 && strings.len > 0)
		words = psprintf("Some are ObjectIds (%s), and some are texts (%s)", objectids.data, strings.data);
	else
		words = psprintf("They are %s (%s)", objectids.len > 0 ? "ObjectIds" : "texts",
						 objectids.len > 0 ? objectids.data : strings.data);
	is_wrong = is_said && (says_objectids ? strings.len : objectids.len) > 0;
	row_add(run, "ids", is_wrong ? CHECK_DIFFERS : CHECK_OK,
			is_wrong ? row_set_option(run, "id_type", "auto") : NULL, "%s%s.", words,
			is_wrong  ? psprintf(". The option id_type of the server is %s: queries miss rows%s", now,
                                says_objectids ? "" : ", or conditions are refused")
			: is_said ? ", as the option id_type says"
					  : ". The extension finds out by itself what a place has");
}

/* Appends the places of own ids, in any page that was read, that hold a text which no ObjectId is. */
static void
append_text_places(WalcuCheckRun *run, StringInfo list)
{
	ListCell *lc;

	foreach(lc, run->samples)
	{
		const WalcuCheckSample *sample = lfirst(lc);
		ListCell *cell;

		CHECK_FOR_INTERRUPTS();
		foreach(cell, list_text_paths(sample))
			row_append_name(list,
							ask_printable(run, psprintf("%s.%s", sample->resource, (char *) lfirst(cell))));
	}
}

/* Returns the paths of own ids that hold such a text. */
static List *
list_text_paths(const WalcuCheckSample *sample)
{
	List *paths = NIL;
	ListCell *lc;

	foreach(lc, sample_places_in_arrays(sample->fields, ID_LEVELS))
	{
		const WalcuCheckPlace *described = lfirst(lc);

		if (described->kind == WALCU_FIELD_STRING && id_place_is_named(described->path) &&
			!id_place_is_foreign(described->path) && has_text(sample, described->path))
			paths = lappend(paths, unconstify(char *, described->path));
	}
	return paths;
}

/* Has some document a text at the place that is not what the service writes for an ObjectId? */
static bool
has_text(const WalcuCheckSample *sample, const char *path)
{
	List *values = NIL;
	ListCell *lc;

	for (int i = 0; i < sample->count; i++)
		sample_collect_values(sample_document(sample, i), path, &values);
	foreach(lc, values)
	{
		if (json_is_string((json_t *) lfirst(lc)) && !sample_is_object_id(lfirst(lc)))
			return true;
	}
	return false;
}

/* A row where a table or a column says otherwise than the service does. */
static void
judge_id_option(WalcuCheckRun *run, const WalcuCheckIdOption *option, const WalcuCheckSample *sample,
				List *places)
{
	const char *right = NULL;
	const char *path = find_contradiction(option, places, &right);
	bool are_texts = strcmp(option->kind, "objectid") == 0;

	if (path == NULL && are_texts)
	{
		path = find_said_text(option, sample);
		right = "auto";
	}
	if (path == NULL)
		return;
	row_add(run,
			option->column ? psprintf("ids %s.%s", option->table, option->column)
						   : psprintf("ids %s", option->table),
			CHECK_DIFFERS,
			psprintf("ALTER FOREIGN TABLE %s%s%s OPTIONS (SET id_type '%s')", option->table,
					 option->column ? " ALTER COLUMN " : "", option->column ? option->column : "", right),
			"The option id_type of the %s is %s, but %s holds %s: %s.", option->column ? "column" : "table",
			option->kind, ask_printable(run, path), are_texts ? "texts" : "ObjectIds",
			are_texts ? "queries miss rows"
					  : "the service refuses some conditions, and queries may miss rows");
}

/* Returns a place that holds a text which no ObjectId is, though an option says objectid; NULL for none. */
static const char *
find_said_text(const WalcuCheckIdOption *option, const WalcuCheckSample *sample)
{
	List *paths;

	if (option->path)
		return has_text(sample, option->path) ? option->path : NULL;
	/* what a table says holds for all places of its own ids */
	paths = list_text_paths(sample);
	return paths != NIL ? linitial(paths) : NULL;
}

/*
 * Returns a place that is not what an option says, and what the option should be; NULL when there is none.
 */
static const char *
find_contradiction(const WalcuCheckIdOption *option, List *places, const char **other)
{
	const char *contrary = NULL;
	/* other places of a table may be of the other kind */
	bool is_mixed = option->path == NULL;
	ListCell *lc;

	if (strcmp(option->kind, "auto") == 0)
		return NULL;
	foreach(lc, places)
	{
		const IdPlace *place = lfirst(lc);

		if (option->path ? strcmp(option->path, place->path) != 0 : !is_own_id(place))
			continue;
		if (place->came == (strcmp(option->kind, "objectid") == 0))
			is_mixed = true;
		else
			contrary = place->path;
	}
	*other = is_mixed ? "auto" : strcmp(option->kind, "objectid") == 0 ? "string" : "objectid";
	return contrary;
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
	add_refusal_row(run, "ids document", "GET of \"" NO_ID "\", which is the _id of no document,",
					&replies[0]);
	add_refusal_row(run, "ids condition",
					"The condition that _id equals \"" NO_ID "\", which is no ObjectId,", &replies[1]);
	add_refusal_row(run, "ids pattern", "The condition that _id begins with \"" NO_ID "\"", &replies[2]);
}

static void
add_refusal_row(WalcuCheckRun *run, const char *check, const char *what, const WalcuCheckReply *reply)
{
	if (reply->status == 0)
		row_add(run, check, CHECK_UNKNOWN, NULL, "%s", reply->failure);
	else if (reply->status == 404)
		row_add(run, check, CHECK_OK, NULL, "%s is answered 404, as it should be.", what);
	else if (reply->status == 204 || (reply->ok && !json_is_object(json_array_get(reply->json, 0))))
		row_add(run, check, CHECK_OK, NULL, "%s is answered with no documents.", what);
	else if (reply->ok)
		row_add(run, check, CHECK_FAILED, NULL, "%s is answered with documents.", what);
	else
		row_add(run, check, CHECK_DIFFERS, NULL,
				"%s is refused. %s PostgreSQL answers such queries without it.", what, reply->failure);
}
