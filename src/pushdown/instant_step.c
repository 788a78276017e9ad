/*
 * instant_step.c
 *	  The steps by which an SQL expression makes its value of a date in a document.
 *
 * document_path.c asks which steps a function takes, instant_range.c goes them back: from the values that a
 * condition takes to the dates of which they can be made.  A clock shows one time twice, or never, and months
 * differ in length; where a step cannot be gone back exactly, the range becomes wider.
 */
#include "postgres.h"

#include "pushdown/instant_step.h"

#include "base/zone.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
#include "utils/timestamp.h"

/* An addition of months can lose so many days, as they differ in length. */
#define MONTHS_LOSE_DAYS 6

/* Intervals within a hundred years are gone back. */
#define MOST_MONTHS (100 * MONTHS_PER_YEAR)
#define MOST_DAYS   (100 * 366)

/* The units of date_trunc() whose lengths are known, as so many months or microseconds. */
static const struct
{
	const char *name;
	int months;
	int64 microseconds;
} units[] = {
	{"second", 0, USECS_PER_SEC},
	{"minute", 0, USECS_PER_MINUTE},
	{"hour", 0, USECS_PER_HOUR},
	{"day", 0, USECS_PER_DAY},
	{"week", 0, 7 * USECS_PER_DAY},
	{"month", 1, 0},
	{"quarter", 3, 0},
	{"year", MONTHS_PER_YEAR, 0},
};

/* What functions do, by their arguments. */
typedef enum CallKind
{
	TRUNCATE,
	AT_ZONE,
	YEAR_OF,
	ADD_INTERVAL,
	SUBTRACT_INTERVAL,
	ADD_DAYS,
	SUBTRACT_DAYS
} CallKind;

static const struct
{
	Oid function;
	CallKind kind;
	Oid type;      /* It takes this type. */
	Oid result;    /* It makes this one. */
	bool is_first; /* The date is the first argument, else the second one. */
} calls[] = {
	{F_DATE_TRUNC_TEXT_TIMESTAMP, TRUNCATE, TIMESTAMPOID, TIMESTAMPOID},
	{F_DATE_TRUNC_TEXT_TIMESTAMPTZ, TRUNCATE, TIMESTAMPTZOID, TIMESTAMPTZOID},
	{F_DATE_TRUNC_TEXT_TIMESTAMPTZ_TEXT, TRUNCATE, TIMESTAMPTZOID, TIMESTAMPTZOID},
	{F_TIMEZONE_TEXT_TIMESTAMP, AT_ZONE, TIMESTAMPOID, TIMESTAMPTZOID},
	{F_TIMEZONE_TEXT_TIMESTAMPTZ, AT_ZONE, TIMESTAMPTZOID, TIMESTAMPOID},
	{F_EXTRACT_TEXT_DATE, YEAR_OF, DATEOID, NUMERICOID},
	{F_EXTRACT_TEXT_TIMESTAMP, YEAR_OF, TIMESTAMPOID, NUMERICOID},
	{F_EXTRACT_TEXT_TIMESTAMPTZ, YEAR_OF, TIMESTAMPTZOID, NUMERICOID},
	{F_DATE_PART_TEXT_TIMESTAMP, YEAR_OF, TIMESTAMPOID, NUMERICOID},
	{F_DATE_PART_TEXT_TIMESTAMPTZ, YEAR_OF, TIMESTAMPTZOID, NUMERICOID},
	{F_TIMESTAMP_PL_INTERVAL, ADD_INTERVAL, TIMESTAMPOID, TIMESTAMPOID, true},
	{F_TIMESTAMPTZ_PL_INTERVAL, ADD_INTERVAL, TIMESTAMPTZOID, TIMESTAMPTZOID, true},
	{F_DATE_PL_INTERVAL, ADD_INTERVAL, DATEOID, TIMESTAMPOID, true},
	{F_TIMESTAMP_MI_INTERVAL, SUBTRACT_INTERVAL, TIMESTAMPOID, TIMESTAMPOID, true},
	{F_TIMESTAMPTZ_MI_INTERVAL, SUBTRACT_INTERVAL, TIMESTAMPTZOID, TIMESTAMPTZOID, true},
	{F_DATE_MI_INTERVAL, SUBTRACT_INTERVAL, DATEOID, TIMESTAMPOID, true},
	{F_DATE_PLI, ADD_DAYS, DATEOID, DATEOID, true},
	{F_DATE_MII, SUBTRACT_DAYS, DATEOID, DATEOID, true},
};

static bool describe_call(int row, List *args, WalcuInstantCall *call);
static List *list_truncation(Oid type, const char *unit, List *zones);
static bool read_interval(CallKind kind, const Const *constant, Interval *interval);
static const Const *get_constant(Node *node, Oid type);
static int find_unit(const char *name);
static pg_tz *find_zone(const Const *constant);
static TimestampTz ceil_to_unit(int unit, TimestampTz value);
static void go_back_by_clock(const WalcuInstantStep *step, int days, WalcuInstantRange *range);
static void go_back_an_addition(const WalcuInstantStep *step, WalcuInstantRange *range);
static int64 measure_slack(const WalcuInstantStep *step, TimestampTz value);

/* Is a call one of those that are steps from one of its arguments? */
bool
instant_step_of_call(Oid function, List *args, WalcuInstantCall *call)
{
	for (int i = 0; i < lengthof(calls); i++)
	{
		if (calls[i].function == function)
			return describe_call(i, args, call);
	}
	return false;
}

static bool
describe_call(int row, List *args, WalcuInstantCall *call)
{
	CallKind kind = calls[row].kind;
	Oid type = calls[row].type;
	Oid other_type = kind == ADD_INTERVAL || kind == SUBTRACT_INTERVAL ? INTERVALOID
					 : kind == ADD_DAYS || kind == SUBTRACT_DAYS       ? INT4OID
																	   : TEXTOID;
	const Const *other = get_constant(calls[row].is_first ? lsecond(args) : linitial(args), other_type);
	const char *word = other && other_type == TEXTOID ? TextDatumGetCString(other->constvalue) : NULL;
	WalcuInstantStep *step;

	if (other == NULL)
		return false;
	call->argument = calls[row].is_first ? linitial(args) : lsecond(args);
	call->type = calls[row].result;
	switch (kind)
	{
		case TRUNCATE:
			call->steps = list_truncation(type, word, list_copy_tail(args, 2));
			return call->steps != NIL;
		case YEAR_OF:
			call->steps = type == TIMESTAMPTZOID ? list_make1(instant_step_create(WALCU_STEP_SHOW)) : NIL;
			return pg_strcasecmp(word, "year") == 0;
		case AT_ZONE:
			step = instant_step_create(type == TIMESTAMPTZOID ? WALCU_STEP_SHOW : WALCU_STEP_READ);
			step->zone = find_zone(other);
			call->steps = list_make1(step);
			return step->zone != NULL;
		default:
			step = instant_step_create(WALCU_STEP_ADD);
			step->by_clock = type == TIMESTAMPTZOID;
			call->steps = list_make1(step);
			return read_interval(kind, other, &step->interval);
	}
}

/* The steps of date_trunc(); NIL when the unit is another one, or the zone (a list of one, or none). */
static List *
list_truncation(Oid type, const char *unit, List *zones)
{
	WalcuInstantStep *show = instant_step_create(WALCU_STEP_SHOW);
	WalcuInstantStep *floor = instant_step_create(WALCU_STEP_FLOOR);
	WalcuInstantStep *read = instant_step_create(WALCU_STEP_READ);

	if (find_unit(unit) < 0)
		return NIL;
	floor->unit = units[find_unit(unit)].name;
	if (type == TIMESTAMPOID)
		return list_make1(floor);
	if (zones != NIL)
	{
		const Const *zone = get_constant(linitial(zones), TEXTOID);

		show->zone = read->zone = zone ? find_zone(zone) : NULL;
		if (show->zone == NULL)
			return NIL;
	}
	return list_make3(show, floor, read);
}

/* What is added; false when that is too much to be gone back. */
static bool
read_interval(CallKind kind, const Const *constant, Interval *interval)
{
	int64 sign = kind == SUBTRACT_INTERVAL || kind == SUBTRACT_DAYS ? -1 : 1;

	if (constant->consttype == INTERVALOID)
		*interval = *DatumGetIntervalP(constant->constvalue);
	else
		*interval = (Interval){.day = DatumGetInt32(constant->constvalue)};
	if (interval->month < -MOST_MONTHS || interval->month > MOST_MONTHS || interval->day < -MOST_DAYS ||
		interval->day > MOST_DAYS || interval->time < -MOST_DAYS * USECS_PER_DAY ||
		interval->time > MOST_DAYS * USECS_PER_DAY)
		return false;
	interval->month *= sign;
	interval->day *= sign;
	interval->time *= sign;
	return true;
}

/* A constant of the type that is not NULL; NULL for anything else. */
static const Const *
get_constant(Node *node, Oid type)
{
	const Const *constant = (const Const *) node;

	return IsA(node, Const) && !constant->constisnull && constant->consttype == type ? constant : NULL;
}

static int
find_unit(const char *name)
{
	for (int i = 0; i < lengthof(units); i++)
	{
		if (pg_strcasecmp(units[i].name, name) == 0)
			return i;
	}
	return -1;
}

/* The zone of a name that cannot be an abbreviation, which PostgreSQL reads otherwise; NULL for any other. */
static pg_tz *
find_zone(const Const *constant)
{
	const char *name = TextDatumGetCString(constant->constvalue);

	return strchr(name, '/') != NULL || pg_strcasecmp(name, "UTC") == 0 ? pg_tzset(name) : NULL;
}

WalcuInstantStep *
instant_step_create(WalcuInstantStepKind kind)
{
	WalcuInstantStep *step = palloc0(sizeof(WalcuInstantStep));

	step->kind = kind;
	return step;
}

/* A cast to date. */
WalcuInstantStep *
instant_step_to_day(void)
{
	WalcuInstantStep *step = instant_step_create(WALCU_STEP_FLOOR);

	step->unit = "day";
	return step;
}

/*
 * Make of a range of values behind a step the one of those before it.  A clock is looked at for so many days
 * around.  The ends are within the years 1 to 9999, or there is none.
 */
void
instant_step_go_back(const WalcuInstantStep *step, int days, WalcuInstantRange *range)
{
	switch (step->kind)
	{
		case WALCU_STEP_SHOW:
		case WALCU_STEP_READ:
			go_back_by_clock(step, days, range);
			break;
		case WALCU_STEP_FLOOR:
			range->least = ceil_to_unit(find_unit(step->unit), range->least);
			range->beyond = ceil_to_unit(find_unit(step->unit), range->beyond);
			break;
		case WALCU_STEP_ADD:
			go_back_an_addition(step, range);
			break;
	}
}

/* The first beginning of a unit that is not before a value. */
static TimestampTz
ceil_to_unit(int unit, TimestampTz value)
{
	Interval months = {.month = units[unit].months};
	TimestampTz floor;

	if (TIMESTAMP_NOT_FINITE(value))
		return value;
	floor = DatumGetTimestamp(DirectFunctionCall2(timestamp_trunc, CStringGetTextDatum(units[unit].name),
												  TimestampGetDatum(value)));
	if (floor == value)
		return value;
	if (units[unit].months == 0)
		return floor + units[unit].microseconds;
	return DatumGetTimestamp(
		DirectFunctionCall2(timestamp_pl_interval, TimestampGetDatum(floor), IntervalPGetDatum(&months)));
}

static void
go_back_by_clock(const WalcuInstantStep *step, int days, WalcuInstantRange *range)
{
	int64 least = 0;
	int64 greatest = 0;

	if (!TIMESTAMP_NOT_FINITE(range->least))
	{
		zone_offsets_near(step->zone, range->least, days, &least, &greatest);
		range->least += step->kind == WALCU_STEP_SHOW ? -greatest : least;
		range->exact &= least == greatest;
	}
	if (!TIMESTAMP_NOT_FINITE(range->beyond))
	{
		zone_offsets_near(step->zone, range->beyond, days, &least, &greatest);
		range->beyond += step->kind == WALCU_STEP_SHOW ? -least : greatest;
		range->exact &= least == greatest;
	}
}

static void
go_back_an_addition(const WalcuInstantStep *step, WalcuInstantRange *range)
{
	Datum interval = IntervalPGetDatum(&step->interval);
	TimestampTz *ends[] = {&range->least, &range->beyond};

	for (int i = 0; i < lengthof(ends); i++)
	{
		int64 slack;

		if (TIMESTAMP_NOT_FINITE(*ends[i]))
			continue;
		slack = measure_slack(step, *ends[i]);
		*ends[i] = DatumGetTimestamp(
			DirectFunctionCall2(timestamp_mi_interval, TimestampGetDatum(*ends[i]), interval));
		*ends[i] += i == 0 ? -slack : slack;
		range->exact &= slack == 0;
	}
}

/* By how much a value less the interval may differ from the one that was there before it was added. */
static int64
measure_slack(const WalcuInstantStep *step, TimestampTz value)
{
	const Interval *interval = &step->interval;
	int days = abs(interval->month) * 31 + abs(interval->day) + 2 * MONTHS_LOSE_DAYS;
	int64 slack = interval->month == 0 ? 0 : MONTHS_LOSE_DAYS * USECS_PER_DAY;
	int64 least;
	int64 greatest;

	if (!step->by_clock || (interval->month == 0 && interval->day == 0))
		return slack;
	zone_offsets_near(NULL, value, days + (int) (llabs(interval->time) / USECS_PER_DAY), &least, &greatest);
	return slack + 2 * (greatest - least);
}
