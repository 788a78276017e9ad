/*
 * verdict.c
 *	  What the outcome of an attempt means for its entry: it is sent, tried again, or set aside.
 *
 * batch.c asks when a write has come to its end, and says what it knows of the server by that.  What nobody
 * answered, and what the service may do at another time, is tried again, in waits that grow.  What it refuses
 * as such is set aside with its words.
 *
 * An entry whose outcome is not known stays in doubt: a new document is looked for by its _id before it is
 * sent again; what changes a document sets the same members to the same values, and may be repeated; so may
 * the deletion.
 */
#include "postgres.h"

#include <math.h>

#include "outbox/verdict.h"

#include "base/compat.h"
#include "modify/write_reply.h"

/* Seconds that are waited before an entry is tried again: the first, which doubles, and the longest. */
#define FIRST_WAIT   1.0
#define LONGEST_WAIT 600.0

/* The same for a server that does not answer, and for one that does not take the credentials. */
#define LONGEST_PAUSE       300.0
#define FIRST_UNKNOWN_PAUSE 30.0
#define LONGEST_UNKNOWN     3600.0

/* This part of a wait is drawn at random. */
#define JITTER 0.3

/* After so many failures in a row the server is taken to be away, whatever it answers. */
#define MOST_FAILURES 3

/* What an attempt that is to be made again says of the server. */
typedef enum Blame
{
	BLAME_DOCUMENT, /* It may be of this document alone. */
	BLAME_SERVER,   /* It may be of the server, unless that has answered others. */
	BLAME_LIMIT,    /* The server wants to be left alone. */
	BLAME_CREDENTIALS
} Blame;

/* Statuses that are not the end of it, beside the others from 500 on. */
static const struct
{
	int status;
	Blame blame;
} later[] = {
	{401, BLAME_CREDENTIALS}, {407, BLAME_CREDENTIALS}, {408, BLAME_DOCUMENT}, {425, BLAME_DOCUMENT},
	{429, BLAME_LIMIT},       {502, BLAME_SERVER},      {503, BLAME_LIMIT},    {504, BLAME_SERVER},
};

static void judge_done(WalcuOutboxEntry *entry);
static void judge_failure(WalcuOutboxEntry *entry);
static void judge_refused(WalcuOutboxEntry *entry);
static bool find_blame(const WalcuWrite *write, Blame *blame);
static void blame_peer(WalcuOutboxPeer *peer, Blame blame, double wait);
static void refuse_entry(WalcuOutboxEntry *entry, char *error);
static double draw_next_wait(double first, double longest, int number);

/* Gives the verdict on an entry whose write has come to its end. */
void
outbox_verdict_give(WalcuOutboxEntry *entry)
{
	WalcuOutboxPeer *peer = entry->route->peer;

	switch (entry->sent->outcome)
	{
		case WALCU_WRITE_DONE:
			judge_done(entry);
			break;
		case WALCU_WRITE_MISSING:
			/* what was to be deleted is gone, as it was meant to be */
			if (strcmp(entry->write.method, "DELETE") == 0)
				entry->verdict = OUTBOX_SENT;
			else
				refuse_entry(entry, psprintf("the document is gone from resource \"%s\"", entry->resource));
			break;
		case WALCU_WRITE_CONFLICT:
			entry->verdict = OUTBOX_SENT;
			break;
		default:
			judge_failure(entry);
			return;
	}
	peer->has_answered = true;
	peer->failures = 0;
}

/* Gives the verdict on an entry for which there is no way. */
void
outbox_verdict_without_way(WalcuOutboxEntry *entry)
{
	if (entry->route->is_lost)
		refuse_entry(entry, entry->route->obstacle);
	else
	{
		entry->verdict = OUTBOX_LATER;
		entry->error = entry->route->obstacle;
	}
}

/* Gives the verdict on an entry of which no request could be made.  Raises what is to stop the session. */
void
outbox_verdict_unsendable(WalcuOutboxEntry *entry, ErrorData *error)
{
	if (outbox_verdict_is_interrupt(error))
		ReThrowError(error);
	refuse_entry(entry, outbox_verdict_text(error));
}

/* Returns for how many seconds nothing is sent to a server that has failed so often in a row. */
double
outbox_verdict_pause(int failures, bool is_unknown_to)
{
	return is_unknown_to ? draw_next_wait(FIRST_UNKNOWN_PAUSE, LONGEST_UNKNOWN, failures)
						 : draw_next_wait(FIRST_WAIT, LONGEST_PAUSE, failures);
}

/* Returns an error as one text, in the current memory context. */
char *
outbox_verdict_text(const ErrorData *error)
{
	if (error->detail == NULL)
		return pstrdup(error->message);
	return psprintf("%s (%.*s)", error->message,
					(int) (strlen(error->detail) - (error->detail[strlen(error->detail) - 1] == '.')),
					error->detail);
}

/* Tells whether an error is that the session is to stop. */
bool
outbox_verdict_is_interrupt(const ErrorData *error)
{
	return write_reply_is_interrupt(error);
}

/*
 * The service has what was sent.  It may not have kept all of it; and what was found where it was not known
 * whether it had been sent may be another's.
 */
static void
judge_done(WalcuOutboxEntry *entry)
{
	const WalcuWrite *write = entry->sent;
	bool was_found = write->may_be_there && write->attempts == 0;

	entry->verdict = OUTBOX_SENT;
	if (write->failure == NULL)
		return;
	if (was_found && !entry->write.made_here)
		refuse_entry(entry, psprintf("a document with this _id is there, and it may be another one: %s",
									 outbox_verdict_text(write->failure)));
	else if (entry->route->options->on_ignored_write == WALCU_IGNORED_ERROR)
		refuse_entry(entry, outbox_verdict_text(write->failure));
	else if (entry->route->options->on_ignored_write == WALCU_IGNORED_WARNING)
		ereport(WARNING, errcode(WALCU_WARNING_IGNORED_WRITE), errmsg_internal("%s", write->failure->message),
				write->failure->detail ? errdetail_internal("%s", write->failure->detail) : 0);
}

static void
judge_failure(WalcuOutboxEntry *entry)
{
	const WalcuWrite *write = entry->sent;
	WalcuOutboxPeer *peer = entry->route->peer;
	Blame blame;

	if (write->answered)
	{
		/* it was carried out, and only the rest of the reply is lost; or the document got another _id */
		if (write->failure->sqlerrcode == ERRCODE_FDW_ERROR)
			refuse_entry(entry, outbox_verdict_text(write->failure));
		else
			entry->verdict = OUTBOX_SENT;
		return;
	}
	if (!find_blame(write, &blame))
	{
		judge_refused(entry);
		peer->has_answered = true;
		peer->failures = 0;
		return;
	}
	blame_peer(peer, blame, write->retry_after);
	entry->verdict = OUTBOX_LATER;
	entry->error = outbox_verdict_text(write->failure);
	entry->is_doubtful |= write->is_unknown;
	entry->wait = Max(draw_next_wait(FIRST_WAIT, LONGEST_WAIT, entry->attempts), write->retry_after);
}

/*
 * Of a new document the service may say that it is there already.  If its _id was made here, another sender
 * has sent it, as that of the database does whose dump this one was restored from: then it is looked for.
 */
static void
judge_refused(WalcuOutboxEntry *entry)
{
	const WalcuWrite *write = entry->sent;
	char *error = outbox_verdict_text(write->failure);

	if (write->status != 409 || !write->is_new)
		refuse_entry(entry, error);
	else if (entry->write.made_here && !entry->is_doubtful)
	{
		entry->verdict = OUTBOX_LATER;
		entry->error = error;
		entry->is_doubtful = true;
	}
	else
		refuse_entry(entry, psprintf("%s; a document with this _id, or with another value that only one may "
									 "have, is there already: it is another one, or this write was sent "
									 "before, by the database that this one was restored from",
									 error));
}

/* Tells whether a failed write is to be tried again, and what its failure says of the server. */
static bool
find_blame(const WalcuWrite *write, Blame *blame)
{
	int status = write->status;

	for (int i = 0; i < lengthof(later); i++)
	{
		if (later[i].status == status)
		{
			*blame = later[i].blame;
			return true;
		}
	}
	*blame = status < 400 ? BLAME_SERVER : BLAME_DOCUMENT;
	/* a new document has no path of its own that could be gone: the address is wrong for now */
	if (status >= 400 && status < 500)
		return status == 404 && write->is_new;
	/* what keeps a request from being sent is an option mostly, and else a value */
	return status > 0 || write->is_unanswered ||
		   ERRCODE_TO_CATEGORY(write->failure->sqlerrcode) != ERRCODE_DATA_EXCEPTION;
}

/* Notes a failure of a server.  Where it fails for several entries in a row, it is taken to be away. */
static void
blame_peer(WalcuOutboxPeer *peer, Blame blame, double wait)
{
	peer->failures++;
	peer->is_unknown_to |= blame == BLAME_CREDENTIALS;
	peer->is_paused |= blame >= BLAME_LIMIT || (blame == BLAME_SERVER && !peer->has_answered) ||
					   peer->failures >= MOST_FAILURES;
	if (blame != BLAME_DOCUMENT)
		peer->wait = Max(peer->wait, wait);
}

static void
refuse_entry(WalcuOutboxEntry *entry, char *error)
{
	entry->verdict = OUTBOX_REFUSED;
	entry->error = error;
}

static double
draw_next_wait(double first, double longest, int number)
{
	double wait = Min(ldexp(first, Min(number - 1, 30)), longest);

	return wait * (1 - JITTER * compat_random());
}
