/*
 * note.c
 *	  A check of writes, on one note that is made for it and deleted again.
 *
 * It is run only where the user lets it write.  Each form of change that the extension sends is made to the
 * note, and what the service answers is compared.  A note that cannot be deleted is named in its row, or by
 * the error that ends the check.
 */
#include "postgres.h"

#include <jansson.h>

#include "check/note.h"

#include "base/objectid.h"
#include "base/url.h"
#include "check/ask.h"
#include "check/row.h"
#include "check/sample.h"
#include "pushdown/filter.h"

/* The note is a document of this resource. */
#define RESOURCE "notes"

/* No document of the service has a field with this name. */
#define UNKNOWN_FIELD "walcu_fdw_check"

/* What a person reads who finds the note. */
#define CONTENT "This note was made by walcu_fdw_check and will be deleted by it."

/* A change to the note, and what should come of it. */
typedef struct NoteChange
{
	const char *name;     /* The row is called so. */
	const char *patch;    /* This is sent. */
	const char *path;     /* It changes this place. */
	const char *expected; /* The place has this JSON then; NULL for nothing. */
	const char *words;    /* It is said in these words. */
} NoteChange;

static const NoteChange changes[] = {
	{"write add", "[{\"op\":\"add\",\"path\":\"/content\",\"value\":\"changed\"}]", "content", "\"changed\"",
	 "add sets a member"},
	{"write remove", "[{\"op\":\"remove\",\"path\":\"/content\"}]", "content", NULL,
	 "remove takes a member away"},
	{"write remove nothing", "[{\"op\":\"remove\",\"path\":\"/content\"}]", "content", NULL,
	 "remove of a member that is missing does nothing"},
	{"write add and remove",
	 "[{\"op\":\"add\",\"path\":\"/content\",\"value\":null},{\"op\":\"remove\",\"path\":\"/content\"}]",
	 "content", NULL, "add of null and remove leave nothing"},
	{"write array", "[{\"op\":\"add\",\"path\":\"/foreign_ids\",\"value\":[\"a\",\"b\"]}]", "foreign_ids",
	 "[\"a\",\"b\"]", "add sets a whole array"},
	{"write below nothing", "[{\"op\":\"add\",\"path\":\"/notification/done\",\"value\":true}]",
	 "notification.done", "true", "add below a missing object makes the object"},
	{"write free form", "[{\"op\":\"add\",\"path\":\"/custom/a\",\"value\":{\"b\":1}}]", "custom",
	 "{\"a\":{\"b\":1}}", "add sets a member of a free form"},
	{"write date",
	 "[{\"op\":\"add\",\"path\":\"/notification/done_at\",\"value\":\"2020-01-02T03:04:05.678Z\"}]",
	 "notification.done_at", "\"2020-01-02T03:04:05.678Z\"", "dates keep their milliseconds"},
};

static char *make_note(WalcuCheckRun *run);
static void add_id_row(WalcuCheckRun *run, const char *wanted, const char *id);
static void change_note(WalcuCheckRun *run, const char *id, const NoteChange *change);
static bool is_as_expected(json_t *note, const NoteChange *change);
static void check_microseconds(WalcuCheckRun *run, const char *id);
static void replace_note(WalcuCheckRun *run, const char *id);
static void delete_note(WalcuCheckRun *run, const char *id);
static WalcuCheckReply send_write(WalcuCheckRun *run, const char *method, const char *id, const char *body);
static json_t *get_note(const WalcuCheckReply *reply);
static void tell_note(void *arg);

/* Makes a note, changes it in all ways, and deletes it. */
void
note_check_writes(WalcuCheckRun *run)
{
	ErrorContextCallback callback = {.callback = tell_note};
	char *id = make_note(run);

	if (id == NULL)
		return;
	callback.arg = id;
	callback.previous = error_context_stack;
	error_context_stack = &callback;
	for (int i = 0; i < lengthof(changes); i++)
		change_note(run, id, &changes[i]);
	check_microseconds(run, id);
	replace_note(run, id);
	delete_note(run, id);
	error_context_stack = callback.previous;
}

/* Returns the _id of a new note; NULL, with a row, when there is none. */
static char *
make_note(WalcuCheckRun *run)
{
	char *wanted = objectid_create();
	char *body = psprintf("{\"_id\":\"%s\",\"content\":\"" CONTENT "\",\"" UNKNOWN_FIELD "\":\"x\"}", wanted);
	WalcuCheckReply reply = send_write(run, "POST", NULL, body);
	json_t *note = get_note(&reply);
	const char *id = json_string_value(json_object_get(note, "_id"));

	if (id == NULL && reply.status == 0 && reply.asked)
		row_add(run, "write create", CHECK_UNKNOWN, NULL,
				"%s The note %s may have been made: look for it, and delete it.", reply.failure, wanted);
	else if (id == NULL)
		row_add(run, "write create", CHECK_FAILED, NULL, "%s",
				reply.failure ? reply.failure : "The answer has no _id.");
	if (id == NULL)
		return NULL;
	if (!url_is_plain_segment(id))
	{
		row_add(run, "write create", CHECK_FAILED, NULL,
				"The note's _id %s cannot stand in a URL. Delete it.", ask_printable(run, id));
		return NULL;
	}
	row_add(run, "write create", CHECK_OK, NULL, "A note was made, to be deleted again.");
	add_id_row(run, wanted, id);
	row_add(run, "write unknown field", CHECK_OK, NULL, "A field that the description lacks is %s.",
			json_object_get(note, UNKNOWN_FIELD) ? "kept" : "dropped without a word");
	return pstrdup(id);
}

/* An _id that is made here lets an INSERT be tried again. */
static void
add_id_row(WalcuCheckRun *run, const char *wanted, const char *id)
{
	bool is_kept = strcmp(wanted, id) == 0;
	bool is_said = run->options->client_ids;

	row_add(run, "write _id", is_kept == is_said ? CHECK_OK : CHECK_DIFFERS,
			is_kept == is_said ? NULL : row_set_option(run, "client_ids", is_kept ? "true" : "false"),
			is_kept ? "The service keeps the _id of a new document%s."
					: "The service makes the _id of a new document itself%s.",
			is_kept == is_said ? ", as the option client_ids says"
			: is_kept          ? ": with the option client_ids an INSERT can be tried again"
							   : ", and the option client_ids says otherwise");
}

static void
change_note(WalcuCheckRun *run, const char *id, const NoteChange *change)
{
	WalcuCheckReply reply = send_write(run, "PATCH", id, change->patch);
	char *advice = row_set_option(run, "update_method", "put");

	if (!reply.ok)
		row_add(run, change->name, reply.status ? CHECK_DIFFERS : CHECK_UNKNOWN, reply.status ? advice : NULL,
				"Expected was that %s. %s", change->words, reply.failure);
	else if (is_as_expected(get_note(&reply), change))
		row_add(run, change->name, CHECK_OK, NULL, "%c%s.", pg_toupper((unsigned char) change->words[0]),
				change->words + 1);
	else
		row_add(run, change->name, CHECK_DIFFERS, advice,
				"Expected was that %s, and the answer is another one.", change->words);
}

static bool
is_as_expected(json_t *note, const NoteChange *change)
{
	json_t *value = NULL;

	if (note == NULL || !sample_value(note, change->path, &value))
		return false;
	if (change->expected == NULL)
		return value == NULL || json_is_null(value);
	return value && strcmp(sample_json(value), change->expected) == 0;
}

/* The extension rounds to milliseconds by itself: this says why. */
static void
check_microseconds(WalcuCheckRun *run, const char *id)
{
	WalcuCheckReply reply = send_write(
		run, "PATCH", id,
		"[{\"op\":\"add\",\"path\":\"/notification/done_at\",\"value\":\"2020-01-02T03:04:05.678901Z\"}]");
	json_t *value = NULL;
	const char *text;

	if (!reply.ok || get_note(&reply) == NULL ||
		!sample_value(get_note(&reply), "notification.done_at", &value))
	{
		row_add(run, "write microseconds", CHECK_DIFFERS, NULL, "A date with microseconds is refused. %s",
				reply.failure ? reply.failure : "");
		return;
	}
	text = json_string_value(value);
	row_add(run, "write microseconds", CHECK_OK, NULL, "Of a date with microseconds the service keeps %s.",
			text && strstr(text, "678901") ? "all" : "the milliseconds");
}

static void
replace_note(WalcuCheckRun *run, const char *id)
{
	WalcuCheckReply reply =
		send_write(run, "PUT", id, psprintf("{\"_id\":%s,\"content\":\"replaced\"}", filter_string(id)));
	json_t *note = get_note(&reply);

	if (!reply.ok)
		row_add(run, "write put", CHECK_FAILED, NULL, "%s The option update_method must stay 'patch'.",
				reply.failure);
	else if (note && json_object_get(note, "content") &&
			 json_array_size(json_object_get(note, "foreign_ids")) == 0)
		row_add(run, "write put", CHECK_OK, NULL, "PUT replaces the whole document.");
	else
		row_add(run, "write put", CHECK_DIFFERS, NULL,
				"PUT leaves what it does not name. With the option update_method 'put', no column can be set "
				"to NULL.");
}

static void
delete_note(WalcuCheckRun *run, const char *id)
{
	WalcuCheckReply reply = send_write(run, "DELETE", id, NULL);

	if (reply.ok || reply.status == 204)
		row_add(run, "write delete", CHECK_OK, NULL, "The note was deleted.");
	else
		row_add(run, "write delete", CHECK_FAILED,
				psprintf("SELECT walcu_fdw_request(%s, 'DELETE', '/" RESOURCE "/%s')",
						 row_quote_literal(run->options->server_name), ask_printable(run, id)),
				"The note %s is still there. %s", ask_printable(run, id), reply.failure);
}

static WalcuCheckReply
send_write(WalcuCheckRun *run, const char *method, const char *id, const char *body)
{
	WalcuRequest *request = ask_path(run, method, RESOURCE, id);

	request->body = body;
	return ask_one(run, request);
}

/* Returns the document of an answer; NULL when there is none. */
static json_t *
get_note(const WalcuCheckReply *reply)
{
	json_t *note = json_is_array(reply->json) ? json_array_get(reply->json, 0) : reply->json;

	return reply->ok && json_is_object(note) ? note : NULL;
}

/* Whatever ends the check may leave the note behind. */
static void
tell_note(void *arg)
{
	errcontext("check of writes, on the note %s, which may still be there", (const char *) arg);
}
