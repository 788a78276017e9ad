/*
 * sample.c
 *	  Documents of a resource, and the values that stand in them.
 *
 * One page of each resource is read (access.c) and kept: what conditions should match, and what does not fit
 * its described type, is found in it without asking again.
 */
#include "postgres.h"

#include <jansson.h>

#include "check/sample.h"

#include "base/objectid.h"
#include "base/utf8.h"
#include "json/iso8601.h"
#include "miscadmin.h"
#include "port/pg_bitutils.h"

static void append_places(List **places, List *fields, const char *prefix, int levels, bool enters_arrays);
static bool fits_kind(json_t *value, WalcuFieldKind kind);
static int score_sample(const WalcuCheckSample *sample);

/* Returns the resources (of WalcuResource) of the served description, else of the installed one. */
List *
sample_described(const WalcuCheckRun *run)
{
	return run->live != NIL ? run->live : run->bundled;
}

/* Adds what came of a resource's first page. */
WalcuCheckSample *
sample_take(WalcuCheckRun *run, const char *resource, const WalcuCheckReply *reply)
{
	WalcuCheckSample *sample = MemoryContextAllocZero(run->context, sizeof(WalcuCheckSample));
	const WalcuResource *described = openapi_find_resource(sample_described(run), resource);

	sample->resource = resource;
	sample->fields = described ? described->fields : NIL;
	sample->is_asked = reply->asked;
	sample->status = reply->status;
	sample->failure = reply->failure;
	sample->most = -1;
	if (reply->ok && !json_is_array(reply->json))
		sample->failure = "The reply is no array of documents.";
	sample->readable = sample->failure == NULL;
	if (sample->readable)
	{
		sample->documents = reply->json;
		sample->count = (int) json_array_size(reply->json);
		sample->has_more = reply->head.has_more;
		sample->least = sample->count;
		if (sample->has_more == WALCU_MORE_NO || sample->count == 0)
			sample->most = sample->count;
	}
	run->samples = lappend(run->samples, sample);
	return sample;
}

json_t *
sample_document(const WalcuCheckSample *sample, int number)
{
	return json_array_get(sample->documents, number);
}

/* Returns a document's _id; NULL when it is no plain text. */
const char *
sample_id(const WalcuCheckSample *sample, int number)
{
	json_t *id = json_object_get(sample_document(sample, number), "_id");

	return json_is_string(id) && strlen(json_string_value(id)) == json_string_length(id)
			   ? json_string_value(id)
			   : NULL;
}

/* Returns the number of the document with this _id; -1 when none has it. */
int
sample_find_id(const WalcuCheckSample *sample, const char *id)
{
	for (int i = 0; i < sample->count; i++)
	{
		const char *other = sample_id(sample, i);

		if (other && strcmp(other, id) == 0)
			return i;
	}
	return -1;
}

/*
 * Looks up the value at a dotted path, NULL when there is none.  Returns false where an array is on the way:
 * then the service looks into each of its elements.
 */
bool
sample_value(json_t *document, const char *path, json_t **value)
{
	json_t *place = document;

	for (const char *name = path;; name++)
	{
		size_t length = strcspn(name, ".");

		if (json_is_array(place))
			return false;
		place = json_object_get(place, pnstrdup(name, length));
		name += length;
		if (*name == '\0')
			break;
	}
	*value = place;
	return true;
}

/* Appends the values that a filter on a path (NULL for the value itself) looks at. */
void
sample_collect_values(json_t *value, const char *path, List **values)
{
	check_stack_depth();
	if (json_is_array(value))
	{
		for (size_t i = 0; i < json_array_size(value); i++)
			sample_collect_values(json_array_get(value, i), path, values);
	}
	else if (path)
	{
		const char *dot = strchr(path, '.');
		json_t *member = json_object_get(value, dot ? pnstrdup(path, dot - path) : path);

		if (member)
			sample_collect_values(member, dot ? dot + 1 : NULL, values);
	}
	else
		*values = lappend(*values, value);
}

/* Returns the text at a dotted path; NULL when none is there. */
const char *
sample_text(json_t *document, const char *path)
{
	json_t *value;

	if (!sample_value(document, path, &value) || !json_is_string(value) ||
		strlen(json_string_value(value)) != json_string_length(value))
		return NULL;
	return json_string_value(value);
}

/*
 * Returns the places (of WalcuCheckPlace) in documents with these fields that a path of single objects leads
 * to, so many levels deep.
 */
List *
sample_places(List *fields, int levels)
{
	List *places = NIL;

	append_places(&places, fields, "", levels, false);
	return places;
}

/* The same with those that are in the objects of arrays. */
List *
sample_places_in_arrays(List *fields, int levels)
{
	List *places = NIL;

	append_places(&places, fields, "", levels, true);
	return places;
}

static void
append_places(List **places, List *fields, const char *prefix, int levels, bool enters_arrays)
{
	ListCell *lc;

	foreach(lc, fields)
	{
		const WalcuField *field = lfirst(lc);
		WalcuCheckPlace *place;

		if (strspn(field->name, "0123456789") == strlen(field->name) || strpbrk(field->name, ".$") ||
			!utf8_means_same(field->name))
			continue;
		place = palloc0(sizeof(WalcuCheckPlace));
		place->path = psprintf("%s%s", prefix, field->name);
		place->kind = field->kind;
		place->array = field->array;
		*places = lappend(*places, place);
		if ((!field->array || enters_arrays) && field->fields != NIL && levels > 1)
			append_places(places, field->fields, psprintf("%s.", place->path), levels - 1, enters_arrays);
	}
}

/* Is it the text of an ObjectId? */
bool
sample_is_object_id(json_t *value)
{
	return json_is_string(value) && json_string_length(value) == OBJECTID_LENGTH &&
		   objectid_is_valid(json_string_value(value));
}

/* Is a value that is there, and not null, of its described type? */
bool
sample_fits(json_t *value, WalcuFieldKind kind, bool array)
{
	if (!array)
		return fits_kind(value, kind);
	if (!json_is_array(value))
		return kind == WALCU_FIELD_FREE;
	for (size_t i = 0; i < json_array_size(value); i++)
	{
		json_t *element = json_array_get(value, i);

		if (!json_is_null(element) && !fits_kind(element, kind))
			return false;
	}
	return true;
}

static bool
fits_kind(json_t *value, WalcuFieldKind kind)
{
	TimestampTz instant;

	switch (kind)
	{
		case WALCU_FIELD_STRING:
			return json_is_string(value);
		case WALCU_FIELD_NUMBER:
			return json_is_number(value);
		case WALCU_FIELD_BOOLEAN:
			return json_is_boolean(value);
		case WALCU_FIELD_DATE:
			return json_is_string(value) && iso8601_to_timestamptz(json_string_value(value),
																   (int) json_string_length(value), &instant);
		case WALCU_FIELD_OBJECT:
			return json_is_object(value);
		default:
			return true;
	}
}

/* Returns a value as JSON text, in characters that every encoding has. */
char *
sample_json(json_t *value)
{
	size_t length = json_dumpb(value, NULL, 0, JSON_COMPACT | JSON_ENCODE_ANY | JSON_ENSURE_ASCII);
	char *text = palloc(length + 1);

	json_dumpb(value, text, length, JSON_COMPACT | JSON_ENCODE_ANY | JSON_ENSURE_ASCII);
	text[length] = '\0';
	return text;
}

/* Adds the documents of another page, but for those that are there already. */
void
sample_extend(WalcuCheckSample *sample, json_t *documents)
{
	for (size_t i = 0; i < json_array_size(documents); i++)
	{
		json_t *document = json_array_get(documents, i);
		json_t *id = json_object_get(document, "_id");

		if (json_is_string(id) && sample_find_id(sample, json_string_value(id)) < 0 &&
			json_array_append(sample->documents, document) == 0)
			sample->count++;
	}
}

/* Takes the resource whose documents have values of most types; of equal ones, that with most documents. */
void
sample_choose_main(WalcuCheckRun *run)
{
	int best = 0;
	ListCell *lc;

	foreach(lc, run->samples)
	{
		WalcuCheckSample *sample = lfirst(lc);
		int score = score_sample(sample);

		if (score > best)
		{
			best = score;
			run->main = sample;
		}
	}
}

static int
score_sample(const WalcuCheckSample *sample)
{
	int score = 0;
	uint32 seen = 0;
	ListCell *lc;

	for (int i = 0; i < sample->count; i++)
		score += sample_id(sample, i) != NULL;
	if (score == 0)
		return 0;
	foreach(lc, sample_places(sample->fields, 1))
	{
		const WalcuCheckPlace *place = lfirst(lc);

		for (int i = 0; i < sample->count; i++)
		{
			json_t *value;

			if (sample_value(sample_document(sample, i), place->path, &value) && value &&
				!json_is_null(value) && sample_fits(value, place->kind, place->array))
				seen |= 1 << (place->kind * 2 + place->array);
		}
	}
	return score + 1000 * pg_popcount((const char *) &seen, sizeof(seen));
}
