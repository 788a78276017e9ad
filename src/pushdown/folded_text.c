/*
 * folded_text.c
 *	  Texts that the service folds before it compares them.
 *
 * A schema of Mongoose may have setters (lowercase, uppercase, trim), which change the values of a filter
 * as they change what is stored, and a collection may have a collation that ignores case.  What was stored
 * before that, or past it, is as it was written.  The option folded_texts says where this is so, and of such
 * a place only what is right in each of these cases is asked for: a text that none of them changes, and else
 * a pattern that ignores case.  Setters change patterns, too, in Mongoose 5 and of arrays: so these have no
 * letter that means anything but itself, and no blank at an end that matters.
 *
 * deparse.c, deparse_equal.c and sort.c ask here.
 */
#include "postgres.h"

#include <ctype.h>

#include "pushdown/folded_text.h"

#include "access/stratnum.h"
#include "base/text.h"
#include "pushdown/pattern.h"

static bool is_within(const char *path, const char *place);
static WalcuFilter *make_folded_test(const WalcuDocumentPath *operand, const char *like);

/* Do places (texts such as "cars.make", or "cars" for all of a resource) name this one, or what it is in? */
bool
folded_text_is_listed(List *places, const char *resource, const char *path)
{
	size_t length = strlen(resource);
	ListCell *lc;

	foreach(lc, places)
	{
		const char *place = lfirst(lc);

		if (strncmp(place, resource, length) == 0 &&
			(place[length] == '\0' || (place[length] == '.' && is_within(path, place + length + 1))))
			return true;
	}
	return false;
}

/* Is a path a place, or does it lead into it?  Indexes of arrays do not count. */
static bool
is_within(const char *path, const char *place)
{
	while (*place)
	{
		size_t length = strcspn(path, ".");
		size_t wanted = strcspn(place, ".");

		if (length == wanted && strncmp(path, place, length) == 0)
			place += wanted + (place[wanted] == '.');
		else if (length == 0 || strspn(path, "0123456789") < length)
			return false;
		path += length + (path[length] == '.');
		if (*path == '\0')
			return *place == '\0';
	}
	return true;
}

/* Are texts folded at the place?  ObjectIds, numbers, booleans and dates are not. */
bool
folded_text_is_at(const WalcuDocumentPath *operand)
{
	switch (operand->remote.type)
	{
		case WALCU_REMOTE_NUMBER:
		case WALCU_REMOTE_BOOLEAN:
		case WALCU_REMOTE_DATE:
			return false;
		default:
			break;
	}
	switch (operand->domain)
	{
		case WALCU_DOMAIN_NUMBER:
		case WALCU_DOMAIN_BOOLEAN:
		case WALCU_DOMAIN_INSTANT:
			return false;
		default:
			return operand->options && !document_path_has_ids(operand) &&
				   folded_text_is_listed(operand->options->folded_texts, operand->options->resource,
										 document_path_place(operand));
	}
}

/* Why a condition cannot be asked for; NULL when that is for no reason that is known here. */
const char *
folded_text_obstacle(const WalcuPredicate *condition)
{
	bool is_equality = condition->strategy == BTEqualStrategyNumber || condition->strategy == 0;
	bool is_asked;

	if (condition->operand->letters != WALCU_LETTERS_KEPT && folded_text_is_at(condition->operand))
		return FOLDED_TEXT_OBSTACLE;
	switch (condition->kind)
	{
		case WALCU_PREDICATE_COMPARE:
		case WALCU_PREDICATE_LIST:
		case WALCU_PREDICATE_ELEMENT:
		case WALCU_PREDICATE_OVERLAP:
			is_asked = is_equality && !condition->negated;
			break;
		case WALCU_PREDICATE_DISTINCT:
			is_asked = condition->negated;
			break;
		case WALCU_PREDICATE_MATCH:
			is_asked = condition->pattern != WALCU_PATTERN_REGEX && !condition->negated &&
					   (condition->ascii || !condition->ignore_case);
			break;
		default:
			is_asked = true;
			break;
	}
	return is_asked || !folded_text_is_at(condition->operand) ? NULL : FOLDED_TEXT_OBSTACLE;
}

/* Does a text stay as it is, and equal no other, however the service folds texts? */
bool
folded_text_stays(const char *text)
{
	size_t length = strlen(text);

	for (const char *c = text; *c; c++)
	{
		if ((unsigned char) *c <= ' ' || (unsigned char) *c >= 0x7f || isalpha((unsigned char) *c))
		{
			if (*c != ' ' || c == text || c == text + length - 1)
				return false;
		}
	}
	return true;
}

/* The place has a text that does not stay as it is, or one that differs in case. */
WalcuFilter *
folded_text_equal(const WalcuDocumentPath *operand, const char *text)
{
	return make_folded_test(operand, text_escape_like(text));
}

/* operand LIKE text, ILIKE, and the like, but for regular expressions */
WalcuFilter *
folded_text_match(const WalcuPredicate *condition, const char *text)
{
	bool is_prefix = condition->pattern == WALCU_PATTERN_PREFIX;

	return make_folded_test(condition->operand, is_prefix ? psprintf("%s%%", text_escape_like(text)) : text);
}

static WalcuFilter *
make_folded_test(const WalcuDocumentPath *operand, const char *like)
{
	char *pattern = pattern_from_folded_like(like);

	if (pattern == NULL)
		return &filter_everything;
	return document_path_test(operand, "$regex", psprintf("%s,\"$options\":\"is\"", filter_string(pattern)));
}
