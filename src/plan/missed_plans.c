/*
 * missed_plans.c
 *	  Is the plan that is made now looked through when it is finished?
 *
 * A session loads the library when it first plans a query on a foreign table, and then it is too late for a
 * hook to see that statement's planning begin and end.  It may be the only statement of a connection.  So
 * read_ahead_plan.c tells when it watches, and plan.c marks the scans of all other statements, which are
 * looked through when they are run.
 */
#include "postgres.h"

#include "plan/missed_plans.h"

/* So many statements whose plans are looked through are planned now, one within the other. */
static int watched = 0;

/* There has been one whose plan is not. */
static bool has_missed = false;

/* The planning of a statement begins whose plan is looked through; missed_plans_end_watched has to follow. */
void
missed_plans_begin_watched(void)
{
	watched++;
}

void
missed_plans_end_watched(void)
{
	watched--;
}

/* Returns whether what is planned now is not looked through, and remembers that there was such a plan. */
bool
missed_plans_note(void)
{
	has_missed |= watched == 0;
	return watched == 0;
}

/* Returns whether this session may have plans that nobody has looked through. */
bool
missed_plans_exist(void)
{
	return has_missed;
}
