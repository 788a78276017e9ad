/*
 * extras.c
 *	  Checks of `search` and `group_by`.
 *
 * A column for `search` needs the first (import_search); only walcu_fdw_request() sends the second.
 */
#include "postgres.h"

#include <jansson.h>

#include "check/extras.h"

#include "check/ask.h"
#include "check/row.h"
#include "check/sample.h"

/* It is an example of the vendor's own. */
#define SEARCH "created_at = $today"

/* Every document has this member, and the same value in it. */
#define GROUP_KEY "dealer_id"

static const char *describe_groups(json_t *groups, json_t **count);

/* Does the service take its own query language? */
void
extras_check_search(WalcuCheckRun *run)
{
	WalcuRequest *request = ask_list(run, run->main->resource, NULL, 1);
	WalcuCheckReply reply;

	request_add_parameter(request, "search", SEARCH);
	reply = ask_one(run, request);
	if (reply.ok && json_is_array(reply.json))
		row_add(run, "search", CHECK_OK, NULL,
				"The service takes \"" SEARCH "\", and answers with documents.");
	else if (reply.ok)
		row_add(run, "search", CHECK_DIFFERS, NULL,
				"The service takes \"" SEARCH "\", and answers with no array.");
	else
		row_add(run, "search", reply.status ? CHECK_FAILED : CHECK_UNKNOWN, NULL,
				reply.status ? "%s Columns with the option parameter 'search' cannot be used." : "%s",
				reply.failure);
}

/* What does the service make of groups? */
void
extras_check_group_by(WalcuCheckRun *run)
{
	WalcuRequest *request = ask_list(run, run->main->resource, NULL, 0);
	WalcuCheckReply reply;
	json_t *count = NULL;
	const char *shape;

	request_add_parameter(request, "group_by", "{\"" GROUP_KEY "\":\"$" GROUP_KEY "\"}");
	reply = ask_one(run, request);
	if (!reply.ok)
	{
		row_add(run, "group_by", reply.status ? CHECK_FAILED : CHECK_UNKNOWN, NULL,
				reply.status ? "%s Only walcu_fdw_request() would send it." : "%s", reply.failure);
		return;
	}
	shape = describe_groups(reply.json, &count);
	if (shape == NULL)
		row_add(run, "group_by", CHECK_OK, NULL,
				"The service groups, and answers with an array of {\"_id\": {...}, \"count\": n}.");
	else
		row_add(run, "group_by", CHECK_DIFFERS, NULL,
				"The service takes it, and answers with %s. "
				"Only walcu_fdw_request() sends it.",
				shape);
	/* all documents have the key, so that the one group has them all */
	if (json_is_integer(count) && json_integer_value(count) >= run->main->count)
		run->main->least = run->main->most = json_integer_value(count);
}

/* Returns what is otherwise than in the form that is known; NULL for nothing. */
static const char *
describe_groups(json_t *groups, json_t **count)
{
	json_t *group;

	if (!json_is_array(groups))
		return json_is_object(groups) ? "an object" : "no array";
	group = json_array_get(groups, 0);
	if (json_array_size(groups) != 1)
		return psprintf("%zu elements where one group was expected", json_array_size(groups));
	if (json_is_object(json_object_get(group, "_id")) && json_is_integer(json_object_get(group, "count")))
	{
		*count = json_object_get(group, "count");
		return NULL;
	}
	if (json_object_get(group, GROUP_KEY) != NULL)
		return "an array of objects that have the keys beside the count";
	return "an array of elements of another form";
}
