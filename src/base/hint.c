/*
 * hint.c
 *	  What to say about a name that is not known: the nearest one, or all there are.
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

static const char *find_nearest(const char *wrong, List *valid);
static char *join_names(List *names);

/*
 * Makes a hint for a wrong name.  noun says what it should name, and valid lists (char *) the names that
 * there are.
 */
char *
hint_name(const char *noun, const char *wrong, List *valid)
{
	const char *name = find_nearest(wrong, valid);

	if (name)
		return psprintf("Perhaps you meant the %s \"%s\".", noun, name);
	if (valid == NIL)
		return psprintf("There are no valid %ss in this context.", noun);
	return psprintf("Valid %ss in this context are: %s.", noun, join_names(valid));
}

static const char *
find_nearest(const char *wrong, List *valid)
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
