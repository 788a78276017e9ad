/*
 * patterns.c
 *	  Patterns on a few documents each, whose answers are known beforehand.
 *
 * SQL's patterns are made of a text in a document, translated as conditions are (pushdown/pattern.c), and
 * matched by PostgreSQL: so what the service makes of each construct of a translation is seen.
 */
#include "postgres.h"

#include <ctype.h>

#include "check/patterns.h"

#include "base/utf8.h"
#include "catalog/pg_collation.h"
#include "check/sample.h"
#include "mb/pg_wchar.h"
#include "nodes/bitmapset.h"
#include "pushdown/filter.h"
#include "pushdown/pattern.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

/* Texts of so many characters are matched. */
#define SHORTEST_TEXT 4
#define LONGEST_TEXT  60

/* What a pattern is to SQL. */
typedef enum PatternKind
{
	PATTERN_LIKE,
	PATTERN_ILIKE,
	PATTERN_NOT_LIKE,
	PATTERN_REGEX
} PatternKind;

/*
 * In a template A and B are the first two characters of a text, Y and Z the last two, a and b the first two
 * in the other case, and N is the number of characters.
 */
static const struct
{
	const char *name; /* Rows call it so. */
	PatternKind kind;
	const char *template;
} patterns[] = {
	{"LIKE 'ab%'", PATTERN_LIKE, "AB%"},
	{"LIKE '%yz'", PATTERN_LIKE, "%YZ"},
	{"LIKE 'a%z'", PATTERN_LIKE, "A%Z"},
	{"LIKE 'a_%'", PATTERN_LIKE, "A_%"},
	{"ILIKE 'ab%'", PATTERN_ILIKE, "ab%"},
	{"NOT LIKE 'ab%'", PATTERN_NOT_LIKE, "AB%"},
	{"~ '^[[:alpha:]]'", PATTERN_REGEX, "^[[:alpha:]]"},
	{"~ '[^0-9]{3}'", PATTERN_REGEX, "[^0-9]{3}"},
	{"~ '^(ab|cd)'", PATTERN_REGEX, "^(AB|#)"},
	{"~ '^.{n}$'", PATTERN_REGEX, "^.{N}$"},
	{"~ '\\d'", PATTERN_REGEX, "\\d"},
};

/* A pattern that is being made. */
typedef struct Pattern
{
	PatternKind kind; /* It is this to SQL. */
	char *text;       /* This is the pattern. */
	const char *path; /* It is matched here. */
} Pattern;

static WalcuArm *try_text(const WalcuCheckSample *sample, const Bitmapset *used, const Pattern *pattern,
						  int document);
static bool tells_apart(const Pattern *pattern, const char *matched, const char *other);
static char *get_sample_text(json_t *document, const char *path);
static char *fill_template(const char *template, const char *text);
static bool matches_pattern(const Pattern *pattern, const char *text);
static char *write_pattern(const Pattern *pattern);

int
patterns_count(void)
{
	return lengthof(patterns);
}

const char *
patterns_name(int number)
{
	return patterns[number].name;
}

/* Makes a match on two documents that are not used yet, of which one matches; NULL when there are none. */
WalcuArm *
patterns_make(const WalcuCheckSample *sample, const Bitmapset *used, int number)
{
	ListCell *lc;

	foreach(lc, arms_string_places(sample))
	{
		const WalcuCheckPlace *place = lfirst(lc);

		for (int i = 0; i < sample->count; i++)
		{
			Pattern pattern = {.kind = patterns[number].kind, .path = place->path};
			char *text = get_sample_text(sample_document(sample, i), place->path);
			WalcuArm *arm;

			if (bms_is_member(i, used) || text == NULL || sample_id(sample, i) == NULL)
				continue;
			pattern.text = fill_template(patterns[number].template, text);
			arm = pattern.text && write_pattern(&pattern) ? try_text(sample, used, &pattern, i) : NULL;
			if (arm == NULL)
				continue;
			arm->about = patterns[number].name;
			return arm;
		}
	}
	return NULL;
}

static WalcuArm *
try_text(const WalcuCheckSample *sample, const Bitmapset *used, const Pattern *pattern, int document)
{
	const char *matched = get_sample_text(sample_document(sample, document), pattern->path);
	bool matches = matches_pattern(pattern, matched);

	for (int i = 0; i < sample->count; i++)
	{
		char *text = get_sample_text(sample_document(sample, i), pattern->path);
		WalcuArm *arm;

		if (i == document || bms_is_member(i, used) || text == NULL || sample_id(sample, i) == NULL ||
			matches_pattern(pattern, text) == matches || !tells_apart(pattern, matched, text))
			continue;
		arm = palloc0(sizeof(WalcuArm));
		arm->filter = write_pattern(pattern);
		arm->documents[0] = document;
		arm->documents[1] = i;
		arm->expected[0] = matches;
		arm->expected[1] = !matches;
		return arm;
	}
	return NULL;
}

/* Where characters are counted, one may count as two (pattern.c), so that a longer text may match, too. */
static bool
tells_apart(const Pattern *pattern, const char *matched, const char *other)
{
	return strstr(pattern->text, ".{") == NULL || pg_mbstrlen(other) < pg_mbstrlen(matched);
}

/* Returns a text that can be matched; NULL when there is none. */
static char *
get_sample_text(json_t *document, const char *path)
{
	const char *value = sample_text(document, path);
	StringInfoData text;

	if (value == NULL || strlen(value) < SHORTEST_TEXT || strlen(value) > LONGEST_TEXT)
		return NULL;
	initStringInfo(&text);
	return utf8_to_server(value, strlen(value), &text) ? text.data : NULL;
}

/* Letters and digits alone stand for themselves in every kind of pattern; NULL for others. */
static char *
fill_template(const char *template, const char *text)
{
	int length = strlen(text);
	const char places[] = {text[0], text[1], text[length - 2], text[length - 1]};
	StringInfoData pattern;

	for (int i = 0; i < lengthof(places); i++)
	{
		if ((unsigned char) places[i] >= 0x80 || !isalnum((unsigned char) places[i]))
			return NULL;
	}
	initStringInfo(&pattern);
	for (const char *c = template; *c; c++)
	{
		if (*c == 'A' || *c == 'B')
			appendStringInfoChar(&pattern, text[*c - 'A']);
		else if (*c == 'Y' || *c == 'Z')
			appendStringInfoChar(&pattern, text[length - 2 + (*c - 'Y')]);
		else if ((*c == 'a' || *c == 'b') && template[2] == '%')
			appendStringInfoChar(&pattern, isalpha((unsigned char) text[*c - 'a']) ? text[*c - 'a'] ^ 0x20
																				   : text[*c - 'a']);
		else if (*c == 'N')
			appendStringInfo(&pattern, "%d", pg_mbstrlen(text));
		else
			appendStringInfoChar(&pattern, *c);
	}
	return pattern.data;
}

static bool
matches_pattern(const Pattern *pattern, const char *text)
{
	Datum value = CStringGetTextDatum(text);
	Datum wanted = CStringGetTextDatum(pattern->text);

	switch (pattern->kind)
	{
		case PATTERN_LIKE:
			return DatumGetBool(DirectFunctionCall2Coll(textlike, C_COLLATION_OID, value, wanted));
		case PATTERN_ILIKE:
			return DatumGetBool(DirectFunctionCall2Coll(texticlike, C_COLLATION_OID, value, wanted));
		case PATTERN_NOT_LIKE:
			return !DatumGetBool(DirectFunctionCall2Coll(textlike, C_COLLATION_OID, value, wanted));
		default:
			return DatumGetBool(DirectFunctionCall2Coll(textregexeq, C_COLLATION_OID, value, wanted));
	}
}

/* Returns the condition; NULL when the pattern is never sent. */
static char *
write_pattern(const Pattern *pattern)
{
	WalcuPatternBound bound = pattern->kind == PATTERN_NOT_LIKE ? WALCU_PATTERN_LEAST : WALCU_PATTERN_MOST;
	char *translated = pattern->kind == PATTERN_REGEX
						   ? pattern_from_regex(pattern->text, false, true, bound)
						   : pattern_from_like(pattern->text, pattern->kind == PATTERN_ILIKE, bound);
	char *path = filter_string(pattern->path);

	if (translated == NULL)
		return NULL;
	if (pattern->kind == PATTERN_NOT_LIKE)
		return psprintf("{%s:{\"$ne\":null,\"$not\":{\"$regex\":%s}}}", path, filter_string(translated));
	return psprintf("{%s:{\"$regex\":%s}}", path, filter_string(translated));
}
