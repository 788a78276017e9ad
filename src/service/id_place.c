/*
 * id_place.c
 *	  Which places of a document may hold ids of MongoDB's own type.
 *
 * The service's description calls every id a string, but its schemas declare ids as ObjectId: the vendor's
 * own library has `notify_to: [ObjectId]` and `done_by: ObjectId`, and a client had to give one for
 * `created_by` (source: api/FACTS.md).  Which places these are is not published, so that their names have to
 * tell.  remote_type.c asks here.
 */
#include "postgres.h"

#include "service/id_place.h"

/* A member with such a name holds ids, and so does one whose name ends in one of these behind a "_". */
static const char *const names[] = {"id", "ids", "user", "users", "to", "by"};

/* Tells whether the last member of a dotted path, not counting indexes of arrays, is named as ids are. */
bool
id_place_is_named(const char *path)
{
	const char *end = path + strlen(path);
	const char *start;

	for (;;)
	{
		start = end;
		while (start > path && start[-1] != '.')
			start--;
		if (start == path || strspn(start, "0123456789") < end - start)
			break;
		end = start - 1;
	}
	for (int i = 0; i < lengthof(names); i++)
	{
		size_t length = strlen(names[i]);

		if (end - start < length || strncmp(end - length, names[i], length) != 0)
			continue;
		if (end - start == length || end[-(ptrdiff_t) length - 1] == '_')
			return true;
	}
	return false;
}
