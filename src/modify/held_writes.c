/*
 * held_writes.c
 *	  A list of new documents.
 *
 * held_rows.c puts documents in at the end, and takes them out from the beginning.  What does not fit into
 * the memory that it allows goes to a file.
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

struct WalcuHeldWrites
{
	Tuplestorestate *store; /* The documents are in it. */
	TupleDesc descriptor;   /* It describes their tuples. */
	TupleTableSlot *slot;   /* The tuple that was read last is in it. */
	int64 count;            /* So many documents are held. */
	int64 bytes;            /* They have about so many bytes. */
};

static Datum make_text_datum(const char *text);
static char *get_slot_text(TupleTableSlot *slot, HeldColumn column);

/* Makes an empty list in a context, of which so many kilobytes are kept in memory. */
WalcuHeldWrites *
held_writes_open(MemoryContext context, int kilobytes)
{
	MemoryContext before = MemoryContextSwitchTo(context);
	WalcuHeldWrites *held = palloc0(sizeof(WalcuHeldWrites));

	held->descriptor = CreateTemplateTupleDesc(HELD_COLUMNS);
	TupleDescInitEntry(held->descriptor, HELD_ID + 1, "id", TEXTOID, -1, 0);
	TupleDescInitEntry(held->descriptor, HELD_BODY + 1, "body", TEXTOID, -1, 0);
	TupleDescInitEntry(held->descriptor, HELD_SETS + 1, "sets", TEXTOID, -1, 0);
	TupleDescInitEntry(held->descriptor, HELD_CONTEXT + 1, "context", TEXTOID, -1, 0);
	TupleDescInitEntry(held->descriptor, HELD_MADE_HERE + 1, "made_here", BOOLOID, -1, 0);
	compat_finish_descriptor(held->descriptor);
	held->slot = MakeSingleTupleTableSlot(held->descriptor, &TTSOpsMinimalTuple);
	held->store = tuplestore_begin_heap(false, false, kilobytes);
	MemoryContextSwitchTo(before);
	return held;
}

/* Adds a new document at the end.  error_context is what its errors say of where they happened, or NULL. */
void
held_writes_add(WalcuHeldWrites *held, const WalcuCommitQueueWrite *write, const char *error_context)
{
	Datum values[HELD_COLUMNS];
	bool nulls[HELD_COLUMNS] = {0};

	nulls[HELD_ID] = write->id == NULL;
	nulls[HELD_SETS] = write->sets == NULL;
	nulls[HELD_CONTEXT] = error_context == NULL;
	values[HELD_ID] = make_text_datum(write->id);
	values[HELD_BODY] = make_text_datum(write->body);
	values[HELD_SETS] = make_text_datum(write->sets);
	values[HELD_CONTEXT] = make_text_datum(error_context);
	values[HELD_MADE_HERE] = BoolGetDatum(write->made_here);
	tuplestore_putvalues(held->store, held->descriptor, values, nulls);
	held->count++;
	held->bytes += strlen(write->body) + (write->sets ? strlen(write->sets) : 0);
}

/* Takes the first document out, in the current memory context.  There has to be one. */
void
held_writes_take(WalcuHeldWrites *held, WalcuCommitQueueWrite *write, char **error_context)
{
	bool is_null;

	if (!tuplestore_gettupleslot(held->store, true, false, held->slot))
		elog(ERROR, "a held document is missing");
	memset(write, 0, sizeof(*write));
	write->method = "POST";
	write->id = get_slot_text(held->slot, HELD_ID);
	write->body = get_slot_text(held->slot, HELD_BODY);
	write->sets = get_slot_text(held->slot, HELD_SETS);
	write->made_here = DatumGetBool(slot_getattr(held->slot, HELD_MADE_HERE + 1, &is_null));
	*error_context = get_slot_text(held->slot, HELD_CONTEXT);
	/* a tuple that comes from the file is in the current memory context, which may end before the slot */
	ExecClearTuple(held->slot);
	if (--held->count > 0)
		return;
	tuplestore_clear(held->store);
	held->bytes = 0;
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
	tuplestore_end(held->store);
	ExecDropSingleTupleTableSlot(held->slot);
	FreeTupleDesc(held->descriptor);
	pfree(held);
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
