/*
 * projection.c
 *	  Which fields a scan asks the service for.
 *
 * scan.c hands over the paths of the columns a query needs, in its output or in a
 * condition.  What a projection cannot name, or only at great length, is asked
 * for in larger pieces: more may come than is needed, never less.
 */
#include "postgres.h"

#include <ctype.h>

#include "pushdown/projection.h"

#include "base/text.h"
#include "base/utf8.h"
#include "lib/stringinfo.h"
#include "utils/json.h"

/* A list of fields longer than this, in bytes, names whole top-level members instead. */
#define PROJECT_SIZE 2000

static bool is_covered(const char *path, List *paths, int position);
static List *list_top_level(List *paths);
static int sum_lengths(List *paths);

/*
 * The fields to name in `project`, of char *: the paths, and _id, which paging needs.  NIL
 * asks for whole documents.
 */
List *
projection_fields(List *paths)
{
	List *fields = NIL;

	if (sum_lengths(paths) > PROJECT_SIZE)
		paths = list_top_level(paths);
	if (sum_lengths(paths) > PROJECT_SIZE)
		return NIL;
	for (int i = 0; i < list_length(paths); i++)
	{
		char *path = list_nth(paths, i);

		if (!projection_can_name(path))
			return NIL;
		if (strcmp(path, "_id") != 0 && !is_covered(path, paths, i))
			fields = lappend(fields, path);
	}
	return lappend(fields, "_id");
}

/* In each of the formats that a projection or a sort can have, and not as the whole document. */
bool
projection_can_name(const char *path)
{
	if (strcmp(path, ".") == 0 || !utf8_means_same(path))
		return false;
	for (const unsigned char *c = (const unsigned char *) path; *c; c++)
	{
		if (!isalnum(*c) && *c < 0x80 && strchr("_.", *c) == NULL)
			return false;
	}
	return true;
}

/* Returns the value of `sort` for a list of paths; descending tells for each whether it is. */
char *
projection_sort_list(WalcuListFormat format, List *fields, List *descending)
{
	StringInfoData list;

	initStringInfo(&list);
	for (int i = 0; i < list_length(fields); i++)
	{
		const char *field = list_nth(fields, i);
		const char *sign = list_nth_int(descending, i) ? "-" : "";

		switch (format)
		{
			case WALCU_FORMAT_MONGOOSE:
				appendStringInfo(&list, "%s%s%s", i > 0 ? " " : "", sign, field);
				break;
			case WALCU_FORMAT_COMMA:
				appendStringInfo(&list, "%s%s%s", i > 0 ? "," : "", sign, field);
				break;
			case WALCU_FORMAT_JSON:
				appendStringInfoChar(&list, i > 0 ? ',' : '{');
				escape_json(&list, field);
				appendStringInfo(&list, ":%s1", sign);
				break;
			case WALCU_FORMAT_NONE:
				elog(ERROR, "there is no list in the format \"none\"");
		}
	}
	if (format == WALCU_FORMAT_JSON)
		appendStringInfoChar(&list, '}');
	return text_take(&list);
}

/* Returns the value of `project` for a list of paths, in the format that the server's option names. */
char *
projection_field_list(WalcuListFormat format, List *fields)
{
	List *descending = NIL;

	for (int i = 0; i < list_length(fields); i++)
		descending = lappend_int(descending, false);
	return projection_sort_list(format, fields, descending);
}

/*
 * Does another path include this one?  MongoDB refuses a field together with a part
 * of it.  Of equal ones, the first stands for all.
 */
static bool
is_covered(const char *path, List *paths, int position)
{
	for (int i = 0; i < list_length(paths); i++)
	{
		const char *other = list_nth(paths, i);
		size_t length = strlen(other);

		if (strncmp(path, other, length) == 0 &&
			(path[length] == '.' || (path[length] == '\0' && i < position)))
			return true;
	}
	return false;
}

/* The top-level members that the paths are in, each once. */
static List *
list_top_level(List *paths)
{
	List *members = NIL;
	ListCell *lc;

	foreach(lc, paths)
	{
		char *path = lfirst(lc);
		char *member = pnstrdup(path, strcspn(path, "."));

		if (member[0] == '\0')
			member = path; /* the whole document */
		if (!is_covered(member, members, list_length(members)))
			members = lappend(members, member);
	}
	return members;
}

static int
sum_lengths(List *paths)
{
	int length = 0;
	ListCell *lc;

	foreach(lc, paths)
		length += strlen(lfirst(lc)) + 1;
	return length;
}
