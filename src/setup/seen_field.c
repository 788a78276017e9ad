/*
 * seen_field.c
 *	  What documents have that the description lacks.
 *
 * Called by document_sample.c.  Members of objects that the description has, or that are new themselves,
 * become fields like those of the description, of the type that all their values have.  Where the description
 * lets anything stand, as in custom, nobody looks.  Of fields with one of few texts, those that stand there
 * are noted.
 */
#include "postgres.h"

#include <jansson.h>

#include "setup/seen_field.h"

#include "base/text.h"
#include "base/utf8.h"
#include "check/sample.h"
#include "miscadmin.h"
#include "service/field_name.h"

/* An object with more members that nobody describes is a map: its names are values. */
#define MOST_MEMBERS 50

/* A place with more texts than these has no enumeration, or one that nobody reads. */
#define MOST_TEXTS 30

static List *add_seen_members(List *fields, List *objects, int levels);
static void look_into_field(WalcuField *field, List *objects, int levels);
static List *list_elements(List *arrays);
static List *list_new_names(List *fields, List *objects);
static bool is_new_name(List *fields, List *objects, const char *name);
static bool repeats_id(List *objects);
static WalcuField *make_seen_field(const char *name, List *objects, int levels);
static bool all_are_arrays(List *values);
static WalcuFieldKind find_common_kind(List *values);
static bool all_fit(List *values, WalcuFieldKind kind);
static List *list_member_values(List *objects, const char *name);
static List *list_few_texts(List *values);
static char *copy_to_server(const char *text);

/* Adds what the documents (a JSON array) have, so many levels deep. */
void
seen_field_add(WalcuResource *resource, json_t *documents, int levels)
{
	List *objects = NIL;

	for (size_t i = 0; i < json_array_size(documents); i++)
		objects = lappend(objects, json_array_get(documents, i));
	resource->fields = add_seen_members(resource->fields, objects, levels);
}

/* Returns the fields with those that some of the objects (json_t) have besides. */
static List *
add_seen_members(List *fields, List *objects, int levels)
{
	List *names = list_new_names(fields, objects);
	ListCell *lc;

	check_stack_depth();
	foreach(lc, fields)
		look_into_field(lfirst(lc), objects, levels);
	foreach(lc, list_length(names) <= MOST_MEMBERS ? names : NIL)
	{
		WalcuField *field = make_seen_field(lfirst(lc), objects, levels);

		if (field)
			fields = lappend(fields, field);
	}
	return fields;
}

/* Looks for members and values where the description has a field of these objects. */
static void
look_into_field(WalcuField *field, List *objects, int levels)
{
	List *values = utf8_means_same(field->name) ? list_member_values(objects, field->name) : NIL;

	if (field->array)
		values = list_elements(values);
	if (openapi_is_enumeration(field))
		field->seen = list_few_texts(values);
	if (field->kind == WALCU_FIELD_OBJECT && field->fields != NIL && levels > 0)
		field->fields = add_seen_members(field->fields, values, levels - 1);
}

/* Returns the elements of all arrays (json_t) that are not null. */
static List *
list_elements(List *arrays)
{
	List *elements = NIL;
	ListCell *lc;

	foreach(lc, arrays)
	{
		for (size_t i = 0; i < json_array_size(lfirst(lc)); i++)
		{
			json_t *element = json_array_get(lfirst(lc), i);

			if (!json_is_null(element))
				elements = lappend(elements, element);
		}
	}
	return elements;
}

/* Returns the names (char *, in UTF-8) of members that no field has, in the order in which they come. */
static List *
list_new_names(List *fields, List *objects)
{
	List *names = NIL;
	ListCell *lc;

	foreach(lc, objects)
	{
		const char *name;
		json_t *value;

		json_object_foreach((json_t *) lfirst(lc), name, value)
		{
			if (value && !text_in_list(names, name) && is_new_name(fields, objects, name))
				names = lappend(names, pstrdup(name));
			if (list_length(names) > MOST_MEMBERS)
				return names;
		}
	}
	return names;
}

static bool
is_new_name(List *fields, List *objects, const char *name)
{
	const char *server_name = copy_to_server(name);

	if (server_name == NULL || !field_name_is_addressable(name, strlen(name)) ||
		strspn(name, "0123456789") == strlen(name))
		return false;
	return openapi_find_field(fields, server_name, strlen(server_name)) == NULL &&
		   !(strcmp(name, "id") == 0 && repeats_id(objects));
}

/* Mongoose may show the _id once more, as id, which no document has. */
static bool
repeats_id(List *objects)
{
	ListCell *lc;

	foreach(lc, objects)
	{
		json_t *copy = json_object_get(lfirst(lc), "id");

		if (copy && !json_equal(copy, json_object_get(lfirst(lc), "_id")))
			return false;
	}
	return true;
}

/* Returns a field for a member of these objects; NULL where all that have it have null. */
static WalcuField *
make_seen_field(const char *name, List *objects, int levels)
{
	List *values = list_member_values(objects, name);
	bool is_array = values != NIL && all_are_arrays(values);
	List *elements = is_array ? list_elements(values) : values;
	WalcuField *field;

	if (values == NIL)
		return NULL;
	field = palloc0(sizeof(WalcuField));
	field->name = copy_to_server(name);
	field->is_seen = true;
	field->kind = find_common_kind(elements);
	field->array = is_array && elements != NIL && field->kind != WALCU_FIELD_FREE;
	if (field->kind == WALCU_FIELD_OBJECT)
		field->fields = levels > 0 ? add_seen_members(NIL, elements, levels - 1) : NIL;
	/* an object of which no member can be told is any */
	if (field->kind == WALCU_FIELD_OBJECT && field->fields == NIL)
	{
		field->kind = WALCU_FIELD_FREE;
		field->array = false;
	}
	return field;
}

static bool
all_are_arrays(List *values)
{
	ListCell *lc;

	foreach(lc, values)
	{
		if (!json_is_array((json_t *) lfirst(lc)))
			return false;
	}
	return true;
}

/* Returns the kind that all values have. */
static WalcuFieldKind
find_common_kind(List *values)
{
	static const WalcuFieldKind kinds[] = {WALCU_FIELD_BOOLEAN, WALCU_FIELD_NUMBER, WALCU_FIELD_DATE,
										   WALCU_FIELD_STRING, WALCU_FIELD_OBJECT};

	for (int i = 0; values != NIL && i < lengthof(kinds); i++)
	{
		if (all_fit(values, kinds[i]))
			return kinds[i];
	}
	return WALCU_FIELD_FREE;
}

/* A date without a time of day may be a text that looks like one. */
static bool
all_fit(List *values, WalcuFieldKind kind)
{
	ListCell *lc;

	foreach(lc, values)
	{
		json_t *value = lfirst(lc);

		if (!sample_fits(value, kind, false) ||
			(kind == WALCU_FIELD_DATE && strchr(json_string_value(value), 'T') == NULL))
			return false;
	}
	return true;
}

/* Returns the values (json_t) that a member has in the objects that have it, without nulls. */
static List *
list_member_values(List *objects, const char *name)
{
	List *values = NIL;
	ListCell *lc;

	foreach(lc, objects)
	{
		json_t *value = json_object_get(lfirst(lc), name);

		if (value && !json_is_null(value))
			values = lappend(values, value);
	}
	return values;
}

/* Returns the different texts (char *) among values, in their order; NIL where they are too many. */
static List *
list_few_texts(List *values)
{
	List *texts = NIL;
	ListCell *lc;

	foreach(lc, values)
	{
		const char *text = json_string_value(lfirst(lc));
		char *copy = text ? copy_to_server(text) : NULL;

		if (copy == NULL || copy[0] == '\0' || text_in_list(texts, copy))
			continue;
		texts = lappend(texts, copy);
		if (list_length(texts) > MOST_TEXTS)
			return NIL;
	}
	return text_sort_unique(texts, text_compare_bytes);
}

/* A copy in the database's encoding; NULL when that lacks a character. */
static char *
copy_to_server(const char *text)
{
	StringInfoData copy;

	initStringInfo(&copy);
	return utf8_to_server(text, strlen(text), &copy) ? copy.data : NULL;
}
