/*
 * restated_span.c
 *	  A condition on the time between two dates, restated as one on one of them.
 *
 * now() - x < interval '7 days' is x > now() - interval '7 days', current_date - x <= 7 of days is
 * x >= current_date - 7, and extract(day from now() - x) < 7 is the first of these.  A difference has hours
 * and days of 24 hours, and intervals are compared with months of 30 days; so the other side is moved by
 * microseconds alone, and not by the clock.  Where it is so far out that this could be an error, the restated
 * condition is true of every date.
 */
#include "postgres.h"

#include <math.h>

#include "pushdown/restated_span.h"

#include "access/stratnum.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "pushdown/comparison.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/fmgroids.h"
#include "utils/timestamp.h"

/* A span of more days than these is not looked at. */
#define MOST_DAYS 366000

/* The other side is moved when it is within these years. */
#define FIRST_YEAR 1
#define LAST_YEAR  9999

/* A difference of two dates, compared with a span. */
typedef struct SpanComparison
{
	Expr *date;    /* This is the one that depends on the row, */
	Expr *other;   /* and this one does not. */
	bool is_first; /* The other one is subtracted from it. */
	Oid type;      /* Both are of this type. */
	bool has_days; /* Only the whole days of the difference count. */
	int strategy;  /* It is BTLessStrategyNumber or the like. */
	int64 span;    /* It is compared with so many microseconds, or days where the type is date. */
} SpanComparison;

static bool read_difference(const WalcuRelation *relation, Expr *expression, SpanComparison *span);
static bool read_comparison(const OpExpr *comparison, bool outcome, SpanComparison *span);
static bool read_span_interval(const Const *constant, SpanComparison *span);
static bool read_whole_days(const Const *constant, SpanComparison *span);
static Expr *move_other(const SpanComparison *span);
static Expr *guard_moved(const SpanComparison *span, Expr *moved, bool is_bound_below);
static Const *make_new_year(Oid type, int year);
static Const *make_infinity(Oid type, bool is_negative);

/* Returns what is true where a comparison has the outcome; NULL where it is none of a difference. */
Expr *
restated_span(const WalcuRelation *relation, const OpExpr *comparison, bool outcome)
{
	SpanComparison span = {0};
	int strategy;
	bool is_bound_below;

	if (!IsA(lsecond(comparison->args), Const) || ((Const *) lsecond(comparison->args))->constisnull ||
		!read_difference(relation, linitial(comparison->args), &span) ||
		!read_comparison(comparison, outcome, &span))
		return NULL;
	/* other - date < span is date > other - span */
	strategy = span.is_first ? span.strategy : comparison_turn(span.strategy);
	is_bound_below = strategy == BTGreaterStrategyNumber || strategy == BTGreaterEqualStrategyNumber;
	return comparison_make(span.type, strategy, span.date,
						   guard_moved(&span, move_other(&span), is_bound_below), InvalidOid);
}

/* Reads a difference, or the whole days of one.  Returns false when it is none. */
static bool
read_difference(const WalcuRelation *relation, Expr *expression, SpanComparison *span)
{
	const OpExpr *difference = (const OpExpr *) expression;

	if (IsA(expression, FuncExpr))
	{
		const FuncExpr *part = (const FuncExpr *) expression;
		const Const *word;

		if (part->funcid != F_EXTRACT_TEXT_INTERVAL && part->funcid != F_DATE_PART_TEXT_INTERVAL)
			return false;
		word = linitial(part->args);
		if (!IsA(word, Const) || word->constisnull ||
			pg_strcasecmp(TextDatumGetCString(word->constvalue), "day") != 0)
			return false;
		span->has_days = true;
		difference = lsecond(part->args);
	}
	if (!IsA(difference, OpExpr) || list_length(difference->args) != 2)
		return false;
	switch (difference->opfuncid)
	{
		case F_TIMESTAMPTZ_MI:
			span->type = TIMESTAMPTZOID;
			break;
		case F_TIMESTAMP_MI:
			span->type = TIMESTAMPOID;
			break;
		case F_DATE_MI:
			span->type = DATEOID;
			break;
		default:
			return false;
	}
	span->is_first = !document_path_is_value(relation, linitial(difference->args));
	span->date = span->is_first ? linitial(difference->args) : lsecond(difference->args);
	span->other = span->is_first ? lsecond(difference->args) : linitial(difference->args);
	return document_path_is_value(relation, span->other);
}

/* Reads what the difference is compared with.  Returns false when that is of no use. */
static bool
read_comparison(const OpExpr *comparison, bool outcome, SpanComparison *span)
{
	const Const *constant = lsecond(comparison->args);
	bool is_negated;

	span->strategy = comparison_strategy(comparison->opno, constant->consttype, &is_negated);
	if (span->strategy == 0 || span->strategy == BTEqualStrategyNumber)
		return false;
	if (!outcome)
		span->strategy = comparison_negate(span->strategy);
	if (span->has_days)
		return read_whole_days(constant, span);
	if (span->type != DATEOID)
		return read_span_interval(constant, span);
	if (constant->consttype != INT4OID)
		return false;
	span->span = DatumGetInt32(constant->constvalue);
	return llabs(span->span) <= MOST_DAYS;
}

/* Reads an interval as PostgreSQL compares it. */
static bool
read_span_interval(const Const *constant, SpanComparison *span)
{
	const Interval *interval;

	if (constant->consttype != INTERVALOID)
		return false;
	interval = DatumGetIntervalP(constant->constvalue);
	if (llabs(interval->month) * DAYS_PER_MONTH > MOST_DAYS || llabs(interval->day) > MOST_DAYS ||
		interval->time > MOST_DAYS * USECS_PER_DAY || interval->time < -MOST_DAYS * USECS_PER_DAY)
		return false;
	span->span = interval->time + (interval->day + (int64) interval->month * DAYS_PER_MONTH) * USECS_PER_DAY;
	return true;
}

/* Reads a number that whole days are compared with, where these are more than none. */
static bool
read_whole_days(const Const *constant, SpanComparison *span)
{
	bool is_next = span->strategy == BTLessEqualStrategyNumber || span->strategy == BTGreaterStrategyNumber;
	double days;

	if (constant->consttype == NUMERICOID)
		days = DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow, constant->constvalue));
	else if (constant->consttype == FLOAT8OID)
		days = DatumGetFloat8(constant->constvalue);
	else
		return false;
	if (!(days == floor(days) && days >= (is_next ? 0 : 1) && days <= MOST_DAYS))
		return false;
	/* so many whole days or fewer are less than one more */
	span->span = ((int64) days + (is_next ? 1 : 0)) * USECS_PER_DAY;
	if (is_next)
		span->strategy =
			span->strategy == BTLessEqualStrategyNumber ? BTLessStrategyNumber : BTGreaterEqualStrategyNumber;
	return true;
}

/* Makes the other date, moved by the span: forward where it is subtracted from the row's. */
static Expr *
move_other(const SpanComparison *span)
{
	Interval *interval;
	Oid function;

	if (span->type == DATEOID)
		return (Expr *) makeFuncExpr(
			span->is_first ? F_DATE_PLI : F_DATE_MII, DATEOID,
			list_make2(span->other, makeConst(INT4OID, -1, InvalidOid, sizeof(int32),
											  Int32GetDatum((int32) span->span), false, true)),
			InvalidOid, InvalidOid, COERCE_EXPLICIT_CALL);
	if (span->type == TIMESTAMPTZOID)
		function = span->is_first ? F_TIMESTAMPTZ_PL_INTERVAL : F_TIMESTAMPTZ_MI_INTERVAL;
	else
		function = span->is_first ? F_TIMESTAMP_PL_INTERVAL : F_TIMESTAMP_MI_INTERVAL;
	interval = palloc0(sizeof(Interval));
	interval->time = span->span;
	return (Expr *) makeFuncExpr(
		function, span->type,
		list_make2(span->other, makeConst(INTERVALOID, -1, InvalidOid, sizeof(Interval),
										  IntervalPGetDatum(interval), false, false)),
		InvalidOid, InvalidOid, COERCE_EXPLICIT_CALL);
}

/* The moved date, or an infinite one where the other one is far out, or none. */
static Expr *
guard_moved(const SpanComparison *span, Expr *moved, bool is_bound_below)
{
	CaseExpr *cases = makeNode(CaseExpr);
	CaseWhen *when = makeNode(CaseWhen);

	when->expr = make_ands_explicit(
		list_make2(comparison_make(span->type, BTGreaterEqualStrategyNumber, span->other,
								   (Expr *) make_new_year(span->type, FIRST_YEAR), InvalidOid),
				   comparison_make(span->type, BTLessStrategyNumber, span->other,
								   (Expr *) make_new_year(span->type, LAST_YEAR), InvalidOid)));
	when->result = moved;
	when->location = -1;
	cases->casetype = span->type;
	cases->args = list_make1(when);
	cases->defresult = (Expr *) make_infinity(span->type, is_bound_below);
	cases->location = -1;
	return (Expr *) cases;
}

static Const *
make_new_year(Oid type, int year)
{
	DateADT day = date2j(year, 1, 1) - POSTGRES_EPOCH_JDATE;

	if (type == DATEOID)
		return makeConst(type, -1, InvalidOid, sizeof(DateADT), DateADTGetDatum(day), false, true);
	return makeConst(type, -1, InvalidOid, sizeof(Timestamp), TimestampGetDatum(day * USECS_PER_DAY), false,
					 FLOAT8PASSBYVAL);
}

static Const *
make_infinity(Oid type, bool is_negative)
{
	if (type == DATEOID)
		return makeConst(type, -1, InvalidOid, sizeof(DateADT),
						 DateADTGetDatum(is_negative ? DATEVAL_NOBEGIN : DATEVAL_NOEND), false, true);
	return makeConst(type, -1, InvalidOid, sizeof(Timestamp),
					 TimestampGetDatum(is_negative ? DT_NOBEGIN : DT_NOEND), false, FLOAT8PASSBYVAL);
}
