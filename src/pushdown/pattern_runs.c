/*
 * pattern_runs.c
 *	  Patterns that the service can refuse a text by in a short time.
 *
 * One character of SQL's may be two to JavaScript, so that each _ of LIKE becomes one or two of any.  Sixty
 * of them in a row are two to the power of sixty ways to take a text, and the service tries all before it
 * says no.  As one run, from 60 to 120 of any, there are sixty ways.  pattern.c and caseless_pattern.c have
 * their results changed here.
 */
#include "postgres.h"

#include "pushdown/pattern_runs.h"

#include "lib/stringinfo.h"

/* Runs with something between them multiply their ways. */
#define MOST_RUNS 6

/* Any of these, and no more than that in a run. */
#define MOST_CHARACTERS 1000

#define ANY_CHARACTER "[\\d\\D]"

static const struct
{
	const char *text;
	int least;
	int most;
} atoms[] = {{ANY_CHARACTER "{1,2}", 1, 2}, {ANY_CHARACTER "{0,2}", 0, 2}};

static int count_repeats(const char *at, const char *text);

/*
 * Returns a regular expression that matches the same; NULL when it could still take too long.
 */
char *
pattern_runs_gather(const char *pattern)
{
	StringInfoData output;
	int runs = 0;

	initStringInfo(&output);
	while (*pattern)
	{
		int count = 0;

		for (int i = 0; i < lengthof(atoms) && count == 0; i++)
		{
			count = count_repeats(pattern, atoms[i].text);
			if (count == 0)
				continue;
			appendStringInfo(&output, ANY_CHARACTER "{%d,%d}", count * atoms[i].least, count * atoms[i].most);
			pattern += count * strlen(atoms[i].text);
		}
		runs += count > 0;
		if (runs > MOST_RUNS || count > MOST_CHARACTERS)
			return NULL;
		if (count == 0)
			appendStringInfoChar(&output, *pattern++);
	}
	return output.data;
}

/* How many times does a text stand there, one behind the other? */
static int
count_repeats(const char *at, const char *text)
{
	size_t length = strlen(text);
	int count = 0;

	while (strncmp(at, text, length) == 0)
	{
		count++;
		at += length;
	}
	return count;
}
