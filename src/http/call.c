/*
 * call.c
 *	  One call of the API that is waited for: request out, whole body in.
 *
 * IMPORT FOREIGN SCHEMA reads the service's description through call_perform, and walcu_fdw_request() offers
 * it to SQL.
 */
#include "postgres.h"

#include "http/call.h"

#include "http/http_error.h"
#include "http/retry.h"
#include "http/transfer.h"

static bool is_cut_off_json(const WalcuTransfer *transfer, StringInfo body);
pg_noreturn static void raise_cut_off(const WalcuTransfer *transfer);
static void take_body(WalcuTransfer *transfer, StringInfo body, size_t limit);

/*
 * Send a request and wait for the whole reply, which must be a success.  The body is
 * UTF-8, ends in a null byte and has so many bytes at most.
 */
StringInfo
call_perform(const WalcuOptions *options, const char *credential, const WalcuRequest *request, size_t limit)
{
	WalcuTransfer *transfer = transfer_start(CurrentMemoryContext, options, credential, request, NULL);
	StringInfo body = makeStringInfo();
	bool is_cut_off;

	for (;;)
	{
		transfer_advance(transfer, true);
		if (transfer->status > 0 && transfer->status < 300)
		{
			http_error_check_type(transfer, credential);
			take_body(transfer, body, limit);
		}
		is_cut_off = transfer->failure.kind == WALCU_CURL_ERROR_NONE && transfer->done &&
					 is_cut_off_json(transfer, body);
		if (retry_is_possible(transfer, is_cut_off))
		{
			WalcuAttempt attempt = retry_attempt(transfer);

			transfer_release(transfer);
			resetStringInfo(body);
			transfer = transfer_start(CurrentMemoryContext, options, credential, request, &attempt);
			continue;
		}
		http_error_check(transfer, credential);
		if (is_cut_off)
			raise_cut_off(transfer);
		if (transfer->done)
			break;
	}
	transfer_release(transfer);
	return body;
}

/*
 * Is it the beginning of a JSON text, where only the end of the connection, or of what is compressed, tells
 * the end of the reply?  Of any other reply libcurl knows whether it is whole.
 */
static bool
is_cut_off_json(const WalcuTransfer *transfer, StringInfo body)
{
	const WalcuReplyHead *head = &transfer->head;

	if (transfer->status / 100 != 2 || transfer->status == 204 || reply_head_tells_end(head) ||
		head->content_type[0] == '\0')
		return false;
	return pg_parse_json(compat_json_lexer(body->data, body->len, false), &nullSemAction) != JSON_SUCCESS;
}

static void
raise_cut_off(const WalcuTransfer *transfer)
{
	bool is_read = request_is_read(transfer->request);

	ereport(ERROR, errcode(is_read ? ERRCODE_PROTOCOL_VIOLATION : ERRCODE_TRANSACTION_RESOLUTION_UNKNOWN),
			errmsg("server \"%s\" answered with a malformed reply: it ends too early",
				   transfer->options->server_name),
			transfer_errdetail(transfer),
			is_read ? 0 : errhint("The service answered that the request was carried out."));
}

static void
take_body(WalcuTransfer *transfer, StringInfo body, size_t limit)
{
	if (transfer->length > limit - body->len)
		ereport(ERROR,
				errcode(request_is_read(transfer->request) ? ERRCODE_PROGRAM_LIMIT_EXCEEDED
														   : ERRCODE_TRANSACTION_RESOLUTION_UNKNOWN),
				errmsg("a reply from server \"%s\" is longer than %zu MB", transfer->options->server_name,
					   limit / (1024 * 1024)),
				transfer_errdetail(transfer));
	appendBinaryStringInfo(body, transfer->data, (int) transfer->length);
	transfer_consume(transfer, transfer->length);
}
