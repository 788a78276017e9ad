/*
 * order_state.c
 *	  In which order the documents of a fetch come, as far as it is known.
 *
 * A fetch (fetch.c) holds documents back here until that is known: where there is an order, those of a part,
 * by a probe (order_probe.c), else those of further pages, by the last one (last_page.c).  Where the reader
 * has to sort a part, it is told when the part ends.
 */
#include "postgres.h"

#include "fetch/order_state.h"

#include "fetch/last_page.h"

static void begin_next_probe(WalcuOrderState *state, WalcuCursorGroup *group, List *cursors);
static void drop_probe(WalcuOrderState *state);

/*
 * Finds out whether the service sorts, in the memory context of the fetch.  Returns true when it does not, so
 * that the cursors have to begin again without an order.
 */
bool
order_state_settle(WalcuOrderState *state, WalcuCursorGroup *group, List **cursors, bool before_wait)
{
	WalcuOrder order = WALCU_ORDER_OPEN;

	if (group->query->keys == NIL)
		return last_page_settle(&state->last, group, cursors, before_wait) == WALCU_ORDER_IGNORED;
	if (group->query->is_merged && !group->query->all_rows)
		begin_next_probe(state, group, *cursors);
	if (state->order == WALCU_ORDER_OPEN && *cursors != NIL)
		order = order_probe_find(&state->probe, group, linitial(*cursors), before_wait);
	if (order == WALCU_ORDER_IGNORED)
		return true;
	if (order != WALCU_ORDER_OPEN)
	{
		drop_probe(state);
		state->order = order;
		if (group->query->is_as_written)
			group->tally->as_written = true;
		else
			group->tally->unsorted |= group->query->unsorted;
	}
	return false;
}

/* Are documents not given yet, as their order is not known, or the reader sorts those before them? */
bool
order_state_holds(const WalcuOrderState *state, const WalcuQuery *query)
{
	return state->pausing || (query->keys != NIL && state->order == WALCU_ORDER_OPEN);
}

/* What documents of the first cursor are waited for on, apart from the cursor itself; or NULL. */
WalcuTransfer *
order_state_transfer(const WalcuOrderState *state, const WalcuCursor *first)
{
	if (state->probe && first->page->whole)
		return order_probe_transfer(state->probe);
	return (state->last && first->held) ? cursor_transfer(state->last) : NULL;
}

/* Notes that the first part has ended, and whether there is another, which may come in another order. */
void
order_state_end_part(WalcuOrderState *state, bool has_more)
{
	state->pausing = has_more && state->order == WALCU_ORDER_ANY;
	state->order = WALCU_ORDER_OPEN;
	drop_probe(state);
	state->probe = state->next_probe;
	state->next_probe = NULL;
}

/* Drops what is under way, as the cursors that it is about are closed. */
void
order_state_drop(WalcuOrderState *state)
{
	state->order = WALCU_ORDER_OPEN;
	drop_probe(state);
	if (state->next_probe)
		order_probe_release(state->next_probe);
	state->next_probe = NULL;
	if (state->last)
		cursor_close(state->last);
	state->last = NULL;
}

static void
drop_probe(WalcuOrderState *state)
{
	if (state->probe)
		order_probe_release(state->probe);
	state->probe = NULL;
}

/*
 * Where the documents that come first have no value, so that there are likely to be none, a probe for those
 * that follow is under way with them.
 */
static void
begin_next_probe(WalcuOrderState *state, WalcuCursorGroup *group, List *cursors)
{
	WalcuCursor *first = cursors ? linitial(cursors) : NULL;

	if (state->next_probe == NULL && list_length(cursors) > 1 &&
		first->part->nulls == WALCU_PART_WITHOUT_VALUE)
		order_probe_find(&state->next_probe, group, lsecond(cursors), false);
}
