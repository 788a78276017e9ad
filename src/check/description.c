/*
 * description.c
 *	  The served description against the one that is installed with the extension.
 *
 * The planner types places by the installed one (remote_type.c), and IMPORT FOREIGN SCHEMA makes tables of
 * the served one: where they differ, a condition may stay with PostgreSQL that could have been sent.
 */
#include "postgres.h"

#include "check/description.h"

#include "base/text.h"
#include "check/ask.h"
#include "check/row.h"
#include "check/sample.h"
#include "miscadmin.h"

/* What one description has and the other has not, as lists of names. */
typedef struct Differences
{
	const WalcuCheckRun *run; /* Names are shown for this run. */
	StringInfoData added;     /* The served one alone has these. */
	StringInfoData gone;      /* The installed one alone has these. */
	StringInfoData changed;   /* Both have these, with different types. */
} Differences;

static void compare_resources(const WalcuCheckRun *run, Differences *differences);
static void compare_fields(Differences *differences, const char *prefix, List *live, List *bundled);
static void note_difference(Differences *differences, StringInfo list, const char *prefix, const char *name);
static char *describe_differences(const Differences *differences);

/* Is the served description there, and the same as the installed one? */
void
description_check_service(WalcuCheckRun *run)
{
	Differences differences = {.run = run};
	char *words;

	if (run->live == NIL)
	{
		row_add(run, "description", CHECK_FAILED, NULL,
				"%s The description that is installed with the extension stands in for it.",
				run->description_failure ? run->description_failure : "It has no resources.");
		return;
	}
	initStringInfo(&differences.added);
	initStringInfo(&differences.gone);
	initStringInfo(&differences.changed);
	compare_resources(run, &differences);
	words = describe_differences(&differences);
	if (words)
		row_add(run, "description", CHECK_DIFFERS, NULL,
				"The served description is not the installed one. %s", words);
	else
		row_add(run, "description", CHECK_OK, NULL,
				"The service describes %s, as the installed description does.",
				text_counted(list_length(run->live), "resource"));
}

static void
compare_resources(const WalcuCheckRun *run, Differences *differences)
{
	ListCell *lc;

	foreach(lc, run->live)
	{
		const WalcuResource *live = lfirst(lc);
		const WalcuResource *bundled = openapi_find_resource(run->bundled, live->name);

		if (run->resource && strcmp(run->resource, live->name) != 0)
			continue;
		if (bundled)
			compare_fields(differences, live->name, live->fields, bundled->fields);
		else
			note_difference(differences, &differences->added, NULL, live->name);
	}
	foreach(lc, run->bundled)
	{
		const WalcuResource *bundled = lfirst(lc);

		if ((run->resource == NULL || strcmp(run->resource, bundled->name) == 0) &&
			openapi_find_resource(run->live, bundled->name) == NULL)
			note_difference(differences, &differences->gone, NULL, bundled->name);
	}
}

static void
compare_fields(Differences *differences, const char *prefix, List *live, List *bundled)
{
	ListCell *lc;

	check_stack_depth();
	foreach(lc, live)
	{
		const WalcuField *field = lfirst(lc);
		const WalcuField *other = openapi_find_field(bundled, field->name, strlen(field->name));

		if (other == NULL)
			note_difference(differences, &differences->added, prefix, field->name);
		else if (other->kind != field->kind || other->array != field->array)
			note_difference(differences, &differences->changed, prefix, field->name);
		else
			compare_fields(differences, psprintf("%s.%s", prefix, field->name), field->fields, other->fields);
	}
	foreach(lc, bundled)
	{
		const WalcuField *field = lfirst(lc);

		if (openapi_find_field(live, field->name, strlen(field->name)) == NULL)
			note_difference(differences, &differences->gone, prefix, field->name);
	}
}

static void
note_difference(Differences *differences, StringInfo list, const char *prefix, const char *name)
{
	char *path = prefix ? psprintf("%s.%s", prefix, name) : pstrdup(name);

	row_append_name(list, ask_printable(differences->run, path));
}

/* Returns sentences; NULL when there is no difference. */
static char *
describe_differences(const Differences *differences)
{
	StringInfoData text;

	initStringInfo(&text);
	if (differences->added.len > 0)
		appendStringInfo(&text, "New: %s. ", differences->added.data);
	if (differences->gone.len > 0)
		appendStringInfo(&text, "Gone: %s. ", differences->gone.data);
	if (differences->changed.len > 0)
		appendStringInfo(&text, "Of another type: %s. ", differences->changed.data);
	if (text.len == 0)
		return NULL;
	text.data[--text.len] = '\0';
	return text.data;
}
