/*
 * page_reader.c
 *	  The documents of one part of a query, or of a range of it, read page after page.
 *
 * A fetch (fetch.c) opens cursors here, and divides the range that one of them has before it with another.
 *
 * Paging by key asks for the documents after the last one seen, in the order of the scan's keys and of _id,
 * so that documents inserted or deleted meanwhile neither repeat nor hide others.  A service that ignores the
 * sort or the filter would break that silently; so the order of _id is checked here where it is the only key,
 * and that of others in order_check.c.
 */
#include "postgres.h"

#include "fetch/page_reader.h"

#include "base/objectid.h"
#include "base/text.h"
#include "base/utf8.h"
#include "fetch/document_values.h"
#include "http/http_error.h"
#include "http/retry.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

/* One range may turn out to be empty, and one more for so many pages that have come. */
#define PAGES_A_VAIN_RANGE 4

/* What is left to be asked for by a cursor. */
typedef struct PagesRest
{
	double documents;     /* About so many; 0 when that is not known, or the rest cannot be divided. */
	const char *position; /* The rest follows this _id; good until the cursor is looked at. */
	const char *end;      /* It ends before this _id, or that of a document made now. */
} PagesRest;

static PagesRest estimate_rest(WalcuCursor *cursor);
static const char *find_end(const WalcuCursor *cursor);
static WalcuPage *start_page(WalcuCursor *cursor, const char *id, int64 passed, const WalcuAttempt *attempt);
static void look_at_pages(WalcuCursor *cursor, bool before_wait);
static bool is_keyed(const WalcuCursor *cursor);
static const WalcuRequest *make_request(const WalcuCursor *cursor, const char *id, int64 passed);
static WalcuRequest *make_page_request(const WalcuCursor *cursor, const char *id, int64 passed,
									   const char *before);
static int64 count_waiting(const WalcuCursor *cursor);
static List *make_position_filters(const WalcuCursor *cursor, const char *id, const char *before);
static bool accept_in_order(WalcuCursor *cursor, const WalcuDocument *document);
static void start_next_page(WalcuCursor *cursor);
static bool is_next_wanted(const WalcuCursor *cursor);
static void request_page_again(WalcuCursor *cursor);
static void go_to_next_page(WalcuCursor *cursor);
static bool is_short(const WalcuCursor *cursor);
static bool is_beyond(const WalcuCursor *cursor, const char *id);
static void note_sort_keys(WalcuCursor *cursor, const WalcuDocument *document);
static void check_order(WalcuCursor *cursor);
static void check_skip(const WalcuCursor *cursor);
static const char *format_shown_id(const char *id);

static const WalcuCursorReader page_reader = {
	.look = look_at_pages,
	.make_request = make_request,
	.accept = accept_in_order,
	.finish_page = go_to_next_page,
	.request_again = request_page_again,
};

/*
 * Open a cursor, in the current memory context, and send its first request: for the documents from one _id
 * on, and before another; either may be NULL.
 */
WalcuCursor *
page_reader_open(WalcuCursorGroup *group, WalcuQueryPart *part, const char *from, const char *before)
{
	WalcuCursor *cursor = cursor_create(group, part, &page_reader);

	cursor->start = cursor->from = from;
	cursor->before = before;
	/* documents without a value have no order that shows whether the service sorts */
	cursor->by_skip = group->query->keys != NIL && part->keys == NIL && !group->sorts_by_id;
	cursor->page = start_page(cursor, NULL, 0, NULL);
	return cursor;
}

/* Would a page follow another by _id, while nobody knows whether the service sorts by it? */
bool
page_reader_relies_on_sort(const WalcuCursorGroup *group)
{
	return group->query->keys == NIL && !group->sorts_by_id && query_is_keyed(group->query);
}

/*
 * Open another cursor for half of what the one of cursors with the most work has before it; NULL when that
 * is not worth a request.  How much work is left is guessed by how densely documents lay so far.  That is far
 * off for ids that somebody counted, say, which lie in one place and nowhere else; so no more ranges may turn
 * out to be empty than a share of the pages.
 */
WalcuCursor *
page_reader_divide(WalcuCursorGroup *group, List *cursors)
{
	WalcuCursor *longest = NULL;
	WalcuCursor *added;
	PagesRest most = {0};
	char *middle;
	ListCell *lc;

	if ((group->vain_ranges - 1) * PAGES_A_VAIN_RANGE > group->delivered / group->page_size)
		return NULL;
	foreach(lc, cursors)
	{
		PagesRest rest = estimate_rest(lfirst(lc));

		if (rest.documents > most.documents)
		{
			longest = lfirst(lc);
			most = rest;
		}
	}
	if (longest == NULL || most.documents < PAGE_READER_LEAST_PAGES * group->page_size)
		return NULL;
	middle = objectid_middle(most.position, most.end);
	if (strcmp(middle, most.position) <= 0)
		return NULL;
	added = page_reader_open(group, longest->part, middle, longest->before);
	added->expected = most.documents / 2;
	longest->before = middle;
	longest->expected = most.documents / 2;
	return added;
}

/* What a cursor, of a part without an order of its own, has not asked for yet. */
static PagesRest
estimate_rest(WalcuCursor *cursor)
{
	WalcuPage *page = cursor->page;
	PagesRest rest = {.position = cursor->start, .end = find_end(cursor)};
	const char *start = cursor->start ? cursor->start : cursor->first_id->data;
	WalcuDocument document;

	if (cursor->reader != &page_reader || cursor->ended || !objectid_is_valid(rest.end) ||
		(page->whole && !page_reader_has_more(cursor)))
		return rest;
	/* another cursor would ask for other ranges than those that are held */
	if (cursor->next && cursor->next->replayed)
		return rest;
	if (page_last(page, &document, cursor->ahead_id))
		rest.position = cursor->ahead_id->data;
	else if (cursor->taken > 0)
		rest.position = cursor->id->data;
	if (rest.position == NULL || !objectid_is_valid(rest.position) || strcmp(rest.position, rest.end) >= 0)
		return rest;
	if (rest.position == cursor->start)
		rest.documents = cursor->expected;
	else if (objectid_is_valid(start) && strcmp(start, rest.position) < 0)
		rest.documents = (cursor->earlier + page->documents) * objectid_width(rest.position, rest.end) /
						 objectid_width(start, rest.position);
	return rest;
}

/* Where the cursor ends; all ids that are there are before that of now, which is made once. */
static const char *
find_end(const WalcuCursor *cursor)
{
	WalcuCursorGroup *group = cursor->group;

	if (cursor->before)
		return cursor->before;
	if (group->now[0] == '\0')
		strlcpy(group->now, objectid_of_now(), sizeof(group->now));
	return group->now;
}

static WalcuPage *
start_page(WalcuCursor *cursor, const char *id, int64 passed, const WalcuAttempt *attempt)
{
	WalcuPage *page = cursor_start_page(cursor, id, passed, attempt);

	/* the cursor's own is that of the next page, once that is asked for */
	page->from = (id == NULL) ? cursor->from : NULL;
	/* later, documents have been delivered that would come again */
	if (id == NULL && cursor->taken == 0)
	{
		page->may_be_rejected = cursor->group->may_be_rejected;
		page->sort_may_be_rejected = query_sort_may_be_refused(cursor->group->query);
	}
	return page;
}

static void
look_at_pages(WalcuCursor *cursor, bool before_wait)
{
	page_look(cursor->page, before_wait);
	if (cursor->page->whole && cursor->next == NULL && is_next_wanted(cursor))
	{
		if (page_reader_relies_on_sort(cursor->group))
			cursor->held = true;
		else
			start_next_page(cursor);
	}
}

static bool
is_keyed(const WalcuCursor *cursor)
{
	return query_is_keyed(cursor->group->query) && !cursor->by_skip;
}

static const WalcuRequest *
make_request(const WalcuCursor *cursor, const char *id, int64 passed)
{
	WalcuRequest *request = make_page_request(cursor, id, passed, cursor->before);

	request->before = cursor->before;
	if (cursor->before && cursor_reply_cache_use(cursor))
		request->unbounded = make_page_request(cursor, id, passed, NULL)->url.data;
	return request;
}

static WalcuRequest *
make_page_request(const WalcuCursor *cursor, const char *id, int64 passed, const char *before)
{
	const WalcuQuery *query = cursor->group->query;
	bool by_position = is_keyed(cursor) && id != NULL;

	return query_page(query, cursor->part, make_position_filters(cursor, by_position ? id : NULL, before),
					  by_position ? 0 : query->skip + passed,
					  cursor->group->delivered + count_waiting(cursor));
}

/* The documents that are here and not taken yet. */
static int64
count_waiting(const WalcuCursor *cursor)
{
	return cursor->page ? cursor->page->documents - page_taken(cursor->page) : 0;
}

/* What is true of the documents of the cursor behind one. */
static List *
make_position_filters(const WalcuCursor *cursor, const char *id, const char *before)
{
	/* a part of documents without a value has no such key */
	int missing = list_length(cursor->group->query->keys) - list_length(cursor->part->keys);
	List *filters = NIL;

	if (id)
		filters = list_make1(sort_after(cursor->part->keys, list_copy_tail(cursor->values, missing), id));
	else if (cursor->from)
		filters = list_make1(filter_test("_id", "$gte", filter_utf8_string(cursor->from)));
	if (before)
		filters = lappend(filters, filter_test("_id", "$lt", filter_utf8_string(before)));
	return filters;
}

/*
 * Without order, documents would be lost or repeated silently; what another cursor took over is read there.
 */
static bool
accept_in_order(WalcuCursor *cursor, const WalcuDocument *document)
{
	if (is_keyed(cursor))
		check_order(cursor);
	else
		check_skip(cursor);
	if (is_beyond(cursor, cursor->id->data))
		return false;
	if (cursor->page->queue_head == cursor->page->queue_length)
		note_sort_keys(cursor, document);
	return true;
}

/* The current page is whole: ask for the one behind its last document. */
static void
start_next_page(WalcuCursor *cursor)
{
	WalcuPage *page = cursor->page;
	const char *id = cursor->id->data;
	WalcuDocument last;

	if (page_last(page, &last, cursor->ahead_id))
	{
		id = cursor->ahead_id->data;
		note_sort_keys(cursor, &last);
	}
	if (is_short(cursor))
	{
		cursor->from = MemoryContextStrdup(cursor->context, page->before);
		cursor->next = start_page(cursor, NULL, 0, NULL);
	}
	else if (!is_beyond(cursor, id))
		cursor->next = start_page(cursor, id, cursor->earlier + page->documents, NULL);
}

/* Tells whether it is likely that more than the current page, which is whole, will be read. */
static bool
is_next_wanted(const WalcuCursor *cursor)
{
	const WalcuQuery *query = cursor->group->query;

	cursor->group->page_size = Max(cursor->group->page_size, cursor->page->documents);
	return page_reader_has_more(cursor) &&
		   (query->all_rows || query->wanted > cursor->group->delivered + count_waiting(cursor));
}

/* The current page broke: ask for what follows the last document taken. */
static void
request_page_again(WalcuCursor *cursor)
{
	WalcuPage *broken = cursor->page;
	WalcuAttempt attempt = retry_attempt(broken->transfer);
	int64 passed = cursor->earlier + page_taken(broken);

	cursor->page = start_page(cursor, cursor->taken > 0 ? cursor->id->data : NULL, passed, &attempt);
	cursor->earlier = passed;
	cursor_drop_page(cursor, broken);
}

static void
go_to_next_page(WalcuCursor *cursor)
{
	if (is_beyond(cursor, cursor->id->data) || !page_reader_has_more(cursor))
	{
		cursor->ended = true;
		return;
	}
	if (cursor->next == NULL && page_reader_relies_on_sort(cursor->group))
	{
		cursor->held = true;
		return;
	}
	if (cursor->next == NULL)
		start_next_page(cursor);
	cursor->earlier += cursor->page->documents;
	cursor_drop_page(cursor, cursor->page);
	cursor->page = cursor->next;
	cursor->next = NULL;
}

/*
 * Tells whether there is a page after the current one, which is whole.  A page that is smaller than asked for
 * is not the end; without the header, an empty one is.
 */
bool
page_reader_has_more(const WalcuCursor *cursor)
{
	const WalcuTransfer *transfer = cursor->page->transfer;

	if (is_short(cursor))
		return true;
	if (transfer->head.has_more == WALCU_MORE_NO)
		return false;
	if (cursor->page->documents == 0 && transfer->head.has_more == WALCU_MORE_YES)
		http_error_raise_malformed(transfer, "it has no documents but says that more follow");
	return cursor->page->documents > 0;
}

/* Tells whether the current page is the last one of a shorter range, of a cursor that asked for it before. */
static bool
is_short(const WalcuCursor *cursor)
{
	const WalcuPage *page = cursor->page;

	return page->before && (page->documents == 0 || page->transfer->head.has_more == WALCU_MORE_NO) &&
		   (cursor->before == NULL || strcmp(page->before, cursor->before) < 0);
}

/* What another cursor took over is read there; here it only has to be in order. */
static bool
is_beyond(const WalcuCursor *cursor, const char *id)
{
	return cursor->before && strcmp(id, cursor->before) >= 0;
}

/* Remember the keys of what may be the last document of its page. */
static void
note_sort_keys(WalcuCursor *cursor, const WalcuDocument *document)
{
	int count = list_length(cursor->group->query->keys);
	MemoryContext before;
	Datum *values;
	bool *nulls;

	if (count == 0)
		return;
	MemoryContextReset(cursor->value_context);
	before = MemoryContextSwitchTo(cursor->value_context);
	values = palloc0(count * sizeof(Datum));
	nulls = palloc(count * sizeof(bool));
	memset(nulls, true, count * sizeof(bool));
	document_values(cursor->group->keys, document, cursor->group->query->credential, values, nulls);
	cursor->values = NIL;
	for (int i = 0; i < count; i++)
		cursor->values = lappend(cursor->values, nulls[i] ? NULL : TextDatumGetCString(values[i]));
	MemoryContextSwitchTo(before);
}

/* Without an _id, or out of order, documents would be lost or repeated silently. */
static void
check_order(WalcuCursor *cursor)
{
	const WalcuQuery *query = cursor->group->query;
	const char *id = cursor->id->data;
	bool is_first = cursor->previous_id->len == 0;
	const char *previous = is_first ? cursor->page->from : cursor->previous_id->data;

	if (cursor->page->lacks_id)
		ereport(ERROR, errcode(ERRCODE_FDW_ERROR),
				errmsg("a document of resource \"%s\" has no _id that is a string", query->options->resource),
				is_first ? errdetail("It is the first of those that were asked for.")
						 : errdetail("It follows the document \"%s\".",
									 format_shown_id(cursor->previous_id->data)),
				errhint("Set the option paging to 'skip'."));
	if (query->keys != NIL || previous == NULL)
		return;
	if (is_first ? strcmp(id, previous) >= 0 : strcmp(id, previous) > 0)
		return;
	if (page_reader_relies_on_sort(cursor->group))
		cursor->group->out_of_order = true;
	else
		ereport(ERROR, errcode(ERRCODE_FDW_ERROR),
				errmsg("documents of resource \"%s\" did not arrive in the order of _id",
					   query->options->resource),
				errdetail("Document \"%s\" arrived after \"%s\".", format_shown_id(id),
						  format_shown_id(previous)),
				errhint("The service may ignore the sort or the filter: check the option sort_format, "
						"or set the option paging to 'skip'."));
}

/* A service that ignores skip would begin each page alike, without end. */
static void
check_skip(const WalcuCursor *cursor)
{
	const char *id = cursor->id->data;

	if (cursor->earlier == 0 || page_taken(cursor->page) != 1 || id[0] == '\0' ||
		strcmp(id, cursor->first_id->data) != 0)
		return;
	ereport(ERROR, errcode(ERRCODE_FDW_ERROR),
			errmsg("document \"%s\" of resource \"%s\" arrived twice", format_shown_id(id),
				   cursor->group->query->options->resource),
			errhint("The service may ignore the parameter skip: set the option paging to 'key'."));
}

static const char *
format_shown_id(const char *id)
{
	const char *text = utf8_is_server_encoding() ? id : utf8_to_server_escaped(id, strlen(id));

	return text_shown(text, TEXT_OF_ID);
}
