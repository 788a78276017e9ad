/*
 * deparse_null.c
 *	  What it becomes in a filter that a place is NULL, or is not.
 *
 * SQL's NULL is MongoDB's null or missing, or a value that does not fit the column.  And what is missing
 * need not be NULL: a service may show an empty array in its place (document_path_is_shown_missing).  Nor
 * need what is NULL be missing: a service may leave out an empty object.  Called by deparse.c, and for the
 * NULLs of an order.
 */
#include "postgres.h"

#include "pushdown/deparse_null.h"

#include "base/utf8.h"
#include "pushdown/deparse_equal.h"
#include "pushdown/deparse_id.h"
#include "pushdown/folded_text.h"
#include "utils/timestamp.h"

static bool is_hidden_object(const WalcuDocumentPath *operand);
static WalcuFilter *deparse_unfit(const WalcuDocumentPath *operand);
static List *list_arrays_on_path(const char *path);

/* In what ways can a place be NULL that no filter tells? */
const char *
deparse_null_obstacle(const WalcuOptions *options, const WalcuDocumentPath *operand)
{
	if (options->on_type_mismatch == WALCU_MISMATCH_ERROR)
		return is_hidden_object(operand) ? "the service may not show an object that is empty" : NULL;
	if (document_path_has_ids(operand))
		return "values that are no texts are read as NULL, and where ids stand these may be ObjectIds";
	if (folded_text_is_at(operand))
		return FOLDED_TEXT_OBSTACLE;
	if (operand->domain == WALCU_DOMAIN_TEXT && !utf8_lacks_nothing())
		return "texts that the database's encoding lacks are NULL, and the service does not know them";
	if (operand->nested || !operand->plain || operand->domain == WALCU_DOMAIN_JSON ||
		operand->domain == WALCU_DOMAIN_ARRAY)
		return "values that do not fit the column are read as NULL, which the service does not know";
	if (!deparse_equal_is_alike(operand))
		return "the service has a different type there";
	return NULL;
}

/*
 * May an object be there that replies do not show?  Mongoose leaves out those that are empty, and those that
 * have nothing but empty ones in them, as long as nobody tells it not to.
 */
static bool
is_hidden_object(const WalcuDocumentPath *operand)
{
	const WalcuRemotePlace *remote = &operand->remote;

	return (operand->sources & WALCU_IS_OBJECT) && !remote->array &&
		   (remote->type == WALCU_REMOTE_OBJECT || remote->type == WALCU_REMOTE_FREE ||
			remote->type == WALCU_REMOTE_UNKNOWN);
}

/* It IS NOT NULL. */
WalcuFilter *
deparse_not_null(const WalcuDocumentPath *operand)
{
	if (document_path_is_shown_missing(operand))
		return &filter_everything;
	if (document_path_has_ids(operand))
		return deparse_id_not_null(operand);
	if (operand->json_null)
		return document_path_test(operand, "$exists", "true");
	/* an array with a null in it counts as null */
	if (operand->sources & WALCU_IS_ARRAY)
		return filter_or(list_make2(document_path_test(operand, "$ne", "null"),
									document_path_test(operand, "$type", "[\"array\"]")));
	return document_path_test(operand, "$ne", "null");
}

/* It IS NULL; only where there is no obstacle. */
WalcuFilter *
deparse_null(const WalcuOptions *options, const WalcuDocumentPath *operand)
{
	List *ways = list_arrays_on_path(operand->path);

	if (options->on_type_mismatch == WALCU_MISMATCH_NULL)
		ways = lcons(deparse_unfit(operand), ways);
	else if (operand->json_null)
		ways = lcons(document_path_test(operand, "$exists", "false"), ways);
	else
		ways = lcons(document_path_test(operand, "$eq", "null"), ways);
	return filter_or(ways);
}

/* Nothing is there, or what does not fit the column. */
static WalcuFilter *
deparse_unfit(const WalcuDocumentPath *operand)
{
	List *ways = NIL;

	/* an array is of its own type and of those of its elements */
	ways = lappend(
		ways, document_path_test(operand, "$not",
								 psprintf("{\"$type\":%s}", deparse_equal_types_json(operand->sources))));
	ways = lappend(ways, document_path_test(operand, "$type", "[\"array\"]"));
	if (operand->domain == WALCU_DOMAIN_TEXT)
		ways = lappend(ways, document_path_test(operand, "$regex", "\"\\\\x00\""));
	if (operand->domain == WALCU_DOMAIN_INSTANT)
		ways = lappend(ways, document_path_test(operand, "$lt", scalar_instant_json(MIN_TIMESTAMP)));
	return filter_or(ways);
}

/* A path ends here at an array, where the service goes on through its elements. */
static List *
list_arrays_on_path(const char *path)
{
	List *filters = NIL;

	for (const char *dot = strchr(path, '.'); dot; dot = strchr(dot + 1, '.'))
		filters = lappend(filters, filter_test(pnstrdup(path, dot - path), "$type", "[\"array\"]"));
	return filters;
}
