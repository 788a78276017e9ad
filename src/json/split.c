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

#include "json/split.h"

#include "json/block.h"

/* The brackets among some bytes that stand in no string, and how many are open before them. */
typedef struct Brackets
{
	int depth;    /* So many are open before. */
	uint64 open;  /* These bytes are opening brackets. */
	uint64 close; /* These bytes are closing brackets. */
} Brackets;

static WalcuSplitResult pass_between(WalcuSplitter *splitter, char c);
static WalcuSplitResult pass_null(WalcuSplitter *splitter, char c);
static void open_document(WalcuSplitter *splitter);
static const char *pass_inside(WalcuSplitter *splitter, const char *document, const char *at,
							   const char *end);
static uint64 find_escaped(WalcuSplitter *splitter, uint64 backslashes, int count);
static int pass_brackets(const Brackets *brackets, int count);
static void note_id_keys(WalcuSplitter *splitter, const char *document, const char *at,
						 const Brackets *brackets, uint64 keys);
static int measure_depth(const Brackets *brackets, int count);
static int count_open_brackets(const Brackets *brackets, int count);
static bool find_id(WalcuSplitter *splitter, const char *document, const char *end);
static const char *pass_id_key(const char *at, const char *end);
static const char *pass_character(const char *at, const char *end, char c);
static const char *pass_space(const char *at, const char *end);
static bool is_space(char c);

/*
 * Finds the next document.  data has length bytes of the reply, the first of which is the reply's byte
 * number base.  The current document must still be there whole.
 */
WalcuSplitResult
split_next(WalcuSplitter *splitter, const char *data, uint64 base, size_t length, WalcuSpan *span)
{
	const char *at = data + (splitter->position - base);
	const char *end = data + length;

	while (at < end)
	{
		if (splitter->state != SPLIT_INSIDE)
		{
			splitter->position++;
			if (pass_between(splitter, *at++) == WALCU_SPLIT_MALFORMED)
				return WALCU_SPLIT_MALFORMED;
			continue;
		}
		at = pass_inside(splitter, data + (splitter->span.start - base), at, end);
		splitter->position = base + (at - data);
		if (splitter->depth == 0)
		{
			/* whatever else it contains, it is not a document */
			if (at[-1] != '}')
				return WALCU_SPLIT_MALFORMED;
			find_id(splitter, data + (splitter->span.start - base), at);
			splitter->span.length = (uint32) (splitter->position - splitter->span.start);
			splitter->state = splitter->bare ? SPLIT_AFTER : SPLIT_NEXT;
			*span = splitter->span;
			return WALCU_SPLIT_DOCUMENT;
		}
	}
	return splitter->state == SPLIT_AFTER ? WALCU_SPLIT_END : WALCU_SPLIT_MORE;
}

/* Returns the first byte that the splitter, or the current document, still needs. */
uint64
split_needed_from(const WalcuSplitter *splitter)
{
	return splitter->state == SPLIT_INSIDE ? splitter->span.start : splitter->position;
}

/* Passes over a byte outside of any document. */
static WalcuSplitResult
pass_between(WalcuSplitter *splitter, char c)
{
	WalcuSplitState state = splitter->state;

	if (state == SPLIT_NULL)
		return pass_null(splitter, c);
	if (is_space(c))
		return WALCU_SPLIT_MORE;
	if (c == 'n' && splitter->null_is_none && (state == SPLIT_START || state == SPLIT_FIRST))
	{
		splitter->bare = (state == SPLIT_START);
		splitter->state = SPLIT_NULL;
		splitter->null_length = 1;
	}
	else if (c == '{' && (state == SPLIT_START || state == SPLIT_FIRST || state == SPLIT_ELEMENT))
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

/* Passes over a further letter of a null. */
static WalcuSplitResult
pass_null(WalcuSplitter *splitter, char c)
{
	static const char letters[] = "null";

	if (c != letters[splitter->null_length++])
		return WALCU_SPLIT_MALFORMED;
	if (letters[splitter->null_length] == '\0')
		splitter->state = splitter->bare ? SPLIT_AFTER : SPLIT_NEXT;
	return WALCU_SPLIT_MORE;
}

static void
open_document(WalcuSplitter *splitter)
{
	memset(&splitter->span, 0, sizeof(WalcuSpan));
	splitter->span.start = splitter->position - 1;
	splitter->state = SPLIT_INSIDE;
	splitter->depth = 1;
	splitter->in_string = splitter->in_escape = splitter->opened = false;
	splitter->maybe_id = 0;
}

/*
 * Passes over the next bytes of a document, a block at most.  Returns what is behind them, which is behind
 * the document when depth has become 0.
 */
static const char *
pass_inside(WalcuSplitter *splitter, const char *document, const char *at, const char *end)
{
	char padded[BLOCK_SIZE];
	const char *block = at;
	int count = (int) Min(end - at, BLOCK_SIZE);
	Brackets brackets = {.depth = splitter->depth};
	uint64 backslashes;
	uint64 quotes;
	uint64 strings;
	uint64 opened;
	uint64 keys;
	int opens;
	int closes;

	if (count < BLOCK_SIZE)
	{
		memset(padded, ' ', sizeof(padded));
		block = memcpy(padded, at, count);
	}
	backslashes = block_find(block, 0, '\\');
	quotes = block_find(block, 0, '"') & ~find_escaped(splitter, backslashes, count);
	strings = block_between(quotes) ^ (splitter->in_string ? ~UINT64CONST(0) : 0);
	/* one bit makes a curly bracket of a square one */
	brackets.open = block_find(block, '{' ^ '[', '{') & ~strings;
	brackets.close = block_find(block, '}' ^ ']', '}') & ~strings;
	opened = (quotes & strings) << 1 | splitter->opened;
	splitter->opened = ((quotes & strings) >> (count - 1)) & 1;
	splitter->in_string = (strings >> (BLOCK_SIZE - 1)) & 1;
	opens = block_count(brackets.open);
	closes = block_count(brackets.close);

	if (closes >= splitter->depth)
	{
		count = pass_brackets(&brackets, count);
		opens = block_count(brackets.open & block_first(count));
		closes = block_count(brackets.close & block_first(count));
	}
	/* the document's _id cannot be deeper */
	if (closes >= splitter->depth - 1)
	{
		keys = (block_find(block, 0, '_') | backslashes) & opened & block_first(count);
		note_id_keys(splitter, document, at, &brackets, keys);
	}
	if (splitter->max_depth > 0 && splitter->depth + opens > splitter->max_depth)
		splitter->too_deep |= measure_depth(&brackets, count) > splitter->max_depth;
	splitter->depth += opens - closes;
	return at + count;
}

/* Returns the bytes that a backslash before them escapes. */
static uint64
find_escaped(WalcuSplitter *splitter, uint64 backslashes, int count)
{
	uint64 escaped = splitter->in_escape;
	uint64 escaping = 0;

	while ((backslashes &= ~escaped) != 0)
	{
		escaping = backslashes & -backslashes;
		backslashes &= ~escaping;
		escaped |= escaping << 1;
	}
	splitter->in_escape = (escaping >> (count - 1)) & 1;
	return escaped;
}

/* Returns how many of the bytes belong to the document. */
static int
pass_brackets(const Brackets *brackets, int count)
{
	for (uint64 left = brackets->close; left != 0; left &= left - 1)
	{
		int behind = block_count(block_before(left)) + 1;

		if (count_open_brackets(brackets, behind) == 0)
			return behind;
	}
	return count;
}

/*
 * Remembers one of the strings there that begin with an underscore, or an escape, if it may be the
 * document's key _id.
 */
static void
note_id_keys(WalcuSplitter *splitter, const char *document, const char *at, const Brackets *brackets,
			 uint64 keys)
{
	for (; keys != 0; keys &= keys - 1)
	{
		int place = block_count(block_before(keys));

		if (count_open_brackets(brackets, place) != 1)
			continue;
		if (find_id(splitter, document, at + place))
			splitter->maybe_id = (uint32) (at + place - document);
	}
}

/* Returns how many brackets are open at most. */
static int
measure_depth(const Brackets *brackets, int count)
{
	int most = brackets->depth;

	for (uint64 left = brackets->open & block_first(count); left != 0; left &= left - 1)
		most = Max(most, count_open_brackets(brackets, block_count(block_before(left)) + 1));
	return most;
}

/* Returns how many brackets are open behind the first bytes. */
static int
count_open_brackets(const Brackets *brackets, int count)
{
	uint64 bytes = block_first(count);

	return brackets->depth + block_count(brackets->open & bytes) - block_count(brackets->close & bytes);
}

/*
 * Notes the document's _id, if what looked like its key is one.  An _id that is not a string counts as
 * none.  Returns false when the bytes end, at end, in the middle of this value.
 */
static bool
find_id(WalcuSplitter *splitter, const char *document, const char *end)
{
	const char *at = splitter->maybe_id > 0 ? pass_id_key(document + splitter->maybe_id, end) : NULL;
	const char *value;

	if (at == NULL)
		return true;
	/* the last of equal members counts, whatever its value is */
	splitter->span.id_start = splitter->span.id_length = 0;
	at = pass_space(at, end);
	if (at == end || *at != '"')
		return true;
	value = ++at;
	while (at < end && *at != '"')
		at += (*at == '\\') ? 2 : 1;
	if (at >= end)
		return false;
	splitter->span.id_start = (uint32) (value - document);
	splitter->span.id_length = (uint32) (at - value);
	return true;
}

/*
 * Returns what is behind the key _id and its colon; NULL when another string stands there, or one that is
 * not a key.
 */
static const char *
pass_id_key(const char *at, const char *end)
{
	for (const char *c = "_id"; *c; c++)
	{
		if ((at = pass_character(at, end, *c)) == NULL)
			return NULL;
	}
	if (at == end || *at != '"')
		return NULL;
	at = pass_space(at + 1, end);
	return (at < end && *at == ':') ? at + 1 : NULL;
}

/*
 * Returns what is behind a character of a string, which may be written as an escape; NULL when it is
 * another character.
 */
static const char *
pass_character(const char *at, const char *end, char c)
{
	char escape[7];

	if (at < end && *at == c)
		return at + 1;
	snprintf(escape, sizeof(escape), "\\u%04x", c);
	return (end - at >= 6 && pg_strncasecmp(at, escape, 6) == 0 && at[1] == 'u') ? at + 6 : NULL;
}

static const char *
pass_space(const char *at, const char *end)
{
	while (at < end && is_space(*at))
		at++;
	return at;
}

static bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}
