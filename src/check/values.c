/*
 * values.c
 *	  Values and fields of documents that the description does not tell of.
 *
 * The pages that were read are looked through; nothing is asked.
 */
#include "postgres.h"

#include <jansson.h>

#include "check/values.h"

#include "base/text.h"
#include "check/ask.h"
#include "check/row.h"
#include "check/sample.h"
#include "check/tables.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "service/columns.h"

static void append_misfits(WalcuCheckRun *run, const WalcuCheckSample *sample, StringInfo list);
static bool is_misfit(json_t *value, const WalcuCheckPlace *place);
static bool holds_null_character(json_t *value);
static List *list_unknown_members(const WalcuCheckSample *sample);

/* Are values of their described types? */
void
values_check_types(WalcuCheckRun *run)
{
	StringInfoData list;
	ListCell *lc;

	initStringInfo(&list);
	foreach(lc, run->samples)
		append_misfits(run, lfirst(lc), &list);
	if (list.len == 0)
		row_add(run, "values", CHECK_OK, NULL,
				"All values in the documents that were read are of their described types.");
	else if (run->options->on_type_mismatch == WALCU_MISMATCH_NULL)
		row_add(run, "values", CHECK_OK, NULL,
				"Some values are not of their described types, or hold what PostgreSQL cannot store, and are "
				"read as NULL: %s.",
				list.data);
	else
		row_add(run, "values", CHECK_DIFFERS, row_set_option(run, "on_type_mismatch", "null"),
				"Some values are not of their described types, or hold what PostgreSQL cannot store, and a "
				"query that reads them fails: %s.",
				list.data);
}

/* Each wrong value counts. */
static void
append_misfits(WalcuCheckRun *run, const WalcuCheckSample *sample, StringInfo list)
{
	ListCell *lc;

	CHECK_FOR_INTERRUPTS();
	foreach(lc, sample_places(sample->fields, 1))
	{
		const WalcuCheckPlace *place = lfirst(lc);
		int wrong = 0;

		for (int i = 0; i < sample->count; i++)
			wrong += is_misfit(json_object_get(sample_document(sample, i), place->path), place);
		if (wrong > 0)
			row_append_name(list, ask_printable(run, psprintf("%s.%s (%d of %d)", sample->resource,
															  place->path, wrong, sample->count)));
	}
}

/*
 * Does a query that reads the value fail?  Fields that are objects to a table show anything that PostgreSQL
 * can store.
 */
static bool
is_misfit(json_t *value, const WalcuCheckPlace *place)
{
	if (value == NULL || json_is_null(value))
		return false;
	if (holds_null_character(value))
		return true;
	return place->kind != WALCU_FIELD_OBJECT && place->kind != WALCU_FIELD_FREE &&
		   !sample_fits(value, place->kind, place->array);
}

/* Does a text of the value hold what no text of PostgreSQL can? */
static bool
holds_null_character(json_t *value)
{
	const char *name;
	json_t *member;

	if (json_is_string(value))
		return memchr(json_string_value(value), '\0', json_string_length(value)) != NULL;
	json_object_foreach(value, name, member)
	{
		if (holds_null_character(member))
			return true;
	}
	for (size_t i = 0; i < json_array_size(value); i++)
	{
		if (holds_null_character(json_array_get(value, i)))
			return true;
	}
	return false;
}

/* Have documents fields that the description lacks? */
void
values_check_fields(WalcuCheckRun *run)
{
	int count = 0;
	ListCell *lc;

	foreach(lc, run->samples)
	{
		const WalcuCheckSample *sample = lfirst(lc);
		List *unknown = sample->fields == NIL ? NIL : list_unknown_members(sample);
		char *advice = unknown ? tables_add_columns(run, sample->resource, unknown) : NULL;
		StringInfoData list;
		ListCell *cell;

		/* what tables show already is nothing to do */
		if (unknown == NIL || (advice == NULL && tables_have_resource(run, sample->resource)))
			continue;
		initStringInfo(&list);
		foreach(cell, unknown)
			row_append_name(&list, ask_printable(run, lfirst(cell)));
		count++;
		row_add(run, psprintf("fields %s", sample->resource), CHECK_DIFFERS, advice,
				"Documents have fields that the description lacks: %s.", list.data);
	}
	if (count == 0)
		row_add(run, "fields", CHECK_OK, NULL,
				"The documents that were read have no fields that the description lacks.");
}

static List *
list_unknown_members(const WalcuCheckSample *sample)
{
	List *names = NIL;

	for (int i = 0; i < sample->count; i++)
	{
		json_t *document = sample_document(sample, i);
		const char *name;
		json_t *value;

		json_object_foreach(document, name, value)
		{
			if (value && openapi_find_field(sample->fields, name, strlen(name)) == NULL &&
				!text_in_list(names, name))
				names = lappend(names, pstrdup(name));
		}
	}
	return names;
}
