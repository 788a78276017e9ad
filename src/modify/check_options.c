/*
 * check_options.c
 *	  The conditions of views and policies, before a row is sent.
 *
 * PostgreSQL checks a view's condition when a foreign table has taken the row, and a policy's never.  But
 * what is sent is not taken back.  So both are checked here as far as the row itself decides them: what the
 * service fills in, or PostgreSQL generates, is known later, and then checked as ever.
 *
 * judge.c has all rows of a statement checked before the first is sent, and modify.c each new one when its
 * turn comes, as a trigger may have changed it.
 */
#include "postgres.h"

#include "modify/check_options.h"

#include "executor/executor.h"
#include "optimizer/optimizer.h"

static void check_decided(const WalcuRow *row, ResultRelInfo *target, EState *estate, TupleTableSlot *slot,
						  WCOKind policies, bool is_new);
static bool is_decided(const WalcuRow *row, const WithCheckOption *option, TupleTableSlot *slot, bool is_new);

/* Checks a row of an INSERT.  Errors: 44000 for a view's condition, 42501 for a policy's. */
void
check_options_check_new(const WalcuRow *row, ResultRelInfo *target, EState *estate, TupleTableSlot *slot)
{
	check_decided(row, target, estate, slot, WCO_RLS_INSERT_CHECK, true);
}

/* Checks a row as an UPDATE makes it.  Errors: those of check_options_check_new. */
void
check_options_check_changed(const WalcuRow *row, ResultRelInfo *target, EState *estate, TupleTableSlot *slot)
{
	check_decided(row, target, estate, slot, WCO_RLS_UPDATE_CHECK, false);
}

static void
check_decided(const WalcuRow *row, ResultRelInfo *target, EState *estate, TupleTableSlot *slot,
			  WCOKind policies, bool is_new)
{
	ResultRelInfo decided = *target;
	ListCell *lc;
	ListCell *expression;

	if (target->ri_WithCheckOptions == NIL)
		return;
	decided.ri_WithCheckOptions = decided.ri_WithCheckOptionExprs = NIL;
	forboth(lc, target->ri_WithCheckOptions, expression, target->ri_WithCheckOptionExprs)
	{
		if (!is_decided(row, lfirst(lc), slot, is_new))
			continue;
		decided.ri_WithCheckOptions = lappend(decided.ri_WithCheckOptions, lfirst(lc));
		decided.ri_WithCheckOptionExprs = lappend(decided.ri_WithCheckOptionExprs, lfirst(expression));
	}
	ExecWithCheckOptions(policies, &decided, slot, estate);
	ExecWithCheckOptions(WCO_VIEW_CHECK, &decided, slot, estate);
}

/* Tells whether a condition is about what the row says alone, and is the same when it is checked again. */
static bool
is_decided(const WalcuRow *row, const WithCheckOption *option, TupleTableSlot *slot, bool is_new)
{
	ListCell *lc;

	if (contain_volatile_functions(option->qual))
		return false;
	foreach(lc, pull_var_clause(option->qual, 0))
	{
		int column = ((Var *) lfirst(lc))->varattno - 1;

		if (column < 0 || TupleDescAttr(row->descriptor, column)->attgenerated != '\0')
			return false;
		/* what is NULL is left out, so that the service may fill it in */
		if (is_new && (!row->columns[column].is_inserted || slot->tts_isnull[column]))
			return false;
	}
	return true;
}
