/*
 * json_escape.c
 *	  The escapes that JSON has for characters.
 *
 * In a database that is not in UTF-8 PostgreSQL's parser takes the escape of a character beyond ASCII
 * (\u20ac) for an error of its own making, or cannot read it at all.  So what comes from the service has
 * the characters themselves before it is converted and parsed.
 */
#include "postgres.h"

#include "base/json_escape.h"

#include "mb/pg_wchar.h"

/* A hexadecimal escape: \u and four digits. */
#define ESCAPE_LENGTH 6

static int append_unescaped(StringInfo text, const char *escape, const char *end);
static int read_unit(const char *escape, const char *end);

/* Append well-formed JSON in UTF-8 to a text, with characters beyond ASCII in place of their escapes. */
void
json_escape_resolve(const char *json, size_t length, StringInfo text)
{
	const char *end = json + length;
	const char *at = json;

	while (at < end)
	{
		const char *backslash = memchr(at, '\\', end - at);

		appendBinaryStringInfo(text, at, (backslash ? backslash : end) - at);
		at = backslash ? backslash + append_unescaped(text, backslash, end) : end;
	}
}

/* The character of an escape, or what stands there when it is no such; returns the length of what that is. */
static int
append_unescaped(StringInfo text, const char *escape, const char *end)
{
	int unit = read_unit(escape, end);
	int low = (unit >= 0xd800 && unit < 0xdc00) ? read_unit(escape + ESCAPE_LENGTH, end) : -1;
	int length = (unit >= 0) ? ESCAPE_LENGTH : Min(2, end - escape);
	unsigned char utf8[4];
	pg_wchar code = unit;

	if (low >= 0xdc00 && low < 0xe000)
	{
		code = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
		length += ESCAPE_LENGTH;
	}
	/* what is ASCII may mean something to JSON, and half of a pair is for whoever reads the value to judge */
	if (unit < 0x80 || (unit >= 0xd800 && unit < 0xe000 && code == (pg_wchar) unit))
	{
		appendBinaryStringInfo(text, escape, length);
		return length;
	}
	unicode_to_utf8(code, utf8);
	appendBinaryStringInfo(text, (char *) utf8, pg_utf_mblen(utf8));
	return length;
}

/* The number of a hexadecimal escape; -1 for anything else. */
static int
read_unit(const char *escape, const char *end)
{
	char digits[5];

	if (end - escape < ESCAPE_LENGTH || escape[0] != '\\' || escape[1] != 'u')
		return -1;
	strlcpy(digits, escape + 2, sizeof(digits));
	return strspn(digits, "0123456789abcdefABCDEF") == 4 ? (int) strtol(digits, NULL, 16) : -1;
}
