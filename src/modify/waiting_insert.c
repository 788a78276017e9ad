/*
 * waiting_insert.c
 *	  New rows that wait for the commit, and those that are there already.
 *
 * modify.c calls this with write_mode 'commit'.  That an _id is taken the service says when it gets the row,
 * which is at the commit.  By then other statements have read the row, and changed what they took for it.  So
 * what the transaction has written itself is looked at here, which costs nothing, and where ON CONFLICT DO
 * NOTHING lets a row be there already, the service is asked which are.
 */
#include "postgres.h"

#include "modify/waiting_insert.h"

#include "base/objectid.h"
#include "base/text.h"
#include "fetch/find_ids.h"
#include "fetch/refusal.h"
#include "fetch/waiting_writes.h"

static List *find_known_ids(const WalcuCommitQueueTable *table, const WalcuCommitQueueWrite *rows, int count);
static bool may_be_there(const WalcuCommitQueueWrite *row);
static bool is_there(const WalcuCommitQueueTable *table, const WalcuCommitQueueWrite *row, List *known);
static WalcuWaiting see_waiting(const WalcuCommitQueueTable *table, const WalcuCommitQueueWrite *row);

/*
 * Puts new rows of one command into the queue, all with or all without ON CONFLICT DO NOTHING.  Says of each
 * whether it was added, and not there already.  Errors: 23505 for one that is there, as the transaction has
 * written it, unless it may be; and those of find_ids.
 */
void
waiting_insert_add(WalcuCommitQueueTable *table, const WalcuCommitQueueWrite *rows, int count, bool *added)
{
	List *known = find_known_ids(table, rows, count);

	for (int i = 0; i < count; i++)
	{
		added[i] = !may_be_there(&rows[i]) || !is_there(table, &rows[i], known);
		if (added[i])
			commit_queue_add(table, &rows[i]);
		else if (!rows[i].conflict_is_none)
			ereport(ERROR, errcode(ERRCODE_UNIQUE_VIOLATION),
					errmsg("document \"%s\" of resource \"%s\" is there already",
						   text_shown(rows[i].id, TEXT_OF_ID), table->options->resource),
					errdetail("The transaction has inserted or changed it before."));
	}
}

/*
 * Tells whether the service will write the _id of a new row in other letters: an ObjectId is the same in
 * capitals, and the statements that follow are to find the document as they will after the commit.
 */
bool
waiting_insert_is_respelled(const WalcuCommitQueueTable *table, const char *id)
{
	return objectid_is_cast(id) && !objectid_is_valid(id) &&
		   refusal_ids_are_objectids(table->options, table->credential);
}

/* Returns the ids (of char *) that the service has, of rows that may be there and for which nothing waits. */
static List *
find_known_ids(const WalcuCommitQueueTable *table, const WalcuCommitQueueWrite *rows, int count)
{
	List *ids = NIL;

	for (int i = 0; i < count; i++)
	{
		if (rows[i].conflict_is_none && may_be_there(&rows[i]) &&
			see_waiting(table, &rows[i]) == WALCU_WAITING_NONE)
			ids = lappend(ids, unconstify(char *, rows[i].id));
	}
	return ids == NIL
			   ? NIL
			   : find_ids(table->options, table->credential, text_sort_unique(ids, text_compare_bytes), NULL);
}

/* Tells whether somebody else may have made the row's _id. */
static bool
may_be_there(const WalcuCommitQueueWrite *row)
{
	return row->id && !row->made_here;
}

static bool
is_there(const WalcuCommitQueueTable *table, const WalcuCommitQueueWrite *row, List *known)
{
	switch (see_waiting(table, row))
	{
		case WALCU_WAITING_NONE:
			return text_in_list(known, row->id);
		case WALCU_WAITING_DELETION:
			return false;
		default:
			return true;
	}
}

/* Tells what waits for a row's document, with what its own command has written. */
static WalcuWaiting
see_waiting(const WalcuCommitQueueTable *table, const WalcuCommitQueueWrite *row)
{
	WalcuDocument document = {.id = row->id};

	return waiting_writes_show(table->options, row->id, row->command + 1, &document);
}
