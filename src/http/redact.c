/*
 * redact.c
 *	  Taking credentials out of what is said.
 *
 * A service that repeats what it was sent must not put credentials into a message, whatever it has made of
 * them: escaped as JSON or HTML, percent-encoded, in Base64.  http_error.c calls this for the service's
 * words, and all that looks at a reply has its errors pass through here, as PostgreSQL's own functions quote
 * what they do not understand.
 */
#include "postgres.h"

#include "http/redact.h"

#include "base/compat.h"
#include "mb/pg_wchar.h"
#include "utils/memutils.h"

/* What is a part of a credential only, and is shorter than this, is not looked for. */
#define SHORTEST_PART 4

/* So many characters of a credential may stand in a message by chance, as a word of it may: more may not. */
#define LONGEST_CHANCE 8

/* The same, where what is quoted is cut, before or behind "...". */
#define LONGEST_CHANCE_AT_CUT 3

/* In texts that are longer nobody looks for parts, which takes long.  No message of PostgreSQL's own is. */
#define LONGEST_SEARCHED 8192

/* No way of writing one character is longer, but for backslashes. */
#define LONGEST_ESCAPE 12

/* How much of a secret stands at one place of a text. */
typedef struct Match
{
	size_t length;  /* bytes of the text */
	int characters; /* of the secret */
	bool is_whole;  /* all of it */
} Match;

static void redact_field(char *text, const char *credential);
static List *list_secrets(const char *credential);
static List *add_members(List *secrets, const char *value);
static List *add_base64(List *secrets, const char *secret);
static size_t count_least_bytes(const char *secret);
static void take_out(char *text, const char *secret, bool whole);
static void take_out_parts(char *text, const char *secret);
static void match_secret(const char *text, const char *secret, int characters, Match *best);
static size_t match_plain(const char *text, const char *character, int length);
static size_t match_escaped(const char *text, const char *character, int length);
static size_t match_percent(const char *text, const char *character, int length);
static size_t match_unicode_escape(const char *text, pg_wchar code);
static size_t match_entity(const char *text, pg_wchar code);
static bool read_hex(const char *text, int digits, pg_wchar *value);
static bool is_cut(const char *text);
static bool is_before_dots(const char *text);
static bool is_behind_dots(const char *text, const char *begin);

/* Take a credential out of a text.  Unless the text is whole, it may end in the middle of it. */
void
redact_text(char *text, bool whole, const char *credential)
{
	ListCell *lc;

	foreach(lc, list_secrets(credential))
		take_out(text, lfirst(lc), whole);
}

/* Take a credential out of a name that messages show (NULL for none), if all of it stands there. */
void
redact_name(char *name, const char *credential)
{
	MemoryContext scratch;
	MemoryContext before;
	ListCell *lc;

	if (name == NULL)
		return;
	/* of each document that is written, at the least */
	scratch = AllocSetContextCreate(CurrentMemoryContext, "walcu secrets", ALLOCSET_DEFAULT_SIZES);
	before = MemoryContextSwitchTo(scratch);
	foreach(lc, list_secrets(credential))
	{
		if (strlen(lfirst(lc)) >= SHORTEST_PART)
			take_out(name, lfirst(lc), true);
	}
	MemoryContextSwitchTo(before);
	MemoryContextDelete(scratch);
}

/* Take a credential out of what an error says.  Hints are words of PostgreSQL and ours alone. */
void
redact_error(ErrorData *error, const char *credential)
{
	redact_field(error->message, credential);
	redact_field(error->detail, credential);
	redact_field(error->detail_log, credential);
	redact_field(error->context, credential);
	redact_field(error->internalquery, credential);
}

/* Raise the error that was caught again, without a credential. */
void
redact_rethrow(MemoryContext context, const char *credential)
{
	ErrorData *error;

	MemoryContextSwitchTo(context);
	error = CopyErrorData();
	FlushErrorState();
	redact_error(error, credential);
	ReThrowError(error);
}

/* PostgreSQL quotes a part of what it does not understand, up to where that is. */
static void
redact_field(char *text, const char *credential)
{
	ListCell *lc;

	if (text == NULL)
		return;
	foreach(lc, list_secrets(credential))
	{
		/* most of the words are not the service's, and would have to do without a letter */
		if (strlen(lfirst(lc)) < SHORTEST_PART)
			continue;
		take_out(text, lfirst(lc), true);
		if (strlen(text) <= LONGEST_SEARCHED)
			take_out_parts(text, lfirst(lc));
	}
}

/*
 * What may not be shown: a header's value; what follows a scheme in it, a token; what HTTP Basic has encoded,
 * and the password in that; the values of a cookie; and all of that in Base64.
 */
static List *
list_secrets(const char *credential)
{
	const char *value = credential ? strchr(credential, ':') + 2 : NULL;
	const char *word = value ? strchr(value, ' ') : NULL;
	List *secrets = NIL;
	List *all = NIL;
	ListCell *lc;

	if (value == NULL)
		return NIL;
	secrets = lappend(secrets, pstrdup(value));
	if (word && (strlen(word + 1) >= SHORTEST_PART || pg_strncasecmp(credential, "Authorization:", 14) == 0))
		secrets = lappend(secrets, pstrdup(word + 1));
	if (word && strncmp(value, "Basic ", 6) == 0)
	{
		char *plain = compat_base64_text(word + 1, strlen(word + 1));
		char *password = plain ? strchr(plain, ':') : NULL;

		if (password)
			secrets = lappend(lappend(secrets, plain), password + 1);
	}
	else
		secrets = add_members(secrets, value);
	foreach(lc, secrets)
		all = add_base64(lappend(all, lfirst(lc)), lfirst(lc));
	return all;
}

/* What stands behind "=" in a cookie, and in the parameters of other schemes. */
static List *
add_members(List *secrets, const char *value)
{
	char *copy = pstrdup(value);

	for (char *part = strtok(copy, ";,"); part; part = strtok(NULL, ";,"))
	{
		char *member = strchr(part, '=');

		if (member == NULL)
			continue;
		member += strspn(member, "=\" ");
		member[strcspn(member, "\"")] = '\0';
		if (strlen(member) >= SHORTEST_PART)
			secrets = lappend(secrets, member);
	}
	return secrets;
}

/*
 * What Base64 makes of a text that a secret is part of: three things, by how many bytes stand before it.
 * The first and the last character have bits of their neighbours, and are left out.
 */
static List *
add_base64(List *secrets, const char *secret)
{
	for (int before = 0; before < 3; before++)
	{
		int length = before + (int) strlen(secret);
		char *padded = psprintf("%.*s%s", before, "xx", secret);
		char *encoded = compat_base64(padded, length);
		int begin = (before * 8 + 5) / 6;
		int end = length * 8 / 6;

		encoded[end] = '\0';
		if (end - begin >= 2 * SHORTEST_PART)
			secrets = lappend(secrets, encoded + begin);
	}
	return secrets;
}

/* All of a secret takes no fewer bytes: a character takes one, and a backslash may be left out. */
static size_t
count_least_bytes(const char *secret)
{
	size_t count = 0;

	for (const char *character = secret; *character;
		 character += Min(pg_utf_mblen((const unsigned char *) character), (int) strlen(character)))
		count += *character != '\\';
	return count;
}

static void
take_out(char *text, const char *secret, bool whole)
{
	/* an _id, of each document that is written, has no room for most */
	if (whole && strlen(text) < count_least_bytes(secret))
		return;
	while (*text)
	{
		Match match = {0};

		match_secret(text, secret, 0, &match);
		/* its beginning may stand at the end of what there is */
		if (!match.is_whole && (whole || match.length == 0 || !is_cut(text + match.length)))
			match.length = 0;
		else if (!match.is_whole)
			match.length = strlen(text);
		memset(text, '*', match.length);
		text += Max(match.length, 1);
	}
}

/* Take out what is not the whole of a secret, but more of it than others would say by chance. */
static void
take_out_parts(char *text, const char *secret)
{
	char *begin = text;

	while (*text)
	{
		bool is_behind_cut = is_behind_dots(text, begin);
		size_t longest = 0;

		for (const char *rest = secret; *rest; rest++)
		{
			Match match = {0};
			int chance = LONGEST_CHANCE;

			match_secret(text, rest, 0, &match);
			if ((rest == secret && is_before_dots(text + match.length)) || (is_behind_cut && match.is_whole))
				chance = LONGEST_CHANCE_AT_CUT;
			if (match.characters >= chance)
				longest = Max(longest, match.length);
		}
		memset(text, '*', longest);
		text += Max(longest, 1);
	}
}

/*
 * Note how much of a secret a text begins with, however each of its characters is written.  Backslashes do
 * not count, as each level of JSON doubles them.  A sign that others are written with may stand for itself.
 */
static void
match_secret(const char *text, const char *secret, int characters, Match *best)
{
	const char *at = text;

	for (const char *character = secret; *character; characters++)
	{
		int length = Min(pg_utf_mblen((const unsigned char *) character), (int) strlen(character));
		size_t escaped = match_escaped(at, character, length);
		size_t plain = match_plain(at, character, length);

		if (escaped > 0 && plain > 0)
		{
			Match match = {0};

			match_secret(at + plain, character + length, characters + 1, &match);
			if (match.is_whole || match.characters > best->characters)
				*best = (Match){.length = at + plain + match.length - text,
								.characters = match.characters,
								.is_whole = match.is_whole};
			if (match.is_whole)
				return;
		}
		if (escaped == 0 && plain == 0 && *character != '\\')
			break;
		at += escaped > 0 ? escaped : plain;
		character += length;
		if (characters + 1 >= best->characters)
			*best =
				(Match){.length = at - text, .characters = characters + 1, .is_whole = *character == '\0'};
	}
}

/* How many bytes of a text are one character as it is, or after backslashes; 0 when it is another. */
static size_t
match_plain(const char *text, const char *character, int length)
{
	size_t slashes = strspn(text, "\\");
	const char *at = text + slashes;

	if (*character == '\\')
		return slashes;
	if (strncmp(at, character, length) == 0)
		return slashes + length;
	/* as URLs have Base64, and forms have a space */
	if ((*character == '+' && *at == '-') || (*character == '/' && *at == '_') ||
		(*character == ' ' && *at == '+'))
		return slashes + 1;
	return 0;
}

/* The same, for a character that is written in another way. */
static size_t
match_escaped(const char *text, const char *character, int length)
{
	size_t slashes = strspn(text, "\\");
	const char *at = text + slashes;
	pg_wchar code = utf8_to_unicode((const unsigned char *) character);
	size_t matched = match_percent(at, character, length);

	if (matched == 0)
		matched = match_entity(at, code);
	if (matched == 0 && slashes > 0)
		matched = match_unicode_escape(at, code);
	return matched > 0 ? slashes + matched : 0;
}

/* As URLs have it, also when the percent sign is encoded again. */
static size_t
match_percent(const char *text, const char *character, int length)
{
	const char *at = text;
	pg_wchar value;

	for (int i = 0; i < length; i++)
	{
		if (*at++ != '%')
			return 0;
		while (read_hex(at, 2, &value) && value != (unsigned char) character[i] && value == '%')
			at += 2;
		if (!read_hex(at, 2, &value) || value != (unsigned char) character[i])
			return 0;
		at += 2;
	}
	return at - text;
}

/* As JSON has it, without its backslash: one unit of UTF-16, or two. */
static size_t
match_unicode_escape(const char *text, pg_wchar code)
{
	pg_wchar first;
	pg_wchar second;
	size_t slashes;

	if (text[0] != 'u' || !read_hex(text + 1, 4, &first))
		return 0;
	if (first == code)
		return 5;
	slashes = strspn(text + 5, "\\");
	if (!is_utf16_surrogate_first(first) || slashes == 0 || text[5 + slashes] != 'u' ||
		!read_hex(text + 6 + slashes, 4, &second))
		return 0;
	return surrogate_pair_to_codepoint(first, second) == code ? 10 + slashes : 0;
}

/* As HTML has it. */
static size_t
match_entity(const char *text, pg_wchar code)
{
	static const struct
	{
		const char *name;
		char character;
	} entities[] = {{"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&apos;", '\''}};
	char *end;

	for (int i = 0; i < lengthof(entities); i++)
	{
		if (code == (unsigned char) entities[i].character &&
			strncmp(text, entities[i].name, strlen(entities[i].name)) == 0)
			return strlen(entities[i].name);
	}
	if (text[0] != '&' || text[1] != '#')
		return 0;
	if (strtoul(text + 2 + (text[2] == 'x'), &end, text[2] == 'x' ? 16 : 10) != code || *end != ';')
		return 0;
	return end + 1 - text;
}

static bool
read_hex(const char *text, int digits, pg_wchar *value)
{
	*value = 0;
	for (int i = 0; i < digits; i++)
	{
		if (!isxdigit((unsigned char) text[i]))
			return false;
		*value =
			*value * 16 + (isdigit((unsigned char) text[i]) ? text[i] - '0' : (text[i] | 0x20) - 'a' + 10);
	}
	return true;
}

/* Does a text end here, or in the middle of a character that is escaped? */
static bool
is_cut(const char *text)
{
	return *text == '\0' || (strchr("\\%&", *text) != NULL && strlen(text) < LONGEST_ESCAPE);
}

/* Does "..." follow, maybe behind half of a character that is escaped? */
static bool
is_before_dots(const char *text)
{
	const char *dots = strstr(text, "...");

	return dots == text || (dots && dots - text < LONGEST_ESCAPE && strchr("\\%&", *text) != NULL);
}

/* Do they stand before it, maybe with the rest of a character that is escaped? */
static bool
is_behind_dots(const char *text, const char *begin)
{
	for (const char *dots = text - 3; dots >= begin && text - dots < LONGEST_ESCAPE; dots--)
	{
		if (strncmp(dots, "...", 3) == 0)
			return true;
	}
	return false;
}
