/*
 * waiting_writes.c
 *	  What the transaction has written, and the service will get at the commit.
 *
 * With write_mode 'commit' a statement sees what those before it in the transaction have written, as in
 * PostgreSQL's own tables, though the service does not know of it yet.  Readers ask here.  The writes
 * themselves are modify/'s, which stands beside the readers, and gives its functions.
 */
#include "postgres.h"

#include "fetch/waiting_writes.h"

#include "base/text.h"
#include "fetch/find_ids.h"

static const WalcuWaitingSource *source = NULL;

/* Says who keeps the writes. */
void
waiting_writes_set_source(const WalcuWaitingSource *keeper)
{
	source = keeper;
}

/* Tells whether the transaction has written anything that waits, to whatever table. */
bool
waiting_writes_exist(void)
{
	return source && source->exist();
}

/*
 * Returns the ids (of char *) of the documents of a table for which something waits that the command of this
 * number is shown.  A table that sends its writes at once shows what the service has.
 */
List *
waiting_writes_ids(const WalcuOptions *options, CommandId command)
{
	if (source == NULL || options->write_mode != WALCU_WRITE_AT_COMMIT)
		return NIL;
	return source->ids(options, command);
}

/*
 * Returns what waits for a document, and puts in what it will be, in the current memory context; see
 * WalcuWaitingSource.
 */
WalcuWaiting
waiting_writes_show(const WalcuOptions *options, const char *id, CommandId command, WalcuDocument *document)
{
	if (source == NULL || options->write_mode != WALCU_WRITE_AT_COMMIT)
		return WALCU_WAITING_NONE;
	return source->show(options, id, command, document);
}

/* Tells whether what waits for a document changes one of its members with these names (of char *). */
bool
waiting_writes_change(const WalcuOptions *options, const char *id, CommandId command, List *names)
{
	if (source == NULL || options->write_mode != WALCU_WRITE_AT_COMMIT)
		return false;
	return source->changes(options, id, command, names);
}

/*
 * Returns by how many documents of a table there will be more than the service has.  Somebody else may have
 * deleted what is to be deleted here, or made what is to be made, so that the service is asked which of these
 * it has, as a scan would see it.  Errors: those of find_ids.
 */
int64
waiting_writes_count(const WalcuOptions *options, const char *credential, CommandId command,
					 WalcuTally *tally)
{
	List *held = NIL;
	int64 count;
	ListCell *lc;

	if (source == NULL || options->write_mode != WALCU_WRITE_AT_COMMIT)
		return 0;
	count = source->count(options, command, &held);
	if (held == NIL)
		return count;
	foreach(lc, find_ids(options, credential, text_sort_unique(held, text_compare_bytes), tally))
	{
		WalcuDocument document = {.id = lfirst(lc)};
		WalcuWaiting waiting = source->show(options, lfirst(lc), command, &document);

		/* whatever else the service has sent */
		if (waiting == WALCU_WAITING_WHOLE || waiting == WALCU_WAITING_DELETION)
			count--;
	}
	return count;
}
