/*
 * row.c
 *	  The rows of a check, and the commands that they advise.
 *
 * All checks add their rows here, and check.c takes them in the order of its table.  A row shows no
 * credential, whatever the service has repeated of what it was sent.
 */
#include "postgres.h"

#include "check/row.h"

#include "http/redact.h"
#include "lib/stringinfo.h"
#include "service/option_value.h"
#include "utils/builtins.h"

/* A list of names in a row has so many bytes at most, and then "...". */
#define MAX_NAMES 400

static int compare_places(const ListCell *a, const ListCell *b);

/* Adds a row of the check that is under way.  detail is a format. */
void
row_add(WalcuCheckRun *run, const char *check, WalcuCheckResult result, const char *advice,
		const char *detail, ...)
{
	MemoryContext before = MemoryContextSwitchTo(run->context);
	WalcuCheckRow *row = palloc0(sizeof(WalcuCheckRow));
	StringInfoData text;

	initStringInfo(&text);
	for (;;)
	{
		va_list arguments;
		int needed;

		va_start(arguments, detail);
		needed = appendStringInfoVA(&text, detail, arguments);
		va_end(arguments);
		if (needed == 0)
			break;
		enlargeStringInfo(&text, needed);
	}
	row->check = pstrdup(check);
	row->result = result;
	row->place = run->place;
	row->number = list_length(run->rows);
	row->detail = text.data;
	row->advice = advice ? pstrdup(advice) : NULL;
	if (run->credential)
	{
		redact_name(text.data, run->credential);
		redact_name(unconstify(char *, row->check), run->credential);
		redact_name(unconstify(char *, row->advice), run->credential);
		/* what was changed is no command any more */
		if (advice && strcmp(advice, row->advice) != 0)
			row->advice = NULL;
	}
	run->rows = lappend(run->rows, row);
	MemoryContextSwitchTo(before);
}

/* Returns the rows (of WalcuCheckRow), in the order of the checks. */
List *
row_list(WalcuCheckRun *run)
{
	list_sort(run->rows, compare_places);
	return run->rows;
}

/* list_sort is not stable, so that rows of one check are told apart by when they were added. */
static int
compare_places(const ListCell *a, const ListCell *b)
{
	const WalcuCheckRow *left = lfirst(a);
	const WalcuCheckRow *right = lfirst(b);

	if (left->place != right->place)
		return left->place - right->place;
	return left->number - right->number;
}

const char *
row_result_name(WalcuCheckResult result)
{
	static const char *const names[] = {
		[CHECK_OK] = "ok",
		[CHECK_DIFFERS] = "differs",
		[CHECK_FAILED] = "failed",
		[CHECK_UNKNOWN] = "unknown",
	};

	return names[result];
}

/* Returns the command that gives the server an option; NULL when the server has it already. */
char *
row_set_option(const WalcuCheckRun *run, const char *name, const char *value)
{
	const char *now = option_value_of(run->server_options, name);

	if (now && strcmp(now, value) == 0)
		return NULL;
	return psprintf("ALTER SERVER %s OPTIONS (%s %s %s)", quote_identifier(run->options->server_name),
					now ? "SET" : "ADD", name, quote_literal_cstr(value));
}

/* Returns the command that takes an option from the server; NULL when it does not have it. */
char *
row_drop_option(const WalcuCheckRun *run, const char *name)
{
	if (option_value_of(run->server_options, name) == NULL)
		return NULL;
	return psprintf("ALTER SERVER %s OPTIONS (DROP %s)", quote_identifier(run->options->server_name), name);
}

/* Returns a name as commands say it, for files that know JSON. */
const char *
row_quote_name(const char *name)
{
	return quote_identifier(name);
}

char *
row_quote_literal(const char *text)
{
	return quote_literal_cstr(text);
}

/* Appends a name to a list of names, as long as there is room. */
void
row_append_name(StringInfo list, const char *name)
{
	if (list->len > MAX_NAMES)
	{
		if (list->data[list->len - 1] != '.')
			appendStringInfoString(list, ", ...");
		return;
	}
	appendStringInfo(list, "%s%s", list->len > 0 ? ", " : "", name);
}
