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

static void take_body(WalcuTransfer *transfer, StringInfo body);

/*
 * Send a request and wait for the whole reply, which must be a success.  The body is
 * UTF-8, ends in a null byte and is at most 1 GB long.
 */
StringInfo
call_perform(const WalcuOptions *options, const char *credential, const WalcuRequest *request)
{
	WalcuTransfer *transfer = transfer_start(CurrentMemoryContext, options, credential, request, NULL);
	StringInfo body = makeStringInfo();

	for (;;)
	{
		transfer_advance(transfer, true);
		if (retry_is_possible(transfer, false))
		{
			WalcuAttempt attempt = retry_attempt(transfer);

			transfer_release(transfer);
			resetStringInfo(body);
			transfer = transfer_start(CurrentMemoryContext, options, credential, request, &attempt);
			continue;
		}
		http_error_check(transfer, credential);
		if (transfer->status < 300)
			take_body(transfer, body);
		if (transfer->done)
			break;
	}
	transfer_release(transfer);
	return body;
}

static void
take_body(WalcuTransfer *transfer, StringInfo body)
{
	if (transfer->length >= MaxAllocSize - body->len)
		ereport(ERROR, errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				errmsg("reply from server \"%s\" is longer than 1 GB", transfer->options->server_name),
				transfer_errdetail(transfer));
	appendBinaryStringInfo(body, transfer->data, (int) transfer->length);
	transfer_consume(transfer, transfer->length);
}
