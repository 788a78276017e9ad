/*
 * last_page.c
 *	  The last page of a part, read from its end.
 *
 * A page that follows another by _id relies on the service's sort: where that is ignored, documents whose ids
 * are less than the last one's would never come.  So the first time in a session that there is a second
 * page, fetch.c asks for the last one, in the reverse order.  Its documents are needed anyway, so that this
 * costs no request; and it begins with another document than the first page, unless the sort is ignored.
 */
#include "postgres.h"

#include "fetch/last_page.h"

#include "http/retry.h"
#include "service/learned_sort.h"

static WalcuCursor *find_held(List *cursors, const WalcuCursor *last);
static void release_held(List *cursors);
static WalcuCursor *open_last_page(WalcuCursorGroup *group, WalcuQueryPart *part);
static WalcuOrder judge_last_page(WalcuCursor *last, WalcuCursor *held, bool before_wait);
static void start_last_page(WalcuCursor *cursor, const WalcuAttempt *attempt);
static void look_at_last_page(WalcuCursor *cursor, bool before_wait);
static const WalcuRequest *make_last_request(const WalcuCursor *cursor, const char *id, int64 passed);
static bool accept_last(WalcuCursor *cursor, const WalcuDocument *document);
static void finish_last_page(WalcuCursor *cursor);
static void request_last_again(WalcuCursor *cursor);
static bool is_descending(WalcuPage *page, StringInfo least);
static bool is_first_of(WalcuCursor *held, const char *id);

static const WalcuCursorReader last_page_reader = {
	.look = look_at_last_page,
	.make_request = make_last_request,
	.accept = accept_last,
	.finish_page = finish_last_page,
	.request_again = request_last_again,
};

/*
 * Finds out whether the service sorts by _id when one of a fetch's cursors waits for that, and lets pages
 * follow one another if it does.  The last page, made in the current memory context, becomes one of the
 * cursors, too; also where another scan has found out meanwhile, for its documents would be asked for again.
 * Returns WALCU_ORDER_IGNORED when the service does not sort.
 */
WalcuOrder
last_page_settle(WalcuCursor **last, WalcuCursorGroup *group, List **cursors, bool before_wait)
{
	WalcuCursor *held = find_held(*cursors, *last);
	WalcuOrder order = WALCU_ORDER_OPEN;

	if (group->sorts_by_id || group->query->unsorted)
		return WALCU_ORDER_OPEN;
	if (group->out_of_order)
		order = WALCU_ORDER_IGNORED;
	else if (held && *last == NULL && order_probe_knows_paging(group->query))
		order = WALCU_ORDER_ANY;
	else if (held)
	{
		if (*last == NULL)
			*last = open_last_page(group, held->part);
		order = judge_last_page(*last, held, before_wait);
	}
	if (order == WALCU_ORDER_OPEN)
		return order;
	if (order == WALCU_ORDER_IGNORED)
	{
		order_probe_note_disorder(group->query);
		return order;
	}
	group->sorts_by_id = true;
	release_held(*cursors);
	if (order == WALCU_ORDER_SORTED)
	{
		learned_sort_note(group->query->options, WALCU_SORT_BY_ID);
		*cursors = lappend(*cursors, *last);
	}
	else if (*last)
		cursor_close(*last);
	*last = NULL;
	return order;
}

/*
 * Finds the cursor that the last page is about: the one that waits for it and reads the same part, or, while
 * there is no last page, the first one that waits.
 */
static WalcuCursor *
find_held(List *cursors, const WalcuCursor *last)
{
	ListCell *lc;

	foreach(lc, cursors)
	{
		WalcuCursor *cursor = lfirst(lc);

		if (cursor->held && (last == NULL || cursor->part == last->part))
			return cursor;
	}
	return NULL;
}

static void
release_held(List *cursors)
{
	ListCell *lc;

	foreach(lc, cursors)
		((WalcuCursor *) lfirst(lc))->held = false;
}

/* Asks for the last page of a part by _id. */
static WalcuCursor *
open_last_page(WalcuCursorGroup *group, WalcuQueryPart *part)
{
	WalcuCursor *cursor = cursor_create(group, part, &last_page_reader);

	start_last_page(cursor, NULL);
	return cursor;
}

/*
 * Tells whether the service sorts, by the last page and a cursor that has had the first one.  If it does,
 * that cursor ends where the last page begins; WALCU_ORDER_ANY tells that this page does not say it.
 */
static WalcuOrder
judge_last_page(WalcuCursor *last, WalcuCursor *held, bool before_wait)
{
	WalcuPage *page;
	StringInfo id;

	look_at_last_page(last, before_wait);
	if (last->page->broken)
		request_last_again(last);
	page = last->page;
	if (page->obstacle || (page->whole && page->documents == 0))
		return WALCU_ORDER_ANY;
	if (!page->whole)
		return WALCU_ORDER_OPEN;
	id = makeStringInfo();
	if (!is_descending(page, id))
		return WALCU_ORDER_IGNORED;
	page_id(page, 0, last->ahead_id);
	if (!is_first_of(held, last->ahead_id->data))
	{
		/* another cursor, which lives longer, may take over the end of the range */
		held->before = id->data;
		return WALCU_ORDER_SORTED;
	}
	/* it is the only one, or all others have been deleted meanwhile */
	return (page->documents > 1 || page->transfer->head.has_more == WALCU_MORE_YES) ? WALCU_ORDER_IGNORED
																					: WALCU_ORDER_ANY;
}

static void
start_last_page(WalcuCursor *cursor, const WalcuAttempt *attempt)
{
	cursor->page = cursor_start_page(cursor, NULL, 0, attempt);
	cursor->page->may_be_useless = true;
}

static void
look_at_last_page(WalcuCursor *cursor, bool before_wait)
{
	page_look(cursor->page, before_wait);
}

static const WalcuRequest *
make_last_request(const WalcuCursor *cursor, const char *id, int64 passed)
{
	return query_last_page(cursor->group->query, cursor->part, cursor->group->delivered);
}

/* The whole page was looked at before its first document is taken. */
static bool
accept_last(WalcuCursor *cursor, const WalcuDocument *document)
{
	return true;
}

static void
finish_last_page(WalcuCursor *cursor)
{
	cursor->ended = true;
}

/* No document is taken of a page that is not whole. */
static void
request_last_again(WalcuCursor *cursor)
{
	WalcuPage *broken = cursor->page;
	WalcuAttempt attempt = retry_attempt(broken->transfer);

	start_last_page(cursor, &attempt);
	cursor_drop_page(cursor, broken);
}

/* Returns whether each _id is less than the one before, and puts the least one there. */
static bool
is_descending(WalcuPage *page, StringInfo least)
{
	StringInfo id = makeStringInfo();

	for (int i = 0; i < page->documents; i++)
	{
		page_id(page, i, id);
		if (i > 0 && strcmp(id->data, least->data) >= 0)
			return false;
		resetStringInfo(least);
		appendStringInfoString(least, id->data);
	}
	return true;
}

static bool
is_first_of(WalcuCursor *held, const char *id)
{
	StringInfo first = held->first_id;

	if (held->taken == 0)
	{
		first = makeStringInfo();
		page_id(held->page, 0, first);
	}
	return strcmp(first->data, id) == 0;
}
