/*
 * held_writes.c
 *	  A list of new documents.
 *
 * held_rows.c puts documents in at the end, and takes them out from the beginning.  What does not fit into
 * the memory that it allows goes to a file.
 *
 * A statement may write hundreds of tables, and hold few documents of each: as long as they are few, they are
 * in a list, as PostgreSQL's store for more of them takes 16 kB while it is empty.
 */
#include "postgres.h"

#include "modify/held_writes.h"

#include "base/compat.h"
#include "catalog/pg_type.h"
#include "executor/tuptable.h"
#include "utils/builtins.h"
#include "utils/tuplestore.h"

/* A document is stored as a tuple of these columns. */
typedef enum HeldColumn
{
	HELD_ID,        /* This is a text. */
	HELD_BODY,      /* This is a text. */
	HELD_SETS,      /* This is a text. */
	HELD_CONTEXT,   /* This is a text. */
	HELD_MADE_HERE, /* This is a Boolean. */
	HELD_COLUMNS    /* There are so many columns. */
} HeldColumn;

/* So many documents, of so many bytes in all, are few. */
#define FEW       64
#define FEW_BYTES (16 * 1024)

/* One of a few. */
typedef struct HeldDocument
{
	WalcuCommitQueueWrite write; /* It is to be written so. */
	char *error_context;         /* Its errors say this of where they happened; or NULL. */
} HeldDocument;

struct WalcuHeldWrites
{
	MemoryContext context;  /* All of it is in there. */
	int kilobytes;          /* So many are kept in memory. */
	List *few;              /* These (HeldDocument) come first, */
	Tuplestorestate *store; /* and then these; NULL until there have been more. */
	TupleDesc descriptor;   /* It describes their tuples. */
	TupleTableSlot *slot;   /* The tuple that was read last is in it. */
	int64 count;            /* So many documents are held. */
	int64 bytes;            /* They have about so many bytes. */
};

static bool fits_few(const WalcuHeldWrites *held, int64 bytes);
static void add_to_few(WalcuHeldWrites *held, const WalcuCommitQueueWrite *write, const char *error_context);
static void take_from_few(WalcuHeldWrites *held, WalcuCommitQueueWrite *write, char **error_context);
static void open_store(WalcuHeldWrites *held);
static void add_to_store(WalcuHeldWrites *held, const WalcuCommitQueueWrite *write,
						 const char *error_context);
static void take_from_store(WalcuHeldWrites *held, WalcuCommitQueueWrite *write, char **error_context);
static char *copy_text(const char *text);
static void free_text(const char *text);
static Datum make_text_datum(const char *text);
static char *get_slot_text(TupleTableSlot *slot, HeldColumn column);

/* Makes an empty list in a context, of which so many kilobytes are kept in memory. */
WalcuHeldWrites *
held_writes_open(MemoryContext context, int kilobytes)
{
	WalcuHeldWrites *held = MemoryContextAllocZero(context, sizeof(WalcuHeldWrites));

	held->context = context;
	held->kilobytes = kilobytes;
	return held;
}

/* Adds a new document at the end.  error_context is what its errors say of where they happened, or NULL. */
void
held_writes_add(WalcuHeldWrites *held, const WalcuCommitQueueWrite *write, const char *error_context)
{
	int64 bytes = strlen(write->body) + (write->sets ? strlen(write->sets) : 0);

	if (fits_few(held, bytes))
		add_to_few(held, write, error_context);
	else
		add_to_store(held, write, error_context);
	held->count++;
	held->bytes += bytes;
}

/* Takes the first document out, in the current memory context.  There has to be one. */
void
held_writes_take(WalcuHeldWrites *held, WalcuCommitQueueWrite *write, char **error_context)
{
	memset(write, 0, sizeof(*write));
	write->method = "POST";
	if (held->few != NIL)
		take_from_few(held, write, error_context);
	else
		take_from_store(held, write, error_context);
	if (--held->count > 0)
		return;
	if (held->store)
		tuplestore_clear(held->store);
	held->bytes = 0;
}

/* Tells whether one more document is one of a few, with no other before it in the store. */
static bool
fits_few(const WalcuHeldWrites *held, int64 bytes)
{
	return held->count == list_length(held->few) && held->count < FEW && held->bytes + bytes <= FEW_BYTES;
}

static void
add_to_few(WalcuHeldWrites *held, const WalcuCommitQueueWrite *write, const char *error_context)
{
	MemoryContext before = MemoryContextSwitchTo(held->context);
	HeldDocument *document = palloc(sizeof(HeldDocument));

	document->write = (WalcuCommitQueueWrite){.id = copy_text(write->id),
											  .body = copy_text(write->body),
											  .sets = copy_text(write->sets),
											  .made_here = write->made_here};
	document->error_context = copy_text(error_context);
	held->few = lappend(held->few, document);
	MemoryContextSwitchTo(before);
}

static void
take_from_few(WalcuHeldWrites *held, WalcuCommitQueueWrite *write, char **error_context)
{
	HeldDocument *document = linitial(held->few);

	write->id = copy_text(document->write.id);
	write->body = copy_text(document->write.body);
	write->sets = copy_text(document->write.sets);
	write->made_here = document->write.made_here;
	*error_context = copy_text(document->error_context);
	held->few = list_delete_first(held->few);
	free_text(document->write.id);
	free_text(document->write.body);
	free_text(document->write.sets);
	free_text(document->error_context);
	pfree(document);
}

static void
open_store(WalcuHeldWrites *held)
{
	MemoryContext before = MemoryContextSwitchTo(held->context);

	held->descriptor = CreateTemplateTupleDesc(HELD_COLUMNS);
	TupleDescInitEntry(held->descriptor, HELD_ID + 1, "id", TEXTOID, -1, 0);
	TupleDescInitEntry(held->descriptor, HELD_BODY + 1, "body", TEXTOID, -1, 0);
	TupleDescInitEntry(held->descriptor, HELD_SETS + 1, "sets", TEXTOID, -1, 0);
	TupleDescInitEntry(held->descriptor, HELD_CONTEXT + 1, "context", TEXTOID, -1, 0);
	TupleDescInitEntry(held->descriptor, HELD_MADE_HERE + 1, "made_here", BOOLOID, -1, 0);
	compat_finish_descriptor(held->descriptor);
	held->slot = MakeSingleTupleTableSlot(held->descriptor, &TTSOpsMinimalTuple);
	held->store = tuplestore_begin_heap(false, false, held->kilobytes);
	MemoryContextSwitchTo(before);
}

static void
add_to_store(WalcuHeldWrites *held, const WalcuCommitQueueWrite *write, const char *error_context)
{
	Datum values[HELD_COLUMNS];
	bool nulls[HELD_COLUMNS] = {0};

	if (held->store == NULL)
		open_store(held);
	nulls[HELD_ID] = write->id == NULL;
	nulls[HELD_SETS] = write->sets == NULL;
	nulls[HELD_CONTEXT] = error_context == NULL;
	values[HELD_ID] = make_text_datum(write->id);
	values[HELD_BODY] = make_text_datum(write->body);
	values[HELD_SETS] = make_text_datum(write->sets);
	values[HELD_CONTEXT] = make_text_datum(error_context);
	values[HELD_MADE_HERE] = BoolGetDatum(write->made_here);
	tuplestore_putvalues(held->store, held->descriptor, values, nulls);
}

static void
take_from_store(WalcuHeldWrites *held, WalcuCommitQueueWrite *write, char **error_context)
{
	bool is_null;

	if (!tuplestore_gettupleslot(held->store, true, false, held->slot))
		elog(ERROR, "a held document is missing");
	write->id = get_slot_text(held->slot, HELD_ID);
	write->body = get_slot_text(held->slot, HELD_BODY);
	write->sets = get_slot_text(held->slot, HELD_SETS);
	write->made_here = DatumGetBool(slot_getattr(held->slot, HELD_MADE_HERE + 1, &is_null));
	*error_context = get_slot_text(held->slot, HELD_CONTEXT);
	/* a tuple that comes from the file is in the current memory context, which may end before the slot */
	ExecClearTuple(held->slot);
}

int64
held_writes_count(const WalcuHeldWrites *held)
{
	return held->count;
}

/* Tells how much memory the documents take, about. */
int64
held_writes_bytes(const WalcuHeldWrites *held)
{
	return held->bytes;
}

/* Frees the list, and deletes its file. */
void
held_writes_close(WalcuHeldWrites *held)
{
	list_free_deep(held->few);
	if (held->store)
	{
		tuplestore_end(held->store);
		ExecDropSingleTupleTableSlot(held->slot);
		FreeTupleDesc(held->descriptor);
	}
	pfree(held);
}

static char *
copy_text(const char *text)
{
	return text ? pstrdup(text) : NULL;
}

static void
free_text(const char *text)
{
	if (text)
		pfree(unconstify(char *, text));
}

static Datum
make_text_datum(const char *text)
{
	return text ? CStringGetTextDatum(text) : (Datum) 0;
}

static char *
get_slot_text(TupleTableSlot *slot, HeldColumn column)
{
	bool is_null;
	Datum value = slot_getattr(slot, column + 1, &is_null);

	return is_null ? NULL : TextDatumGetCString(value);
}
