/*
 * join_table.c
 *	  The keys of a batched key join that were asked for, and the rows that came.
 *
 * join_exec.c enters the outer side's keys and finds those of inner rows among them.  Keys are
 * the same when PostgreSQL's own operators say so, as in a hash join.
 */
#include "postgres.h"

#include "exec/join_table.h"

#include "fmgr.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

/* It hashes values of one side, and compares them with those of the table. */
typedef struct Comparison
{
	FmgrInfo hash;  /* It hashes a value of one side. */
	FmgrInfo equal; /* It compares an outer key with a value of that side. */
} Comparison;

/* A key in the hash table. */
typedef struct KeyEntry
{
	Datum value;       /* The key's value is what is looked up. */
	WalcuJoinKey *key; /* Its rows hang off this. */
	uint32 hash;       /* simplehash.h keeps the value's hash here, */
	char status;       /* and whether the entry is in use, here. */
} KeyEntry;

struct keys_hash;

struct WalcuJoinTable
{
	MemoryContext context;  /* It holds keys and rows. */
	struct keys_hash *keys; /* It finds the keys, of KeyEntry. */
	Oid collation;          /* Values are hashed and compared by this collation. */
	int16 length;           /* The type of outer keys has this length, */
	bool by_value;          /* and is passed by value, or not. */
	Comparison outer;       /* Outer keys are compared so with those of the table, */
	Comparison inner;       /* and inner ones so. */
	Comparison *current;    /* One of both is for the value that is looked up. */
};

static uint32 hash_key_value(WalcuJoinTable *table, Datum value);
static bool equals_entered_key(WalcuJoinTable *table, Datum entered, Datum value);

#define SH_PREFIX            keys
#define SH_ELEMENT_TYPE      KeyEntry
#define SH_KEY_TYPE          Datum
#define SH_KEY               value
#define SH_HASH_KEY(tb, key) hash_key_value((tb)->private_data, key)
#define SH_EQUAL(tb, a, b)   equals_entered_key((tb)->private_data, a, b)
#define SH_SCOPE             static inline
#define SH_STORE_HASH
#define SH_GET_HASH(tb, entry) ((entry)->hash)
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

static void create_key_table(WalcuJoinTable *table);

/* Makes a table, in the current memory context, for an equality of an outer and an inner value. */
WalcuJoinTable *
join_table_create(Oid op, Oid collation)
{
	WalcuJoinTable *table = palloc0(sizeof(WalcuJoinTable));
	Oid outer_equal;
	Oid inner_equal;
	RegProcedure outer_hash;
	RegProcedure inner_hash;
	Oid outer_type;
	Oid inner_type;

	if (!get_op_hash_functions(op, &outer_hash, &inner_hash) ||
		!get_compatible_hash_operators(op, &outer_equal, &inner_equal))
		elog(ERROR, "operator %u cannot be hashed", op);
	op_input_types(op, &outer_type, &inner_type);
	get_typlenbyval(outer_type, &table->length, &table->by_value);
	fmgr_info(outer_hash, &table->outer.hash);
	fmgr_info(get_opcode(outer_equal), &table->outer.equal);
	fmgr_info(inner_hash, &table->inner.hash);
	fmgr_info(get_opcode(op), &table->inner.equal);
	table->collation = collation;
	table->context = AllocSetContextCreate(CurrentMemoryContext, "walcu join keys", ALLOCSET_DEFAULT_SIZES);
	create_key_table(table);
	return table;
}

/* Finds the key of an outer value, or makes it. */
WalcuJoinKey *
join_table_enter(WalcuJoinTable *table, Datum value, bool *is_new)
{
	MemoryContext before;
	KeyEntry *entry;
	bool found;

	table->current = &table->outer;
	entry = keys_insert(table->keys, value, &found);
	*is_new = !found;
	if (found)
		return entry->key;
	before = MemoryContextSwitchTo(table->context);
	entry->key = palloc0(sizeof(WalcuJoinKey));
	entry->key->value = entry->value = datumCopy(value, table->by_value, table->length);
	MemoryContextSwitchTo(before);
	return entry->key;
}

/* Finds the key that an inner value equals, or NULL. */
WalcuJoinKey *
join_table_find(WalcuJoinTable *table, Datum value)
{
	KeyEntry *entry;

	table->current = &table->inner;
	entry = keys_lookup(table->keys, value);
	return entry ? entry->key : NULL;
}

/* Adds a copy of an inner row to its key. */
void
join_table_add(WalcuJoinTable *table, WalcuJoinKey *key, TupleTableSlot *slot)
{
	MemoryContext before = MemoryContextSwitchTo(table->context);
	WalcuJoinRow *row = palloc(sizeof(WalcuJoinRow));

	row->next = NULL;
	row->tuple = ExecCopySlotMinimalTuple(slot);
	MemoryContextSwitchTo(before);
	if (key->last)
		key->last->next = row;
	else
		key->first = row;
	key->last = row;
}

/* Returns how many bytes the table takes. */
Size
join_table_size(const WalcuJoinTable *table)
{
	return MemoryContextMemAllocated(table->context, true);
}

/* Forgets all keys and rows. */
void
join_table_reset(WalcuJoinTable *table)
{
	MemoryContextReset(table->context);
	create_key_table(table);
}

static void
create_key_table(WalcuJoinTable *table)
{
	table->keys = keys_create(table->context, 64, table);
}

static uint32
hash_key_value(WalcuJoinTable *table, Datum value)
{
	return DatumGetUInt32(FunctionCall1Coll(&table->current->hash, table->collation, value));
}

static bool
equals_entered_key(WalcuJoinTable *table, Datum entered, Datum value)
{
	return DatumGetBool(FunctionCall2Coll(&table->current->equal, table->collation, entered, value));
}
