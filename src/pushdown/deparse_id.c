/*
 * deparse_id.c
 *	  What conditions on a place that may hold ObjectIds become in a filter.
 *
 * The service's schemas have ObjectIds where its description has strings, and nobody knows where for
 * certain.  An ObjectId is compared with one only: of a text that can be none, the service refuses the whole
 * filter, and so it does with a regular expression; a type is that of neither.  So deparse.c, deparse_equal.c
 * and deparse_jsonb.c ask here for such places (document_path_has_ids), and get what both types take and mean
 * alike: 24 hexadecimal digits, null, and whether something is there.  As the service shows ObjectIds by
 * their digits in lower case, these and the strings of a service that has strings are in the same order.
 *
 * A text in the list of an equality is the exception.  It may be the string that is looked for, so that it is
 * left out only where ObjectIds are known to be there; else the filter carries what is left without it
 * (ids_only), for when the service refuses it.
 */
#include "postgres.h"

#include "pushdown/deparse_id.h"

#include "access/stratnum.h"
#include "base/text.h"
#include "base/objectid.h"
#include "miscadmin.h"
#include "pushdown/pattern.h"

static WalcuFilter *make_list(const WalcuDocumentPath *operand, List *literals, bool splittable);
static bool is_id_literal(const char *literal);
static WalcuFilter *make_lower_bound(const WalcuDocumentPath *operand, const char *text, bool inclusive);
static WalcuFilter *join_bounds(const WalcuDocumentPath *operand, WalcuFilter *bound, WalcuFilter *other);

/* It IS NOT NULL, or more. */
WalcuFilter *
deparse_id_not_null(const WalcuDocumentPath *operand)
{
	if (document_path_is_shown_missing(operand))
		return &filter_everything;
	/* an array with a null in it counts as null */
	if (operand->json_null || operand->element || (operand->sources & WALCU_IS_ARRAY))
		return document_path_test(operand, "$exists", "true");
	return document_path_test(operand, "$ne", "null");
}

/*
 * It equals one of these JSON texts, in order and each of them once.  A document is known to have one of them
 * only where the list is splittable.
 */
WalcuFilter *
deparse_id_equal(const WalcuDocumentPath *operand, List *literals, bool splittable)
{
	bool known = document_path_has_objectids(operand);
	List *ids = NIL;
	List *kept = NIL;
	WalcuFilter *filter;
	ListCell *lc;

	foreach(lc, literals)
	{
		bool is_id = is_id_literal(lfirst(lc));

		CHECK_FOR_INTERRUPTS();
		/* what is no string may have the same text in SQL */
		if (((char *) lfirst(lc))[0] != '"')
			return &filter_everything;
		if (is_id)
			ids = lappend(ids, lfirst(lc));
		if (is_id || !known)
			kept = lappend(kept, lfirst(lc));
	}
	filter = make_list(operand, kept, splittable);
	if (list_length(kept) > list_length(ids))
		filter->ids_only = make_list(operand, ids, splittable);
	return filter;
}

/* JSON texts, of which the place has one. */
static WalcuFilter *
make_list(const WalcuDocumentPath *operand, List *literals, bool splittable)
{
	WalcuFilter *list;

	if (literals == NIL)
		return &filter_nothing;
	if (list_length(literals) == 1)
		return document_path_test(operand, "$eq", linitial(literals));
	list = document_path_test(operand, "$in", filter_list(literals));
	if (splittable)
		list->literals = literals;
	return list;
}

/* Is a JSON text a string that can be read as an ObjectId? */
static bool
is_id_literal(const char *literal)
{
	size_t length = strlen(literal);

	return length == OBJECTID_LENGTH + 2 && objectid_is_cast(pnstrdup(literal + 1, OBJECTID_LENGTH));
}

/*
 * It is none of the JSON texts and, where that is right, not null.  Of those that are no ids as the service
 * writes them, others may be read as the same ObjectId.
 */
WalcuFilter *
deparse_id_excluded(const WalcuDocumentPath *operand, List *excluded, bool null_excluded)
{
	List *ids = NIL;
	ListCell *lc;

	foreach(lc, excluded)
	{
		const char *literal = lfirst(lc);

		CHECK_FOR_INTERRUPTS();
		if (is_id_literal(literal) && objectid_is_valid(pnstrdup(literal + 1, OBJECTID_LENGTH)))
			ids = lappend(ids, lfirst(lc));
	}
	/* an array with the literal in it is another value */
	if (ids == NIL || (operand->sources & WALCU_IS_ARRAY))
		return null_excluded ? deparse_id_not_null(operand) : &filter_everything;
	if (null_excluded && !operand->json_null)
		ids = lappend(ids, "null");
	return document_path_test(operand, "$nin", filter_list(ids));
}

/* operand < text, and the like, by the bytes of texts. */
WalcuFilter *
deparse_id_order(const WalcuPredicate *condition, const WalcuDocumentPath *operand, const char *text)
{
	bool inclusive = condition->strategy == BTLessEqualStrategyNumber ||
					 condition->strategy == BTGreaterEqualStrategyNumber;
	const char *bound;

	if (operand->nested)
		return deparse_id_not_null(operand);
	if (condition->strategy == BTGreaterStrategyNumber || condition->strategy == BTGreaterEqualStrategyNumber)
		return join_bounds(operand, make_lower_bound(operand, text, inclusive), NULL);
	if (objectid_is_valid(text))
		return document_path_test(operand, inclusive ? "$lte" : "$lt", filter_string(text));
	bound = objectid_above(text);
	return join_bounds(operand, bound ? document_path_test(operand, "$lt", filter_string(bound)) : NULL,
					   NULL);
}

/* The condition is a pattern; or, negated, that the place does not match it. */
WalcuFilter *
deparse_id_match(const WalcuPredicate *condition, const char *pattern)
{
	const WalcuDocumentPath *operand = condition->operand;
	bool ignore_case = condition->ignore_case || operand->letters != WALCU_LETTERS_KEPT;
	const char *prefix = NULL;
	const char *bound;

	if (condition->negated || operand->nested)
		return deparse_id_not_null(operand);
	switch (condition->pattern)
	{
		case WALCU_PATTERN_LIKE:
			prefix = pattern_like_prefix(pattern, ignore_case);
			break;
		case WALCU_PATTERN_REGEX:
			prefix = pattern_regex_prefix(pattern, ignore_case);
			break;
		case WALCU_PATTERN_PREFIX:
			prefix = pattern_like_prefix(text_escape_like(pattern), ignore_case);
			break;
	}
	if (prefix[0] == '\0')
		return deparse_id_not_null(operand);
	bound = objectid_behind_prefix(prefix);
	return join_bounds(operand, make_lower_bound(operand, prefix, true),
					   bound ? document_path_test(operand, "$lt", filter_string(bound)) : NULL);
}

/* It is greater than a text; NULL when every id is. */
static WalcuFilter *
make_lower_bound(const WalcuDocumentPath *operand, const char *text, bool inclusive)
{
	const char *bound;

	if (objectid_is_valid(text))
		return document_path_test(operand, inclusive ? "$gte" : "$gt", filter_string(text));
	bound = objectid_below(text);
	return bound ? document_path_test(operand, "$gt", filter_string(bound)) : NULL;
}

/* Both bounds hold, of which either may be NULL for none; then it is at least not null. */
static WalcuFilter *
join_bounds(const WalcuDocumentPath *operand, WalcuFilter *bound, WalcuFilter *other)
{
	if (bound && other)
		return filter_and(list_make2(bound, other));
	if (bound || other)
		return bound ? bound : other;
	return deparse_id_not_null(operand);
}
