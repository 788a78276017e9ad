/*
 * hint.c
 *	  What to say about a name that is not known: the one that was meant, the nearest three, or all there are.
 *
 * Called for names of options (option.c) and of resources (import.c).  PostgreSQL has
 * the like since 16 only.
 */
#include "postgres.h"

#include "base/hint.h"

#include "lib/stringinfo.h"
#include "utils/varlena.h"

/* A name with more edits than this, or than half of its length, is taken for another name. */
#define MAX_DISTANCE 4

/* Where none is nearly right, all names are told if they can be read at a glance, and else so many. */
#define NEAREST_NAMES 3
#define MAX_NAMES     20

/*
 * What an added, a removed and another letter count then.  Who does not know a name often knows a part of
 * it: "timeout" for "request_timeout", "user" for "username".
 */
#define ADDED_LETTER   1
#define REMOVED_LETTER 3
#define OTHER_LETTER   3

typedef struct NamedDistance
{
	const char *name;
	int distance;
} NamedDistance;

static const char *find_meant_name(const char *wrong, List *valid);
static List *find_nearest_names(const char *wrong, List *valid);
static int compare_distances(const ListCell *a, const ListCell *b);
static char *join_names(List *names);

/*
 * Makes a hint for a wrong name.  noun says what it should name, and valid lists (char *) the names that
 * there are.
 */
char *
hint_name(const char *noun, const char *wrong, List *valid)
{
	const char *name = find_meant_name(wrong, valid);

	if (name)
		return psprintf("Perhaps you meant the %s \"%s\".", noun, name);
	if (valid == NIL)
		return psprintf("There are no valid %ss in this context.", noun);
	if (list_length(valid) > MAX_NAMES)
		return psprintf("The nearest valid %ss are: %s.", noun, join_names(find_nearest_names(wrong, valid)));
	return psprintf("Valid %ss in this context are: %s.", noun, join_names(valid));
}

static const char *
find_meant_name(const char *wrong, List *valid)
{
	const char *best = NULL;
	int length = strlen(wrong);
	int limit = Min(length / 2, MAX_DISTANCE);
	ListCell *lc;

	foreach(lc, valid)
	{
		const char *name = lfirst(lc);
		int distance = varstr_levenshtein_less_equal(wrong, length, name, strlen(name), 1, 1, 1, limit, true);

		if (distance <= limit)
		{
			best = name;
			limit = distance - 1;
		}
	}
	return best;
}

/* The nearest first; of names that are as near, in the order of their letters. */
static List *
find_nearest_names(const char *wrong, List *valid)
{
	List *distances = NIL;
	List *names = NIL;
	ListCell *lc;

	foreach(lc, valid)
	{
		NamedDistance *item = palloc(sizeof(NamedDistance));

		item->name = lfirst(lc);
		item->distance = varstr_levenshtein(wrong, strlen(wrong), item->name, strlen(item->name),
											ADDED_LETTER, REMOVED_LETTER, OTHER_LETTER, true);
		distances = lappend(distances, item);
	}
	list_sort(distances, compare_distances);
	foreach(lc, list_truncate(distances, NEAREST_NAMES))
		names = lappend(names, unconstify(char *, ((NamedDistance *) lfirst(lc))->name));
	return names;
}

static int
compare_distances(const ListCell *a, const ListCell *b)
{
	const NamedDistance *first = lfirst(a);
	const NamedDistance *second = lfirst(b);

	if (first->distance != second->distance)
		return first->distance < second->distance ? -1 : 1;
	return strcmp(first->name, second->name);
}

static char *
join_names(List *names)
{
	StringInfoData text;
	ListCell *lc;

	initStringInfo(&text);
	foreach(lc, names)
		appendStringInfo(&text, "%s%s", text.len > 0 ? ", " : "", (char *) lfirst(lc));
	return text.data;
}
