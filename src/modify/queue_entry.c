/*
 * queue_entry.c
 *	  What is to be written becomes a write.
 *
 * It is sent at once (new_row.c, changed_row.c), when more has come (held_rows.c) or at the commit
 * (commit_order.c).
 */
#include "postgres.h"

#include "modify/queue_entry.h"

#include "modify/patched_document.h"

/* Makes a write, which writer_send sends.  All that it needs is copied. */
WalcuWrite *
queue_entry_create_write(WalcuWriter *writer, const WalcuCommitQueueWrite *queued)
{
	WalcuWrite *write = writer_create(writer, queued->method, queued->id);

	write->made_here = queued->made_here;
	write->conflict_is_none = queued->conflict_is_none;
	write_expect(write, queued->sets);
	if (queued->body)
		write_set_body(write, queued->body);
	if (queued->leaves && (queued->body == NULL || !queued->is_sure))
		patched_document_on_refusal(write, queued->leaves);
	return write;
}
