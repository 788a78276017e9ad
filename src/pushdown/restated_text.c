/*
 * restated_text.c
 *	  A condition on the text of a date, restated as one on the date.
 *
 * to_char(x, 'YYYY-MM') = '2024-05' and x::text LIKE '2024-05%' are of the dates that a clock shows in a
 * month: x::timestamp >= '2024-05-01' AND x::timestamp < '2024-06-01'.  Such a text begins alike for years
 * before Christ, and for those of more than four digits, so that all such are let through.  What a cast makes
 * of a date depends on DateStyle, which is looked at when a scan begins.
 */
#include "postgres.h"

#include "pushdown/restated_text.h"

#include "access/stratnum.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "pushdown/comparison.h"
#include "pushdown/document_path.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

/* The parts of a date that a text is made of, the largest first. */
typedef enum DatePart
{
	PART_YEAR,
	PART_MONTH,
	PART_DAY,
	PART_HOUR,
	PART_MINUTE,
	PART_SECOND,
	PART_COUNT
} DatePart;

/* How a format calls each of them, with as many digits as it has but for the 24. */
static const char *const part_names[PART_COUNT] = {"YYYY", "MM", "DD", "HH24", "MI", "SS"};

/* These may stand between them, and are no part of another name. */
#define SEPARATORS " -/.:,_"

/* Dates before the first and from the last of these years on are not told apart by their texts. */
#define FIRST_YEAR 1
#define LAST_YEAR  9999

/* What a text is made of. */
typedef struct DateText
{
	Expr *date;         /* It is the text of this, */
	Oid type;           /* of this type, */
	const char *format; /* in this format. */
	bool is_cast;       /* It is the format only with DateStyle ISO, and further characters follow. */
} DateText;

/* What such a text is compared with. */
typedef struct DateValue
{
	int parts[PART_COUNT]; /* These are its parts, but -1 for those that it lacks. */
	bool is_ordered;       /* The format has the larger ones before the smaller ones. */
	bool is_whole;         /* It has all that the format has. */
} DateValue;

static bool is_like(const OpExpr *comparison);
static List *list_bounds(const DateText *shown, int strategy, DateValue *date);
static bool read_date_text(Expr *expression, DateText *shown);
static const char *get_cast_format(Oid type);
static int read_strategy(const OpExpr *comparison, const Const *constant, bool outcome);
static bool read_format(const char *format, bool *is_ordered);
static bool parse_date_value(const DateText *shown, const char *value, bool is_prefix, DateValue *date);
static int find_part(const char *format);
static Timestamp make_bounds(DateValue *date, Timestamp *beyond);
static bool is_possible(const DateValue *date, DatePart part);
static Timestamp make_instant(const int *parts);
static Timestamp make_first_day(int year);
static Expr *compare_clock(const DateText *shown, int strategy, Timestamp bound, bool depends);
static Const *make_bound(Oid type, Timestamp bound);
static Expr *make_iso_style(void);

/* Returns whether an expression is the text of a date. */
bool
restated_text_is_of_date(Expr *text)
{
	DateText read;

	return read_date_text(text, &read);
}

/* Returns what is true where a comparison has the outcome; NULL where it is none of a date's text. */
Expr *
restated_text(const OpExpr *comparison, bool outcome)
{
	const Const *constant = lsecond(comparison->args);
	int strategy = read_strategy(comparison, constant, outcome);
	bool is_equality = strategy == BTEqualStrategyNumber;
	DateText shown;
	DateValue date;
	char *value;
	List *arms;

	if (strategy == 0 || !read_date_text(linitial(comparison->args), &shown))
		return NULL;
	value = TextDatumGetCString(constant->constvalue);
	/* what stands behind a character of LIKE's own is left to it */
	if (is_like(comparison))
		value[strcspn(value, "%_\\")] = '\0';
	if (!parse_date_value(&shown, value, !is_equality || is_like(comparison), &date) ||
		(!is_equality && (shown.is_cast || !date.is_ordered)))
		return NULL;
	arms = list_make3(make_ands_explicit(list_bounds(&shown, strategy, &date)),
					  compare_clock(&shown, BTLessStrategyNumber, make_first_day(FIRST_YEAR), false),
					  compare_clock(&shown, BTGreaterEqualStrategyNumber, make_first_day(LAST_YEAR), false));
	return make_orclause(arms);
}

static bool
is_like(const OpExpr *comparison)
{
	return comparison->opno == OID_TEXT_LIKE_OP || comparison->opno == OID_TEXT_ICLIKE_OP;
}

/* Lists the conditions on what a clock shows that a comparison with a text is, in years of four digits. */
static List *
list_bounds(const DateText *shown, int strategy, DateValue *date)
{
	Timestamp beyond;
	Timestamp least = make_bounds(date, &beyond);
	List *bounds = NIL;

	if (strategy == BTGreaterStrategyNumber && date->is_whole)
		least = beyond;
	if (strategy == BTLessStrategyNumber && date->is_whole)
		beyond = least;
	if (strategy >= BTEqualStrategyNumber)
		bounds = lappend(bounds, compare_clock(shown, BTGreaterEqualStrategyNumber, least, shown->is_cast));
	if (strategy <= BTEqualStrategyNumber)
		bounds = lappend(bounds, compare_clock(shown, BTLessStrategyNumber, beyond, shown->is_cast));
	return bounds;
}

/* Reads an expression that makes a text of a date.  Returns false when it is none. */
static bool
read_date_text(Expr *expression, DateText *shown)
{
	const FuncExpr *function;
	const Const *format;

	expression = document_path_strip_relabels(expression);
	/* the texts have no letters where they are looked at */
	if (IsA(expression, FuncExpr) && (((FuncExpr *) expression)->funcid == F_UPPER_TEXT ||
									  ((FuncExpr *) expression)->funcid == F_LOWER_TEXT))
		expression = document_path_strip_relabels(linitial(((FuncExpr *) expression)->args));
	function = (const FuncExpr *) expression;
	shown->is_cast = IsA(expression, CoerceViaIO);
	if (shown->is_cast)
	{
		shown->date = ((CoerceViaIO *) expression)->arg;
		shown->type = getBaseType(exprType((Node *) shown->date));
		shown->format = get_cast_format(shown->type);
		return shown->format != NULL;
	}
	if (!IsA(expression, FuncExpr) ||
		(function->funcid != F_TO_CHAR_TIMESTAMP_TEXT && function->funcid != F_TO_CHAR_TIMESTAMPTZ_TEXT))
		return false;
	format = lsecond(function->args);
	if (!IsA(format, Const) || format->constisnull)
		return false;
	shown->date = linitial(function->args);
	shown->type = function->funcid == F_TO_CHAR_TIMESTAMP_TEXT ? TIMESTAMPOID : TIMESTAMPTZOID;
	shown->format = TextDatumGetCString(format->constvalue);
	return true;
}

/* Returns how a cast to text shows a date of a type, with DateStyle ISO; NULL for another type. */
static const char *
get_cast_format(Oid type)
{
	if (type == DATEOID)
		return "YYYY-MM-DD";
	return type == TIMESTAMPOID || type == TIMESTAMPTZOID ? "YYYY-MM-DD HH24:MI:SS" : NULL;
}

/* Reads how a comparison with a text is to order it; LIKE takes equality.  Returns 0 for none. */
static int
read_strategy(const OpExpr *comparison, const Const *constant, bool outcome)
{
	bool is_negated;
	int strategy;

	if (constant->consttype != TEXTOID)
		return 0;
	if (is_like(comparison))
		return outcome ? BTEqualStrategyNumber : 0;
	strategy = comparison_strategy(comparison->opno, TEXTOID, &is_negated);
	if (strategy == BTEqualStrategyNumber)
		return outcome != is_negated ? strategy : 0;
	return strategy == 0 || outcome ? strategy : comparison_negate(strategy);
}

/* Returns whether all of a format is known; is_ordered, whether larger parts come before smaller ones. */
static bool
read_format(const char *format, bool *is_ordered)
{
	bool has_parts[PART_COUNT] = {false};
	int count = 0;

	*is_ordered = true;
	while (*format)
	{
		int part = find_part(format);

		if (part >= 0 ? has_parts[part] : strchr(SEPARATORS, *format) == NULL)
			return false;
		if (part >= 0)
		{
			has_parts[part] = true;
			*is_ordered &= part == count++;
		}
		format += part >= 0 ? strlen(part_names[part]) : 1;
	}
	return true;
}

/*
 * Reads the parts of a text in a format; it may end before the format does where it is a prefix, and after it
 * in a cast.  Returns false when it has no year, or is no such text.
 */
static bool
parse_date_value(const DateText *shown, const char *value, bool is_prefix, DateValue *date)
{
	const char *format = shown->format;

	for (int i = 0; i < PART_COUNT; i++)
		date->parts[i] = -1;
	if (!read_format(format, &date->is_ordered))
		return false;
	while (*format && *value)
	{
		int part = find_part(format);
		int width = part < 0 ? 1 : part == PART_YEAR ? 4 : 2;
		int digits = strspn(value, "0123456789");

		if (part >= 0 && digits < width)
		{
			/* it ends within the part, or has something else there */
			if (value[digits])
				return false;
			break;
		}
		if (part < 0 && *format != *value)
			return false;
		if (part >= 0)
			date->parts[part] = pg_strtoint32(pnstrdup(value, width));
		format += part >= 0 ? strlen(part_names[part]) : 1;
		value += width;
	}
	date->is_whole = *format == '\0' && *value == '\0';
	return date->parts[PART_YEAR] > 0 && (*format == '\0' || is_prefix) &&
		   (*value == '\0' || *format || shown->is_cast);
}

/* Finds the part that a format goes on with; -1 for none. */
static int
find_part(const char *format)
{
	for (int i = 0; i < PART_COUNT; i++)
	{
		if (pg_strncasecmp(format, part_names[i], strlen(part_names[i])) == 0)
			return i;
	}
	return -1;
}

/* Makes the range of the dates that have these parts, as far as such dates are possible. */
static Timestamp
make_bounds(DateValue *date, Timestamp *beyond)
{
	int first[PART_COUNT] = {0, 1, 1, 0, 0, 0};
	int next[PART_COUNT];
	int part = PART_YEAR;
	static const int64 lengths[PART_COUNT] = {
		0, 0, USECS_PER_DAY, USECS_PER_HOUR, USECS_PER_MINUTE, USECS_PER_SEC};

	first[PART_YEAR] = date->parts[PART_YEAR];
	while (part + 1 < PART_COUNT && is_possible(date, part + 1))
	{
		part++;
		first[part] = date->parts[part];
	}
	for (int i = part + 1; i < PART_COUNT; i++)
		date->is_whole &= date->parts[i] < 0;
	if (part > PART_MONTH)
	{
		*beyond = make_instant(first) + lengths[part];
		return make_instant(first);
	}
	memcpy(next, first, sizeof(next));
	next[part]++;
	if (next[PART_MONTH] > MONTHS_PER_YEAR)
	{
		next[PART_YEAR]++;
		next[PART_MONTH] = 1;
	}
	*beyond = make_instant(next);
	return make_instant(first);
}

/* Returns whether a date has a part, and a date with it is possible, as it is with the larger ones. */
static bool
is_possible(const DateValue *date, DatePart part)
{
	int value = date->parts[part];

	switch (part)
	{
		case PART_MONTH:
			return value >= 1 && value <= MONTHS_PER_YEAR;
		case PART_DAY:
			return value >= 1 &&
				   value <= day_tab[isleap(date->parts[PART_YEAR])][date->parts[PART_MONTH] - 1];
		case PART_HOUR:
			return value >= 0 && value < HOURS_PER_DAY;
		default:
			return value >= 0 && value < MINS_PER_HOUR;
	}
}

static Timestamp
make_instant(const int *parts)
{
	int64 day = date2j(parts[PART_YEAR], parts[PART_MONTH], parts[PART_DAY]) - POSTGRES_EPOCH_JDATE;

	return day * USECS_PER_DAY + parts[PART_HOUR] * USECS_PER_HOUR + parts[PART_MINUTE] * USECS_PER_MINUTE +
		   parts[PART_SECOND] * USECS_PER_SEC;
}

static Timestamp
make_first_day(int year)
{
	int parts[PART_COUNT] = {year, 1, 1, 0, 0, 0};

	return make_instant(parts);
}

/*
 * Makes a comparison of what a clock shows at the date, or of its day where it is one.  Where it depends on
 * DateStyle, it is true of all dates but with ISO.
 */
static Expr *
compare_clock(const DateText *shown, int strategy, Timestamp bound, bool depends)
{
	bool is_below = strategy == BTGreaterEqualStrategyNumber;
	Oid type = shown->type == DATEOID ? DATEOID : TIMESTAMPOID;
	Expr *clock = shown->date;
	Expr *value = (Expr *) make_bound(type, bound);

	if (shown->type == TIMESTAMPTZOID)
		clock = (Expr *) makeFuncExpr(F_TIMESTAMP_TIMESTAMPTZ, TIMESTAMPOID, list_make1(clock), InvalidOid,
									  InvalidOid, COERCE_EXPLICIT_CAST);
	if (depends)
	{
		CaseExpr *cases = makeNode(CaseExpr);
		CaseWhen *when = makeNode(CaseWhen);

		when->expr = make_iso_style();
		when->result = value;
		when->location = -1;
		cases->casetype = type;
		cases->args = list_make1(when);
		cases->defresult = (Expr *) make_bound(type, is_below ? DT_NOBEGIN : DT_NOEND);
		cases->location = -1;
		value = (Expr *) cases;
	}
	return comparison_make(type, strategy, clock, value, InvalidOid);
}

static Const *
make_bound(Oid type, Timestamp bound)
{
	DateADT day = TIMESTAMP_IS_NOBEGIN(bound) ? DATEVAL_NOBEGIN
				  : TIMESTAMP_IS_NOEND(bound) ? DATEVAL_NOEND
											  : (DateADT) (bound / USECS_PER_DAY);

	if (type == DATEOID)
		return makeConst(type, -1, InvalidOid, sizeof(DateADT), DateADTGetDatum(day), false, true);
	return makeConst(type, -1, InvalidOid, sizeof(Timestamp), TimestampGetDatum(bound), false,
					 FLOAT8PASSBYVAL);
}

/* Makes the condition that casts show dates in the style ISO, which a scan's values are computed with. */
static Expr *
make_iso_style(void)
{
	Const *name =
		makeConst(TEXTOID, -1, DEFAULT_COLLATION_OID, -1, CStringGetTextDatum("datestyle"), false, false);
	Const *pattern =
		makeConst(TEXTOID, -1, DEFAULT_COLLATION_OID, -1, CStringGetTextDatum("ISO%"), false, false);
	FuncExpr *setting = makeFuncExpr(F_CURRENT_SETTING_TEXT, TEXTOID, list_make1(name), DEFAULT_COLLATION_OID,
									 DEFAULT_COLLATION_OID, COERCE_EXPLICIT_CALL);
	Expr *like = make_opclause(OID_TEXT_LIKE_OP, BOOLOID, false, (Expr *) setting, (Expr *) pattern,
							   InvalidOid, DEFAULT_COLLATION_OID);

	set_opfuncid((OpExpr *) like);
	return like;
}
