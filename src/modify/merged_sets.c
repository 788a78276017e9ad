/*
 * merged_sets.c
 *	  What two writes of a document have set.
 *
 * merged_writes.c makes one write of two, and ignored_write.c looks for what it has set in the service's
 * answer.  A place that the later one sets, too, or one within it or around it, is as the later one says, so
 * that the earlier one's set is left out: a document that is written a thousand times has as many sets as
 * places.
 */
#include "postgres.h"

#include "modify/merged_sets.h"

#include "base/digest.h"
#include "json/skim.h"
#include "lib/stringinfo.h"
#include "utils/hsearch.h"

/* A place, or one around it, that the later write has set. */
typedef struct LaterPlace
{
	WalcuDigest key; /* It stands for the keys that lead there. */
	bool is_set;     /* This place is set, and not one within it alone. */
} LaterPlace;

/* A set, as ignored_write.c writes it: the column, whether that is JSON, the keys, and the value if any. */
typedef struct Set
{
	char *text; /* It begins here. */
	char *end;  /* This is behind it. */
	char *keys; /* The first of its keys begins here, with the quote. */
} Set;

/* The places on the way to that of a set, from the outermost to its own. */
typedef struct PlaceWalk
{
	char *end;       /* This is behind the last key of a place. */
	WalcuDigest key; /* It stands for the keys that lead there. */
	bool is_last;    /* It is the place of the set itself. */
} PlaceWalk;

static bool next_set(WalcuSkimmer *skimmer, Set *set);
static void add_later(HTAB *places, const Set *set);
static bool is_said_later(HTAB *places, const Set *set);
static bool next_place(const Set *set, PlaceWalk *walk);

/* Returns the sets of both, which are arrays with something in them, in the current memory context. */
char *
merged_sets(const char *earlier, const char *later)
{
	HASHCTL control = {
		.keysize = sizeof(WalcuDigest), .entrysize = sizeof(LaterPlace), .hcxt = CurrentMemoryContext};
	HTAB *places = hash_create("walcu places set", 64, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	WalcuSkimmer skimmer = {.end = later + strlen(later)};
	Set set = {.end = unconstify(char *, later)};
	StringInfoData sets;

	while (next_set(&skimmer, &set))
		add_later(places, &set);
	initStringInfo(&sets);
	skimmer.end = earlier + strlen(earlier);
	set.end = unconstify(char *, earlier);
	while (next_set(&skimmer, &set))
	{
		if (!is_said_later(places, &set))
			appendStringInfo(&sets, "%c%.*s", sets.len == 0 ? '[' : ',', (int) (set.end - set.text),
							 set.text);
	}
	appendStringInfo(&sets, "%c%s", sets.len == 0 ? '[' : ',', later + 1);
	hash_destroy(places);
	return sets.data;
}

/* Goes on to the next set.  Returns false when there is none. */
static bool
next_set(WalcuSkimmer *skimmer, Set *set)
{
	char *column_end;

	if (skim_peek(skimmer, set->end) != '[' && skim_peek(skimmer, set->end) != ',')
		return false;
	set->text = set->end + 1;
	set->end = skim_value(skimmer, set->text);
	column_end = skim_string(skimmer, set->text + 1);
	set->keys = strchr(column_end, '[') + 1;
	return true;
}

/* Notes the place of a set, and those around it. */
static void
add_later(HTAB *places, const Set *set)
{
	PlaceWalk walk = {.end = set->keys - 1};

	while (next_place(set, &walk))
	{
		bool found;
		LaterPlace *place = hash_search(places, &walk.key, HASH_ENTER, &found);

		place->is_set = walk.is_last || (found && place->is_set);
	}
}

/* Tells whether the later write has set the place of a set, one around it, or one within it. */
static bool
is_said_later(HTAB *places, const Set *set)
{
	PlaceWalk walk = {.end = set->keys - 1};

	while (next_place(set, &walk))
	{
		const LaterPlace *place = hash_search(places, &walk.key, HASH_FIND, NULL);

		if (place && (walk.is_last || place->is_set))
			return true;
	}
	return false;
}

/* Goes on to the next place.  Returns false behind that of the set. */
static bool
next_place(const Set *set, PlaceWalk *walk)
{
	WalcuSkimmer skimmer = {.end = set->end};

	if (walk->is_last)
		return false;
	walk->end = skim_string(&skimmer, walk->end + 1);
	walk->key = digest_of(set->keys, walk->end - set->keys);
	walk->is_last = *walk->end != ',';
	return true;
}
