/*
 * writer.c
 *	  Send writes, several at a time, and find out what became of each.
 *
 * modify.c and direct_modify.c make the requests.  A write is confirmed by the service, or it is an
 * error; before that is raised, the writes that are under way come to their end, so that it can tell
 * of each row whether it was written.  Where no reply tells, the write is never sent again,
 * unless its _id was made here: then the service can be asked, and refuses a second one.
 *
 * A patch may depend on what the document is like around the places that it sets.  Then the document is read,
 * first or when the patch was refused, and the patch is made of it anew.
 */
#include "postgres.h"

#include "modify/writer.h"

#include "base/text.h"
#include "base/url.h"
#include "base/utf8.h"
#include "http/curl_error.h"
#include "http/http_error.h"
#include "http/redact.h"
#include "http/retry.h"
#include "modify/ignored_write.h"
#include "modify/remake.h"
#include "modify/write_reply.h"
#include "utils/memutils.h"

/* A document with an _id that was made here is sent so many times at most. */
#define ATTEMPTS 3

/* Milliseconds that are waited at once: what has not begun does not say how long it may take. */
#define LONGEST_WAIT 1000

#define DONE_HINT "The service answered that the request was carried out."

static void start_request(WalcuWrite *write, WalcuRequest *request, const WalcuAttempt *attempt);
static void advance_write(WalcuWrite *write, bool wait);
static void take_in_reply(WalcuWrite *write, bool wait);
static void on_reply(WalcuWrite *write);
static void send_again(WalcuWrite *write);
static void on_failure(WalcuWrite *write, ErrorData *error);
static void look_up(WalcuWrite *write, ErrorData *error);
static void read_document_again(WalcuWrite *write);
static void send_remade(WalcuWrite *write);
static void settle_write(WalcuWrite *write, WalcuOutcome outcome);
static void fail_write(WalcuWrite *write, ErrorData *error);
static void keep_failure(WalcuWrite *write, ErrorData *error);
static bool is_outcome_unknown(const WalcuWrite *write, const ErrorData *error);
static void check_kept(WalcuWrite *write);
static void note_not_kept(WalcuWrite *write);

/* Makes a writer of one table's documents.  All of it is in a context below parent. */
WalcuWriter *
writer_open(MemoryContext parent, const WalcuOptions *options, const char *credential,
			WalcuWriteLog *write_log)
{
	MemoryContext context = AllocSetContextCreate(parent, "walcu writer", ALLOCSET_START_SMALL_SIZES);
	WalcuWriter *writer = MemoryContextAllocZero(context, sizeof(WalcuWriter));

	writer->options = options;
	writer->credential = credential;
	writer->write_log = write_log;
	writer->context = context;
	writer->advance = advance_write;
	writer->ignored.options = options;
	writer->ignored.context = context;
	writers_add(writer);
	write_log_add_place(write_log, options);
	return writer;
}

/* What a write is sent with, and its reply may repeat. */
const char *
writer_credential(const WalcuWrite *write)
{
	return write->writer->credential;
}

/*
 * Makes a request for the document with this id, or (POST) for a new one, for which it may be NULL.  Error:
 * HV000 for an id that cannot be part of a URL's path.
 */
WalcuWrite *
writer_create(WalcuWriter *writer, const char *method, const char *id)
{
	MemoryContext context = AllocSetContextCreate(writer->context, "walcu write", ALLOCSET_SMALL_SIZES);
	MemoryContext before = MemoryContextSwitchTo(context);
	WalcuWrite *write = palloc0(sizeof(WalcuWrite));

	bool is_new = strcmp(method, "POST") == 0;

	if (!is_new)
		write_check_id(writer->options, id);
	write->writer = writer;
	write->options = writer->options;
	write->context = context;
	write->id = id ? pstrdup(id) : NULL;
	write->is_new = is_new;
	write->reads = strcmp(method, "GET") == 0;
	write->needs_reply = write->reads;
	write->request = request_create(writer->options, method);
	request_add_segment(write->request, writer->options->resource);
	if (!is_new)
		request_add_segment(write->request, id);
	MemoryContextSwitchTo(before);
	return write;
}

/* Warns, at the end of a statement, of what the service has not kept. */
void
writer_tell_ignored(const WalcuWriter *writer)
{
	if (writer->ignored.count > 0)
		ignored_write_raise(&writer->ignored, WARNING);
}

/* Tells whether fewer than max_connections of its writes are under way. */
bool
writer_has_room(const WalcuWriter *writer)
{
	return list_length(writer->under_way) < writer->options->max_connections;
}

/* Sends a write, once there is room.  Raises the error of an earlier one of the statement that has failed. */
void
writer_send(WalcuWrite *write)
{
	WalcuWriter *writer = write->writer;
	MemoryContext before = CurrentMemoryContext;

	while (!writer_has_room(writer))
		writers_advance(writer->write_log);
	writers_raise_failure(writer->write_log);
	PG_TRY();
	{
		if (write->may_be_there || (write->remake && write->request->body == NULL))
			look_up(write, NULL);
		start_request(write, write->look_up ? write->look_up : write->request, NULL);
		write->is_unstarted = false;
	}
	PG_CATCH();
	{
		/* this may be max_requests */
		MemoryContextSwitchTo(writer->context);
		keep_failure(write, CopyErrorData());
		FlushErrorState();
		writers_raise_failure(writer->write_log);
	}
	PG_END_TRY();
	if (write->outcome == WALCU_WRITE_FAILED)
	{
		MemoryContextSwitchTo(before);
		return;
	}
	MemoryContextSwitchTo(writer->context);
	writer->under_way = lappend(writer->under_way, write);
	MemoryContextSwitchTo(before);
}

/* Waits until it is known what became of a write.  Its reply can be read until it is released. */
void
writer_wait(WalcuWrite *write)
{
	while (write->outcome == WALCU_WRITE_UNDER_WAY)
		advance_write(write, true);
	writers_raise_failure(write->writer->write_log);
}

/* Waits for all writes that the statement has under way. */
void
writer_finish(WalcuWriter *writer)
{
	writers_finish(writer->write_log);
}

/*
 * Returns how many documents that nobody waited for were not written, as they were gone, or there already.
 * Each of them is counted once.  The names (of char *) of the first ones are added to a list, unless that is
 * NULL.
 */
int64
writer_take_unwritten(WalcuWriter *writer, List **names)
{
	int64 unwritten = writer->unwritten;

	if (names)
		*names = list_concat(*names, writer->unwritten_names);
	writer->unwritten = 0;
	writer->unwritten_names = NIL;
	return unwritten;
}

int64
writer_count_requests(const WalcuWriter *writer)
{
	return writer->requests;
}

void
writer_release(WalcuWrite *write)
{
	MemoryContextDelete(write->context);
}

/*
 * Sends the write's request, or one that looks what became of it; attempt is that of a retry, or NULL.  An
 * error, such as that of max_requests, leaves the transfer before as it was, as it tells what became of the
 * write.
 */
static void
start_request(WalcuWrite *write, WalcuRequest *request, const WalcuAttempt *attempt)
{
	WalcuWriter *writer = write->writer;
	MemoryContext before = MemoryContextSwitchTo(write->context);

	WalcuTransfer *transfer =
		transfer_start(write->context, writer->options, writer->credential, request, attempt);

	if (write->transfer)
		transfer_release(write->transfer);
	write->transfer = transfer;
	write->body = makeStringInfo();
	write->attempts += (request == write->request && attempt == NULL);
	writer->requests++;
	MemoryContextSwitchTo(before);
}

/*
 * Takes in what has arrived of a reply, and settles the write when it is whole; with wait, after something
 * has happened to this or another request.  Errors are kept, not raised, as others are under way; nothing in
 * here leaves anything behind that would have to be rolled back. A cancel is raised at once.
 */
static void
advance_write(WalcuWrite *write, bool wait)
{
	WalcuWriter *writer = write->writer;
	MemoryContext before = CurrentMemoryContext;
	ErrorData *volatile error = NULL;

	PG_TRY();
	{
		take_in_reply(write, wait);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(writer->context);
		error = CopyErrorData();
		FlushErrorState();
		redact_error(error, writer->credential);
	}
	PG_END_TRY();
	if (error && write_reply_is_interrupt(error))
	{
		writers_settle(writer->write_log, false);
		write_log_tell(writer->write_log, error, false);
		ReThrowError(error);
	}
	if (error)
		on_failure(write, error);
	MemoryContextSwitchTo(before);
}

static void
take_in_reply(WalcuWrite *write, bool wait)
{
	WalcuTransfer *transfer;
	bool is_missing;
	bool is_conflict;

	if (write->is_unstarted)
	{
		write->is_unstarted = false;
		start_request(write, write->look_up, NULL);
	}
	transfer = write->transfer;
	if (wait)
		transfer_drive(transfer, LONGEST_WAIT);
	transfer_advance(transfer, false);
	if (retry_is_possible(transfer, false))
	{
		WalcuAttempt attempt = retry_attempt(transfer);

		start_request(write, write->look_up ? write->look_up : write->request, &attempt);
		return;
	}
	is_missing = transfer->status == 404 && (!write->is_new || write->look_up);
	is_conflict = transfer->status == 409 && (write->conflict_is_none || write->doubt);
	if (!is_missing && !is_conflict)
		http_error_check(transfer, write->writer->credential);
	if (transfer->status > 0 && transfer->status < 300)
	{
		write_reply_collect(transfer, write->writer->options, write->body);
		/* there is room for what has not been let in */
		transfer_look(transfer, false);
	}
	if (transfer->done)
		on_reply(write);
}

/* Settles a write whose whole reply has arrived, without an error. */
static void
on_reply(WalcuWrite *write)
{
	int status = write->transfer->status;
	bool is_missing = status == 404 || write_says_none(write);

	if (remake_is_under_way(write))
		send_remade(write);
	else if (write->look_up && is_missing && !write->is_shown)
		send_again(write);
	else if (status == 409 && write->doubt)
		look_up(write, write->doubt);
	else if (status == 409)
		settle_write(write, WALCU_WRITE_CONFLICT);
	else if (is_missing)
		settle_write(write, WALCU_WRITE_MISSING);
	else if (write_must_be_shown(write, write->writer->credential))
		read_document_again(write);
	else if ((write->needs_reply || write->is_new) && !write_read_document(write, write->writer->credential))
		settle_write(write, WALCU_WRITE_MISSING);
	else
	{
		write_check_kept_id(write);
		check_kept(write);
		settle_write(write, WALCU_WRITE_DONE);
	}
}

/*
 * Sends a request again, as it was not carried out: the document is not there.  It cannot be carried out
 * twice.
 */
static void
send_again(WalcuWrite *write)
{
	if (write->answered || write->attempts >= ATTEMPTS)
	{
		fail_write(write, write->doubt);
		return;
	}
	write->look_up = NULL;
	start_request(write, write->request, NULL);
}

static void
on_failure(WalcuWrite *write, ErrorData *error)
{
	bool helps = write->made_here && write->look_up == NULL && write->attempts < ATTEMPTS;

	if (remake_may_help(write))
	{
		write->is_doubtful = !write_reply_refuses(write->transfer);
		look_up(write, error);
		return;
	}
	if (write->look_up == NULL)
		write->answered = write_reply_says_done(write->transfer);
	if (write->answered && !write->is_new && !write->needs_reply)
		settle_write(write, WALCU_WRITE_DONE);
	else if (helps && (write->answered || write_reply_leaves_doubt(write->transfer, error)))
		look_up(write, error);
	else
		fail_write(write, write->doubt ? write->doubt : error);
}

/*
 * Asks for the document that may have been made, or is to be changed.  The request is sent when the write is
 * advanced, as errors are kept there.
 */
static void
look_up(WalcuWrite *write, ErrorData *error)
{
	MemoryContext before = MemoryContextSwitchTo(write->context);

	write->doubt = error;
	write->look_up = request_create(write->writer->options, "GET");
	request_add_segment(write->look_up, write->writer->options->resource);
	request_add_segment(write->look_up, write->id);
	write->is_unstarted = true;
	MemoryContextSwitchTo(before);
}

/* Asks for a document that is wanted, and that the reply to what has changed it does not show. */
static void
read_document_again(WalcuWrite *write)
{
	write->answered = write->is_shown = true;
	write->remake = NULL;
	look_up(write, NULL);
}

/* Sends a write with the body that its document needs, once that has been read. */
static void
send_remade(WalcuWrite *write)
{
	switch (remake_body(write))
	{
		case WALCU_REMADE_MISSING:
			settle_write(write, WALCU_WRITE_MISSING);
			break;
		case WALCU_REMADE_NOTHING:
			write->reads = true;
			settle_write(write, WALCU_WRITE_DONE);
			break;
		case WALCU_REMADE_SAME:
			fail_write(write, write->doubt);
			break;
		case WALCU_REMADE_BODY:
			/* when this raises an error, the write is still being remade */
			start_request(write, write->request, NULL);
			write->look_up = NULL;
			write->doubt = NULL;
			write->remake = NULL;
			break;
	}
}

static void
settle_write(WalcuWrite *write, WalcuOutcome outcome)
{
	WalcuWriter *writer = write->writer;

	write->outcome = outcome;
	writer->under_way = list_delete_ptr(writer->under_way, write);
	if (outcome != WALCU_WRITE_DONE && write->detached)
	{
		MemoryContext before = MemoryContextSwitchTo(writer->context);

		if (writer->unwritten++ < WRITE_LOG_NAMED && write->id)
			writer->unwritten_names =
				lappend(writer->unwritten_names, psprintf("%s/%s", writer->options->resource, write->id));
		MemoryContextSwitchTo(before);
	}
	if (outcome == WALCU_WRITE_DONE && !write->reads)
		write_log_note_written(writer->write_log, writer->options, write->request->method,
							   write->id ? write->id : write->document.id);
	transfer_release(write->transfer);
	write->transfer = NULL;
	if (write->detached)
		writer_release(write);
}

static void
fail_write(WalcuWrite *write, ErrorData *error)
{
	WalcuWriter *writer = write->writer;
	const char *id = write->document.id ? write->document.id : write->id;

	write->outcome = WALCU_WRITE_FAILED;
	writer->under_way = list_delete_ptr(writer->under_way, write);
	if (write->error_context)
		error->context = MemoryContextStrdup(writer->context, write->error_context);
	keep_failure(write, error);
	if (write->reads || write->stands_alone)
		return;
	if (write->answered)
	{
		write_log_note_written(writer->write_log, writer->options, write->request->method, id);
		/* the beginning of an answer has told what a reply that breaks off leaves open */
		if (error->hint == NULL || strcmp(error->hint, CURL_ERROR_UNKNOWN_HINT) == 0)
			error->hint = DONE_HINT;
		else
			error->hint = psprintf("%s  " DONE_HINT, error->hint);
	}
	else if (is_outcome_unknown(write, error))
		write_log_note_unknown(writer->write_log, write->options, write->request->label.data,
							   write->is_new ? write->id : NULL);
}

/* Keeps the error of a write where it is raised: with those of the statement, or in the write itself. */
static void
keep_failure(WalcuWrite *write, ErrorData *error)
{
	WalcuWriter *writer = write->writer;

	if (!write->stands_alone)
	{
		if (writer->failure == NULL)
			writer->failure = error;
		return;
	}
	write->outcome = WALCU_WRITE_FAILED;
	write->failure = error;
	if (write->transfer == NULL)
		return;
	write->status = write->transfer->status;
	write->is_unanswered = write->status == 0;
	write->retry_after = write->transfer->retry_after;
	write->is_unknown = !write->answered && is_outcome_unknown(write, error);
	transfer_release(write->transfer);
	write->transfer = NULL;
}

static bool
is_outcome_unknown(const WalcuWrite *write, const ErrorData *error)
{
	if (remake_is_under_way(write))
		return write->is_doubtful;
	return write->doubt || write_reply_leaves_doubt(write->transfer, error);
}

/* Notes what of the write is not in the reply.  Where that is an error, it is raised when all is settled. */
static void
check_kept(WalcuWrite *write)
{
	WalcuWriter *writer = write->writer;
	const char *id = write->id ? write->id : write->document.id;

	if (write->stands_alone)
	{
		note_not_kept(write);
		return;
	}
	if (write->sets == NULL || !ignored_write_note(&writer->ignored, write->sets, write->body, id) ||
		writer->options->on_ignored_write != WALCU_IGNORED_ERROR || writer->failure)
		return;
	MemoryContextSwitchTo(writer->context);
	writer->failure = ignored_write_make_error(&writer->ignored);
}

static void
note_not_kept(WalcuWrite *write)
{
	WalcuIgnoredWrites ignored = {.options = write->options, .context = write->writer->context};
	MemoryContext before = MemoryContextSwitchTo(write->writer->context);

	bool was_found = write->may_be_there && write->attempts == 0;

	/* a document that was sent is there in any case; one that was found may be another's */
	if (write->sets && (ignored_write_note(&ignored, write->sets, write->body, write->id) ||
						(was_found && ignored.is_unread)))
		write->failure = ignored_write_make_error(&ignored);
	MemoryContextSwitchTo(before);
}
