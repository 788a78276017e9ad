/*
 * write_reply.c
 *	  Read the reply to a write, and what it says of whether that was carried out.
 *
 * writer.c calls this.  A reply that is no error is the document as the service holds it.
 */
#include "postgres.h"

#include "modify/write_reply.h"

#include "base/text.h"
#include "base/utf8.h"
#include "http/http_error.h"
#include "json/convert.h"
#include "json/skim.h"
#include "json/split.h"
#include "json/transcode.h"
#include "utils/memutils.h"

static bool is_key_among(const WalcuSkimMember *member, const char *const *names, int count);

/*
 * Reads the document of a reply's body, which is the body itself or the only one of a list.  It points into
 * the body, but for its id, which is in a context.  Returns false where none may be, and there is none.
 * Errors: those of http_error_raise_malformed.
 */
bool
write_reply_read(const WalcuTransfer *transfer, StringInfo body, bool may_be_empty, MemoryContext context,
				 WalcuDocument *document)
{
	WalcuSplitter splitter = {.null_is_none = may_be_empty};
	WalcuSplitResult result;
	WalcuSpan span;
	WalcuJson id = {.type = JSON_TOKEN_STRING};
	const char *text;
	int length;

	result = split_next(&splitter, body->data, 0, body->len, &span);
	if (result == WALCU_SPLIT_END && may_be_empty)
		return false;
	if (result != WALCU_SPLIT_DOCUMENT || span.id_length == 0)
		http_error_raise_malformed(transfer, "it is not a document with an _id");
	document->data = body->data + span.start;
	document->length = (int) span.length;
	id.text = document->data + span.id_start - 1;
	id.length = span.id_length + 2;
	if (!pg_verify_mbstr(PG_UTF8, id.text, id.length, true))
		http_error_raise_malformed(transfer, "its _id is not valid UTF-8");
	if (!utf8_is_server_encoding())
		transcode_unescape(&id);
	if (!convert_string(&id, &text, &length))
		http_error_raise_malformed(transfer, "its _id cannot be read");
	document->id = MemoryContextStrdup(
		context, utf8_is_server_encoding() ? pnstrdup(text, length) : utf8_to_server_escaped(text, length));
	return true;
}

/*
 * Tells whether a document of a reply says what is in the document of the service.  Services may answer with
 * nothing but the _id, or that and what they have set besides.  A document that is whole has a dealer, and
 * was created at some time.
 */
bool
write_reply_tells(const WalcuDocument *document)
{
	static const char *const others[] = {"_id", "id", "__v", "updated_at"};
	static const char *const always[] = {"dealer_id", "created_at"};
	WalcuSkimmer skimmer = {.end = document->data + document->length};
	WalcuSkimMember member = {.end = document->data};
	int whole = 0;

	while (skim_next_member(&skimmer, &member))
	{
		if (is_key_among(&member, always, lengthof(always)))
			whole++;
		else if (!is_key_among(&member, others, lengthof(others)))
			return true;
	}
	return whole == lengthof(always);
}

static bool
is_key_among(const WalcuSkimMember *member, const char *const *names, int count)
{
	int length = member->key_length - 2;

	for (int i = 0; i < count; i++)
	{
		if (strlen(names[i]) == length && strncmp(names[i], member->key + 1, length) == 0)
			return true;
	}
	return false;
}

/* Tells whether the body of a reply has a document that says what is in it. */
bool
write_reply_shows(StringInfo body)
{
	WalcuSplitter splitter = {0};
	WalcuSpan span;
	WalcuDocument document = {0};

	if (split_next(&splitter, body->data, 0, body->len, &span) != WALCU_SPLIT_DOCUMENT || span.id_length == 0)
		return false;
	document.data = body->data + span.start;
	document.length = (int) span.length;
	return write_reply_tells(&document);
}

/*
 * Tells whether a reply of success says that there is no such document: by null, as what looks for a document
 * before it changes it may answer, or where the document itself was asked for by an empty list or no body.
 */
bool
write_reply_is_none(const WalcuTransfer *transfer, StringInfo body, bool is_looked_for)
{
	WalcuSplitter splitter = {.null_is_none = true};
	WalcuSpan span;

	if (body->len == 0)
		return is_looked_for && transfer_is_empty(transfer);
	return split_next(&splitter, body->data, 0, body->len, &span) == WALCU_SPLIT_END &&
		   (is_looked_for || splitter.null_length > 0);
}

/* Adds what has arrived of a reply to its body.  Error: 54000 when that becomes too long. */
void
write_reply_collect(WalcuTransfer *transfer, const WalcuOptions *options, StringInfo body)
{
	if (transfer->length > options->max_document_size - body->len)
		ereport(ERROR, errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				errmsg("a document of resource \"%s\" is longer than " INT64_FORMAT " bytes",
					   options->resource, options->max_document_size),
				transfer_errdetail(transfer), errhint("The option max_document_size sets this limit."));
	appendBinaryStringInfo(body, transfer->data, (int) transfer->length);
	transfer_consume(transfer, transfer->length);
}

/* Tells whether the service has said that the request was carried out, whatever came after that. */
bool
write_reply_says_done(const WalcuTransfer *transfer)
{
	return transfer->status >= 200 && transfer->status < 300 && reply_head_is_json(&transfer->head);
}

/* Tells whether the service has said that the request was not carried out. */
bool
write_reply_refuses(const WalcuTransfer *transfer)
{
	return transfer->status >= 400 && transfer->status < 500 && transfer->status != 408;
}

/*
 * Tells whether a request that failed may have been carried out, as it may unless the service has refused
 * it.
 */
bool
write_reply_leaves_doubt(const WalcuTransfer *transfer, const ErrorData *error)
{
	if (transfer->status == 0)
		return error->sqlerrcode == ERRCODE_TRANSACTION_RESOLUTION_UNKNOWN;
	return !write_reply_refuses(transfer);
}

/*
 * Tells whether the service may have failed on where a patch puts its values: it says so in one of these
 * ways, of which the last is what a program says that did not expect it.
 */
bool
write_reply_may_be_of_places(const WalcuTransfer *transfer)
{
	return transfer->status == 400 || transfer->status == 409 || transfer->status == 422 ||
		   transfer->status == 500;
}

/*
 * Raises an error because the service has not kept an _id.  If it assigned ids itself, nothing that relies on
 * them would hold.
 */
void
write_reply_raise_other_id(const WalcuOptions *options, const char *sent, const char *received)
{
	ereport(ERROR, errcode(ERRCODE_FDW_ERROR),
			errmsg("the service gave document \"%s\" of resource \"%s\" the _id \"%s\"",
				   text_shown(sent, TEXT_OF_ID), options->resource, text_shown(received, TEXT_OF_ID)),
			errhint("It assigns ids itself: leave out _id and the option client_ids."));
}

/* Tells whether an error must be raised at once. */
bool
write_reply_is_interrupt(const ErrorData *error)
{
	return ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_OPERATOR_INTERVENTION ||
		   error->sqlerrcode == ERRCODE_OUT_OF_MEMORY;
}
