/*
 * waiting_document.c
 *	  What a document will be after the writes that wait for the commit.
 *
 * commit_queue.c asks for the documents that a statement reads.  A write that comes in changes what was known
 * before it; only for a cursor, which must not see what came after it was opened, is a document made anew.
 */
#include "postgres.h"

#include "modify/waiting_document.h"

#include "base/utf8.h"
#include "modify/merged_writes.h"
#include "modify/patched_document.h"
#include "utils/memutils.h"

static WalcuWaitingDocument *apply_writes(WalcuWaitingDocument *waiting, const WalcuQueueEntry *last,
										  const WalcuQueueEntry *behind);
static void apply_write(WalcuWaitingDocument *waiting, const WalcuQueueEntry *entry);
static void set_waiting(WalcuWaitingDocument *waiting, char *whole, char *leaves);

/*
 * Returns what a document will be after those of its writes that a command is shown; NULL when it is shown
 * none of them.  context is the queue's, for what is kept; what is not kept is in the current one.
 */
const WalcuWaitingDocument *
waiting_document_of(WalcuQueueDocument *document, CommandId command, MemoryContext context)
{
	const WalcuQueueEntry *last = document->last;
	MemoryContext before;

	while (last && last->queued.command >= command)
		last = last->before;
	if (last == NULL)
		return NULL;
	if (last != document->last)
		return apply_writes(palloc0(sizeof(WalcuWaitingDocument)), last, NULL);
	if (document->waiting == NULL || document->waiting->last != last)
	{
		before = MemoryContextSwitchTo(context);
		if (document->waiting == NULL)
			document->waiting = palloc0(sizeof(WalcuWaitingDocument));
		apply_writes(document->waiting, last, document->waiting->last);
		MemoryContextSwitchTo(before);
	}
	return document->waiting;
}

/*
 * Tells what waits for a document, and puts in what it will be; see WalcuWaitingSource.  Error: that of
 * patched_document_text.
 */
WalcuWaiting
waiting_document_show(const WalcuWaitingDocument *waiting, WalcuDocument *document)
{
	char *text = waiting->whole;

	if (waiting->is_deleted)
		return WALCU_WAITING_DELETION;
	if (text == NULL && document->data)
		text = patched_document_text(waiting->last->table->options, waiting->leaves, document);
	if (text)
	{
		/* decode.c may write into it */
		document->data = text == waiting->whole ? pstrdup(text) : text;
		document->length = strlen(text);
	}
	return waiting->whole ? WALCU_WAITING_WHOLE : WALCU_WAITING_PATCH;
}

/* Applies the writes of a document that are behind one, or all of them, up to the last. */
static WalcuWaitingDocument *
apply_writes(WalcuWaitingDocument *waiting, const WalcuQueueEntry *last, const WalcuQueueEntry *behind)
{
	List *entries = NIL;
	ListCell *lc;

	for (const WalcuQueueEntry *entry = last; entry && entry != behind; entry = entry->before)
		entries = lcons(unconstify(WalcuQueueEntry *, entry), entries);
	foreach(lc, entries)
		apply_write(waiting, lfirst(lc));
	list_free(entries);
	return waiting;
}

static void
apply_write(WalcuWaitingDocument *waiting, const WalcuQueueEntry *entry)
{
	const WalcuCommitQueueWrite *write = &entry->queued;
	WalcuDocument document = {.id = write->id, .data = waiting->whole};

	if (waiting->last == NULL)
		waiting->is_new = strcmp(write->method, "POST") == 0;
	waiting->last = entry;
	waiting->is_deleted = strcmp(write->method, "DELETE") == 0;
	if (waiting->is_deleted)
		set_waiting(waiting, NULL, NULL);
	else if (strcmp(write->method, "PATCH") != 0)
		set_waiting(waiting, pstrdup(utf8_require(write->body)), NULL);
	else if (waiting->whole)
	{
		document.length = strlen(waiting->whole);
		set_waiting(waiting, patched_document_text(entry->table->options, write->leaves, &document), NULL);
	}
	else
		set_waiting(waiting, NULL,
					waiting->leaves ? merged_writes_patch(waiting->leaves, write->leaves)
									: pstrdup(write->leaves));
}

static void
set_waiting(WalcuWaitingDocument *waiting, char *whole, char *leaves)
{
	if (waiting->whole)
		pfree(waiting->whole);
	if (waiting->leaves)
		pfree(waiting->leaves);
	waiting->whole = whole;
	waiting->leaves = leaves;
}
