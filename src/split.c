/*
 * split.c
 *	  Cut the bytes of a reply into documents as they arrive.
 *
 * A reply is an array of documents, or one bare document.  The splitter only
 * follows brackets and strings, so that it can stop at any byte and go on when more have
 * arrived; whether a document is valid JSON is decode.c's business.  On the way
 * it notes each document's _id, which paging needs before anything is decoded.
 */
#include "postgres.h"

#include "split.h"

static WalcuSplitResult between(WalcuSplitter *splitter, char c);
static bool inside(WalcuSplitter *splitter, char c, const char *at);
static void string_ends(WalcuSplitter *splitter, const char *quote);
static void open_document(WalcuSplitter *splitter);

/*
 * Find the next document.  data holds length bytes of the reply, the first of
 * which is the reply's byte number base; a document under way must still be there whole.
 */
WalcuSplitResult
split_next(WalcuSplitter *splitter, const char *data, uint64 base, size_t length, WalcuSpan *span)
{
	const char *end = data + length;

	for (const char *at = data + (splitter->position - base); at < end; at++)
	{
		splitter->position++;
		if (splitter->state == SPLIT_INSIDE)
		{
			if (!inside(splitter, *at, at))
				continue;
			splitter->span.length = (uint32) (splitter->position - splitter->span.start);
			splitter->state = splitter->bare ? SPLIT_AFTER : SPLIT_NEXT;
			*span = splitter->span;
			return WALCU_SPLIT_DOCUMENT;
		}
		if (between(splitter, *at) == WALCU_SPLIT_MALFORMED)
			return WALCU_SPLIT_MALFORMED;
	}
	return splitter->state == SPLIT_AFTER ? WALCU_SPLIT_END : WALCU_SPLIT_MORE;
}

/* The first byte that the splitter, or the document under way, still needs. */
uint64
split_needed_from(const WalcuSplitter *splitter)
{
	return splitter->state == SPLIT_INSIDE ? splitter->span.start : splitter->position;
}

/* A byte outside of any document. */
static WalcuSplitResult
between(WalcuSplitter *splitter, char c)
{
	WalcuSplitState state = splitter->state;

	if (c == ' ' || c == '\t' || c == '\n' || c == '\r')
		return WALCU_SPLIT_MORE;
	if (c == '{' && (state == SPLIT_START || state == SPLIT_FIRST || state == SPLIT_ELEMENT))
	{
		splitter->bare = (state == SPLIT_START);
		open_document(splitter);
	}
	else if (c == '[' && state == SPLIT_START)
		splitter->state = SPLIT_FIRST;
	else if (c == ',' && state == SPLIT_NEXT)
		splitter->state = SPLIT_ELEMENT;
	else if (c == ']' && (state == SPLIT_FIRST || state == SPLIT_NEXT))
		splitter->state = SPLIT_AFTER;
	else
		return WALCU_SPLIT_MALFORMED;
	return WALCU_SPLIT_MORE;
}

static void
open_document(WalcuSplitter *splitter)
{
	memset(&splitter->span, 0, sizeof(WalcuSpan));
	splitter->span.start = splitter->position - 1;
	splitter->state = SPLIT_INSIDE;
	splitter->depth = 1;
	splitter->key = true;
	splitter->id_next = false;
}

/* A byte of a document; true when it is the last one. */
static bool
inside(WalcuSplitter *splitter, char c, const char *at)
{
	if (splitter->in_string)
	{
		if (splitter->escaped)
			splitter->escaped = false;
		else if (c == '\\')
			splitter->escaped = true;
		else if (c == '"')
			string_ends(splitter, at);
		return false;
	}
	switch (c)
	{
		case '"':
			splitter->in_string = true;
			splitter->string_start = splitter->position;
			break;
		case '{':
		case '[':
			splitter->depth++;
			break;
		case '}':
		case ']':
			return --splitter->depth == 0;
		case ',':
			if (splitter->depth == 1)
			{
				splitter->key = true;
				splitter->id_next = false;
			}
			break;
		default:
			break;
	}
	return false;
}

/* At the closing quote: is this string the key _id, or the value behind it? */
static void
string_ends(WalcuSplitter *splitter, const char *quote)
{
	uint64 length = splitter->position - 1 - splitter->string_start;

	splitter->in_string = false;
	if (splitter->depth != 1)
		return;
	if (splitter->key)
		splitter->id_next = (length == 3 && memcmp(quote - 3, "_id", 3) == 0);
	else if (splitter->id_next)
	{
		splitter->span.id_start = (uint32) (splitter->string_start - splitter->span.start);
		splitter->span.id_length = (uint32) length;
	}
	splitter->key = false;
}
