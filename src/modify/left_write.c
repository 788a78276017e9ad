/*
 * left_write.c
 *	  A write that is not waited for any more: what is known of it.
 *
 * writer.c asks, when a statement is cancelled or the session ends.
 */
#include "postgres.h"

#include "modify/left_write.h"

#include "modify/remake.h"
#include "modify/write_reply.h"

static bool is_in_doubt(const WalcuWrite *write);

/* Notes what is known of a write that is not waited for any more. */
void
left_write_note(const WalcuWrite *write, WalcuWriteLog *write_log, const WalcuOptions *options)
{
	const WalcuTransfer *transfer = write->transfer;

	if (!remake_is_under_way(write) &&
		(write->answered || (write->doubt == NULL && write_reply_says_done(transfer))))
		write_log_note_written(write_log, options, write->request->method, write->id);
	else if (is_in_doubt(write))
		write_log_note_unknown(write_log, write->options, write->request->label.data,
							   write->is_new ? write->id : NULL);
	/* it waited for its turn, or was refused: the service has not carried it out */
	else if (write->is_sent)
		*write->is_sent = false;
}

/* Tells whether the service may have carried out a write that it has not confirmed. */
static bool
is_in_doubt(const WalcuWrite *write)
{
	if (remake_is_under_way(write))
		return write->is_doubtful;
	return write->doubt || (write->transfer->status == 0 ? transfer_was_sent(write->transfer)
														 : !write_reply_refuses(write->transfer));
}
