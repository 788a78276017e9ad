/*
 * format.c
 *	  Which format of `sort` and `project` the service understands, found by trying.
 *
 * What the option says is tried first; the others only when that is not understood.  An order is
 * understood when a page comes in it that does not come in it without being asked.
 */
#include "postgres.h"

#include <jansson.h>

#include "check/format.h"

#include "base/text.h"
#include "check/ask.h"
#include "check/row.h"
#include "check/sample.h"
#include "pushdown/projection.h"

/* So many documents are asked for to see which fields they have. */
#define PROJECTED 5

/* What a format came to. */
typedef enum FormatVerdict
{
	FORMAT_UNTOLD,     /* It was not tried, or did not come. */
	FORMAT_UNDERSTOOD, /* It does what it should. */
	FORMAT_IGNORED,    /* The reply is as if nothing had been asked. */
	FORMAT_MISTAKEN,   /* The reply is something else. */
	FORMAT_REFUSED     /* The service answers an error. */
} FormatVerdict;

/* A trial of one of the parameters. */
typedef struct Trial
{
	WalcuCheckRun *run;        /* It belongs to this run. */
	const char *parameter;     /* It is of this parameter. */
	bool is_sort;              /* That is the order, not the fields. */
	const char *option;        /* This option says the format. */
	const char *fields[2];     /* These fields are named. */
	bool descending[2];        /* They are sorted so. */
	FormatVerdict verdicts[3]; /* This came of each format. */
	const char *words;         /* The service said this of one that it refused. */
} Trial;

static const char *const formats[] = {
	[WALCU_FORMAT_MONGOOSE] = "mongoose",
	[WALCU_FORMAT_COMMA] = "comma",
	[WALCU_FORMAT_JSON] = "json",
};

static bool choose_sort(Trial *trial);
static bool choose_sort_field(Trial *trial);
static bool choose_fields(Trial *trial);
static void try_formats(Trial *trial, int now, FormatVerdict (*judge)(const Trial *trial, json_t *documents));
static void ask_formats(Trial *trial, int count, const int *tried,
						FormatVerdict (*judge)(const Trial *trial, json_t *documents));
static char *write_value(const Trial *trial, int format);
static FormatVerdict judge_sort(const Trial *trial, json_t *documents);
static bool is_sorted(const Trial *trial, json_t *documents);
static int compare_documents(json_t *one, json_t *other, const char *field);
static FormatVerdict judge_project(const Trial *trial, json_t *documents);
static void add_verdict(Trial *trial, int now);

/* Does the service sort, and how does it want to be told? */
void
format_check_sort(WalcuCheckRun *run)
{
	Trial trial = {.run = run, .parameter = "sort", .is_sort = true, .option = "sort_format"};

	if (!choose_sort(&trial))
	{
		row_add(run, "sort", CHECK_UNKNOWN, NULL,
				"There are too few documents to tell one order from another.");
		return;
	}
	try_formats(&trial, run->options->sort_format, judge_sort);
	add_verdict(&trial, run->options->sort_format);
}

/* Does the service leave fields out, and how does it want to be told? */
void
format_check_project(WalcuCheckRun *run)
{
	Trial trial = {.run = run, .parameter = "project", .option = "project_format"};

	if (!choose_fields(&trial))
	{
		row_add(run, "project", CHECK_UNKNOWN, NULL, "The documents have too few fields to leave some out.");
		return;
	}
	try_formats(&trial, run->options->project_format, judge_project);
	add_verdict(&trial, run->options->project_format);
}

/* Chooses an order of two keys in which the first page is not already. */
static bool
choose_sort(Trial *trial)
{
	trial->fields[1] = "_id";
	if (!choose_sort_field(trial))
		return false;
	for (int way = 0; way < 4; way++)
	{
		trial->descending[0] = way % 2 == 0;
		trial->descending[1] = way / 2 == 1;
		if (!is_sorted(trial, trial->run->main->documents))
			return true;
	}
	return false;
}

/* The first key has texts that differ, but not all of them, so that the second key matters. */
static bool
choose_sort_field(Trial *trial)
{
	const WalcuCheckSample *sample = trial->run->main;
	int best = 0;
	ListCell *lc;

	foreach(lc, sample_places(sample->fields, 1))
	{
		const WalcuCheckPlace *place = lfirst(lc);
		int equal = 0;
		int different = 0;
		int other = 0;

		if (place->array || place->kind != WALCU_FIELD_STRING || strcmp(place->path, "_id") == 0 ||
			!projection_can_name(place->path) || text_in_list(sample->folded, place->path))
			continue;
		for (int i = 1; i < sample->count; i++)
		{
			json_t *one = json_object_get(sample_document(sample, i - 1), place->path);
			json_t *two = json_object_get(sample_document(sample, i), place->path);

			if (!json_is_string(one) || !json_is_string(two) || sample_is_object_id(one))
				other++;
			else if (strcmp(json_string_value(one), json_string_value(two)) == 0)
				equal++;
			else
				different++;
		}
		if (different > 0 && 1 + Min(equal, different) * 100 - other > best)
		{
			best = 1 + Min(equal, different) * 100 - other;
			trial->fields[0] = place->path;
		}
	}
	return best > 0;
}

/* Chooses two fields that the first documents have. */
static bool
choose_fields(Trial *trial)
{
	const WalcuCheckSample *sample = trial->run->main;
	int chosen = 0;
	ListCell *lc;

	foreach(lc, sample_places(sample->fields, 1))
	{
		const WalcuCheckPlace *place = lfirst(lc);
		int seen = 0;

		for (int i = 0; i < Min(sample->count, PROJECTED); i++)
			seen += json_object_get(sample_document(sample, i), place->path) != NULL;
		if (seen == 0 || strcmp(place->path, "_id") == 0 || !projection_can_name(place->path))
			continue;
		trial->fields[chosen++] = place->path;
		if (chosen == lengthof(trial->fields))
			/* and there must be something to leave out */
			return json_object_size(sample_document(sample, 0)) > 3;
	}
	return false;
}

/* Tries the format that the option says, and all others when it is not understood. */
static void
try_formats(Trial *trial, int now, FormatVerdict (*judge)(const Trial *trial, json_t *documents))
{
	int others[lengthof(formats)];
	int count = 0;

	/* an option that says "none" names no format */
	if (now < lengthof(formats))
	{
		ask_formats(trial, 1, &now, judge);
		if (trial->verdicts[now] == FORMAT_UNDERSTOOD)
			return;
	}
	for (int i = 0; i < lengthof(formats); i++)
	{
		if (i != now)
			others[count++] = i;
	}
	ask_formats(trial, count, others, judge);
}

static void
ask_formats(Trial *trial, int count, const int *tried,
			FormatVerdict (*judge)(const Trial *trial, json_t *documents))
{
	WalcuCheckRun *run = trial->run;
	WalcuRequest *requests[lengthof(formats)];
	WalcuCheckReply replies[lengthof(formats)];

	for (int i = 0; i < count; i++)
	{
		requests[i] = ask_list(run, run->main->resource, NULL, trial->is_sort ? 0 : PROJECTED);
		request_add_parameter(requests[i], trial->parameter, write_value(trial, tried[i]));
	}
	ask_all(run, requests, replies, count);
	for (int i = 0; i < count; i++)
	{
		if (replies[i].ok && json_is_array(replies[i].json))
			trial->verdicts[tried[i]] = judge(trial, replies[i].json);
		else if (replies[i].status >= 400 && replies[i].status != 429)
			trial->verdicts[tried[i]] = FORMAT_REFUSED;
		if (replies[i].failure && trial->words == NULL)
			trial->words = replies[i].failure;
	}
}

/* Returns the value of the parameter in a format. */
static char *
write_value(const Trial *trial, int format)
{
	List *fields = list_make2(unconstify(char *, trial->fields[0]), unconstify(char *, trial->fields[1]));

	if (!trial->is_sort)
		return projection_field_list(format, fields);
	return projection_sort_list(format, fields, list_make2_int(trial->descending[0], trial->descending[1]));
}

static FormatVerdict
judge_sort(const Trial *trial, json_t *documents)
{
	json_t *first = json_object_get(json_array_get(documents, 0), "_id");

	if (json_array_size(documents) > 0 && is_sorted(trial, documents))
		return FORMAT_UNDERSTOOD;
	return json_equal(first, json_object_get(sample_document(trial->run->main, 0), "_id")) ? FORMAT_IGNORED
																						   : FORMAT_MISTAKEN;
}

/* Values other than texts come before or behind them all, and do not matter here. */
static bool
is_sorted(const Trial *trial, json_t *documents)
{
	for (size_t i = 1; i < json_array_size(documents); i++)
	{
		json_t *one = json_array_get(documents, i - 1);
		json_t *two = json_array_get(documents, i);

		for (int key = 0; key < lengthof(trial->fields); key++)
		{
			int order = compare_documents(one, two, trial->fields[key]);

			if (trial->descending[key] ? order < 0 : order > 0)
				return false;
			if (order != 0 || !json_is_string(json_object_get(one, trial->fields[key])) ||
				!json_is_string(json_object_get(two, trial->fields[key])))
				break;
		}
	}
	return true;
}

static int
compare_documents(json_t *one, json_t *other, const char *field)
{
	const char *left = json_string_value(json_object_get(one, field));
	const char *right = json_string_value(json_object_get(other, field));

	return (left && right) ? strcmp(left, right) : 0;
}

/* Fields that the service adds to every document by itself do no harm. */
static FormatVerdict
judge_project(const Trial *trial, json_t *documents)
{
	size_t most = 0;
	size_t whole = 0;
	bool has_fields = false;

	for (size_t i = 0; i < json_array_size(documents); i++)
	{
		json_t *document = json_array_get(documents, i);

		most = Max(most, json_object_size(document));
		for (int j = 0; j < lengthof(trial->fields); j++)
			has_fields |= json_object_get(document, trial->fields[j]) != NULL;
	}
	for (int i = 0; i < Min(trial->run->main->count, PROJECTED); i++)
		whole = Max(whole, json_object_size(sample_document(trial->run->main, i)));
	if (has_fields && most < whole)
		return FORMAT_UNDERSTOOD;
	return has_fields ? FORMAT_IGNORED : FORMAT_MISTAKEN;
}

static void
add_verdict(Trial *trial, int now)
{
	static const char *const sayings[] = {
		[FORMAT_UNTOLD] = "not answered", [FORMAT_UNDERSTOOD] = "understood", [FORMAT_IGNORED] = "ignored",
		[FORMAT_MISTAKEN] = "mistaken",   [FORMAT_REFUSED] = "refused",
	};
	WalcuCheckRun *run = trial->run;
	bool is_none = now >= lengthof(formats);
	StringInfoData others;
	bool untold = false;

	initStringInfo(&others);
	for (int i = 0; i < lengthof(formats); i++)
	{
		if (trial->verdicts[i] == FORMAT_UNDERSTOOD)
		{
			row_add(
				run, trial->parameter, i == now ? CHECK_OK : CHECK_DIFFERS,
				i == now ? NULL : row_set_option(run, trial->option, formats[i]),
				i == now
					? "The service understands the format %s, as in \"%s\"."
					: "The service understands the format %s, as in \"%s\", which the option does not say.",
				formats[i], write_value(trial, i));
			return;
		}
		untold |= trial->verdicts[i] == FORMAT_UNTOLD;
		appendStringInfo(&others, "%s%s %s", others.len > 0 ? ", " : "", formats[i],
						 sayings[trial->verdicts[i]]);
	}
	if (untold)
		row_add(run, trial->parameter, CHECK_UNKNOWN, NULL, "%s", trial->words ? trial->words : others.data);
	else if (is_none)
		row_add(run, trial->parameter, CHECK_OK, NULL, "No format of it is understood, as the option says.");
	else
		row_add(run, trial->parameter, CHECK_DIFFERS, row_set_option(run, trial->option, "none"),
				"The service understands no format: %s.", others.data);
}
