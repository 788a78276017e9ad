/*
 * operators.c
 *	  Checks of the operators that filters have, each on values of each type.
 *
 * One request asks many conditions (arms.c), each of documents of its own.  Where it is refused, each
 * operator is asked by itself, and then each condition.  What is missing from a reply would be missing from
 * a query.
 */
#include "postgres.h"

#include <jansson.h>

#include "check/operators.h"

#include "base/text.h"
#include "check/arms.h"
#include "check/ask.h"
#include "check/patterns.h"
#include "check/row.h"
#include "check/sample.h"
#include "lib/stringinfo.h"
#include "nodes/bitmapset.h"

/* A request has a condition of so many bytes at most, and a family of operators so many requests. */
#define LONGEST_CONDITION 6500
#define MOST_BATCHES      3

/* Conditions are asked one by one only if so many requests are left for what follows. */
#define RESERVE 14

#define T(type) (1 << ARM_##type)

/* The operators, as conditions use them (pushdown/), in families that share requests. */
static const struct
{
	const char *name;
	int family;
	WalcuArmTest test;
	uint32 types;
} operators[] = {
	{"$eq", 0, ARM_EQ, T(STRING) | T(NUMBER) | T(BOOLEAN) | T(DATE) | T(ARRAY) | T(ID)},
	{"$eq null", 0, ARM_EQ_NULL, T(STRING) | T(NUMBER) | T(BOOLEAN) | T(DATE)},
	{"$in", 0, ARM_IN, T(STRING) | T(NUMBER) | T(DATE) | T(ARRAY) | T(ID)},
	{"$ne null", 0, ARM_NE_NULL, T(STRING) | T(NUMBER) | T(BOOLEAN) | T(DATE)},
	{"$nin", 0, ARM_NIN, T(STRING) | T(NUMBER) | T(BOOLEAN) | T(DATE)},
	{"$gt", 1, ARM_GT, T(STRING) | T(NUMBER) | T(DATE) | T(ID)},
	{"$gte", 1, ARM_GTE, T(STRING) | T(NUMBER) | T(DATE) | T(ID)},
	{"$lt", 1, ARM_LT, T(STRING) | T(NUMBER) | T(DATE) | T(ID)},
	{"$lte", 1, ARM_LTE, T(STRING) | T(NUMBER) | T(DATE) | T(ID)},
	{"$exists", 2, ARM_EXISTS, T(STRING) | T(NUMBER) | T(DATE) | T(OBJECT)},
	{"$exists", 2, ARM_EXISTS_NOT, T(STRING) | T(OBJECT)},
	{"$type", 2, ARM_IS_TYPE, T(STRING) | T(NUMBER) | T(BOOLEAN) | T(DATE) | T(ARRAY) | T(OBJECT)},
	{"$not", 2, ARM_IS_NOT_TYPE, T(STRING) | T(NUMBER) | T(BOOLEAN) | T(DATE)},
	{"$and", 2, ARM_AND, T(STRING) | T(NUMBER) | T(DATE)},
	{"$or", 2, ARM_OR, T(STRING) | T(NUMBER) | T(DATE)},
	{"$nor", 2, ARM_NOR, T(STRING) | T(NUMBER)},
};

/* Patterns are the last family. */
#define REGEX_FAMILY 3
#define FAMILIES     4
#define REGEX_NAME   "$regex"

/* Arms that are asked in one request. */
typedef struct Batch
{
	List *arms;      /* These (WalcuArm) are asked. */
	Bitmapset *used; /* These documents they have. */
	int length;      /* The condition has so many bytes. */
	int family;      /* They are all of this family. */
} Batch;

/* What is made of the sample. */
typedef struct Trials
{
	WalcuCheckRun *run; /* It belongs to this run. */
	List *batches;      /* These (Batch) are asked. */
	List *untried;      /* For these names ("$gt number") there are no documents. */
	int most_arms;      /* A request has so many arms at most: one document of each fits a page. */
	bool q_is_ignored;  /* Documents came that no condition names. */
} Trials;

static void plan_family(Trials *trials, int family);
static void add_trial(Trials *trials, int family, int number, WalcuArmType type);
static WalcuArm *make_arm(const WalcuCheckSample *sample, const Bitmapset *used, int family, int number,
						  WalcuArmType type);
static Batch *open_batch(Trials *trials, int family);
static void ask_refused(Trials *trials, List *(*split)(List *arms));
static void ask_batches(Trials *trials, List *lists);
static void judge_reply(Trials *trials, List *arms, const WalcuCheckReply *reply);
static List *split_by_operator(List *arms);
static List *split_by_arm(List *arms);
static List *list_refused(const Trials *trials);
static void add_operator_row(Trials *trials, const char *name);
static bool is_first_of_name(int number);
static char *list_arms(const Trials *trials, const char *name, bool (*is_so)(const WalcuArm *arm));
static const WalcuArm *find_arm(const Trials *trials, const char *name, const char *about,
								bool (*is_so)(const WalcuArm *arm));
static bool is_any(const WalcuArm *arm);
static bool lacks_documents(const WalcuArm *arm);
static bool has_too_many(const WalcuArm *arm);
static bool was_refused(const WalcuArm *arm);
static bool is_right(const WalcuArm *arm);
static bool was_left_out(const WalcuArm *arm);
static char *list_untried(const Trials *trials, const char *name);
static void append_part(StringInfo text, const char *words, const char *list);

/* Does each operator bring what PostgreSQL would find? */
void
operators_check(WalcuCheckRun *run)
{
	Trials trials = {.run = run, .most_arms = run->page_cap > 0 ? run->page_cap : PG_INT32_MAX};
	List *lists = NIL;
	ListCell *lc;

	if (!run->options->pushdown)
	{
		row_add(run, "q", CHECK_OK, NULL,
				"The option pushdown is off, so that no condition is sent. Drop it to have them checked.");
		return;
	}
	for (int family = 0; family < FAMILIES; family++)
		plan_family(&trials, family);
	foreach(lc, trials.batches)
		lists = lappend(lists, ((Batch *) lfirst(lc))->arms);
	run->asks_once = true;
	ask_batches(&trials, lists);
	if (trials.q_is_ignored)
	{
		run->asks_once = false;
		row_add(run, "q", CHECK_FAILED, row_set_option(run, "pushdown", "false"),
				"The service ignores conditions: documents came that they exclude.");
		row_add(run, "q paging", CHECK_FAILED, row_set_option(run, "paging", "skip"),
				"Pages by key need conditions, too.");
		return;
	}
	ask_refused(&trials, split_by_operator);
	ask_refused(&trials, split_by_arm);
	run->asks_once = false;
	for (int i = 0; i < lengthof(operators); i++)
	{
		if (is_first_of_name(i))
			add_operator_row(&trials, operators[i].name);
	}
	add_operator_row(&trials, REGEX_NAME);
}

/* Asks what was refused in smaller parts, as far as that leaves enough requests for what follows. */
static void
ask_refused(Trials *trials, List *(*split)(List *arms))
{
	List *lists = NIL;
	ListCell *lc;

	foreach(lc, list_refused(trials))
		lists = list_concat(lists, split(lfirst(lc)));
	if (ask_left(trials->run) - list_length(lists) >= RESERVE)
		ask_batches(trials, lists);
}

/* Makes the arms of all operators of a family. */
static void
plan_family(Trials *trials, int family)
{
	if (family == REGEX_FAMILY)
	{
		for (int i = 0; i < patterns_count(); i++)
			add_trial(trials, family, i, ARM_STRING);
		return;
	}
	for (int i = 0; i < lengthof(operators); i++)
	{
		for (int type = 0; type < ARM_TYPES && operators[i].family == family; type++)
		{
			if (operators[i].types & (1 << type))
				add_trial(trials, family, i, type);
		}
	}
}

/* Adds an arm to the first batch of the family that has documents for it, and room. */
static void
add_trial(Trials *trials, int family, int number, WalcuArmType type)
{
	const WalcuCheckSample *sample = trials->run->main;
	const char *name = family == REGEX_FAMILY ? REGEX_NAME : operators[number].name;
	WalcuArm *arm = make_arm(sample, NULL, family, number, type);
	Batch *batch = NULL;
	int length;
	ListCell *lc;

	if (arm == NULL)
	{
		if (family != REGEX_FAMILY)
			trials->untried = lappend(trials->untried, psprintf("%s %s", name, arms_type_name(type)));
		return;
	}
	length = request_encoded_length(arms_condition(sample, list_make1(arm)));
	foreach(lc, trials->batches)
	{
		Batch *other = lfirst(lc);
		WalcuArm *fitting = other->family == family && other->length + length < LONGEST_CONDITION &&
									list_length(other->arms) < trials->most_arms
								? make_arm(sample, other->used, family, number, type)
								: NULL;

		if (fitting)
		{
			arm = fitting;
			batch = other;
			break;
		}
	}
	if (batch == NULL)
		batch = open_batch(trials, family);
	if (batch == NULL)
	{
		trials->untried = lappend(trials->untried, psprintf("%s %s", name, arm->about));
		return;
	}
	arm->operator_name = name;
	batch->arms = lappend(batch->arms, arm);
	batch->length += request_encoded_length(arms_condition(sample, list_make1(arm)));
	for (int i = 0; i < lengthof(arm->documents); i++)
		batch->used = bms_add_member(batch->used, arm->documents[i]);
}

static WalcuArm *
make_arm(const WalcuCheckSample *sample, const Bitmapset *used, int family, int number, WalcuArmType type)
{
	if (family == REGEX_FAMILY)
		return patterns_make(sample, used, number);
	return arms_make(sample, used, operators[number].test, type);
}

/* NULL when the family has as many requests as it may. */
static Batch *
open_batch(Trials *trials, int family)
{
	int count = 0;
	Batch *batch;
	ListCell *lc;

	foreach(lc, trials->batches)
		count += ((Batch *) lfirst(lc))->family == family;
	if (count >= MOST_BATCHES)
		return NULL;
	batch = palloc0(sizeof(Batch));
	batch->family = family;
	trials->batches = lappend(trials->batches, batch);
	return batch;
}

/* Asks each list of arms in a request of its own. */
static void
ask_batches(Trials *trials, List *lists)
{
	WalcuCheckRun *run = trials->run;
	int count = list_length(lists);
	WalcuRequest **requests = palloc(count * sizeof(WalcuRequest *));
	WalcuCheckReply *replies = palloc(count * sizeof(WalcuCheckReply));

	for (int i = 0; i < count; i++)
		requests[i] = ask_list(run, run->main->resource, arms_condition(run->main, list_nth(lists, i)), 0);
	ask_all(run, requests, replies, count);
	for (int i = 0; i < count; i++)
		judge_reply(trials, list_nth(lists, i), &replies[i]);
}

static void
judge_reply(Trials *trials, List *arms, const WalcuCheckReply *reply)
{
	const WalcuCheckSample *sample = trials->run->main;
	Bitmapset *came = NULL;
	Bitmapset *asked = NULL;
	ListCell *lc;

	for (size_t i = 0; reply->ok && i < json_array_size(reply->json); i++)
	{
		json_t *id = json_object_get(json_array_get(reply->json, i), "_id");
		int document = json_is_string(id) ? sample_find_id(sample, json_string_value(id)) : -1;

		if (document >= 0)
			came = bms_add_member(came, document);
		else
			trials->q_is_ignored = true;
	}
	foreach(lc, arms)
	{
		WalcuArm *arm = lfirst(lc);

		/* what was not asked was not refused */
		arm->refusal = reply->asked ? reply->failure : NULL;
		arm->silence = reply->asked ? NULL : reply->failure;
		arm->answered = reply->ok;
		arm->alone = list_length(arms) == 1;
		for (int i = 0; i < lengthof(arm->documents); i++)
		{
			bool here = bms_is_member(arm->documents[i], came);

			asked = bms_add_member(asked, arm->documents[i]);
			arm->lacks |= reply->ok && arm->expected[i] && !here;
			arm->exceeds |= reply->ok && !arm->expected[i] && here;
		}
	}
	trials->q_is_ignored |= !bms_is_subset(came, asked);
}

/* Returns the lists of arms (of List) that were refused together. */
static List *
list_refused(const Trials *trials)
{
	List *lists = NIL;
	ListCell *lc;

	foreach(lc, trials->batches)
	{
		List *refused = NIL;
		ListCell *cell;

		foreach(cell, ((Batch *) lfirst(lc))->arms)
		{
			if (((WalcuArm *) lfirst(cell))->refusal)
				refused = lappend(refused, lfirst(cell));
		}
		if (refused != NIL)
			lists = lappend(lists, refused);
	}
	return lists;
}

/* Arms of one operator stand together. */
static List *
split_by_operator(List *arms)
{
	List *lists = NIL;
	const char *name = NULL;
	ListCell *lc;

	foreach(lc, arms)
	{
		WalcuArm *arm = lfirst(lc);

		if (name && strcmp(name, arm->operator_name) == 0)
			llast(lists) = lappend(llast(lists), arm);
		else
			lists = lappend(lists, list_make1(arm));
		name = arm->operator_name;
	}
	return lists;
}

static List *
split_by_arm(List *arms)
{
	List *lists = NIL;
	ListCell *lc;

	foreach(lc, arms)
	{
		if (!((WalcuArm *) lfirst(lc))->alone)
			lists = lappend(lists, list_make1(lfirst(lc)));
	}
	return lists;
}

static bool
is_first_of_name(int number)
{
	for (int i = 0; i < number; i++)
	{
		if (strcmp(operators[i].name, operators[number].name) == 0)
			return false;
	}
	return true;
}

/* One row for an operator, with what came of each type. */
static void
add_operator_row(Trials *trials, const char *name)
{
	WalcuCheckRun *run = trials->run;
	const char *words = NULL;
	char *lacking = list_arms(trials, name, lacks_documents);
	char *exceeding = list_arms(trials, name, has_too_many);
	char *refused = list_arms(trials, name, was_refused);
	char *right = list_arms(trials, name, is_right);
	char *untried = list_untried(trials, name);
	char *left_out = list_arms(trials, name, was_left_out);
	StringInfoData text;

	initStringInfo(&text);
	append_part(&text, "Right for", right);
	append_part(&text, "Documents are missing for", lacking);
	append_part(&text, "Too many documents come for", exceeding);
	append_part(&text, "Refused for", refused);
	append_part(&text, "Not tried, for lack of documents that tell:", untried);
	append_part(&text, "Not found out for", left_out);
	if (text.len == 0)
		appendStringInfoString(&text, "There are no documents that tell.");
	if (refused)
		words = find_arm(trials, name, NULL, was_refused)->refusal;
	else if (left_out)
		words = find_arm(trials, name, NULL, was_left_out)->silence;
	row_add(run, psprintf("q %s", name),
			lacking || exceeding || refused ? CHECK_DIFFERS
			: right                         ? CHECK_OK
											: CHECK_UNKNOWN,
			lacking ? row_set_option(run, "pushdown", "false") : NULL, "%s%s%s%s", text.data,
			words ? " " : "", words ? words : "",
			refused && !lacking ? " PostgreSQL looks at all documents instead." : "");
}

/* Returns the types, and then patterns, of an operator of which something is so; NULL for none. */
static char *
list_arms(const Trials *trials, const char *name, bool (*is_so)(const WalcuArm *arm))
{
	StringInfoData list;

	initStringInfo(&list);
	for (int type = 0; type < ARM_TYPES; type++)
	{
		if (find_arm(trials, name, arms_type_name(type), is_so))
			row_append_name(&list, arms_type_name(type));
	}
	for (int pattern = 0; pattern < patterns_count(); pattern++)
	{
		if (find_arm(trials, name, patterns_name(pattern), is_so))
			row_append_name(&list, patterns_name(pattern));
	}
	return list.len > 0 ? list.data : NULL;
}

/* Returns an arm about a type, or a pattern, of which something is so, or NULL; about may be NULL for any. */
static const WalcuArm *
find_arm(const Trials *trials, const char *name, const char *about, bool (*is_so)(const WalcuArm *arm))
{
	ListCell *lc;

	foreach(lc, trials->batches)
	{
		ListCell *cell;

		foreach(cell, ((Batch *) lfirst(lc))->arms)
		{
			const WalcuArm *arm = lfirst(cell);

			if (strcmp(arm->operator_name, name) == 0 && (about == NULL || strcmp(arm->about, about) == 0) &&
				is_so(arm))
				return arm;
		}
	}
	return NULL;
}

static bool
lacks_documents(const WalcuArm *arm)
{
	return arm->lacks;
}

static bool
has_too_many(const WalcuArm *arm)
{
	return arm->exceeds && !arm->lacks;
}

static bool
was_refused(const WalcuArm *arm)
{
	return arm->refusal != NULL;
}

static bool
is_right(const WalcuArm *arm)
{
	return arm->answered && !arm->lacks && !arm->exceeds;
}

static bool
was_left_out(const WalcuArm *arm)
{
	return arm->silence != NULL;
}

/* Returns the types of an operator for which there are no documents; NULL for none. */
static char *
list_untried(const Trials *trials, const char *name)
{
	StringInfoData list;

	initStringInfo(&list);
	for (int type = 0; type < ARM_TYPES; type++)
	{
		const char *about = arms_type_name(type);

		if (!find_arm(trials, name, about, is_any) &&
			text_in_list(trials->untried, psprintf("%s %s", name, about)))
			row_append_name(&list, about);
	}
	return list.len > 0 ? list.data : NULL;
}

static bool
is_any(const WalcuArm *arm)
{
	return true;
}

static void
append_part(StringInfo text, const char *words, const char *list)
{
	if (list)
		appendStringInfo(text, "%s%s %s.", text->len > 0 ? " " : "", words, list);
}
