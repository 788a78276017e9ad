/*
 * write_reply.c
 *	  Read the reply to a write.
 *
 * writer.c calls this once the reply is whole and no error.  It is the document as the service holds it.
 */
#include "postgres.h"

#include "modify/write_reply.h"

#include "base/utf8.h"
#include "http/http_error.h"
#include "json/convert.h"
#include "json/split.h"
#include "json/transcode.h"
#include "utils/memutils.h"

/*
 * Reads the document of a reply's body, which is the body itself or the only one of a list.  It points into
 * the body, but for its id, which is in a context.  Returns false for an empty list, where that may be.
 * Errors: those of http_error_raise_malformed.
 */
bool
write_reply_read(const WalcuTransfer *transfer, StringInfo body, bool may_be_empty, MemoryContext context,
				 WalcuDocument *document)
{
	WalcuSplitter splitter = {0};
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
