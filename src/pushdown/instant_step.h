/*
 * instant_step.h
 *	  The steps by which an SQL expression makes its value of a date in a document.
 */
#ifndef WALCU_INSTANT_STEP_H
#define WALCU_INSTANT_STEP_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "nodes/pg_list.h"
#include "nodes/primnodes.h"
#include "pgtime.h"

typedef enum WalcuInstantStepKind
{
	WALCU_STEP_SHOW,  /* What a clock shows at an instant. */
	WALCU_STEP_READ,  /* The instant at which a clock shows that. */
	WALCU_STEP_FLOOR, /* The beginning of its day, or of another unit. */
	WALCU_STEP_ADD    /* An interval is added. */
} WalcuInstantStepKind;

/* One step. */
typedef struct WalcuInstantStep
{
	WalcuInstantStepKind kind;
	pg_tz *zone;       /* The clock is of this zone; NULL for the session's, when it is executed. */
	const char *unit;  /* It is the name of the unit. */
	Interval interval; /* It is what is added. */
	bool by_clock;     /* Days and months are added by the session's clock. */
} WalcuInstantStep;

/* A call of a function as steps that go out from one of its arguments. */
typedef struct WalcuInstantCall
{
	Expr *argument; /* It makes its value of this. */
	List *steps;    /* By these (WalcuInstantStep). */
	Oid type;       /* The value has this type; that of a year is numeric. */
} WalcuInstantCall;

/* The range of values that a step leads into, or goes out from. */
typedef struct WalcuInstantRange
{
	TimestampTz least;  /* No value is before this; DT_NOBEGIN for no such end. */
	TimestampTz beyond; /* Each is before this; DT_NOEND for no such end. */
	bool exact;         /* All that are in it count, and no others do. */
} WalcuInstantRange;

extern bool instant_step_of_call(Oid function, List *args, WalcuInstantCall *call);
extern WalcuInstantStep *instant_step_create(WalcuInstantStepKind kind);
extern WalcuInstantStep *instant_step_to_day(void);
extern void instant_step_go_back(const WalcuInstantStep *step, int days, WalcuInstantRange *range);

#endif /* WALCU_INSTANT_STEP_H */
