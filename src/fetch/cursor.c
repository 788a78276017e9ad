/*
 * cursor.c
 *	  The documents of one part of a query, or of a range of it, read in sequence.
 *
 * A cursor takes one document after the other from its current page.  How pages follow one another is for its
 * reader: page_reader.c reads page after page, reply_reader.c one reply that has all documents.  What breaks
 * is asked for again from behind the last document taken, so that none is lost or repeated.  A fetch
 * (fetch.c) has one cursor or several; nothing here waits.
 */
#include "postgres.h"

#include "fetch/cursor.h"

#include "base/text.h"
#include "utils/memutils.h"

static void count_bytes(WalcuCursor *cursor, WalcuPage *page);

/* A cursor in the current memory context, which has asked for nothing yet. */
WalcuCursor *
cursor_create(WalcuCursorGroup *group, WalcuQueryPart *part, const WalcuCursorReader *reader)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "walcu cursor", ALLOCSET_SMALL_SIZES);
	MemoryContext before = MemoryContextSwitchTo(context);
	WalcuCursor *cursor = palloc0(sizeof(WalcuCursor));

	cursor->context = context;
	cursor->reader = reader;
	cursor->group = group;
	cursor->part = part;
	cursor->first_id = text_make_short();
	cursor->id = text_make_short();
	cursor->previous_id = text_make_short();
	cursor->ahead_id = text_make_short();
	cursor->value_context = AllocSetContextCreate(context, "walcu keys", ALLOCSET_SMALL_SIZES);
	MemoryContextSwitchTo(before);
	return cursor;
}

/*
 * Ask for what the reader's request asks for: what stands behind a document, if id is not NULL, and behind so
 * many documents.  attempt is NULL the first time.
 */
WalcuPage *
cursor_start_page(WalcuCursor *cursor, const char *id, int64 passed, const WalcuAttempt *attempt)
{
	WalcuCursorGroup *group = cursor->group;
	const WalcuQuery *query = group->query;
	MemoryContext context = AllocSetContextCreate(cursor->context, "walcu page", ALLOCSET_SMALL_SIZES);
	MemoryContext before = MemoryContextSwitchTo(context);
	WalcuPage *page =
		page_start(context, query->options, query->credential,
				   cursor->reader->make_request(cursor, id, passed), attempt, cursor_reply_cache_use(cursor));

	MemoryContextSwitchTo(before);
	if (page->replayed)
		group->tally->reused++;
	else
	{
		group->tally->requests++;
		group->tally->retries += attempt && attempt->failed > 0;
	}
	return page;
}

/* Drop a page of the cursor's. */
void
cursor_drop_page(WalcuCursor *cursor, WalcuPage *page)
{
	count_bytes(cursor, page);
	page_release(page);
}

/* What the cursor has of the reply cache, if replies are to be had from there, or held; or NULL. */
WalcuReplyCacheUse *
cursor_reply_cache_use(const WalcuCursor *cursor)
{
	WalcuReplyCacheUse *share = &cursor->group->share;

	share->of_job = cursor->job != NULL;
	return reply_cache_serves(share) ? share : NULL;
}

/*
 * Take in what has arrived, and ask for what follows; before_wait tells that the caller is about to wait for
 * more.
 */
void
cursor_look(WalcuCursor *cursor, bool before_wait)
{
	if (!cursor->ended)
		cursor->reader->look(cursor, before_wait);
}

/* Tells whether cursor_take will bring a document, or the cursor forward. */
bool
cursor_has_news(const WalcuCursor *cursor)
{
	const WalcuPage *page = cursor->page;

	return !cursor->ended && page &&
		   (page_has_document(page) || (page->whole && !cursor->held) || page->broken);
}

/*
 * The next document that is here; false when there is none yet, or no more (ended).  Its bytes are
 * good until the cursor is looked at, or asked for the next one.
 */
bool
cursor_take(WalcuCursor *cursor, WalcuDocument *document)
{
	while (!cursor->ended)
	{
		WalcuPage *page = cursor->page;
		StringInfo id = cursor->previous_id;

		if (!page_take(page, document, id))
		{
			if (page->broken)
				cursor->reader->request_again(cursor);
			else if (page->whole)
				cursor->reader->finish_page(cursor);
			return false;
		}
		count_bytes(cursor, page);
		cursor->previous_id = cursor->id;
		cursor->id = id;
		if (!cursor->reader->accept(cursor, document))
			continue;
		if (cursor->taken++ == 0)
			appendStringInfoString(cursor->first_id, id->data);
		return true;
	}
	return false;
}

/* Has something happened to a request of one of these cursors since that was looked at? */
bool
cursor_is_any_stirred(const List *cursors)
{
	ListCell *lc;

	foreach(lc, cursors)
	{
		const WalcuCursor *cursor = lfirst(lc);

		if ((cursor->page && transfer_is_stirred(cursor->page->transfer)) ||
			(cursor->next && transfer_is_stirred(cursor->next->transfer)) ||
			(cursor->job && transfer_is_stirred(job_transfer(cursor->job))))
			return true;
	}
	return false;
}

/* What is waited for. */
WalcuTransfer *
cursor_transfer(const WalcuCursor *cursor)
{
	return cursor->page ? cursor->page->transfer : job_transfer(cursor->job);
}

/* Tells whether the service did not take the filter. */
bool
cursor_is_rejected(const WalcuCursor *cursor)
{
	return cursor->page ? cursor->page->rejected : job_is_rejected(cursor->job);
}

/* Tells whether the service took the filter. */
bool
cursor_is_answered(const WalcuCursor *cursor)
{
	return cursor->taken > 0 || (cursor->page && cursor->page->transfer->status / 100 == 2);
}

/* Why there is nothing to be had of its job, and pages are to be read; NULL when there is. */
const char *
cursor_obstacle(const WalcuCursor *cursor)
{
	return cursor->reader->find_obstacle ? cursor->reader->find_obstacle(cursor) : NULL;
}

/* Drop a cursor, at its end or before. */
void
cursor_close(WalcuCursor *cursor)
{
	if (cursor->page)
		count_bytes(cursor, cursor->page);
	if (cursor->next)
		count_bytes(cursor, cursor->next);
	MemoryContextDelete(cursor->context);
}

static void
count_bytes(WalcuCursor *cursor, WalcuPage *page)
{
	cursor->group->tally->bytes += page->transfer->received - page->counted_bytes;
	page->counted_bytes = page->transfer->received;
}
