/*
 * ask.c
 *	  Requests of a check, and their replies, whatever these are.
 *
 * The checks build a request, or several that do not depend on each other, and judge what comes.  A reply
 * that fails is no error here: its words go into a row.  What is raised nevertheless is a cancel, a lack of
 * memory, or that the statement has sent as many requests as the server option max_requests allows.
 */
#include "postgres.h"

#include <jansson.h>

#include "check/ask.h"

#include "base/text.h"
#include "base/reset_callback.h"
#include "base/subtransaction.h"
#include "check/row.h"
#include "http/connection.h"
#include "http/http_error.h"
#include "http/transfer.h"
#include "miscadmin.h"

/* A request that is refused by a limit on their rate is sent again so many times, any other once. */
#define MAX_REFUSALS 3
#define MAX_MISHAPS  1

/* Milliseconds to wait before a second try, where the service does not say how long. */
#define PAUSE 300.0

/* Milliseconds between two requests when the service has refused one; they double with each refusal. */
#define FIRST_SPACING   100.0
#define LONGEST_SPACING 10000.0

/* So many replies in a row that were no refusal halve the time between two requests. */
#define FASTER_AFTER 2

/* How jansson reads a body. */
#define BODY_FLAGS (JSON_DECODE_ANY | JSON_ALLOW_NUL)

/* The length of an escape such as \u00e1. */
#define UNICODE_ESCAPE 6

/* A request on its way. */
typedef struct Question
{
	const WalcuRequest *request; /* This is asked. */
	const char *credential;      /* It has this header line, or none. */
	WalcuTransfer *transfer;     /* This is under way; NULL when nothing may be sent. */
	int refusals;                /* It was answered 429 so many times. */
	double spacing;              /* This was left between two requests when it was sent. */
	int mishaps;                 /* It failed in another way so many times. */
} Question;

static void send_question(WalcuCheckRun *run, Question *question, double delay);
static void await_reply(WalcuCheckRun *run, Question *question);
static bool is_to_repeat(const WalcuCheckRun *run, const Question *question);
static double note_refusal(WalcuCheckRun *run, const Question *question);
static void note_reply(WalcuCheckRun *run, const Question *question);
static void note_served(WalcuCheckRun *run);
static void take_reply(WalcuCheckRun *run, Question *question, WalcuCheckReply *reply);
static void raise_reply_error(void *arg);
static char *make_sentence(const char *message);
static json_t *parse_body(WalcuCheckRun *run, const WalcuTransfer *transfer);
static json_t *load_with_halves(const char *body, size_t length);
static unsigned int read_unicode_escape(const char *at, const char *end);
static void on_json_reset(void *arg);

/* Makes a request for documents of a resource; filter is NULL for any, and limit 0 for as many as come. */
WalcuRequest *
ask_list(const WalcuCheckRun *run, const char *resource, const char *filter, int limit)
{
	WalcuRequest *request = ask_path(run, "GET", resource, NULL);

	if (filter)
		request_add_parameter(request, "q", filter);
	if (limit > 0)
		request_add_parameter(request, "limit", psprintf("%d", limit));
	return request;
}

/* Makes a request for a resource, or one document of it. */
WalcuRequest *
ask_path(const WalcuCheckRun *run, const char *method, const char *resource, const char *id)
{
	WalcuRequest *request = request_create(run->options, method);

	request_add_segment(request, resource);
	if (id)
		request_add_segment(request, id);
	return request;
}

/* Sends requests that do not depend on each other, and waits for all replies. */
void
ask_all(WalcuCheckRun *run, WalcuRequest **requests, WalcuCheckReply *replies, int count)
{
	Question *questions = palloc0(count * sizeof(Question));
	MemoryContext before = MemoryContextSwitchTo(run->context);
	int ahead = 0;

	for (int i = 0; i < count; i++)
		questions[i] = (Question){.request = requests[i], .credential = run->credential};
	for (int i = 0; i < count; i++)
	{
		/* a service that has refused one gets one after the other */
		int most = run->spacing > 0 ? 1 : run->options->max_connections;

		for (ahead = Max(ahead, i); ahead < Min(i + most, count); ahead++)
			send_question(run, &questions[ahead], run->spacing);
		await_reply(run, &questions[i]);
		take_reply(run, &questions[i], &replies[i]);
	}
	MemoryContextSwitchTo(before);
	pfree(questions);
}

/* Sends a request, and waits for its reply. */
WalcuCheckReply
ask_one(WalcuCheckRun *run, WalcuRequest *request)
{
	WalcuCheckReply reply;

	ask_all(run, &request, &reply, 1);
	return reply;
}

/* The same so many milliseconds from now. */
WalcuCheckReply
ask_later(WalcuCheckRun *run, WalcuRequest *request, double delay)
{
	double spacing = run->spacing;
	int refused = run->refused;
	WalcuCheckReply reply;

	run->spacing = Max(spacing, delay);
	reply = ask_one(run, request);
	run->spacing = run->refused == refused ? spacing : Min(Max(2 * spacing, FIRST_SPACING), LONGEST_SPACING);
	return reply;
}

/* The same for what anybody may ask. */
WalcuCheckReply
ask_without_credential(WalcuCheckRun *run, WalcuRequest *request)
{
	const char *credential = run->credential;
	WalcuCheckReply reply;

	run->credential = NULL;
	reply = ask_one(run, request);
	run->credential = credential;
	return reply;
}

/* Returns how many requests may still be sent. */
int
ask_left(const WalcuCheckRun *run)
{
	return run->limit - run->sent;
}

/* Returns a text of the service as it can stand in a row. */
char *
ask_printable(const WalcuCheckRun *run, const char *text)
{
	return http_error_printable(text, run->credential);
}

static void
send_question(WalcuCheckRun *run, Question *question, double delay)
{
	WalcuAttempt attempt = {.delay = delay, .reason = WALCU_PAUSE_RATE};

	if (ask_left(run) <= 0)
	{
		run->is_starved = true;
		return;
	}
	if (question->refusals + question->mishaps > 0)
		attempt.reason = WALCU_PAUSE_RETRY;
	run->sent++;
	question->spacing = run->spacing;
	question->transfer =
		transfer_start(run->context, run->options, question->credential, question->request, &attempt);
}

/* Waits until a reply is there that is not to be asked for again. */
static void
await_reply(WalcuCheckRun *run, Question *question)
{
	while (question->transfer)
	{
		double delay = PAUSE;

		while (!question->transfer->done)
			transfer_advance(question->transfer, true);
		note_reply(run, question);
		if (question->transfer->status == 429)
			delay = note_refusal(run, question);
		if (!is_to_repeat(run, question))
			return;
		if (question->transfer->status == 429)
			question->refusals++;
		else
			question->mishaps++;
		transfer_release(question->transfer);
		send_question(run, question, delay);
	}
}

static bool
is_to_repeat(const WalcuCheckRun *run, const Question *question)
{
	const WalcuTransfer *transfer = question->transfer;

	if (ask_left(run) <= 0 || transfer->retry_after * 1000 > run->options->max_retry_wait)
		return false;
	if (transfer->status == 429)
		return question->refusals < MAX_REFUSALS;
	/* a write that may have arrived is not sent again */
	if (!request_is_read(question->request))
		return false;
	if (transfer->status >= 500)
		return !run->asks_once && question->mishaps < MAX_MISHAPS;
	return transfer->failure.kind == WALCU_CURL_ERROR_CURL && run->took_count > 0 &&
		   question->mishaps < MAX_MISHAPS;
}

/*
 * Goes slower from now on, unless the service says that there is nothing to wait for.  Returns how long to
 * wait now, in milliseconds.
 */
static double
note_refusal(WalcuCheckRun *run, const Question *question)
{
	const WalcuTransfer *transfer = question->transfer;

	run->refused++;
	run->served_in_row = 0;
	run->retry_after = Max(run->retry_after, transfer->retry_after);
	if (transfer->head.retry_after[0] && transfer->retry_after <= 0)
	{
		run->spacing = Max(run->spacing, FIRST_SPACING);
		return FIRST_SPACING;
	}
	/* others that were under way with it do not tell anew */
	if (question->spacing >= run->spacing)
		run->spacing = Min(run->spacing > 0 ? 2 * run->spacing : FIRST_SPACING, LONGEST_SPACING);
	return transfer->retry_after > 0 ? transfer->retry_after * 1000 + PAUSE : Max(run->spacing, 1000);
}

/* Goes faster again, and notes when the reply came, once requests were refused. */
static void
note_served(WalcuCheckRun *run)
{
	if (run->refused == 0)
		return;
	if (run->served < lengthof(run->served_at))
		run->served_at[run->served++] = walcu_curl_multi_now();
	if (++run->served_in_row % FASTER_AFTER == 0)
		run->spacing = Max(run->spacing / 2, FIRST_SPACING);
}

/* What is to be known of all replies alike. */
static void
note_reply(WalcuCheckRun *run, const Question *question)
{
	const WalcuTransfer *transfer = question->transfer;

	if (transfer->tls[0])
		strlcpy(run->tls, transfer->tls, sizeof(run->tls));
	if (transfer->status == 0)
		return;
	strlcpy(run->version, transfer->head.version, sizeof(run->version));
	run->is_encoded |= transfer->head.is_encoded;
	if (transfer->head.rate[0])
		strlcpy(run->rate, transfer->head.rate, sizeof(run->rate));
	run->took_least = run->took_count > 0 ? Min(run->took_least, transfer->took) : transfer->took;
	if (transfer->status != 429)
		note_served(run);
	run->took_sum += transfer->took;
	run->took_count++;
}

static void
take_reply(WalcuCheckRun *run, Question *question, WalcuCheckReply *reply)
{
	WalcuTransfer *transfer = question->transfer;

	memset(reply, 0, sizeof(WalcuCheckReply));
	reply->asked = transfer != NULL;
	if (transfer == NULL)
	{
		reply->failure = psprintf("This was not asked, as the check may send %s at most.",
								  text_counted(run->limit, "request"));
		return;
	}
	reply->status = transfer->status;
	reply->head = transfer->head;
	reply->took = transfer->took;
	if (transfer->status / 100 == 3)
		reply->redirect = transfer_redirect_url(transfer);
	reply->failure = ask_try(run->context, raise_reply_error, question, &reply->hint);
	if (transfer->length > 0)
		reply->json = parse_body(run, transfer);
	if (reply->failure == NULL && reply->json == NULL && !question->request->is_download)
		reply->failure = "The reply is not JSON.";
	reply->ok = reply->failure == NULL;
	/* a limit on requests says nothing of what was asked */
	if (reply->status == 429)
	{
		reply->asked = false;
		reply->status = 0;
	}
	transfer_release(transfer);
	question->transfer = NULL;
}

/* Raises what a query would raise about a reply. */
static void
raise_reply_error(void *arg)
{
	const Question *question = arg;

	http_error_check(question->transfer, question->credential);
}

/*
 * Does work that may raise an error.  Returns that as a sentence, with its hint where that is wanted, and
 * NULL when nothing was raised.  The work allocates in the memory context, and what it changed is undone when
 * it fails.
 */
char *
ask_try(MemoryContext context, void (*work)(void *arg), void *arg, const char **hint)
{
	MemoryContext before = MemoryContextSwitchTo(context);
	ErrorData *error = subtransaction_try(work, arg);
	char *words = NULL;

	if (error && ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_OPERATOR_INTERVENTION)
		ReThrowError(error);
	if (error)
		words = make_sentence(error->message);
	if (error && hint)
		*hint = error->hint;
	MemoryContextSwitchTo(before);
	return words;
}

/* Returns a message of PostgreSQL as a sentence. */
static char *
make_sentence(const char *message)
{
	return psprintf("%c%s%s", pg_toupper((unsigned char) message[0]), message + 1,
					message[strlen(message) - 1] == '.' ? "" : ".");
}

/* The value lives as long as the run. */
static json_t *
parse_body(WalcuCheckRun *run, const WalcuTransfer *transfer)
{
	MemoryContextCallback *callback = reset_callback_add(run->context, on_json_reset, NULL);

	callback->arg = json_loadb(transfer->data, transfer->length, BODY_FLAGS, NULL);
	if (callback->arg == NULL)
		callback->arg = load_with_halves(transfer->data, transfer->length);
	return callback->arg;
}

/*
 * Parses a body that may have halves of surrogate pairs, which JavaScript's texts can hold and jansson
 * refuses: each becomes \u0000, which is as little a character to PostgreSQL.
 */
static json_t *
load_with_halves(const char *body, size_t length)
{
	char *copy = pnstrdup(body, length);
	const char *end = copy + length;
	json_t *document;

	for (char *at = copy; (at = memchr(at, '\\', end - at)) != NULL;)
	{
		unsigned int unit = read_unicode_escape(at, end);
		bool is_pair = unit >= 0xD800 && unit <= 0xDBFF &&
					   (read_unicode_escape(at + UNICODE_ESCAPE, end) & 0xFC00) == 0xDC00;

		if (unit >= 0xD800 && unit <= 0xDFFF && !is_pair)
			memset(at + 2, '0', 4);
		at += is_pair ? 2 * UNICODE_ESCAPE : unit > 0 ? UNICODE_ESCAPE : Min(2, end - at);
	}
	document = json_loadb(copy, length, BODY_FLAGS, NULL);
	pfree(copy);
	return document;
}

/* Returns the number that an escape such as \u00e1 has; 0 when no such one stands there. */
static unsigned int
read_unicode_escape(const char *at, const char *end)
{
	char digits[5] = "";

	if (end - at < UNICODE_ESCAPE || at[0] != '\\' || at[1] != 'u')
		return 0;
	memcpy(digits, at + 2, 4);
	return strspn(digits, "0123456789abcdefABCDEF") == 4 ? (unsigned int) strtoul(digits, NULL, 16) : 0;
}

static void
on_json_reset(void *arg)
{
	json_decref(arg);
}
