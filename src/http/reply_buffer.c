/*
 * reply_buffer.c
 *	  The bytes of a reply's body that have arrived, read and unread.
 *
 * transfer.c adds bytes inside callbacks of curl, where nothing may raise an error: so the room is malloc's,
 * and want of it is a result.  Bytes that were read make room for those to come, unless all are kept.
 */
#include "postgres.h"

#include "http/reply_buffer.h"

/* Some programs put this mark of UTF-8 before a text; it is no part of it, and no JSON. */
static const char byte_order_mark[] = "\xEF\xBB\xBF";

/* The room of a reply that has ended is kept for the next one when it is no larger than so many bytes. */
#define LARGEST_SPARE (512 * 1024)

/* Room that no reply has: a page grows to that of the page before, and would move whenever it doubles. */
static WalcuReplyBuffer spare;

static bool make_reply_room(WalcuReplyBuffer *buffer, size_t unread, size_t bytes);

/*
 * Adds bytes behind the unread ones, which stand behind those consumed and may move.  A null byte follows
 * them, as C's readers of numbers rely on an end.  Returns false when memory is out.
 */
bool
reply_buffer_append(WalcuReplyBuffer *buffer, size_t unread, const char *data, size_t length)
{
	char *end;

	if (!make_reply_room(buffer, unread, length))
		return false;
	end = buffer->start + buffer->consumed + unread;
	memcpy(end, data, length);
	end[length] = '\0';
	return true;
}

/*
 * Returns how many bytes of a body's beginning are such a mark, which may come in pieces.  A part of it that
 * something else follows counts, too: there is no text that begins so.
 */
size_t
reply_buffer_pass_mark(WalcuReplyBuffer *buffer, const char *data, size_t length)
{
	size_t passed = 0;

	while (passed < length && byte_order_mark[buffer->marked] != '\0' &&
		   data[passed] == byte_order_mark[buffer->marked])
	{
		passed++;
		buffer->marked++;
	}
	return passed;
}

/* Gives the room back, or keeps it for the next reply. */
void
reply_buffer_free(WalcuReplyBuffer *buffer)
{
	if (buffer->capacity > spare.capacity && buffer->capacity <= LARGEST_SPARE)
	{
		free(spare.start);
		spare.start = buffer->start;
		spare.capacity = buffer->capacity;
	}
	else
		free(buffer->start);
}

static bool
make_reply_room(WalcuReplyBuffer *buffer, size_t unread, size_t bytes)
{
	size_t needed = unread + bytes + 1;

	if (buffer->start == NULL)
	{
		buffer->start = spare.start;
		buffer->capacity = spare.capacity;
		memset(&spare, 0, sizeof(spare));
	}
	if (buffer->consumed + needed <= buffer->capacity)
		return true;
	if (buffer->consumed + needed <= buffer->keep)
		needed += buffer->consumed;
	else if (buffer->consumed > 0)
	{
		memmove(buffer->start, buffer->start + buffer->consumed, unread);
		buffer->consumed = 0;
		buffer->keep = 0;
	}
	if (needed > buffer->capacity)
	{
		size_t capacity = Max(needed, 2 * buffer->capacity);
		char *start = realloc(buffer->start, capacity);

		if (start == NULL)
			return false;
		buffer->start = start;
		buffer->capacity = capacity;
	}
	return true;
}
