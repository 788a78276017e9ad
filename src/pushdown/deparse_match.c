/*
 * deparse_match.c
 *	  What patterns become in a filter.
 *
 * deparse.c asks for LIKE, regular expressions and their like.
 */
#include "postgres.h"

#include "pushdown/deparse_match.h"

#include "base/compat.h"
#include "base/text.h"
#include "base/utf8.h"
#include "pushdown/case_variant.h"
#include "pushdown/deparse_caseless.h"
#include "pushdown/deparse_equal.h"
#include "pushdown/deparse_id.h"
#include "pushdown/deparse_null.h"
#include "pushdown/folded_text.h"
#include "pushdown/pattern.h"

static bool is_caseless(const WalcuPredicate *condition, bool *is_ascii);
static char *make_pattern(const WalcuPredicate *condition, const char *text);

/* Why no filter can be had from a pattern, whatever it is; NULL when one can. */
const char *
deparse_match_obstacle(const WalcuPredicate *condition)
{
	const WalcuDocumentPath *operand = condition->operand;
	bool is_ascii;

	if (operand->domain != WALCU_DOMAIN_TEXT || !(deparse_equal_checked(operand) & WALCU_IS_STRING))
		return "the service has a different type there";
	if (operand->letters != WALCU_LETTERS_KEPT && condition->pattern == WALCU_PATTERN_REGEX)
		return "the service cannot compute it";
	if (is_caseless(condition, &is_ascii) && !is_ascii &&
		((condition->ignore_case && !case_variant_knows(condition->collation)) ||
		 (operand->letters != WALCU_LETTERS_KEPT && !case_variant_knows(operand->letters_collation))))
		return "the letters of the collation are not known here";
	return NULL;
}

/* Does case not matter?  Then is_ascii tells whether that is so of letters of ASCII alone. */
static bool
is_caseless(const WalcuPredicate *condition, bool *is_ascii)
{
	bool is_changed = condition->operand->letters != WALCU_LETTERS_KEPT;

	*is_ascii = (!condition->ignore_case || condition->ascii) &&
				(!is_changed || compat_collation_is_c(condition->operand->letters_collation));
	return condition->ignore_case || is_changed;
}

/* operand LIKE value, and the like */
WalcuFilter *
deparse_match(const WalcuPredicate *condition, Datum value)
{
	WalcuDocumentPath *operand = condition->operand;
	char *text = scalar_text(value, condition->value_type);
	char *pattern;

	if (document_path_has_ids(operand))
		return deparse_id_match(condition, text);
	if (folded_text_is_at(operand))
		return deparse_equal_or_unchecked(operand, list_make1(folded_text_match(condition, text)),
										  operand->sources & ~WALCU_IS_STRING);
	/* lower() may be what a text lacks to match, or to match not */
	if (condition->negated && operand->letters != WALCU_LETTERS_KEPT)
		return deparse_not_null(operand);
	pattern = make_pattern(condition, text);
	if (pattern == NULL)
		return condition->negated ? deparse_not_null(operand) : &filter_everything;
	if (!condition->negated)
		return deparse_equal_or_unchecked(operand, list_make1(document_path_test(operand, "$regex", pattern)),
										  operand->sources & ~WALCU_IS_STRING);
	return filter_and(list_make2(
		deparse_not_null(operand),
		filter_or(list_make2(document_path_test(operand, "$not", psprintf("{\"$regex\":%s}", pattern)),
							 (operand->sources & WALCU_IS_ARRAY)
								 ? document_path_test(operand, "$type", "[\"array\"]")
								 : &filter_nothing))));
}

/* In JSON.  NULL where the service's characters are not those of the database. */
static char *
make_pattern(const WalcuPredicate *condition, const char *text)
{
	WalcuPatternBound bound = condition->negated ? WALCU_PATTERN_LEAST : WALCU_PATTERN_MOST;
	bool is_ascii;
	bool caseless = is_caseless(condition, &is_ascii);
	char *pattern;

	if (!utf8_counts_alike() && (condition->pattern == WALCU_PATTERN_REGEX ||
								 (condition->pattern == WALCU_PATTERN_LIKE && strchr(text, '_'))))
		return NULL;
	if (condition->pattern == WALCU_PATTERN_REGEX)
	{
		if (caseless && !is_ascii)
			return deparse_caseless_regex(text, bound);
		pattern = pattern_from_regex(text, caseless, condition->ascii, bound);
	}
	else
	{
		if (condition->pattern == WALCU_PATTERN_PREFIX && caseless)
			text = psprintf("%s%%", text_escape_like(text));
		if (caseless && !is_ascii)
			return deparse_caseless_like(condition->operand, condition->collation, text, bound);
		pattern = condition->pattern == WALCU_PATTERN_PREFIX && !caseless
					  ? pattern_from_prefix(text)
					  : pattern_from_like(text, caseless, bound);
	}
	return pattern ? filter_string(pattern) : NULL;
}
