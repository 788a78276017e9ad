/*
 * pattern.c
 *	  SQL's patterns as the service's regular expressions.
 *
 * MongoDB has PCRE's, and who stands before it may read them as JavaScript does: so only what both mean alike
 * is written, which excludes \z, options within a pattern, and classes by name.  What could differ by a hair
 * is not translated, with one exception.  Letters match in both cases by classes of both, as "C" knows ASCII
 * letters only and PCRE's own option knows more.
 *
 * JavaScript counts a character beyond U+FFFF, such as an emoji, as two.  So what matches any one character
 * (a wide atom) also matches two where a translation may match more, and none but those of ASCII where it may
 * match less, as for a negation.
 */
#include "postgres.h"

#include <ctype.h>

#include "pushdown/pattern.h"

#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "pushdown/case_variant.h"
#include "pushdown/pattern_runs.h"

/* PostgreSQL's limit for the bounds of a quantifier. */
#define MAX_BOUND 255

/* These are one character of any kind, the blanks of ASCII (\v is more than one to PCRE), and the end. */
#define ANY_CHARACTER "[\\d\\D]"
#define SPACES        " \\t\\n\\x0b\\f\\r"
#define END_OF_TEXT   "(?!" ANY_CHARACTER ")"

/* What a wide atom is where a pattern may match less. */
#define ONE_OF_ASCII "(?=[\\x00-\\x7f])"

/* The first byte of a character beyond U+FFFF is one of these. */
#define FIRST_BYTE_OF_FOUR 0xF0

typedef struct Translation
{
	const char *at;          /* This is still to be read. */
	StringInfoData output;   /* This is the translation so far. */
	bool ignore_case;        /* Letters match in both cases. */
	bool ascii_classes;      /* \d, [:alpha:], their like, and letters in both cases mean ASCII. */
	WalcuPatternBound bound; /* It errs to this side. */
	bool quantifiable;       /* An atom stands before. */
	bool doubled;            /* That atom is a wide one, which may take up two of a bound. */
	bool has_wide_group; /* A group has a wide atom, which might match in too many ways if it is repeated. */
	int depth;           /* So many parentheses are open. */
} Translation;

static bool has_case(char c);
static void append_character(StringInfo output, char c, bool ignore_case);
static bool translate_next(Translation *translation);
static void append_whole_character(Translation *translation, char c);
static bool has_other_letters(const Translation *translation);
static void append_wide_atom(Translation *translation, const char *atom);
static bool ends_group(Translation *translation);
static bool is_quantifier(const char *at);
static bool translate_escape(Translation *translation);
static bool translate_group(Translation *translation);
static bool translate_quantifier(Translation *translation, char c);
static bool translate_bound(Translation *translation);
static bool translate_bracket(Translation *translation);
static bool translate_class(Translation *translation);
static bool translate_member(Translation *translation);
static bool read_member(Translation *translation, char *c);
static bool append_range(Translation *translation, char first, char last);

/* A LIKE pattern; NULL when it is none, or the service would search too long. */
char *
pattern_from_like(const char *like, bool ignore_case, WalcuPatternBound bound)
{
	StringInfoData output;
	size_t length = strlen(like);
	bool anchored = true;

	initStringInfo(&output);
	if (like[0] != '%')
		appendStringInfoChar(&output, '^');
	for (size_t i = 0; i < length; i++)
	{
		anchored = true;
		if (like[i] == '%')
		{
			anchored = false;
			if (i == 0 || i == length - 1)
				continue;
			appendStringInfoString(&output, ANY_CHARACTER "*");
		}
		else if (like[i] == '_')
			appendStringInfoString(&output,
								   bound == WALCU_PATTERN_MOST ? ANY_CHARACTER "{1,2}" : "[\\x00-\\x7f]");
		else
		{
			if (like[i] == '\\' && ++i == length)
				return NULL;
			append_character(&output, like[i], ignore_case);
		}
	}
	if (anchored)
		appendStringInfoString(&output, END_OF_TEXT);
	return pattern_runs_gather(output.data);
}

/*
 * What matches at least what a LIKE pattern does, and still does when its own letters were made upper or
 * lower case, to be read with the options i and s; NULL when it is none.
 */
char *
pattern_from_folded_like(const char *like)
{
	StringInfoData output;
	bool is_open = false;

	initStringInfo(&output);
	for (const char *c = like; *c; c++)
	{
		bool was_open = is_open;

		is_open = *c == '%' || *c == '_';
		if (c == like && !is_open)
			appendStringInfoChar(&output, '^');
		if (*c == '\\' && *++c == '\0')
			return NULL;
		/* a character may be several to the service, or be another one in the other case */
		is_open |= (unsigned char) *c < ' ' || (unsigned char) *c >= 0x7f;
		if (!is_open)
			append_character(&output, *c, false);
		else if (!was_open)
			appendStringInfoString(&output, ".*");
	}
	if (!is_open)
		appendStringInfoChar(&output, '$');
	return output.data;
}

/*
 * What all texts begin with that match a LIKE pattern; empty when they begin with anything.  The case of a
 * letter is not known where it is ignored.
 */
char *
pattern_like_prefix(const char *like, bool ignore_case)
{
	StringInfoData prefix;

	initStringInfo(&prefix);
	for (const char *c = like; *c && *c != '%' && *c != '_'; c++)
	{
		if (*c == '\\' && *++c == '\0')
			break;
		if (ignore_case && has_case(*c))
			break;
		appendStringInfoChar(&prefix, *c);
	}
	return prefix.data;
}

/* The same of a regular expression: the letters and digits behind ^, as far as these stand for themselves. */
char *
pattern_regex_prefix(const char *regex, bool ignore_case)
{
	StringInfoData prefix;
	const char *c = regex;

	initStringInfo(&prefix);
	if (*c++ != '^' || strchr(regex, '|') != NULL)
		return prefix.data;
	while (isalnum((unsigned char) *c) && (unsigned char) *c < 0x80 && !(ignore_case && has_case(*c)))
		appendStringInfoChar(&prefix, *c++);
	/* the last one may be there any number of times */
	if (prefix.len > 0 && *c && strchr("*?+{", *c) != NULL)
		prefix.data[--prefix.len] = '\0';
	return prefix.data;
}

/* May a character be the same as another one where case is ignored? */
static bool
has_case(char c)
{
	return isalpha((unsigned char) c) || (unsigned char) c >= 0x80;
}

/* What begins with a text. */
char *
pattern_from_prefix(const char *prefix)
{
	StringInfoData output;

	initStringInfo(&output);
	appendStringInfoChar(&output, '^');
	for (const char *c = prefix; *c; c++)
		append_character(&output, *c, false);
	return output.data;
}

/* Every way to write a UUID, given in its usual one. */
char *
pattern_from_uuid(const char *uuid)
{
	StringInfoData output;
	int digits = 0;

	initStringInfo(&output);
	appendStringInfoString(&output, "^\\{?");
	for (const char *c = uuid; *c; c++)
	{
		if (*c == '-')
			continue;
		append_character(&output, *c, true);
		if (++digits % 4 == 0 && digits < 32)
			appendStringInfoString(&output, "-?");
	}
	appendStringInfoString(&output, "\\}?" END_OF_TEXT);
	return output.data;
}

/*
 * One of PostgreSQL's regular expressions; NULL when it is not one, or uses what may mean
 * something else to PCRE.
 */
char *
pattern_from_regex(const char *regex, bool ignore_case, bool ascii_classes, WalcuPatternBound bound)
{
	Translation translation = {
		.at = regex, .ignore_case = ignore_case, .ascii_classes = ascii_classes, .bound = bound};

	initStringInfo(&translation.output);
	if (strncmp(regex, "***", 3) == 0 || (bound == WALCU_PATTERN_LEAST && has_other_letters(&translation)))
		return NULL;
	while (*translation.at)
	{
		if (!translate_next(&translation))
			return NULL;
	}
	return translation.depth == 0 ? pattern_runs_gather(translation.output.data) : NULL;
}

/* A character that stands for itself; bytes of longer ones pass one by one. */
static void
append_character(StringInfo output, char c, bool ignore_case)
{
	if (ignore_case && isalpha((unsigned char) c) && (unsigned char) c < 0x80)
		appendStringInfo(output, "[%c%c]", tolower((unsigned char) c), toupper((unsigned char) c));
	else
	{
		if (strchr("\\^$.|?*+()[]{}", c) != NULL)
			appendStringInfoChar(output, '\\');
		appendStringInfoChar(output, c);
	}
}

static bool
translate_next(Translation *translation)
{
	StringInfo output = &translation->output;
	char c = *translation->at++;

	switch (c)
	{
		case '\\':
			return translate_escape(translation);
		case '(':
			return translate_group(translation);
		case ')':
			return ends_group(translation);
		case '[':
			return translate_bracket(translation);
		case '{':
			if (is_quantifier(translation->at - 1))
				return translate_bound(translation);
			break;
		case '*':
		case '+':
		case '?':
			return translate_quantifier(translation, c);
		case '|':
		case '^':
			appendStringInfoChar(output, c);
			translation->quantifiable = false;
			return true;
		case '$':
			appendStringInfoString(output, END_OF_TEXT);
			translation->quantifiable = false;
			return true;
		case '.':
			append_wide_atom(translation, ANY_CHARACTER);
			return true;
		default:
			break;
	}
	append_whole_character(translation, c);
	return true;
}

/* A character that stands for itself; a quantifier behind it is for all that JavaScript counts it as. */
static void
append_whole_character(Translation *translation, char c)
{
	StringInfo output = &translation->output;

	translation->quantifiable = true;
	translation->doubled = false;
	if (has_other_letters(translation) && (unsigned char) c < FIRST_BYTE_OF_FOUR)
	{
		const char *variants = case_variant_list(translation->at - 1, false);

		translation->at += pg_utf_mblen((const unsigned char *) translation->at - 1) - 1;
		if (variants)
			case_variant_append(output, variants);
		else
			append_wide_atom(translation, ANY_CHARACTER);
		return;
	}
	if ((unsigned char) c < FIRST_BYTE_OF_FOUR)
	{
		append_character(output, c, translation->ignore_case);
		return;
	}
	appendStringInfo(output, "(?:%c", c);
	while (((unsigned char) *translation->at & 0xC0) == 0x80)
		appendStringInfoChar(output, *translation->at++);
	appendStringInfoChar(output, ')');
}

/* Do letters match in both cases that are not of ASCII?  Then the text is in UTF-8. */
static bool
has_other_letters(const Translation *translation)
{
	return translation->ignore_case && !translation->ascii_classes;
}

/* An atom that matches one character, which may be one beyond U+FFFF. */
static void
append_wide_atom(Translation *translation, const char *atom)
{
	StringInfo output = &translation->output;
	char next = *translation->at;

	translation->quantifiable = true;
	translation->doubled = false;
	/* any number of them is any number of halves */
	if (next == '*' || next == '+')
		appendStringInfoString(output, atom);
	else if (translation->bound == WALCU_PATTERN_LEAST)
		appendStringInfo(output, "(?:" ONE_OF_ASCII "%s)", atom);
	else
	{
		appendStringInfoString(output, atom);
		translation->has_wide_group |= translation->depth > 0;
		translation->doubled = is_quantifier(translation->at);
		if (!translation->doubled)
			appendStringInfoString(output, "{1,2}");
	}
}

static bool
ends_group(Translation *translation)
{
	appendStringInfoChar(&translation->output, ')');
	translation->quantifiable = true;
	translation->doubled = false;
	if (translation->has_wide_group && is_quantifier(translation->at))
		return false;
	return --translation->depth >= 0;
}

/* A brace begins a bound before a digit only; else it stands for itself. */
static bool
is_quantifier(const char *at)
{
	return *at == '*' || *at == '+' || *at == '?' || (*at == '{' && isdigit((unsigned char) at[1]));
}

static bool
translate_escape(Translation *translation)
{
	static const struct
	{
		char letter;
		const char *class;
	} classes[] = {
		{'d', "[0-9]"},  {'w', "[0-9A-Za-z_]"},  {'s', "[" SPACES "]"},
		{'D', "[^0-9]"}, {'W', "[^0-9A-Za-z_]"}, {'S', "[^" SPACES "]"},
	};
	char c = *translation->at;

	if (c == '\0')
		return false;
	translation->at++;
	translation->quantifiable = true;
	translation->doubled = false;
	if (!isalnum((unsigned char) c) && (unsigned char) c < 0x80)
	{
		append_character(&translation->output, c, false);
		return true;
	}
	for (int i = 0; translation->ascii_classes && i < lengthof(classes); i++)
	{
		if (classes[i].letter != c)
			continue;
		if (isupper((unsigned char) c))
			append_wide_atom(translation, classes[i].class);
		else
			appendStringInfoString(&translation->output, classes[i].class);
		return true;
	}
	return false;
}

static bool
translate_group(Translation *translation)
{
	if (*translation->at == '?')
	{
		if (translation->at[1] != ':')
			return false;
		translation->at += 2;
	}
	appendStringInfoString(&translation->output, "(?:");
	translation->depth++;
	translation->quantifiable = false;
	return true;
}

static bool
translate_quantifier(Translation *translation, char c)
{
	if (!translation->quantifiable)
		return false;
	if (c == '?' && translation->doubled)
		appendStringInfoString(&translation->output, "{0,2}");
	else
		appendStringInfoChar(&translation->output, c);
	/* whether it is greedy does not matter to a match; but it must be read */
	if (*translation->at == '?')
		translation->at++;
	translation->quantifiable = false;
	return true;
}

/* {m}, {m,} or {m,n} */
static bool
translate_bound(Translation *translation)
{
	char *end;
	long min = strtol(translation->at, &end, 10);
	long max = min;

	if (*end == ',')
	{
		char *start = ++end;

		max = isdigit((unsigned char) *start) ? strtol(start, &end, 10) : MAX_BOUND;
	}
	if (*end != '}' || !translation->quantifiable || min > max || max > MAX_BOUND)
		return false;
	if (translation->doubled && end[-1] != ',')
		appendStringInfo(&translation->output, "{%ld,%ld}", min, max * 2);
	else
	{
		appendStringInfoChar(&translation->output, '{');
		appendBinaryStringInfo(&translation->output, translation->at, (int) (end + 1 - translation->at));
	}
	translation->at = end + 1;
	if (*translation->at == '?')
		translation->at++;
	translation->quantifiable = false;
	return true;
}

static bool
translate_bracket(Translation *translation)
{
	StringInfo output = &translation->output;
	int start = output->len;
	bool excludes = *translation->at == '^';
	bool first = true;

	appendStringInfoChar(output, '[');
	/* which letters it does not exclude is not known */
	if (excludes && has_other_letters(translation))
		return false;
	if (excludes)
		appendStringInfoChar(output, *translation->at++);
	while (*translation->at != ']' || first)
	{
		if (translation->at[0] == '[' && translation->at[1] == ':')
		{
			if (!translate_class(translation))
				return false;
		}
		else if (!translate_member(translation))
			return false;
		first = false;
	}
	translation->at++;
	appendStringInfoChar(output, ']');
	translation->quantifiable = true;
	translation->doubled = false;
	if (excludes)
	{
		const char *atom = pstrdup(output->data + start);

		output->len = start;
		append_wide_atom(translation, atom);
	}
	return true;
}

/* [:alpha:] and its like, within brackets */
static bool
translate_class(Translation *translation)
{
	static const struct
	{
		const char *name;
		const char *members;
	} classes[] = {
		{"[:alpha:]", "A-Za-z"},     {"[:alnum:]", "0-9A-Za-z"}, {"[:digit:]", "0-9"},
		{"[:xdigit:]", "0-9A-Fa-f"}, {"[:space:]", SPACES},
	};

	for (int i = 0; translation->ascii_classes && i < lengthof(classes); i++)
	{
		const char *name = classes[i].name;

		if (strncmp(translation->at, name, strlen(name)) == 0)
		{
			appendStringInfoString(&translation->output, classes[i].members);
			translation->at += strlen(name);
			return true;
		}
	}
	return false;
}

/* A character or a range within brackets. */
static bool
translate_member(Translation *translation)
{
	char first;
	char last;

	if (!read_member(translation, &first))
		return false;
	last = first;
	if (translation->at[0] == '-' && translation->at[1] != ']')
	{
		translation->at++;
		if (!read_member(translation, &last) || (unsigned char) first >= 0x80 || (unsigned char) last >= 0x80)
			return false;
	}
	return append_range(translation, first, last);
}

static bool
read_member(Translation *translation, char *c)
{
	*c = *translation->at++;
	if (*c == '\\')
	{
		*c = *translation->at++;
		return *c != '\0' && !isalnum((unsigned char) *c) && (unsigned char) *c < 0x80;
	}
	/* "[." and "[=" begin collating elements, and JavaScript takes a half of a character beyond U+FFFF */
	return *c != '\0' && *c != '[' && (unsigned char) *c < FIRST_BYTE_OF_FOUR;
}

static bool
append_range(Translation *translation, char first, char last)
{
	StringInfo output = &translation->output;
	bool letters = isalpha((unsigned char) first) && isalpha((unsigned char) last);

	if ((unsigned char) first > (unsigned char) last)
		return false;
	/* PCRE refuses a bracket that begins and ends with one of these; others may refuse a needless escape */
	if (strchr(":.=", first) != NULL)
		appendStringInfo(output, "\\x%02x", first);
	else
		appendStringInfo(output, strchr("\\^[]-", first) ? "\\%c" : "%c", first);
	if (first != last)
		appendStringInfo(output, strchr("\\^[]-", last) ? "-\\%c" : "-%c", last);
	if (has_other_letters(translation) && (unsigned char) first >= 0x80)
		return false;
	if (!translation->ignore_case || (unsigned char) first >= 0x80)
		return true;
	if (has_other_letters(translation) && letters)
		appendStringInfoString(output, "İı");
	/* the same letters in the other case; a range with letters and others has not all of them */
	if (letters && islower((unsigned char) first) == islower((unsigned char) last))
		appendStringInfo(output, "%c-%c", first ^ 0x20, last ^ 0x20);
	else if (!isdigit((unsigned char) first) || !isdigit((unsigned char) last))
		return first == last;
	return true;
}
