/*
 * deparse_caseless.c
 *	  What patterns and values become in a filter where upper and lower case are the same.
 *
 * deparse_match.c asks for ILIKE, ~* and their like, deparse_equal.c for the values of lower() and upper().
 * Which letters are the same is the collation's affair: "C" knows those of ASCII, and for every other one a
 * filter takes all that any collation does, and PostgreSQL decides.  Patterns are JSON here.
 */
#include "postgres.h"

#include "pushdown/deparse_caseless.h"

#include "base/compat.h"
#include "base/text.h"
#include "base/utf8.h"
#include "common/string.h"
#include "pushdown/case_variant.h"
#include "pushdown/caseless_pattern.h"

static const char *read_characters(const char *text);

/* A LIKE pattern whose case does not matter, by another collation than "C"; NULL when there is none. */
char *
deparse_caseless_like(const WalcuDocumentPath *operand, Oid collation, const char *like,
					  WalcuPatternBound bound)
{
	WalcuCaseless caseless = {operand->letters == WALCU_LETTERS_UPPER};
	const char *text = read_characters(like);
	char *pattern;

	if (text == NULL)
		return NULL;
	caseless.drops_dots =
		case_variant_drops_dots(collation) ||
		(operand->letters != WALCU_LETTERS_KEPT && case_variant_drops_dots(operand->letters_collation));
	pattern = caseless_pattern_from_like(text, &caseless, bound);
	return pattern ? filter_utf8_string(pattern) : NULL;
}

/* The same of a regular expression. */
char *
deparse_caseless_regex(const char *regex, WalcuPatternBound bound)
{
	const char *text = read_characters(regex);
	char *pattern = text ? pattern_from_regex(text, true, false, bound) : NULL;

	return pattern ? filter_utf8_string(pattern) : NULL;
}

/* A text in UTF-8; NULL when it is none, or when bytes may be letters to the database. */
static const char *
read_characters(const char *text)
{
	return GetDatabaseEncoding() == PG_SQL_ASCII && !pg_is_ascii(text) ? NULL : utf8_from_server(text);
}

/* lower(operand) = text, and the same of upper(); NULL when there is no pattern for it. */
WalcuFilter *
deparse_caseless_equal(const WalcuDocumentPath *operand, const char *text)
{
	const char *like = text_escape_like(text);
	char *pattern = NULL;

	if (compat_collation_is_c(operand->letters_collation))
		pattern = filter_string(pattern_from_like(like, true, WALCU_PATTERN_MOST));
	else if (case_variant_knows(operand->letters_collation))
		pattern = deparse_caseless_like(operand, operand->letters_collation, like, WALCU_PATTERN_MOST);
	return pattern ? document_path_test(operand, "$regex", pattern) : NULL;
}
