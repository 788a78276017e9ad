/*
 * join_table.c
 *	  The keys of a batched key join that were asked for, and the rows that came.
 *
 * join_exec.c enters the outer side's keys and finds those of inner rows among them, and so does key_rows.c.
 * Keys are the same when PostgreSQL's own operators say so, as in a hash join.
 *
 * What takes more memory than it may goes into a temporary file, as a document that is forgotten costs
 * another request.  Only the hashes of such keys stay in memory.  The keys of a batch that may be in the file
 * are looked for together, as that takes a walk over all of it.
 */
#include "postgres.h"

#include "exec/join_table.h"

#include "common/hashfn.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/buffile.h"
#include "utils/array.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

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

/* In the file, a key's value comes after this, and then its rows. */
typedef struct FiledKey
{
	uint32 value_length; /* The value has so many bytes, */
	uint32 row_count;    /* and there are so many rows, */
	uint64 rows_length;  /* of so many bytes. */
} FiledKey;

/* The hash of a key that is in the file. */
typedef struct HashEntry
{
	uint32 hash; /* Another key may have the same one. */
	char status; /* simplehash.h keeps here whether the entry is in use. */
} HashEntry;

struct keys_hash;
struct filed_hash;

struct WalcuJoinTable
{
	MemoryContext context;    /* It holds keys and rows. */
	struct keys_hash *keys;   /* It finds the keys, of KeyEntry. */
	Oid collation;            /* Values are hashed and compared by this collation. */
	int16 length;             /* The type of outer keys has this length, */
	bool by_value;            /* and is passed by value, or not. */
	Comparison outer;         /* Outer keys are compared so with those of the table, */
	Comparison inner;         /* and inner ones so. */
	Comparison *current;      /* One of both is for the value that is looked up. */
	ResourceOwner owner;      /* The file goes with it, should an error end the query. */
	BufFile *file;            /* It has keys and rows that found no room; NULL at first. */
	int end_segment;          /* It ends in this one of its segments, */
	off_t end_offset;         /* at this offset. */
	struct filed_hash *filed; /* These are the hashes of its keys, of HashEntry. */
	uint64 file_keys;         /* The file has so many keys, */
	uint64 file_size;         /* of so many bytes with their rows. */
	uint64 inner_rows;        /* So many inner rows have come with arrays of keys. */
	uint64 sought;            /* The file may have so many keys of the table that are to be loaded. */
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

/* keys arrive in the order of their hashes, which another table of the same order must not have */
#define SH_PREFIX            filed
#define SH_ELEMENT_TYPE      HashEntry
#define SH_KEY_TYPE          uint32
#define SH_KEY               hash
#define SH_HASH_KEY(tb, key) murmurhash32(key)
#define SH_EQUAL(tb, a, b)   ((a) == (b))
#define SH_SCOPE             static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

static void create_key_table(WalcuJoinTable *table);
static void create_file(WalcuJoinTable *table);
static void write_key(WalcuJoinTable *table, const WalcuJoinKey *key);
static void load_next_key(WalcuJoinTable *table);
static void load_rows(WalcuJoinTable *table, WalcuJoinKey *key, uint32 count);
static void read_file(WalcuJoinTable *table, void *bytes, size_t length);
static WalcuJoinKey *find_asked_key(WalcuJoinTable *table, Datum value, uint64 scan);
static void add_row(WalcuJoinTable *table, WalcuJoinKey *key, TupleTableSlot *slot);
static void append_row(WalcuJoinKey *key, WalcuJoinRow *row);

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
	table->owner = CurrentResourceOwner;
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
	entry->key->may_be_filed = table->file && filed_lookup(table->filed, entry->hash) != NULL;
	table->sought += entry->key->may_be_filed;
	MemoryContextSwitchTo(before);
	return entry->key;
}

/*
 * Adds a copy of an inner row to the key that its value equals, if the scan of this number has asked for it:
 * what another one asked for, comes with that.
 */
void
join_table_add(WalcuJoinTable *table, Datum value, uint64 scan, TupleTableSlot *slot)
{
	WalcuJoinKey *key = find_asked_key(table, value, scan);

	if (key)
		add_row(table, key, slot);
}

/* Does the same for each key that a row's array has. */
void
join_table_add_to_elements(WalcuJoinTable *table, Datum array, uint64 scan, TupleTableSlot *slot)
{
	ArrayType *elements = DatumGetArrayTypeP(array);
	ArrayIterator iterator = array_create_iterator(elements, 0, NULL);
	Datum value;
	bool is_null;

	table->inner_rows++;
	while (array_iterate(iterator, &value, &is_null))
	{
		WalcuJoinKey *key = is_null ? NULL : find_asked_key(table, value, scan);

		if (key == NULL || key->inner_row == table->inner_rows)
			continue;
		key->inner_row = table->inner_rows;
		add_row(table, key, slot);
	}
	array_free_iterator(iterator);
	if ((Pointer) elements != DatumGetPointer(array))
		pfree(elements);
}

/* Finds the key that an inner value equals, and that a scan has asked for; NULL when there is none. */
static WalcuJoinKey *
find_asked_key(WalcuJoinTable *table, Datum value, uint64 scan)
{
	KeyEntry *entry;

	table->current = &table->inner;
	entry = keys_lookup(table->keys, value);
	return entry && entry->key->scan == scan ? entry->key : NULL;
}

static void
add_row(WalcuJoinTable *table, WalcuJoinKey *key, TupleTableSlot *slot)
{
	MemoryContext before = MemoryContextSwitchTo(table->context);
	WalcuJoinRow *row = palloc(sizeof(WalcuJoinRow));

	row->tuple = ExecCopySlotMinimalTuple(slot);
	MemoryContextSwitchTo(before);
	append_row(key, row);
}

static void
append_row(WalcuJoinKey *key, WalcuJoinRow *row)
{
	row->next = NULL;
	if (key->last)
		key->last->next = row;
	else
		key->first = row;
	key->last = row;
}

/* Returns how many bytes the table takes of memory. */
Size
join_table_size(const WalcuJoinTable *table)
{
	return MemoryContextMemAllocated(table->context, true);
}

/* Returns about how many bytes join_table_load adds to that. */
Size
join_table_filed_size(const WalcuJoinTable *table)
{
	return table->sought > 0 ? table->sought * (table->file_size / table->file_keys) : 0;
}

/* Puts all keys that were asked for, with their rows, into the file.  None of the table's keys is left. */
void
join_table_file(WalcuJoinTable *table)
{
	keys_iterator iterator;
	const KeyEntry *entry;

	if (table->file == NULL)
		create_file(table);
	if (BufFileSeek(table->file, table->end_segment, table->end_offset, SEEK_SET) != 0)
		ereport(ERROR, errcode_for_file_access(), errmsg("could not seek in temporary file"));
	keys_start_iterate(table->keys, &iterator);
	while ((entry = keys_iterate(table->keys, &iterator)) != NULL)
	{
		bool found;

		CHECK_FOR_INTERRUPTS();
		if (entry->key->scan == 0 || entry->key->is_filed)
			continue;
		write_key(table, entry->key);
		filed_insert(table->filed, entry->hash, &found);
	}
	BufFileTell(table->file, &table->end_segment, &table->end_offset);
	MemoryContextReset(table->context);
	create_key_table(table);
}

/* Loads the rows of those keys of the table that are in the file; they count as asked for by another scan. */
void
join_table_load(WalcuJoinTable *table)
{
	if (table->sought == 0)
		return;
	if (BufFileSeek(table->file, 0, 0, SEEK_SET) != 0)
		ereport(ERROR, errcode_for_file_access(), errmsg("could not seek in temporary file"));
	for (uint64 i = 0; i < table->file_keys; i++)
	{
		CHECK_FOR_INTERRUPTS();
		load_next_key(table);
	}
	table->sought = 0;
}

/* Forgets all keys and rows, and closes the file: at the end, too, as the file is not of the memory. */
void
join_table_reset(WalcuJoinTable *table)
{
	if (table->file)
	{
		BufFileClose(table->file);
		filed_destroy(table->filed);
	}
	table->file = NULL;
	table->file_keys = table->file_size = 0;
	table->end_segment = 0;
	table->end_offset = 0;
	MemoryContextReset(table->context);
	create_key_table(table);
}

static void
create_file(WalcuJoinTable *table)
{
	MemoryContext context = GetMemoryChunkContext(table);
	MemoryContext before = MemoryContextSwitchTo(context);
	ResourceOwner owner = CurrentResourceOwner;

	CurrentResourceOwner = table->owner;
	table->file = BufFileCreateTemp(false);
	CurrentResourceOwner = owner;
	table->filed = filed_create(context, 256, NULL);
	MemoryContextSwitchTo(before);
}

static void
write_key(WalcuJoinTable *table, const WalcuJoinKey *key)
{
	FiledKey head = {.value_length = datumGetSize(key->value, table->by_value, table->length)};
	const WalcuJoinRow *row;

	for (row = key->first; row; row = row->next)
	{
		head.row_count++;
		head.rows_length += row->tuple->t_len;
	}
	BufFileWrite(table->file, &head, sizeof(head));
	if (table->by_value)
		BufFileWrite(table->file, unconstify(Datum *, &key->value), sizeof(Datum));
	else
		BufFileWrite(table->file, DatumGetPointer(key->value), head.value_length);
	for (row = key->first; row; row = row->next)
		BufFileWrite(table->file, row->tuple, row->tuple->t_len);
	table->file_keys++;
	table->file_size += sizeof(WalcuJoinKey) + head.value_length + head.rows_length;
}

/* Reads one key of the file, and its rows if the table looks for it. */
static void
load_next_key(WalcuJoinTable *table)
{
	FiledKey head;
	Datum value;
	char *copy = NULL;
	KeyEntry *entry;

	read_file(table, &head, sizeof(head));
	if (table->by_value)
		read_file(table, &value, sizeof(Datum));
	else
	{
		copy = palloc(head.value_length);
		read_file(table, copy, head.value_length);
		value = PointerGetDatum(copy);
	}
	table->current = &table->outer;
	entry = keys_lookup(table->keys, value);
	if (copy)
		pfree(copy);
	if (entry && entry->key->may_be_filed && entry->key->scan == 0)
		load_rows(table, entry->key, head.row_count);
	else if (head.rows_length > 0 && BufFileSeek(table->file, 0, head.rows_length, SEEK_CUR) != 0)
		ereport(ERROR, errcode_for_file_access(), errmsg("could not seek in temporary file"));
}

static void
load_rows(WalcuJoinTable *table, WalcuJoinKey *key, uint32 count)
{
	for (uint32 i = 0; i < count; i++)
	{
		WalcuJoinRow *row = MemoryContextAlloc(table->context, sizeof(WalcuJoinRow));
		uint32 length;

		/* a row begins with its length */
		read_file(table, &length, sizeof(length));
		row->tuple = MemoryContextAlloc(table->context, length);
		row->tuple->t_len = length;
		read_file(table, (char *) row->tuple + sizeof(length), length - sizeof(length));
		append_row(key, row);
	}
	key->scan = PG_UINT64_MAX;
	key->is_filed = true;
}

static void
read_file(WalcuJoinTable *table, void *bytes, size_t length)
{
	if (BufFileRead(table->file, bytes, length) != length)
		ereport(ERROR, errcode_for_file_access(), errmsg("could not read from temporary file"));
}

static void
create_key_table(WalcuJoinTable *table)
{
	table->keys = keys_create(table->context, 64, table);
	table->sought = 0;
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
