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

/* Returns by how many documents of a table there will be more than the service has. */
int64
waiting_writes_count(const WalcuOptions *options, CommandId command)
{
	if (source == NULL || options->write_mode != WALCU_WRITE_AT_COMMIT)
		return 0;
	return source->count(options, command);
}
