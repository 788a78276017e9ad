/*
 * merged_writes.c
 *	  One write of two of the same document.
 *
 * commit_queue.c calls this for the writes that wait, before it sends them.  Each of them was made of the
 * document as those before it leave it, so that all of them one after the other are right, and so is what
 * is here in their place.
 */
#include "postgres.h"

#include "modify/merged_writes.h"

#include "base/digest.h"
#include "json/skim.h"
#include "modify/merged_sets.h"
#include "modify/patched_document.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

/* An operation of a patch. */
typedef struct PatchOperation
{
	const char *text;    /* This is the operation, as JSON. */
	int length;          /* This is its length. */
	const char *pointer; /* This is its pointer, as in the text. */
	int pointer_length;  /* This is the pointer's length. */
	bool sets;           /* It sets the place. */
} PatchOperation;

static bool is_method(const WalcuQueueEntry *entry, const char *method);
static bool takes_in(const WalcuQueueEntry *earlier, const WalcuQueueEntry *later);
static void take_in(WalcuQueueEntry *earlier, WalcuQueueEntry *later);
static void join_patches(const WalcuQueueEntry *earlier, WalcuQueueEntry *later);
static void join_sets(WalcuQueueEntry *to, const WalcuQueueEntry *earlier, const WalcuQueueEntry *later);
static void put_text(WalcuQueueEntry *entry, const char **text, const char *other);
static void drop_entry(WalcuQueueEntry *entry);
static char *join_lists(const char *one, const char *other);
static List *split_patch(char *patch);
static PatchOperation *split_operation(char *text, const char *end);
static bool is_set_later(HTAB *set, const PatchOperation *operation);

/*
 * Makes one of two writes of a document, if one can say what both do: the other is dropped.  Writes of two
 * users stay two.  What is made is in the memory of the queue, in the place of what it is made of, and the
 * current memory context is for what is not kept.
 */
void
merged_writes_join(WalcuQueueEntry *earlier, WalcuQueueEntry *later)
{
	bool changes = is_method(earlier, "PATCH") || is_method(earlier, "PUT");

	if (strcmp(earlier->table->credential, later->table->credential) != 0)
		return;
	if (takes_in(earlier, later))
		take_in(earlier, later);
	else if (is_method(earlier, "POST") && is_method(later, "DELETE"))
	{
		/* one that was there before, as only the service can tell, is an error of the insert */
		if (earlier->queued.made_here)
		{
			drop_entry(earlier);
			drop_entry(later);
		}
	}
	else if (changes && is_method(later, "DELETE"))
		drop_entry(earlier);
	else if (changes && is_method(later, "PUT"))
	{
		join_sets(later, earlier, later);
		drop_entry(earlier);
	}
	else if (is_method(earlier, "PATCH") && is_method(later, "PATCH"))
	{
		join_patches(earlier, later);
		drop_entry(earlier);
	}
}

/*
 * Returns a patch that does what two do one after the other, in the current memory context.  What one of them
 * sets and a later one sets anew is left out.
 */
char *
merged_writes_patch(const char *earlier, const char *later)
{
	HASHCTL control = {
		.keysize = sizeof(WalcuDigest), .entrysize = sizeof(WalcuDigest), .hcxt = CurrentMemoryContext};
	char *joined = join_lists(earlier, later);
	HTAB *set = hash_create("walcu places set", 64, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	List *operations = split_patch(joined);
	List *kept = NIL;
	StringInfoData patch;

	for (int i = list_length(operations) - 1; i >= 0; i--)
	{
		PatchOperation *operation = list_nth(operations, i);

		if (is_set_later(set, operation))
			continue;
		if (operation->sets)
		{
			WalcuDigest key = digest_of(operation->pointer, operation->pointer_length);

			hash_search(set, &key, HASH_ENTER, NULL);
		}
		kept = lappend(kept, operation);
	}
	initStringInfo(&patch);
	for (int i = list_length(kept) - 1; i >= 0; i--)
	{
		const PatchOperation *operation = list_nth(kept, i);

		appendStringInfo(&patch, "%c%.*s", patch.len == 0 ? '[' : ',', operation->length, operation->text);
	}
	appendStringInfoChar(&patch, ']');
	hash_destroy(set);
	list_free_deep(operations);
	list_free(kept);
	pfree(joined);
	return patch.data;
}

static bool
is_method(const WalcuQueueEntry *entry, const char *method)
{
	return strcmp(entry->queued.method, method) == 0;
}

/*
 * Tells whether an earlier write says what all of the document is, so that it may as well say what it will
 * be after the later one.  Of an insert that is none where the document is there already, nobody knows.
 */
static bool
takes_in(const WalcuQueueEntry *earlier, const WalcuQueueEntry *later)
{
	return ((is_method(earlier, "POST") && !earlier->queued.conflict_is_none) || is_method(earlier, "PUT")) &&
		   (is_method(later, "PATCH") || (is_method(later, "PUT") && is_method(earlier, "POST")));
}

static void
take_in(WalcuQueueEntry *earlier, WalcuQueueEntry *later)
{
	const WalcuOptions *options = earlier->table->options;
	WalcuCommitQueueWrite *queued = &earlier->queued;

	if (is_method(later, "PATCH"))
		put_text(earlier, &queued->body,
				 patched_document_whole(options, queued->id, queued->body, later->queued.leaves));
	else
		put_text(earlier, &queued->body, later->queued.body);
	join_sets(earlier, earlier, later);
	drop_entry(later);
}

/*
 * Lets the later patch do what the earlier one does, too.  Where one of them has to be made of the document
 * as it will be found, so has what both do.
 */
static void
join_patches(const WalcuQueueEntry *earlier, WalcuQueueEntry *later)
{
	const WalcuCommitQueueWrite *first = &earlier->queued;
	WalcuCommitQueueWrite *second = &later->queued;

	put_text(later, &second->leaves, merged_writes_patch(first->leaves, second->leaves));
	put_text(later, &second->body,
			 (first->body && second->body) ? merged_writes_patch(first->body, second->body) : NULL);
	second->is_sure &= first->is_sure;
	join_sets(later, earlier, later);
}

/* Lets a write say what both set.  What both set is as the later one says. */
static void
join_sets(WalcuQueueEntry *to, const WalcuQueueEntry *earlier, const WalcuQueueEntry *later)
{
	const char *first = earlier->queued.sets;
	const char *second = later->queued.sets;

	put_text(to, &to->queued.sets, (first && second) ? merged_sets(first, second) : first ? first : second);
}

/* Gives an entry a copy of another text.  The one that it had is freed. */
static void
put_text(WalcuQueueEntry *entry, const char **text, const char *other)
{
	char *old = unconstify(char *, *text);

	if (other == old)
		return;
	*text = other ? MemoryContextStrdup(GetMemoryChunkContext(entry), other) : NULL;
	if (old)
		pfree(old);
}

/* Drops an entry, with its texts. */
static void
drop_entry(WalcuQueueEntry *entry)
{
	put_text(entry, &entry->queued.body, NULL);
	put_text(entry, &entry->queued.leaves, NULL);
	put_text(entry, &entry->queued.sets, NULL);
	entry->dropped = true;
}

/* Returns an array of the elements of two. */
static char *
join_lists(const char *one, const char *other)
{
	return psprintf("%.*s,%s", (int) strlen(one) - 1, one, other + 1);
}

/* Returns the operations (of PatchOperation) of a patch that json_patch.c has written. */
static List *
split_patch(char *patch)
{
	WalcuSkimmer skimmer = {.end = patch + strlen(patch)};
	List *operations = NIL;

	while (patch && (skim_peek(&skimmer, patch) == '[' || skim_peek(&skimmer, patch) == ','))
	{
		char *text = patch + 1;

		patch = skim_value(&skimmer, text);
		if (patch)
			operations = lappend(operations, split_operation(text, patch));
	}
	return operations;
}

/* The operation's name comes first, then the pointer. */
static PatchOperation *
split_operation(char *text, const char *end)
{
	WalcuSkimmer skimmer = {.end = end};
	PatchOperation *operation = palloc(sizeof(PatchOperation));
	char *name = text + strlen("{\"op\":");
	char *name_end = skim_string(&skimmer, name);
	char *pointer = name_end + strlen(",\"path\":");

	operation->text = text;
	operation->length = end - text;
	operation->sets = strncmp(name, "\"add\"", name_end - name) == 0;
	operation->pointer = pointer + 1;
	operation->pointer_length = skim_string(&skimmer, pointer) - pointer - 2;
	return operation;
}

/* Tells whether a place, or one that it is in, is among those that are set. */
static bool
is_set_later(HTAB *set, const PatchOperation *operation)
{
	for (int length = operation->pointer_length; length > 0; length--)
	{
		WalcuDigest key;

		if (length < operation->pointer_length && operation->pointer[length] != '/')
			continue;
		key = digest_of(operation->pointer, length);
		if (hash_search(set, &key, HASH_FIND, NULL))
			return true;
	}
	return false;
}
