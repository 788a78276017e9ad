/*
 * fuzz_pattern.c
 *	  Does a translated pattern match the texts that PostgreSQL matches with the pattern, or errs to one side?
 *
 * The first line says which kind of pattern it is, the second one is the pattern, and what is left the text.
 * PCRE2 runs the translation, as MongoDB does.
 */
#include "postgres.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "catalog/pg_collation.h"
#include "fuzz.h"
#include "mb/pg_wchar.h"
#include "pushdown/pattern.h"
#include "truth.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

/* Longer ones make both engines slow, and find nothing more. */
#define LONGEST_PATTERN 40
#define LONGEST_TEXT    60

/* What PCRE2 said, when it is neither yes nor no. */
#define NO_ANSWER (-1)

typedef char *(*Translate)(const char *pattern);

typedef struct PatternKind
{
	const char *name;
	Translate translate;
	PGFunction matches;
	bool byte_collation; /* else one that knows more than ASCII letters */
	bool matches_least;  /* The translation may match less, as for a negation, else more. */
} PatternKind;

typedef struct Match
{
	const PatternKind *kind;
	const char *pattern;
	const char *text;
	bool matches;
} Match;

static char *translate_like(const char *pattern);
static char *translate_not_like(const char *pattern);
static char *translate_ilike(const char *pattern);
static char *translate_regex(const char *pattern);
static char *translate_ascii_regex(const char *pattern);
static char *translate_iregex(const char *pattern);
static char *translate_not_regex(const char *pattern);
static Datum matches_uuid(PG_FUNCTION_ARGS);
static void match_here(void *argument);
static int match_there(const char *pattern, const char *text);
static char *read_text(const char *bytes, size_t length, size_t longest);

/* As deparse.c calls them: upper and lower case matter in "C" alone. */
static const PatternKind kinds[] = {
	{"LIKE", translate_like, textlike, false},
	{"NOT LIKE", translate_not_like, textlike, false, true},
	{"ILIKE", translate_ilike, texticlike, true},
	{"~", translate_regex, textregexeq, false},
	{"~ in \"C\"", translate_ascii_regex, textregexeq, true},
	{"~* in \"C\"", translate_iregex, texticregexeq, true},
	{"!~ in \"C\"", translate_not_regex, textregexeq, true, true},
	{"^@", pattern_from_prefix, text_starts_with, false},
	{"= of uuid", pattern_from_uuid, matches_uuid, true},
};

void
fuzz_pattern(FuzzInput *input)
{
	FuzzInput line = fuzz_line(input);
	const PatternKind *kind = &kinds[Max(fuzz_choice(&line), 0) % lengthof(kinds)];
	FuzzInput pattern = fuzz_line(input);
	Match match = {.kind = kind};
	FuzzError error;
	char *translation;
	int there;

	match.pattern = read_text(pattern.at, pattern.end - pattern.at, LONGEST_PATTERN);
	match.text = read_text(input->at, input->end - input->at, LONGEST_TEXT);
	if (match.pattern == NULL || match.text == NULL)
		return;
	if (kind->matches == matches_uuid)
	{
		Datum uuid;

		if (!truth_input("uuid", match.pattern, &uuid))
			return;
		match.pattern = DatumGetCString(DirectFunctionCall1(uuid_out, uuid));
	}
	error = fuzz_call(match_here, &match);
	translation = kind->translate(match.pattern);
	if (translation == NULL || error.sqlstate == ERRCODE_PROGRAM_LIMIT_EXCEEDED)
		return;
	/* an error of PostgreSQL's is one with every row, which the service should send */
	there = match_there(translation, match.text);
	if (error.sqlstate == 0 && there != NO_ANSWER &&
		(kind->matches_least ? there > match.matches : there < match.matches))
		fuzz_finding("%s %s %s: %d here, %d by %s", fuzz_shown(match.text, strlen(match.text)), kind->name,
					 fuzz_shown(match.pattern, strlen(match.pattern)), match.matches, there,
					 fuzz_shown(translation, strlen(translation)));
}

/* NULL for what no text of PostgreSQL is, or too long. */
static char *
read_text(const char *bytes, size_t length, size_t longest)
{
	if (length > longest || memchr(bytes, '\0', length) || !pg_verify_mbstr(PG_UTF8, bytes, length, true))
		return NULL;
	return fuzz_copy(bytes, length, 1);
}

static char *
translate_like(const char *pattern)
{
	return pattern_from_like(pattern, false, WALCU_PATTERN_MOST);
}

static char *
translate_not_like(const char *pattern)
{
	return pattern_from_like(pattern, false, WALCU_PATTERN_LEAST);
}

static char *
translate_ilike(const char *pattern)
{
	return pattern_from_like(pattern, true, WALCU_PATTERN_MOST);
}

static char *
translate_regex(const char *pattern)
{
	return pattern_from_regex(pattern, false, false, WALCU_PATTERN_MOST);
}

static char *
translate_ascii_regex(const char *pattern)
{
	return pattern_from_regex(pattern, false, true, WALCU_PATTERN_MOST);
}

static char *
translate_iregex(const char *pattern)
{
	return pattern_from_regex(pattern, true, true, WALCU_PATTERN_MOST);
}

static char *
translate_not_regex(const char *pattern)
{
	return pattern_from_regex(pattern, false, true, WALCU_PATTERN_LEAST);
}

static Datum
matches_uuid(PG_FUNCTION_ARGS)
{
	Datum left;
	Datum right;

	if (!truth_input("uuid", text_to_cstring(PG_GETARG_TEXT_PP(0)), &left) ||
		!truth_input("uuid", text_to_cstring(PG_GETARG_TEXT_PP(1)), &right))
		PG_RETURN_BOOL(false);
	PG_RETURN_DATUM(DirectFunctionCall2(uuid_eq, left, right));
}

static void
match_here(void *argument)
{
	Match *match = argument;
	Oid collation = match->kind->byte_collation ? C_COLLATION_OID : DEFAULT_COLLATION_OID;

	match->matches = DatumGetBool(DirectFunctionCall2Coll(match->kind->matches, collation,
														  CStringGetTextDatum(match->text),
														  CStringGetTextDatum(match->pattern)));
}

static int
match_there(const char *pattern, const char *text)
{
	int code;
	PCRE2_SIZE where;
	pcre2_code *compiled =
		pcre2_compile((PCRE2_SPTR) pattern, strlen(pattern), PCRE2_UTF, &code, &where, NULL);
	pcre2_match_data *data;

	if (compiled == NULL)
		fuzz_finding("PCRE2 does not take %s: error %d", fuzz_shown(pattern, strlen(pattern)), code);
	data = pcre2_match_data_create_from_pattern(compiled, NULL);
	code = pcre2_match(compiled, (PCRE2_SPTR) text, strlen(text), 0, 0, data, NULL);
	pcre2_match_data_free(data);
	pcre2_code_free(compiled);
	if (code == PCRE2_ERROR_NOMATCH)
		return false;
	return code >= 0 ? true : NO_ANSWER;
}
