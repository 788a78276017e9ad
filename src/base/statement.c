/*
 * statement.c
 *	  What belongs to one execution of a statement.
 *
 * PostgreSQL has no place in an execution's state for what is an extension's, and functions that a statement
 * calls have statements of their own.  So it is found here by the memory of the execution, es_query_cxt.  A
 * statement may have hundreds of scans that ask for the same thing in turn: the one that was asked about last
 * stands first.
 */
#include "postgres.h"

#include "base/statement.h"

#include "base/reset_callback.h"
#include "lib/ilist.h"
#include "utils/memutils.h"

typedef struct Statement
{
	dlist_node node;                    /* It is one of the session's. */
	MemoryContext memory;               /* It is found by this, and goes with it. */
	void *parts[WALCU_STATEMENT_PARTS]; /* NULL for those that it does not have. */
} Statement;

static Statement *add_statement(MemoryContext memory);
static void forget_statement(void *arg);

/* Those that are under way, cursors among them. */
static dlist_head statements = DLIST_STATIC_INIT(statements);

/*
 * Gives a statement that is about to begin a plan that is its own, as the one that it has may be a kept one,
 * which is not to be changed.  What the plan points to is shared with that.
 */
PlannedStmt *
statement_own_plan(QueryDesc *description)
{
	PlannedStmt *copy = palloc(sizeof(PlannedStmt));

	*copy = *description->plannedstmt;
	description->plannedstmt = copy;
	return copy;
}

/*
 * The place of a part, NULL at first, of the execution that has this memory.  What is put there must live in
 * that memory, and is not to be looked at when it goes.
 */
void **
statement_part(MemoryContext memory, WalcuStatementPart part)
{
	dlist_iter each;

	dlist_foreach(each, &statements)
	{
		Statement *found = dlist_container(Statement, node, each.cur);

		if (found->memory == memory)
		{
			dlist_move_head(&statements, &found->node);
			return &found->parts[part];
		}
	}
	return &add_statement(memory)->parts[part];
}

static Statement *
add_statement(MemoryContext memory)
{
	Statement *statement = MemoryContextAllocZero(memory, sizeof(Statement));

	statement->memory = memory;
	reset_callback_add(memory, forget_statement, statement);
	dlist_push_head(&statements, &statement->node);
	return statement;
}

/* MemoryContextCallback.func */
static void
forget_statement(void *arg)
{
	dlist_delete(&((Statement *) arg)->node);
}
