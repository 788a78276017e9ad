/*
 * own_writes.c
 *	  Which documents this session has inserted since a statement began to read.
 *
 * A statement of PostgreSQL's does not see the rows that it inserts itself, nor does a cursor those that are
 * inserted after it was opened: each row has the number of the command that inserted it, and a snapshot has
 * that of the command that took it.  The service knows neither, and what it is asked for page by page would
 * have no end where each row that is read makes another.  So the ids of inserted documents are kept here with
 * the number of their command, and exec/ leaves out the documents that its snapshot does not show.
 *
 * Writers note what they have inserted, and readers ask.  An id is kept only where somebody may ask for it:
 * while a scan of the resource is open, or the statement that the client has sent has read it.  So nothing is
 * kept of what is merely loaded.
 */
#include "postgres.h"

#include "fetch/own_writes.h"

#include "access/xact.h"
#include "base/digest.h"
#include "base/reset_callback.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

struct WalcuOwnWrites
{
	WalcuOwnWrites *next;   /* This is the next one of the transaction. */
	char *place;            /* The documents are there: see make_place. */
	int scans;              /* So many scans are open. */
	TimestampTz last_begun; /* The client sent the last statement that has read them at this time. */
	HTAB *inserted;         /* These documents (InsertedDocument) were inserted; or NULL. */
};

typedef struct InsertedDocument
{
	WalcuDigest key;   /* It stands for the _id. */
	CommandId command; /* The document was inserted by this command. */
} InsertedDocument;

/* These are those of the transaction, in a memory context that ends with it. */
static WalcuOwnWrites *own_writes = NULL;
static MemoryContext own_context = NULL;

static WalcuWritesSettler settle_writes = NULL;

static char *make_place(const WalcuOptions *options, const char *resource);
static WalcuOwnWrites *find_own_writes(const WalcuOptions *options, const char *resource);
static WalcuOwnWrites *create_own_writes(const WalcuOptions *options);
static void forget_own_writes(void *arg);
static void end_own_scan(void *arg);
static bool is_shown(const InsertedDocument *document, const Snapshot snapshot);

/* Says that a statement, which ends with a memory context, has a scan of a resource. */
WalcuOwnWrites *
own_writes_read(const WalcuOptions *options, MemoryContext statement)
{
	WalcuOwnWrites *own = find_own_writes(options, options->resource);

	if (own == NULL)
		own = create_own_writes(options);
	own->last_begun = GetCurrentStatementStartTimestamp();
	reset_callback_add(statement, end_own_scan, own);
	own->scans++;
	return own;
}

/* Notes that a command has inserted a document.  id is NULL when it is not known. */
void
own_writes_note_inserted(const WalcuOptions *options, const char *resource, const char *id, CommandId command)
{
	WalcuOwnWrites *own = find_own_writes(options, resource);
	InsertedDocument *document;
	WalcuDigest key;

	if (own == NULL || id == NULL)
		return;
	if (own->scans == 0 && own->last_begun != GetCurrentStatementStartTimestamp())
	{
		/* who reads from now on sees them all */
		if (own->inserted)
			hash_destroy(own->inserted);
		own->inserted = NULL;
		return;
	}
	if (own->inserted == NULL)
	{
		HASHCTL control = {
			.keysize = sizeof(WalcuDigest), .entrysize = sizeof(InsertedDocument), .hcxt = own_context};

		own->inserted =
			hash_create("walcu documents inserted", 256, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	}
	key = digest_of(id, strlen(id));
	document = hash_search(own->inserted, &key, HASH_ENTER, NULL);
	document->command = command;
}

/* Notes that a document was deleted, which is not among those that could be left out any more. */
void
own_writes_note_deleted(const WalcuOptions *options, const char *id)
{
	WalcuOwnWrites *own = find_own_writes(options, options->resource);
	WalcuDigest key;

	if (own == NULL || own->inserted == NULL)
		return;
	key = digest_of(id, strlen(id));
	hash_search(own->inserted, &key, HASH_REMOVE, NULL);
}

/* Tells whether a snapshot does not show a document, as the session has inserted it since. */
bool
own_writes_hide(const WalcuOwnWrites *own, const char *id, const Snapshot snapshot)
{
	const InsertedDocument *document;
	WalcuDigest key;

	if (own->inserted == NULL)
		return false;
	key = digest_of(id, strlen(id));
	document = hash_search(own->inserted, &key, HASH_FIND, NULL);
	return document && !is_shown(document, snapshot);
}

/* Returns how many documents a snapshot does not show. */
int64
own_writes_count_hidden(const WalcuOwnWrites *own, const Snapshot snapshot)
{
	HASH_SEQ_STATUS status;
	const InsertedDocument *document;
	int64 count = 0;

	if (own->inserted == NULL)
		return 0;
	hash_seq_init(&status, own->inserted);
	while ((document = hash_seq_search(&status)) != NULL)
		count += !is_shown(document, snapshot);
	return count;
}

/* Sets what own_writes_settle calls.  Writers do, who stand beside readers. */
void
own_writes_set_settler(WalcuWritesSettler settler)
{
	settle_writes = settler;
}

/* Waits for the writes to a resource that are under way: a scan that begins now is to see all of them. */
void
own_writes_settle(const WalcuOptions *options)
{
	if (settle_writes)
		settle_writes(options);
}

/* Tells whether two tables, or two servers, show the same documents. */
bool
own_writes_same_place(const WalcuOptions *one, const WalcuOptions *other)
{
	return strcmp(one->resource, other->resource) == 0 && strcmp(one->dealer_id, other->dealer_id) == 0 &&
		   strcmp(one->endpoint, other->endpoint) == 0;
}

static char *
make_place(const WalcuOptions *options, const char *resource)
{
	return psprintf("%s/%s/%s", options->endpoint, options->dealer_id, resource);
}

static WalcuOwnWrites *
find_own_writes(const WalcuOptions *options, const char *resource)
{
	WalcuOwnWrites *own = own_writes;
	char *place;

	if (own == NULL)
		return NULL;
	place = make_place(options, resource);
	while (own && strcmp(own->place, place) != 0)
		own = own->next;
	pfree(place);
	return own;
}

static WalcuOwnWrites *
create_own_writes(const WalcuOptions *options)
{
	MemoryContext before;
	WalcuOwnWrites *own;

	if (own_context == NULL)
	{
		MemoryContext context =
			AllocSetContextCreate(TopTransactionContext, "walcu own writes", ALLOCSET_DEFAULT_SIZES);

		reset_callback_add(context, forget_own_writes, NULL);
		own_context = context;
	}
	before = MemoryContextSwitchTo(own_context);
	own = palloc0(sizeof(WalcuOwnWrites));
	own->place = make_place(options, options->resource);
	own->next = own_writes;
	own_writes = own;
	MemoryContextSwitchTo(before);
	return own;
}

static void
forget_own_writes(void *arg)
{
	own_writes = NULL;
	own_context = NULL;
}

/* The transaction's memory may have gone before the statement's. */
static void
end_own_scan(void *arg)
{
	for (WalcuOwnWrites *own = own_writes; own; own = own->next)
	{
		if (own == arg)
			own->scans--;
	}
}

static bool
is_shown(const InsertedDocument *document, const Snapshot snapshot)
{
	return document->command < snapshot->curcid;
}
