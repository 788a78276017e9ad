/*
 * text.c
 *	  Texts from outside: how messages show them, and what is in them.
 *
 * Whoever puts the _id of a document, or a request, into a message calls text_shown: messages go to terminals
 * and logs, and an _id may be of any length and of any characters.  Texts of the service's errors are
 * http_error.c's.
 */
#include "postgres.h"

#include "base/text.h"

#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"

/* A text that text_make_short made has room for so many bytes. */
#define SHORT_TEXT 32

static int control_length(const char *at);

/*
 * Returns a text, in the database's encoding, as it can stand in a message: with control characters written
 * as \x1b, and cut, as "..." tells, behind so many bytes.
 */
char *
text_shown(const char *text, int limit)
{
	int length = (int) strnlen(text, (size_t) limit + 1);
	int kept = length > limit ? pg_mbcliplen(text, length, limit) : length;
	const char *end = text + kept;
	StringInfoData shown;

	initStringInfo(&shown);
	while (text < end)
	{
		int control = control_length(text);

		if (control == 0)
			appendStringInfoChar(&shown, *text++);
		for (; control > 0; control--)
			appendStringInfo(&shown, "\\x%02x", (unsigned char) *text++);
	}
	if (length > limit)
		appendStringInfoString(&shown, "...");
	return text_take(&shown);
}

/* Returns a number of things in words: 1 request, 2 requests. */
char *
text_counted(int64 count, const char *noun)
{
	return psprintf(INT64_FORMAT " %s%s", count, noun, count == 1 ? "" : "s");
}

/* Tells whether a word of ASCII stands in a text, in capitals or not. */
bool
text_contains(const char *text, const char *word)
{
	size_t length = strlen(word);

	for (; *text; text++)
	{
		if (pg_strncasecmp(text, word, length) == 0)
			return true;
	}
	return false;
}

/* Tells whether a list of texts has this one. */
bool
text_in_list(List *texts, const char *text)
{
	ListCell *lc;

	foreach(lc, texts)
	{
		if (strcmp(lfirst(lc), text) == 0)
			return true;
	}
	return false;
}

/* Returns those of a list of texts that another list does not have. */
List *
text_lacking(List *texts, List *others)
{
	List *lacking = NIL;
	ListCell *lc;

	foreach(lc, texts)
	{
		if (!text_in_list(others, lfirst(lc)))
			lacking = lappend(lacking, lfirst(lc));
	}
	return lacking;
}

/*
 * Returns a list of texts in order, each once; text_compare_bytes is one order.  The list itself is sorted,
 * too.
 */
List *
text_sort_unique(List *texts, list_sort_comparator compare)
{
	List *unique = NIL;
	ListCell *lc;

	list_sort(texts, compare);
	foreach(lc, texts)
	{
		CHECK_FOR_INTERRUPTS();
		if (unique == NIL || strcmp(llast(unique), lfirst(lc)) != 0)
			unique = lappend(unique, lfirst(lc));
	}
	return unique;
}

/* list_sort_comparator: texts in the order of their bytes. */
int
text_compare_bytes(const ListCell *one, const ListCell *other)
{
	CHECK_FOR_INTERRUPTS();
	return strcmp(lfirst(one), lfirst(other));
}

/*
 * Returns the bytes of the control character that stands there, which is 0 when it is none.  UTF-8 has those
 * of C1, too.
 */
static int
control_length(const char *at)
{
	unsigned char c = (unsigned char) at[0];
	unsigned char next = (unsigned char) at[1];

	if (c < ' ' || c == 0x7f)
		return 1;
	return (GetDatabaseEncoding() == PG_UTF8 && c == 0xc2 && next >= 0x80 && next < 0xa0) ? 2 : 0;
}

/* A LIKE pattern that matches this text alone. */
char *
text_escape_like(const char *text)
{
	StringInfoData like;

	initStringInfo(&like);
	for (const char *c = text; *c; c++)
	{
		if (strchr("\\%_", *c) != NULL)
			appendStringInfoChar(&like, '\\');
		appendStringInfoChar(&like, *c);
	}
	return like.data;
}

/* Returns a copy of what a buffer holds, as most are smaller than it, and frees the buffer. */
char *
text_take(StringInfo buffer)
{
	char *text = pnstrdup(buffer->data, buffer->len);

	pfree(buffer->data);
	return text;
}

/* Makes an empty text with room for an id.  It grows as that of makeStringInfo, which begins with more. */
StringInfo
text_make_short(void)
{
	StringInfo text = palloc(sizeof(StringInfoData));

	text_init(text, SHORT_TEXT);
	return text;
}

/* Makes a buffer an empty text with room for so many bytes.  initStringInfo has 1 kB. */
void
text_init(StringInfo buffer, int room)
{
	buffer->maxlen = room;
	buffer->data = palloc(room);
	resetStringInfo(buffer);
}
