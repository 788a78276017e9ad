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

static void note_unsent(const WalcuWrite *write);

/* Notes what is known of a write that is not waited for any more. */
void
left_write_note(const WalcuWrite *write, WalcuWriteLog *write_log, const WalcuOptions *options)
{
	const WalcuTransfer *transfer = write->transfer;

	if (remake_is_under_way(write) && !write->is_doubtful)
		note_unsent(write);
	else if (remake_is_under_way(write))
		write_log_note_unknown(write_log, write->options, write->request->label.data,
							   write->is_new ? write->id : NULL);
	else if (write->answered || (write->doubt == NULL && write_reply_says_done(transfer)))
		write_log_note_written(write_log, options, write->request->method, write->id);
	else if (write->doubt ||
			 (transfer->status == 0 ? transfer_was_sent(transfer) : !write_reply_refuses(transfer)))
		write_log_note_unknown(write_log, write->options, write->request->label.data,
							   write->is_new ? write->id : NULL);
	else
		note_unsent(write);
}

/* It waited for its turn, or was refused: the service has not carried it out. */
static void
note_unsent(const WalcuWrite *write)
{
	if (write->is_sent)
		*write->is_sent = false;
}
