/*
 * transcode.c
 *	  A JSON value of the service in the database's encoding.
 *
 * For databases that are not in UTF-8.  decode.c hands over single values, so that a character which the
 * database's encoding lacks matters only where it is asked for.
 */
#include "postgres.h"

#include "json/transcode.h"

#include "base/json_escape.h"
#include "base/utf8.h"

static bool needs_nothing(const WalcuJson *value);

/* Replace the escapes of characters beyond ASCII in a well-formed value, in UTF-8, by the characters. */
void
transcode_unescape(WalcuJson *value)
{
	StringInfoData text;

	if (memchr(value->text, '\\', value->length) == NULL)
		return;
	initStringInfo(&text);
	json_escape_resolve(value->text, value->length, &text);
	value->text = text.data;
	value->length = text.len;
}

/*
 * Make a well-formed value, in UTF-8, one in the database's encoding; false when that lacks a character.
 * Its text ends in a null byte then.
 */
bool
transcode_to_server(WalcuJson *value)
{
	StringInfoData text;

	if (needs_nothing(value))
		return true;
	transcode_unescape(value);
	initStringInfo(&text);
	if (!utf8_to_server(value->text, value->length, &text))
		return false;
	value->text = text.data;
	value->length = text.len;
	return true;
}

/* The same, with what the encoding lacks escaped, and with the escapes that were there. */
void
transcode_to_server_escaped(WalcuJson *value)
{
	if (needs_nothing(value))
		return;
	value->text = utf8_to_server_escaped(value->text, value->length);
	value->length = strlen(value->text);
}

/* Gets the name that a key of an object is, in its quotes, in UTF-8. */
bool
transcode_key(char *key, int size, bool transcodes, const char **name, int *length)
{
	WalcuJson value = {.type = JSON_TOKEN_STRING, .text = key, .length = size};

	if (transcodes)
		transcode_unescape(&value);
	return convert_string(&value, name, length);
}

/* Most values are of ASCII alone. */
static bool
needs_nothing(const WalcuJson *value)
{
	for (int i = 0; i < value->length; i++)
	{
		if (IS_HIGHBIT_SET(value->text[i]) || value->text[i] == '\\')
			return false;
	}
	return true;
}
