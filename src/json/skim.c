/*
 * skim.c
 *	  Where a JSON value ends, and whether it is well-formed.
 *
 * Most of a document is not wanted, yet every byte of it must be JSON.  The server's
 * lexer says so at a third of the speed, and makes tokens that nobody reads.  Called by
 * decode.c, which lets that lexer tell what is wrong when something is, and by modify/ for
 * the members of a document that is written.
 *
 * Bytes are valid in the server's encoding, in which no character has a part that looks
 * like ASCII.
 */
#include "postgres.h"

#include "json/skim.h"

#include "json/block.h"
#include "miscadmin.h"
#include "port/pg_bitutils.h"

/* A number longer than this, or with an exponent, may be too large for jsonb. */
#define LONG_NUMBER 300

static char *skim_object(WalcuSkimmer *skimmer, char *at);
static char *skim_array(WalcuSkimmer *skimmer, char *at);
static char *skim_plain(const WalcuSkimmer *skimmer, char *at);
static char *skim_escape(const WalcuSkimmer *skimmer, char *at);
static char *skim_number(WalcuSkimmer *skimmer, char *at);
static char *skim_digits(const WalcuSkimmer *skimmer, char *at);
static char *skim_word(const WalcuSkimmer *skimmer, char *at, const char *word, size_t length);

/* Passes over any value. */
char *
skim_value(WalcuSkimmer *skimmer, char *at)
{
	switch (skim_peek(skimmer, at))
	{
		case '"':
			return skim_string(skimmer, at);
		case '{':
			return skim_object(skimmer, at);
		case '[':
			return skim_array(skimmer, at);
		case 't':
			return skim_word(skimmer, at, "true", 4);
		case 'f':
			return skim_word(skimmer, at, "false", 5);
		case 'n':
			return skim_word(skimmer, at, "null", 4);
		default:
			return skim_number(skimmer, at);
	}
}

/*
 * Goes on to the next member of an object, the first time from the object's beginning, member->end.  Returns
 * false at the end of the object, and where something else than an object stands.
 */
bool
skim_next_member(WalcuSkimmer *skimmer, WalcuSkimMember *member)
{
	char *at = skim_space(skimmer, member->end);
	char *key_end;

	if (skim_peek(skimmer, at) != '{' && skim_peek(skimmer, at) != ',')
		return false;
	member->key = skim_space(skimmer, at + 1);
	key_end = skim_string(skimmer, member->key);
	member->key_length = key_end ? key_end - member->key : 0;
	member->value = key_end ? skim_colon(skimmer, key_end) : NULL;
	member->end = member->value ? skim_value(skimmer, member->value) : NULL;
	return member->end != NULL;
}

static char *
skim_object(WalcuSkimmer *skimmer, char *at)
{
	check_stack_depth();
	at = skim_space(skimmer, at + 1);
	if (skim_peek(skimmer, at) == '}')
		return at + 1;
	for (;;)
	{
		char c;

		if ((at = skim_string(skimmer, at)) == NULL || (at = skim_colon(skimmer, at)) == NULL ||
			(at = skim_value(skimmer, at)) == NULL)
			return NULL;
		at = skim_space(skimmer, at);
		c = skim_peek(skimmer, at);
		if (c == '}')
			return at + 1;
		if (c != ',')
			return NULL;
		at = skim_space(skimmer, at + 1);
	}
}

static char *
skim_array(WalcuSkimmer *skimmer, char *at)
{
	check_stack_depth();
	at = skim_space(skimmer, at + 1);
	if (skim_peek(skimmer, at) == ']')
		return at + 1;
	for (;;)
	{
		char c;

		if ((at = skim_value(skimmer, at)) == NULL)
			return NULL;
		at = skim_space(skimmer, at);
		c = skim_peek(skimmer, at);
		if (c == ']')
			return at + 1;
		if (c != ',')
			return NULL;
		at = skim_space(skimmer, at + 1);
	}
}

/* Passes over a string, in its quotes. */
char *
skim_string(WalcuSkimmer *skimmer, char *at)
{
	if (skim_peek(skimmer, at) != '"')
		return NULL;
	at++;
	for (;;)
	{
		at = skim_plain(skimmer, at);
		if (skim_peek(skimmer, at) == '"')
			return at + 1;
		if (skim_peek(skimmer, at) != '\\' || (at = skim_escape(skimmer, at)) == NULL)
			return NULL;
		skimmer->suspect = true;
	}
}

/*
 * Passes over the characters of a string that stand for themselves: not quotes, backslashes or control
 * characters.
 */
static char *
skim_plain(const WalcuSkimmer *skimmer, char *at)
{
	while (skimmer->end - at >= BLOCK_PART)
	{
		/* with the bits of the last control character set, every control character is equal to it */
		uint64 special = block_find_part(at, 0, '"') | block_find_part(at, 0, '\\') |
						 block_find_part(at, ' ' - 1, ' ' - 1);

		if (special != 0)
			return at + pg_rightmost_one_pos64(special);
		at += BLOCK_PART;
	}
	while (at < skimmer->end && *at != '"' && *at != '\\' && (unsigned char) *at >= ' ')
		at++;
	return at;
}

static char *
skim_escape(const WalcuSkimmer *skimmer, char *at)
{
	switch (skim_peek(skimmer, at + 1))
	{
		case '"':
		case '\\':
		case '/':
		case 'b':
		case 'f':
		case 'n':
		case 'r':
		case 't':
			return at + 2;
		case 'u':
			for (int i = 2; i < 6; i++)
			{
				if (!isxdigit((unsigned char) skim_peek(skimmer, at + i)))
					return NULL;
			}
			return at + 6;
		default:
			return NULL;
	}
}

static char *
skim_number(WalcuSkimmer *skimmer, char *at)
{
	const char *start = at;

	if (skim_peek(skimmer, at) == '-')
		at++;
	if (skim_peek(skimmer, at) == '0')
		at++;
	else if ((at = skim_digits(skimmer, at)) == NULL)
		return NULL;
	if (skim_peek(skimmer, at) == '.' && (at = skim_digits(skimmer, at + 1)) == NULL)
		return NULL;
	if (skim_peek(skimmer, at) == 'e' || skim_peek(skimmer, at) == 'E')
	{
		skimmer->suspect = true;
		at++;
		if (skim_peek(skimmer, at) == '+' || skim_peek(skimmer, at) == '-')
			at++;
		if ((at = skim_digits(skimmer, at)) == NULL)
			return NULL;
	}
	if (at - start > LONG_NUMBER)
		skimmer->suspect = true;
	return at;
}

/* Passes over one digit or more. */
static char *
skim_digits(const WalcuSkimmer *skimmer, char *at)
{
	const char *start = at;

	while (at < skimmer->end && *at >= '0' && *at <= '9')
		at++;
	return at > start ? at : NULL;
}

static char *
skim_word(const WalcuSkimmer *skimmer, char *at, const char *word, size_t length)
{
	return skimmer->end - at >= length && memcmp(at, word, length) == 0 ? at + length : NULL;
}
