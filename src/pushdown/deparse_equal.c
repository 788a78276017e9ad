/*
 * deparse_equal.c
 *	  Filters for a place that equals one of some values.
 *
 * Called by deparse.c for =, IN, and what is made of equality.  A value becomes a literal where
 * the service compares it as SQL does; it casts literals by its schema, so that only values of
 * the schema's own type are compared rightly.  Documents that hold something else there are
 * few: they are asked for by their type and looked at here.
 */
#include "postgres.h"

#include <math.h>

#include "pushdown/deparse_equal.h"

#include "access/stratnum.h"
#include "base/objectid.h"
#include "base/text.h"
#include "base/utf8.h"
#include "catalog/pg_type.h"
#include "json/iso8601.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "pushdown/deparse_caseless.h"
#include "pushdown/deparse_id.h"
#include "pushdown/folded_text.h"
#include "pushdown/instant_range.h"
#include "pushdown/pattern.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

/*
 * A string that is sorted among others.  Of a million of them, each lies elsewhere in memory, and most need
 * not be looked at, as their first characters differ.
 */
typedef struct SortedString
{
	uint64 first; /* It begins with these, */
	char *text;   /* and is this literal. */
} SortedString;

static bool is_of_limit(const WalcuDocumentPath *operand, const char *text);
static bool is_text_of_own_type(const char *text);
static void add_text(const WalcuDocumentPath *operand, const char *text, WalcuEqualMatches *matches);
static void add_caseless(const WalcuDocumentPath *operand, const char *text, WalcuEqualMatches *matches);
static void add_other_texts(const WalcuDocumentPath *operand, const char *text, WalcuEqualMatches *matches);
static void add_number(const WalcuDocumentPath *operand, WalcuScalarNumber number,
					   WalcuEqualMatches *matches);
static void add_instant(const WalcuDocumentPath *operand, Datum value, Oid type, WalcuEqualMatches *matches);
static void add_json(const WalcuDocumentPath *operand, Jsonb *json, WalcuEqualMatches *matches);
static bool is_partible(const WalcuDocumentPath *operand);
static uint64 get_first_characters(const char *string);
static int compare_sorted_strings(const void *a, const void *b);
static int compare_number_cells(const ListCell *a, const ListCell *b);
static int compare_strings(const char *left, const char *right);
static int compare_numbers(const char *left, const char *right);
static uint32 get_natural_type(const WalcuRemotePlace *remote);

/* The JSON types whose values the service compares with literals as SQL does, WALCU_IS_... */
uint32
deparse_equal_checked(const WalcuDocumentPath *operand)
{
	const WalcuRemotePlace *remote = &operand->remote;

	switch (remote->array ? WALCU_REMOTE_OBJECT : remote->type)
	{
		case WALCU_REMOTE_UNKNOWN:
		case WALCU_REMOTE_FREE:
			return WALCU_IS_STRING | WALCU_IS_NUMBER | WALCU_IS_BOOLEAN;
		case WALCU_REMOTE_OBJECT:
			return 0;
		default:
			return get_natural_type(remote);
	}
}

/* Is nearly every value there of the type that the SQL value is made of? */
bool
deparse_equal_is_alike(const WalcuDocumentPath *operand)
{
	static const uint32 types[] = {
		[WALCU_DOMAIN_TEXT] = WALCU_IS_STRING,
		[WALCU_DOMAIN_NUMBER] = WALCU_IS_NUMBER,
		[WALCU_DOMAIN_BOOLEAN] = WALCU_IS_BOOLEAN,
		[WALCU_DOMAIN_INSTANT] = WALCU_IS_DATE,
		[WALCU_DOMAIN_UUID] = WALCU_IS_STRING,
		[WALCU_DOMAIN_ENUM] = WALCU_IS_STRING,
		[WALCU_DOMAIN_JSON] = 0,
		[WALCU_DOMAIN_ARRAY] = 0,
	};
	uint32 natural = get_natural_type(&operand->remote);

	return natural != 0 && natural == types[operand->domain];
}

/* The type of nearly every value there; 0 when there is none. */
static uint32
get_natural_type(const WalcuRemotePlace *remote)
{
	static const uint32 types[] = {
		[WALCU_REMOTE_UNKNOWN] = 0,
		[WALCU_REMOTE_FREE] = 0,
		[WALCU_REMOTE_STRING] = WALCU_IS_STRING,
		[WALCU_REMOTE_NUMBER] = WALCU_IS_NUMBER,
		[WALCU_REMOTE_BOOLEAN] = WALCU_IS_BOOLEAN,
		[WALCU_REMOTE_DATE] = WALCU_IS_DATE,
		[WALCU_REMOTE_OBJECT] = WALCU_IS_OBJECT,
	};

	return remote->array ? WALCU_IS_ARRAY : types[remote->type];
}

/* An SQL value that is not NULL. */
void
deparse_equal_add(const WalcuDocumentPath *operand, Datum value, Oid type, WalcuEqualMatches *matches)
{
	switch (operand->domain)
	{
		case WALCU_DOMAIN_TEXT:
			if (is_of_limit(operand, scalar_text(value, type)))
				matches->unchecked |= operand->sources;
			else if (operand->letters != WALCU_LETTERS_KEPT)
				add_caseless(operand, scalar_text(value, type), matches);
			else
				add_text(operand, scalar_text(value, type), matches);
			break;
		case WALCU_DOMAIN_ENUM:
			deparse_equal_add_string(operand, scalar_text(value, type), matches);
			break;
		case WALCU_DOMAIN_NUMBER:
			add_number(operand, scalar_number(value, type), matches);
			break;
		case WALCU_DOMAIN_BOOLEAN:
			deparse_equal_add_scalar(operand, WALCU_IS_BOOLEAN, DatumGetBool(value) ? "true" : "false",
									 matches);
			matches->unchecked |= operand->sources & ~WALCU_IS_BOOLEAN;
			break;
		case WALCU_DOMAIN_INSTANT:
			add_instant(operand, value, type, matches);
			break;
		case WALCU_DOMAIN_UUID:
			matches->unchecked |= operand->sources & ~WALCU_IS_STRING;
			if ((deparse_equal_checked(operand) & WALCU_IS_STRING) && !folded_text_is_at(operand))
				matches->filters =
					lappend(matches->filters,
							document_path_test(operand, "$regex",
											   filter_string(pattern_from_uuid(scalar_text(value, type)))));
			else
				matches->unchecked |= WALCU_IS_STRING;
			break;
		case WALCU_DOMAIN_JSON:
			add_json(operand, DatumGetJsonbP(value), matches);
			break;
		case WALCU_DOMAIN_ARRAY:
			matches->unchecked |= WALCU_IS_ARRAY;
			break;
	}
}

/* Is it so long that a document may have blanks behind it, which the column's type cuts off? */
static bool
is_of_limit(const WalcuDocumentPath *operand, const char *text)
{
	return operand->limit > 0 && pg_mbstrlen(text) >= operand->limit;
}

/* A text. */
void
deparse_equal_add_string(const WalcuDocumentPath *operand, const char *text, WalcuEqualMatches *matches)
{
	char *literal = filter_string(text);

	if (!folded_text_is_at(operand) || folded_text_stays(text) ||
		!(deparse_equal_checked(operand) & WALCU_IS_STRING))
		deparse_equal_add_scalar(operand, WALCU_IS_STRING, literal, matches);
	else if (utf8_from_server(literal))
		matches->filters = lappend(matches->filters, folded_text_equal(operand, text));
}

/* A value of a JSON type, WALCU_IS_..., matches when it equals the literal. */
void
deparse_equal_add_scalar(const WalcuDocumentPath *operand, uint32 type, const char *literal,
						 WalcuEqualMatches *matches)
{
	/* no text of the service equals one that is none in UTF-8 */
	if (type == WALCU_IS_STRING && utf8_from_server(literal) == NULL)
		return;
	if (deparse_equal_checked(operand) & type)
		matches->literals = lappend(matches->literals, (char *) literal);
	else
		matches->unchecked |= type;
}

static void
add_text(const WalcuDocumentPath *operand, const char *text, WalcuEqualMatches *matches)
{
	TimestampTz instant;

	deparse_equal_add_string(operand, text, matches);
	if ((operand->sources & WALCU_IS_DATE) && iso8601_to_timestamptz(text, strlen(text), &instant) &&
		scalar_instant_is_finite(instant))
		deparse_equal_add_scalar(operand, WALCU_IS_DATE, scalar_instant_json(instant), matches);
	else if (is_text_of_own_type(text))
		matches->unchecked |= operand->sources & WALCU_IS_DATE;
	if (operand->nested)
		add_other_texts(operand, text, matches);
}

/* lower() or upper() of it is the text. */
static void
add_caseless(const WalcuDocumentPath *operand, const char *text, WalcuEqualMatches *matches)
{
	WalcuFilter *filter = NULL;

	if (!document_path_has_ids(operand) && (deparse_equal_checked(operand) & WALCU_IS_STRING))
		filter = deparse_caseless_equal(operand, text);
	matches->unchecked |= operand->sources & ~WALCU_IS_STRING;
	if (filter)
		matches->filters = lappend(matches->filters, filter);
	else
		matches->unchecked |= WALCU_IS_STRING;
}

/*
 * May the service have a value of a type of its own that arrives as this text?  An ObjectId, in a free form,
 * or a date with a year of six digits: JavaScript's begin before PostgreSQL's.
 */
static bool
is_text_of_own_type(const char *text)
{
	return objectid_is_valid(text) || text[0] == '-' || text[0] == '+';
}

/* What else has this text as ->> shows it. */
static void
add_other_texts(const WalcuDocumentPath *operand, const char *text, WalcuEqualMatches *matches)
{
	/* jsonb prints numbers without an exponent */
	if (scalar_is_plain_number(text))
	{
		double number = strtod(text, NULL);

		if (!isinf(number))
			deparse_equal_add_scalar(operand, WALCU_IS_NUMBER, scalar_number_json(number), matches);
	}
	else if (strcmp(text, "true") == 0 || strcmp(text, "false") == 0)
		deparse_equal_add_scalar(operand, WALCU_IS_BOOLEAN, text, matches);
	else if (text[0] == '{')
		matches->unchecked |= WALCU_IS_OBJECT;
	else if (text[0] == '[')
		matches->unchecked |= WALCU_IS_ARRAY;
}

static void
add_number(const WalcuDocumentPath *operand, WalcuScalarNumber number, WalcuEqualMatches *matches)
{
	matches->unchecked |= operand->sources & ~WALCU_IS_NUMBER;
	if (isinf(number.value))
		return;
	if (operand->rounding == 0 && !operand->single)
		deparse_equal_add_scalar(operand, WALCU_IS_NUMBER, scalar_number_json(number.value), matches);
	else if (deparse_equal_checked(operand) & WALCU_IS_NUMBER)
	{
		double least;
		double greatest;

		scalar_number_range(number.value, operand->rounding, operand->single, &least, &greatest);
		matches->filters = lappend(
			matches->filters,
			filter_and(list_make2(document_path_test(operand, "$gte", scalar_number_json(least)),
								  document_path_test(operand, "$lte", scalar_number_json(greatest)))));
	}
	else
		matches->unchecked |= WALCU_IS_NUMBER;
}

static void
add_instant(const WalcuDocumentPath *operand, Datum value, Oid type, WalcuEqualMatches *matches)
{
	WalcuInstantRange range;

	matches->unchecked |= operand->sources & ~WALCU_IS_DATE;
	if (instant_range_of_value(operand, BTEqualStrategyNumber, value, type, &range) == WALCU_INSTANTS_NONE)
		return;
	if (!(deparse_equal_checked(operand) & WALCU_IS_DATE))
		matches->unchecked |= WALCU_IS_DATE;
	else if (instant_range_is_one(&range))
		deparse_equal_add_scalar(operand, WALCU_IS_DATE, scalar_instant_json(range.least), matches);
	else
		matches->filters = lappend(matches->filters, instant_range_filter(operand, &range));
}

static void
add_json(const WalcuDocumentPath *operand, Jsonb *json, WalcuEqualMatches *matches)
{
	JsonbValue value;

	if (!JB_ROOT_IS_SCALAR(json))
	{
		matches->unchecked |= JB_ROOT_IS_ARRAY(json) ? WALCU_IS_ARRAY : WALCU_IS_OBJECT;
		return;
	}
	JsonbExtractScalar(&json->root, &value);
	deparse_equal_add_jsonb(operand, &value, matches);
}

/* A scalar of jsonb. */
void
deparse_equal_add_jsonb(const WalcuDocumentPath *operand, const JsonbValue *value, WalcuEqualMatches *matches)
{
	switch (value->type)
	{
		case jbvNull:
			matches->filters = lappend(matches->filters, document_path_test(operand, "$eq", "null"));
			break;
		case jbvString:
		{
			char *text = pnstrdup(value->val.string.val, value->val.string.len);

			deparse_equal_add_string(operand, text, matches);
			/* a date, too, arrives as a string, and an ObjectId where the description says nothing of it */
			if (operand->remote.type == WALCU_REMOTE_DATE ||
				(deparse_equal_checked(operand) != WALCU_IS_STRING && is_text_of_own_type(text)))
				matches->unchecked |= WALCU_IS_DATE;
			break;
		}
		case jbvNumeric:
		{
			WalcuScalarNumber number = scalar_number(NumericGetDatum(value->val.numeric), NUMERICOID);

			if (!isinf(number.value))
				deparse_equal_add_scalar(operand, WALCU_IS_NUMBER, scalar_number_json(number.value), matches);
			break;
		}
		case jbvBool:
			deparse_equal_add_scalar(operand, WALCU_IS_BOOLEAN, value->val.boolean ? "true" : "false",
									 matches);
			break;
		default:
			matches->unchecked |= WALCU_IS_ANY;
			break;
	}
}

/* What the place must be like to match one of the values. */
WalcuFilter *
deparse_equal_clause(const WalcuDocumentPath *operand, WalcuEqualMatches *matches)
{
	List *filters = list_copy(matches->filters);
	List *literals = deparse_equal_sort_unique(matches->literals);

	if (document_path_has_ids(operand))
	{
		if (matches->unchecked)
			return &filter_everything;
		return filter_or(
			lappend(filters, deparse_id_equal(operand, literals, is_partible(operand) && filters == NIL)));
	}
	if (list_length(literals) == 1)
		filters = lappend(filters, document_path_test(operand, "$eq", linitial(literals)));
	else if (literals != NIL)
	{
		WalcuFilter *list = document_path_test(operand, "$in", filter_list(literals));

		if (is_partible(operand) && filters == NIL && matches->unchecked == 0)
			list->literals = literals;
		filters = lappend(filters, list);
	}
	return deparse_equal_or_unchecked(operand, filters, matches->unchecked);
}

/*
 * Can a list be asked for in parts?  A filter that the service may ignore would bring every document with
 * each part.  A document that has several values fits an array alone: fetch.c takes it once.
 */
static bool
is_partible(const WalcuDocumentPath *operand)
{
	return !operand->nested && !folded_text_is_at(operand) && operand->remote.type != WALCU_REMOTE_UNKNOWN &&
		   operand->remote.type != WALCU_REMOTE_FREE;
}

/* One of the clauses, or a value of the types that the service cannot compare here. */
WalcuFilter *
deparse_equal_or_unchecked(const WalcuDocumentPath *operand, List *filters, uint32 unchecked)
{
	if (unchecked & get_natural_type(&operand->remote))
		return &filter_everything;
	/* where nothing is known of a place, what arrives as a string may be an ObjectId as well as a date */
	if ((unchecked & WALCU_IS_DATE) && get_natural_type(&operand->remote) == 0)
		unchecked |= WALCU_IS_OBJECTID;
	if ((unchecked & (WALCU_IS_OBJECT | WALCU_IS_ARRAY)) && document_path_is_shown_missing(operand))
		return &filter_everything;
	if (unchecked)
		filters = lappend(filters, document_path_test(operand, "$type", deparse_equal_types_json(unchecked)));
	return filter_or(filters);
}

/*
 * The literal that only values equal to this one have, so that all others can be told by it;
 * NULL when there is none.
 */
char *
deparse_equal_excluded(const WalcuDocumentPath *operand, Datum value, Oid type)
{
	uint32 checked = deparse_equal_checked(operand);

	switch (operand->domain)
	{
		case WALCU_DOMAIN_TEXT:
		case WALCU_DOMAIN_ENUM:
			if (!(checked & WALCU_IS_STRING) || operand->letters != WALCU_LETTERS_KEPT ||
				is_of_limit(operand, scalar_text(value, type)) ||
				utf8_from_server(scalar_text(value, type)) == NULL)
				return NULL;
			return filter_string(scalar_text(value, type));
		case WALCU_DOMAIN_NUMBER:
		{
			WalcuScalarNumber number = scalar_number(value, type);

			if (!(checked & WALCU_IS_NUMBER) || !number.canonical || isinf(number.value) ||
				operand->rounding != 0 || operand->single)
				return NULL;
			return scalar_number_json(number.value);
		}
		case WALCU_DOMAIN_INSTANT:
		{
			WalcuInstantRange range;

			if (!(checked & WALCU_IS_DATE) ||
				instant_range_of_value(operand, BTEqualStrategyNumber, value, type, &range) !=
					WALCU_INSTANTS_SOME ||
				!instant_range_is_one(&range) || !range.exact || range.least % 1000 != 0)
				return NULL;
			return scalar_instant_json(range.least);
		}
		case WALCU_DOMAIN_BOOLEAN:
			return (checked & WALCU_IS_BOOLEAN) ? pstrdup(DatumGetBool(value) ? "true" : "false") : NULL;
		default:
			return NULL;
	}
}

/*
 * Returns literals in order, each once.  Those of one kind stand side by side: numbers in the order of their
 * values, and then strings in that of their characters.
 */
List *
deparse_equal_sort_unique(List *texts)
{
	SortedString *strings =
		MemoryContextAllocHuge(CurrentMemoryContext, list_length(texts) * sizeof(SortedString) + 1);
	List *sorted = NIL;
	int count = 0;
	ListCell *lc;

	foreach(lc, texts)
	{
		char *text = lfirst(lc);

		CHECK_FOR_INTERRUPTS();
		if (text[0] == '"')
			strings[count++] = (SortedString){get_first_characters(text), text};
		else
			sorted = lappend(sorted, text);
	}
	sorted = text_sort_unique(sorted, compare_number_cells);
	qsort(strings, count, sizeof(SortedString), compare_sorted_strings);
	for (int i = 0; i < count; i++)
	{
		if (i == 0 || compare_sorted_strings(&strings[i - 1], &strings[i]) != 0)
			sorted = lappend(sorted, strings[i].text);
	}
	pfree(strings);
	return sorted;
}

/* Makes a number of a string's first characters that is in the order of these. */
static uint64
get_first_characters(const char *string)
{
	uint64 first = 0;

	for (int i = 0; i < (int) sizeof(uint64); i++)
	{
		/* the closing quote comes before any character */
		bool has_ended = string[1] == '\0' || string[2] == '\0';

		first = first << 8 | (has_ended ? 0 : (unsigned char) string[1]);
		string += !has_ended;
	}
	return first;
}

static int
compare_sorted_strings(const void *a, const void *b)
{
	const SortedString *left = a;
	const SortedString *right = b;

	CHECK_FOR_INTERRUPTS();
	if (left->first != right->first)
		return left->first < right->first ? -1 : 1;
	return compare_strings(left->text, right->text);
}

static int
compare_number_cells(const ListCell *a, const ListCell *b)
{
	CHECK_FOR_INTERRUPTS();
	return compare_numbers(lfirst(a), lfirst(b));
}

/* The closing quote, which nothing follows, is none of a string's characters. */
static int
compare_strings(const char *left, const char *right)
{
	while (*left == *right && *left != '\0')
	{
		left++;
		right++;
	}
	if (*left == '\0' || *right == '\0')
		return (unsigned char) *left - (unsigned char) *right;
	if (left[1] == '\0' || right[1] == '\0')
		return (left[1] != '\0') - (right[1] != '\0');
	return (unsigned char) *left - (unsigned char) *right;
}

/* And the words true and false, which are no numbers and in no order. */
static int
compare_numbers(const char *left, const char *right)
{
	double left_number = strtod(left, NULL);
	double right_number = strtod(right, NULL);

	if (left_number != right_number)
		return left_number < right_number ? -1 : 1;
	return strcmp(left, right);
}

/* The names that $type has for JSON types. */
char *
deparse_equal_types_json(uint32 types)
{
	static const char *const names[] = {"string", "number", "bool", "date", "object", "array", "objectId"};
	List *texts = NIL;

	for (int i = 0; i < lengthof(names); i++)
	{
		if (types & (1 << i))
			texts = lappend(texts, filter_string(names[i]));
	}
	return filter_list(texts);
}
