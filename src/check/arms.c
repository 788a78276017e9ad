/*
 * arms.c
 *	  Conditions on a few documents each, whose answers are known beforehand.
 *
 * operators.c asks many conditions in one request: each is an arm of "or" for two documents of its own, so
 * that what comes tells of each arm by itself.  One of the two meets the condition.  What is known of values
 * here is what PostgreSQL does with them: texts by their bytes, dates as instants, null and missing alike.
 */
#include "postgres.h"

#include <jansson.h>

#include "check/arms.h"

#include "base/text.h"
#include "check/sample.h"
#include "json/iso8601.h"
#include "json/scalar.h"
#include "lib/stringinfo.h"
#include "nodes/bitmapset.h"
#include "pushdown/filter.h"
#include "service/id_place.h"

/* A value of more bytes makes a URL too long. */
#define LONGEST_VALUE 60

/* Places are looked for so many levels deep. */
#define LEVELS 2

static const struct
{
	const char *name;    /* Rows call it so. */
	WalcuFieldKind kind; /* The description says this of its places. */
	bool array;          /* They are arrays of that. */
	const char *remote;  /* $type calls it so. */
} types[] = {
	[ARM_STRING] = {"text", WALCU_FIELD_STRING, false, "string"},
	[ARM_NUMBER] = {"number", WALCU_FIELD_NUMBER, false, "number"},
	[ARM_BOOLEAN] = {"boolean", WALCU_FIELD_BOOLEAN, false, "bool"},
	[ARM_DATE] = {"date", WALCU_FIELD_DATE, false, "date"},
	[ARM_ARRAY] = {"array", WALCU_FIELD_STRING, true, "array"},
	[ARM_OBJECT] = {"object", WALCU_FIELD_OBJECT, false, "object"},
	[ARM_ID] = {"_id", WALCU_FIELD_STRING, false, NULL},
};

/* A condition that is being made. */
typedef struct Attempt
{
	const WalcuCheckSample *sample; /* It is for documents of this. */
	WalcuArmTest test;              /* It says this. */
	WalcuArmType type;              /* It is about values of this type. */
	const char *path;               /* They are here. */
	json_t *value;                  /* It compares with this. */
	json_t *other;                  /* It compares with this, too, if it has two values. */
} Attempt;

static WalcuArm *try_place(Attempt *attempt, const Bitmapset *used);
static bool choose_values(Attempt *attempt, int document);
static bool is_usable(const Attempt *attempt, int document, json_t **value);
static json_t *get_comparable(const Attempt *attempt, json_t *value);
static bool holds_for(const Attempt *attempt, json_t *value);
static bool equals_any(const Attempt *attempt, json_t *value, json_t *wanted);
static int compare_values(WalcuArmType type, json_t *one, json_t *other);
static TimestampTz get_instant(json_t *value);
static char *write_filter(const Attempt *attempt);
static char *write_value_json(const Attempt *attempt, json_t *value);
static bool has_object_ids(const WalcuCheckSample *sample, const WalcuCheckPlace *place);

const char *
arms_type_name(WalcuArmType type)
{
	return types[type].name;
}

/*
 * Makes a condition on two documents that are not used yet, of which it holds for one; NULL when there are
 * none.
 */
WalcuArm *
arms_make(const WalcuCheckSample *sample, const Bitmapset *used, WalcuArmTest test, WalcuArmType type)
{
	Attempt attempt = {.sample = sample, .test = test, .type = type};
	WalcuArm *arm = NULL;
	ListCell *lc;

	if (type == ARM_ID)
	{
		attempt.path = "_id";
		return try_place(&attempt, used);
	}
	foreach(lc, sample_places(sample->fields, LEVELS))
	{
		const WalcuCheckPlace *place = lfirst(lc);

		if (place->kind != types[type].kind || place->array != types[type].array ||
			strcmp(place->path, "_id") == 0 || has_object_ids(sample, place) ||
			text_in_list(sample->folded, place->path))
			continue;
		attempt.path = place->path;
		arm = try_place(&attempt, used);
		if (arm)
			break;
	}
	return arm;
}

/* Returns the places (of WalcuCheckPlace) of texts that are no ids. */
List *
arms_string_places(const WalcuCheckSample *sample)
{
	List *places = NIL;
	ListCell *lc;

	foreach(lc, sample_places(sample->fields, LEVELS))
	{
		WalcuCheckPlace *place = lfirst(lc);

		if (place->kind == WALCU_FIELD_STRING && !place->array && strcmp(place->path, "_id") != 0 &&
			!has_object_ids(sample, place) && !text_in_list(sample->folded, place->path))
			places = lappend(places, place);
	}
	return places;
}

/* Returns the condition of arms together: each holds for its own documents only. */
char *
arms_condition(const WalcuCheckSample *sample, List *arms)
{
	StringInfoData text;
	ListCell *lc;

	initStringInfo(&text);
	if (list_length(arms) > 1)
		appendStringInfoString(&text, "{\"$or\":[");
	foreach(lc, arms)
	{
		const WalcuArm *arm = lfirst(lc);

		appendStringInfo(&text, "%s{\"$and\":[{\"_id\":{\"$in\":[", lc == list_head(arms) ? "" : ",");
		for (int i = 0; i < lengthof(arm->documents); i++)
			appendStringInfo(&text, "%s%s", i > 0 ? "," : "",
							 sample_json(json_object_get(sample_document(sample, arm->documents[i]), "_id")));
		appendStringInfo(&text, "]}},%s]}", arm->filter);
	}
	if (list_length(arms) > 1)
		appendStringInfoString(&text, "]}");
	return text.data;
}

/* The value of one document is compared with, and the other is one for which the answer is the opposite. */
static WalcuArm *
try_place(Attempt *attempt, const Bitmapset *used)
{
	for (int i = 0; i < attempt->sample->count; i++)
	{
		json_t *value;
		bool holds;

		if (bms_is_member(i, used) || !is_usable(attempt, i, &value) || !choose_values(attempt, i))
			continue;
		holds = holds_for(attempt, value);
		for (int j = 0; j < attempt->sample->count; j++)
		{
			WalcuArm *arm;

			if (j == i || bms_is_member(j, used) || !is_usable(attempt, j, &value) ||
				holds_for(attempt, value) == holds)
				continue;
			arm = palloc0(sizeof(WalcuArm));
			arm->about = types[attempt->type].name;
			arm->filter = write_filter(attempt);
			arm->documents[0] = i;
			arm->documents[1] = j;
			arm->expected[0] = holds;
			arm->expected[1] = !holds;
			return arm;
		}
	}
	return NULL;
}

/* The values to compare with: that of the document, and a different one of another. */
static bool
choose_values(Attempt *attempt, int document)
{
	json_t *value;

	is_usable(attempt, document, &value);
	attempt->value = get_comparable(attempt, value);
	attempt->other = NULL;
	if (attempt->value == NULL)
		return false;
	for (int i = 0; i < attempt->sample->count && attempt->other == NULL; i++)
	{
		json_t *candidate;

		if (!is_usable(attempt, i, &value))
			continue;
		candidate = get_comparable(attempt, value);
		if (candidate && compare_values(attempt->type, candidate, attempt->value) != 0)
			attempt->other = candidate;
	}
	return attempt->other != NULL || (attempt->test != ARM_IN && attempt->test != ARM_OR);
}

/* Is the value there null, missing, or of the type? */
static bool
is_usable(const Attempt *attempt, int document, json_t **value)
{
	if (sample_id(attempt->sample, document) == NULL ||
		!sample_value(sample_document(attempt->sample, document), attempt->path, value))
		return false;
	if (*value == NULL || json_is_null(*value))
		return true;
	/* an array that the service's schema makes where nothing is stored */
	if (json_is_array(*value) && json_array_size(*value) == 0)
		return false;
	if (!sample_fits(*value, types[attempt->type].kind, types[attempt->type].array))
		return false;
	return !json_is_array(*value) || json_is_string(json_array_get(*value, 0));
}

/* What a condition can compare with: a scalar, or an element; NULL for nothing. */
static json_t *
get_comparable(const Attempt *attempt, json_t *value)
{
	if (json_is_array(value))
		value = json_array_get(value, 0);
	if (value == NULL || json_is_null(value))
		return NULL;
	if (json_is_string(value) && (json_string_length(value) > LONGEST_VALUE ||
								  strlen(json_string_value(value)) != json_string_length(value)))
		return NULL;
	return value;
}

static bool
holds_for(const Attempt *attempt, json_t *value)
{
	bool is_null = value == NULL || json_is_null(value);
	int order = 0;

	if (!is_null && attempt->test >= ARM_GT && attempt->test <= ARM_LTE)
		order = compare_values(attempt->type, value, attempt->value);
	switch (attempt->test)
	{
		case ARM_EQ:
		case ARM_AND:
			return !is_null && equals_any(attempt, value, attempt->value);
		case ARM_NOR:
			return is_null || !equals_any(attempt, value, attempt->value);
		case ARM_NIN:
			return !is_null && !equals_any(attempt, value, attempt->value);
		case ARM_IN:
		case ARM_OR:
			return !is_null &&
				   (equals_any(attempt, value, attempt->value) || equals_any(attempt, value, attempt->other));
		case ARM_EQ_NULL:
			return is_null;
		case ARM_NE_NULL:
			return !is_null;
		case ARM_GT:
			return !is_null && order > 0;
		case ARM_GTE:
			return !is_null && order >= 0;
		case ARM_LT:
			return !is_null && order < 0;
		case ARM_LTE:
			return !is_null && order <= 0;
		case ARM_EXISTS:
			return value != NULL;
		case ARM_EXISTS_NOT:
			return value == NULL;
		case ARM_IS_TYPE:
			return !is_null;
		case ARM_IS_NOT_TYPE:
			return is_null;
	}
	return false;
}

/* Of an array, some element may equal it. */
static bool
equals_any(const Attempt *attempt, json_t *value, json_t *wanted)
{
	if (!json_is_array(value))
		return compare_values(attempt->type, value, wanted) == 0;
	for (size_t i = 0; i < json_array_size(value); i++)
	{
		json_t *element = json_array_get(value, i);

		if (json_is_string(element) && compare_values(attempt->type, element, wanted) == 0)
			return true;
	}
	return false;
}

static int
compare_values(WalcuArmType type, json_t *one, json_t *other)
{
	switch (type)
	{
		case ARM_NUMBER:
		{
			double left = json_number_value(one);
			double right = json_number_value(other);

			return (left > right) - (left < right);
		}
		case ARM_BOOLEAN:
			return json_is_true(one) - json_is_true(other);
		case ARM_DATE:
		{
			TimestampTz left = get_instant(one);
			TimestampTz right = get_instant(other);

			return (left > right) - (left < right);
		}
		case ARM_OBJECT:
			return json_equal(one, other) ? 0 : 1;
		default:
			return strcmp(json_string_value(one), json_string_value(other));
	}
}

static TimestampTz
get_instant(json_t *value)
{
	TimestampTz instant = 0;

	iso8601_to_timestamptz(json_string_value(value), (int) json_string_length(value), &instant);
	return instant;
}

/* In a template P is the place, V and W are values, and T is the name of the type. */
static char *
write_filter(const Attempt *attempt)
{
	static const char *const templates[] = {
		[ARM_EQ] = "{P:{\"$eq\":V}}",
		[ARM_EQ_NULL] = "{P:null}",
		[ARM_IN] = "{P:{\"$in\":[V,W]}}",
		[ARM_NE_NULL] = "{P:{\"$ne\":null}}",
		[ARM_NIN] = "{P:{\"$nin\":[V,null]}}",
		[ARM_GT] = "{P:{\"$gt\":V}}",
		[ARM_GTE] = "{P:{\"$gte\":V}}",
		[ARM_LT] = "{P:{\"$lt\":V}}",
		[ARM_LTE] = "{P:{\"$lte\":V}}",
		[ARM_EXISTS] = "{P:{\"$exists\":true}}",
		[ARM_EXISTS_NOT] = "{P:{\"$exists\":false}}",
		[ARM_IS_TYPE] = "{P:{\"$type\":[T]}}",
		[ARM_IS_NOT_TYPE] = "{P:{\"$not\":{\"$type\":[T]}}}",
		[ARM_AND] = "{\"$and\":[{P:{\"$gte\":V}},{P:{\"$lte\":V}}]}",
		[ARM_OR] = "{\"$or\":[{P:V},{P:W}]}",
		[ARM_NOR] = "{\"$nor\":[{P:V}]}",
	};
	StringInfoData text;

	initStringInfo(&text);
	for (const char *c = templates[attempt->test]; *c; c++)
	{
		if (*c == 'P')
			appendStringInfoString(&text, filter_string(attempt->path));
		else if (*c == 'V')
			appendStringInfoString(&text, write_value_json(attempt, attempt->value));
		else if (*c == 'W')
			appendStringInfoString(&text, write_value_json(attempt, attempt->other));
		else if (*c == 'T')
			appendStringInfoString(&text, filter_string(types[attempt->type].remote));
		else
			appendStringInfoChar(&text, *c);
	}
	return text.data;
}

/* Dates are written as the extension writes them. */
static char *
write_value_json(const Attempt *attempt, json_t *value)
{
	if (attempt->type == ARM_DATE)
		return scalar_instant_json(get_instant(value));
	return sample_json(value);
}

/* A place with some ids is one of ids, and has rules of its own (places.c). */
static bool
has_object_ids(const WalcuCheckSample *sample, const WalcuCheckPlace *place)
{
	if (id_place_is_named(place->path))
		return true;
	for (int i = 0; i < sample->count; i++)
	{
		json_t *value;

		if (!sample_value(sample_document(sample, i), place->path, &value))
			continue;
		if (sample_is_object_id(json_is_array(value) ? json_array_get(value, 0) : value))
			return true;
	}
	return false;
}
