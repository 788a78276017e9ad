/*
 * waiting_document.c
 *	  What a document will be after the writes that wait for the commit.
 *
 * commit_queue.c asks for the documents that a statement reads.  What has come in since the last one changes
 * what was known; only for a cursor, which must not see what later statements have been shown, is a document
 * made anew.
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
static void set_waiting(WalcuWaitingDocument *waiting, const char *whole, const char *leaves);

/*
 * Returns what a document will be after those of its writes that a command is shown; NULL when it is shown
 * none of them.  context is the queue's, for what is kept; what is not kept is in the current one.  Error:
 * that of patched_document_text.
 */
const WalcuWaitingDocument *
waiting_document_of(WalcuQueueDocument *document, CommandId command, MemoryContext context)
{
	const WalcuQueueEntry *last = document->last;

	while (last && last->queued.command >= command)
		last = last->before;
	if (last == NULL)
		return NULL;
	/* a cursor may be shown less than what is known */
	if (document->waiting && document->waiting->last && document->waiting->last->queued.command >= command)
		return apply_writes(palloc0(sizeof(WalcuWaitingDocument)), last, NULL);
	if (document->waiting == NULL)
		document->waiting = MemoryContextAllocZero(context, sizeof(WalcuWaitingDocument));
	return apply_writes(document->waiting, last, document->waiting->last);
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
	MemoryContext context;
	MemoryContext before;
	ListCell *lc;

	if (last == behind)
		return waiting;
	context = AllocSetContextCreate(CurrentMemoryContext, "walcu waiting write", ALLOCSET_SMALL_SIZES);
	before = MemoryContextSwitchTo(context);
	for (const WalcuQueueEntry *entry = last; entry && entry != behind; entry = entry->before)
		entries = lcons(unconstify(WalcuQueueEntry *, entry), entries);
	foreach(lc, entries)
		apply_write(waiting, lfirst(lc));
	MemoryContextSwitchTo(before);
	MemoryContextDelete(context);
	return waiting;
}

static void
apply_write(WalcuWaitingDocument *waiting, const WalcuQueueEntry *entry)
{
	const WalcuCommitQueueWrite *write = &entry->queued;
	WalcuDocument document = {.id = write->id, .data = waiting->whole};
	const char *whole = NULL;
	const char *leaves = NULL;

	if (strcmp(write->method, "POST") == 0 || strcmp(write->method, "PUT") == 0)
		whole = utf8_require(write->body);
	else if (strcmp(write->method, "PATCH") == 0 && waiting->whole)
	{
		document.length = strlen(waiting->whole);
		whole = patched_document_text(entry->table->options, write->leaves, &document);
	}
	else if (strcmp(write->method, "PATCH") == 0)
		leaves = waiting->leaves ? merged_writes_patch(waiting->leaves, write->leaves) : write->leaves;
	/* nothing is changed before nothing can fail any more */
	set_waiting(waiting, whole, leaves);
	if (waiting->last == NULL)
		waiting->is_made_here = write->made_here;
	waiting->is_deleted = whole == NULL && leaves == NULL;
	waiting->last = entry;
}

/* Sets what a document will be, with copies in the memory that it is in itself. */
static void
set_waiting(WalcuWaitingDocument *waiting, const char *whole, const char *leaves)
{
	MemoryContext context = GetMemoryChunkContext(waiting);
	char *new_whole = whole ? MemoryContextStrdup(context, whole) : NULL;
	char *new_leaves = leaves ? MemoryContextStrdup(context, leaves) : NULL;

	if (waiting->whole)
		pfree(waiting->whole);
	if (waiting->leaves)
		pfree(waiting->leaves);
	waiting->whole = new_whole;
	waiting->leaves = new_leaves;
}
