/*
 * direct_send.c
 *	  Send what the scans that change documents themselves have to send, those of one statement side by side.
 *
 * An Append runs its children one after the other.  Where it changes the partitions of many servers by an
 * _id, which one of them has, each would wait for its own replies.  So when the first of them is run, the
 * others send their requests, too: a request for a document that is not there is 404, and no row.  Before
 * anything else of the statement runs, all are answered, so that an error, be it one of RETURNING, can tell
 * of each row whether it was written.
 *
 * direct_modify.c, which calls this, gives the rows to the executor when each child has its turn.
 */
#include "postgres.h"

#include "modify/direct_send.h"

#include "base/objectid.h"
#include "base/statement.h"
#include "base/text.h"
#include "base/url.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "fetch/find_ids.h"
#include "miscadmin.h"
#include "service/id_place.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

/* Writes that a statement has under way: each takes some 10 kB of memory, and most wait for a descriptor. */
#define MOST_UNDER_WAY 1024

/* So many scans ask for ids at once, which of them there are. */
#define MOST_SEARCHES 64

/* Where so many ids wait to be sent, no other scan computes its own. */
#define MOST_IDS_WAITING 10000

static List *list_unsent(ForeignScanState *node);
static void send_side_by_side(const WalcuWriteLog *write_log, List *unsent);
static int send_one_each(const WalcuWriteLog *write_log, List **open);
static int begin_changes(ForeignScanState *node);
static int prepare_changes(ForeignScanState *node);
static void send_next_change(ForeignScanState *node);
static void record_change(const WalcuDirectModify *direct, const char *id);
static const char *direct_method(const WalcuDirectModify *direct);
static void drop_missing(WalcuDirectModify *direct);
static List *evaluate_ids(ForeignScanState *node);
static void ask_for_unsure(WalcuDirectModify *direct, List *ids);
static bool is_sure_id(const WalcuOptions *options, const char *id);
static WalcuRowPatch make_current_patch(ForeignScanState *node);
static char *remake_patch(void *arg, const WalcuDocument *document);

/* Lets a scan send its changes together with others of the statement. */
void
direct_send_expect(ForeignScanState *node)
{
	void **scans = statement_part(node->ss.ps.state->es_query_cxt, WALCU_STATEMENT_DIRECT_CHANGES);
	MemoryContext before = MemoryContextSwitchTo(node->ss.ps.state->es_query_cxt);

	*scans = lappend(*scans, node);
	MemoryContextSwitchTo(before);
}

/*
 * Sends what a scan has to send, and with it what others below the same Append have, and waits until all is
 * confirmed.  Errors: those of the writes, and of the expressions that they are made of.
 */
void
direct_send(ForeignScanState *node)
{
	WalcuDirectModify *direct = node->fdw_state;
	MemoryContext before = MemoryContextSwitchTo(node->ss.ps.state->es_query_cxt);

	PG_TRY();
	{
		send_side_by_side(direct->write_log, list_unsent(node));
	}
	PG_CATCH();
	{
		writers_rethrow(direct->write_log, node->ss.ps.state->es_query_cxt);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(before);
}

/* Returns the scans (of ForeignScanState *) that send together with one, which comes first. */
static List *
list_unsent(ForeignScanState *node)
{
	List **scans = (List **) statement_part(node->ss.ps.state->es_query_cxt, WALCU_STATEMENT_DIRECT_CHANGES);
	List *unsent = list_make1(node);
	ListCell *lc;

	if (!((WalcuDirectModify *) node->fdw_state)->sends_together)
		return unsent;
	foreach(lc, *scans)
	{
		ForeignScanState *other = lfirst(lc);

		/* a statement may change several tables in its WITH, which are not to be written before their turn */
		if (other != node && !((WalcuDirectModify *) other->fdw_state)->sent &&
			other->resultRelInfo->ri_RootResultRelInfo == node->resultRelInfo->ri_RootResultRelInfo)
			unsent = lappend(unsent, other);
	}
	return unsent;
}

/*
 * Sends a change of each scan that has room, again and again, and has the next scan begin where none has.
 * Those behind it look meanwhile which of their documents there are.
 */
static void
send_side_by_side(const WalcuWriteLog *write_log, List *unsent)
{
	List *open = NIL;
	int prepared = 0;
	int begun = 0;
	int waiting = 0;
	ListCell *lc;

	while (open != NIL || prepared < list_length(unsent))
	{
		int sent = send_one_each(write_log, &open);

		waiting -= sent;
		if (sent > 0)
			continue;
		while (begun < Min(prepared + MOST_SEARCHES, list_length(unsent)) && waiting < MOST_IDS_WAITING)
			waiting += begin_changes(list_nth(unsent, begun++));
		if (prepared < begun)
		{
			waiting -= prepare_changes(list_nth(unsent, prepared));
			open = lappend(open, list_nth(unsent, prepared++));
		}
		else
			writers_advance(write_log);
	}
	writers_finish(write_log);
	foreach(lc, unsent)
		drop_missing(((ForeignScanState *) lfirst(lc))->fdw_state);
}

/*
 * Sends a change of each of the open scans that has room, and closes those that have none left.  Returns how
 * many were sent.
 */
static int
send_one_each(const WalcuWriteLog *write_log, List **open)
{
	int under_way = writers_count_under_way(write_log);
	int sent = 0;
	ListCell *lc;

	foreach(lc, *open)
	{
		WalcuDirectModify *direct = ((ForeignScanState *) lfirst(lc))->fdw_state;

		if (direct->next_unsent < list_length(direct->unsent))
		{
			if (under_way + sent >= MOST_UNDER_WAY || !writer_has_room(direct->writer))
				continue;
			send_next_change(lfirst(lc));
			sent++;
		}
		if (direct->next_unsent < list_length(direct->unsent))
			continue;
		list_free_deep(direct->unsent);
		direct->unsent = NIL;
		direct->next_unsent = 0;
		drop_missing(direct);
		*open = foreach_delete_current(*open, lc);
	}
	return sent;
}

/* Looks for the ids of a scan's documents.  Returns how many there are at most. */
static int
begin_changes(ForeignScanState *node)
{
	WalcuDirectModify *direct = node->fdw_state;

	direct->sent = true;
	ask_for_unsure(direct, evaluate_ids(node));
	return list_length(direct->unsent) + list_length(direct->unsure);
}

/* Finds out what a scan has to send.  Returns how many of its ids no document has. */
static int
prepare_changes(ForeignScanState *node)
{
	WalcuDirectModify *direct = node->fdw_state;
	int missing = list_length(direct->unsure);
	ListCell *lc;

	foreach(lc, direct->search ? find_ids_finish(direct->search) : NIL)
	{
		/* a service that ignores the filter has others, too */
		if (!text_in_list(direct->unsure, lfirst(lc)))
			continue;
		direct->unsent = lappend(direct->unsent, lfirst(lc));
		missing--;
	}
	direct->search = NULL;
	list_free(direct->unsure);
	direct->unsure = NIL;
	direct->documents = list_length(direct->unsent);
	direct->patch = (WalcuRowPatch){.is_sure = true};
	if (direct->operation == CMD_UPDATE && direct->unsent != NIL)
		direct->patch = make_current_patch(node);
	return missing;
}

static void
send_next_change(ForeignScanState *node)
{
	WalcuDirectModify *direct = node->fdw_state;
	bool returns = node->resultRelInfo->ri_projectReturning != NULL;
	const char *id = list_nth(direct->unsent, direct->next_unsent++);
	WalcuWrite *write;

	if (direct->outbox)
	{
		record_change(direct, id);
		return;
	}
	write = writer_create(direct->writer, direct_method(direct), id);
	if (direct->patch.body)
		write_set_body(write, direct->patch.body);
	if (!direct->patch.is_sure)
		write_set_remake(write, remake_patch, direct);
	write_expect(write, direct->patch.sets);
	write->needs_reply = returns;
	write->detached = !returns;
	writer_send(write);
	if (returns)
		direct->writes = lappend(direct->writes, write);
}

/* Has a change sent later.  Nobody asks whether the document is there. */
static void
record_change(const WalcuDirectModify *direct, const char *id)
{
	WalcuCommitQueueWrite write = {.method = direct_method(direct),
								   .id = id,
								   .body = direct->patch.body,
								   .leaves = direct->patch.leaves,
								   .sets = direct->patch.sets,
								   .is_sure = direct->patch.is_sure};

	outbox_record_add(direct->outbox, &write);
}

static const char *
direct_method(const WalcuDirectModify *direct)
{
	return direct->operation == CMD_UPDATE ? "PATCH" : "DELETE";
}

/* Releases the writes whose documents were not there, of those that are to be returned. */
static void
drop_missing(WalcuDirectModify *direct)
{
	ListCell *lc;

	foreach(lc, direct->writes)
	{
		WalcuWrite *write = lfirst(lc);

		if (write->outcome != WALCU_WRITE_MISSING)
			continue;
		writer_release(write);
		direct->writes = foreach_delete_current(direct->writes, lc);
	}
}

/* Returns the ids (of char *), each of them once.  NULL is no document's id. */
static List *
evaluate_ids(ForeignScanState *node)
{
	WalcuDirectModify *direct = node->fdw_state;
	bool is_null;
	Datum value = ExecEvalExprSwitchContext(direct->state, node->ss.ps.ps_ExprContext, &is_null);
	List *ids = NIL;
	Datum *elements;
	bool *nulls;
	int count;

	if (is_null)
		return NIL;
	if (!direct->is_list)
		return list_make1(TextDatumGetCString(value));
	deconstruct_array(DatumGetArrayTypeP(value), TEXTOID, -1, false, TYPALIGN_INT, &elements, &nulls, &count);
	for (int i = 0; i < count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (!nulls[i])
			ids = lappend(ids, TextDatumGetCString(elements[i]));
	}
	return text_sort_unique(ids, text_compare_bytes);
}

/*
 * Keeps the ids that are sent, and asks which of the others a document has: of those that cannot stand in a
 * path, where one that a document has is sent and is an error of the writer's; and of those that are no
 * ObjectIds as the service writes them: it may refuse them or, worse, take them for another's.
 */
static void
ask_for_unsure(WalcuDirectModify *direct, List *ids)
{
	ListCell *lc;

	foreach(lc, ids)
	{
		if (is_sure_id(direct->row->options, lfirst(lc)))
			direct->unsent = lappend(direct->unsent, lfirst(lc));
		else
			direct->unsure = lappend(direct->unsure, lfirst(lc));
	}
	list_free(ids);
	if (direct->unsure != NIL)
		direct->search = find_ids_begin(direct->row->options, direct->credential, direct->unsure, NULL);
}

/* Does the path of a URL name the document that has this id, and no other? */
static bool
is_sure_id(const WalcuOptions *options, const char *id)
{
	return url_is_plain_segment(id) &&
		   (objectid_is_valid(id) || id_place_own_type(options) == WALCU_ID_STRING);
}

static WalcuRowPatch
make_current_patch(ForeignScanState *node)
{
	WalcuDirectModify *direct = node->fdw_state;
	int count = list_length(direct->values);
	MemoryContext before;
	WalcuRowPatch patch;

	direct->set_values = palloc(count * sizeof(Datum));
	direct->set_nulls = palloc(count * sizeof(bool));
	for (int i = 0; i < count; i++)
		direct->set_values[i] = ExecEvalExprSwitchContext(list_nth(direct->values, i),
														  node->ss.ps.ps_ExprContext, &direct->set_nulls[i]);
	/* to make it takes several times its own memory, and a statement may have hundreds of scans */
	before = MemoryContextSwitchTo(direct->row_context);
	patch = row_setting_patch(direct->row, direct->columns, direct->set_values, direct->set_nulls);
	MemoryContextSwitchTo(before);
	patch.body = patch.body ? pstrdup(patch.body) : NULL;
	patch.leaves = patch.leaves ? pstrdup(patch.leaves) : NULL;
	patch.sets = patch.sets ? pstrdup(patch.sets) : NULL;
	MemoryContextReset(direct->row_context);
	return patch;
}

/* WalcuRemake */
static char *
remake_patch(void *arg, const WalcuDocument *document)
{
	const WalcuDirectModify *direct = arg;

	return row_document_patch(direct->row, direct->columns, direct->set_values, direct->set_nulls, document,
							  direct->credential);
}
