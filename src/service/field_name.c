/*
 * field_name.c
 *	  Which members of a document the service can be told of by their names.
 *
 * Filters and patches name a member by a dotted path.  What either cannot name beyond that is the business
 * of document_path.c (pushdown) and of json_patch.c (modify).
 */
#include "postgres.h"

#include "service/field_name.h"

#include "base/utf8.h"

/* Every JavaScript object has members of these names: the service refuses them in paths. */
static const char *const inherited[] = {"__proto__", "constructor", "prototype"};

/*
 * Tells whether a dotted path can lead to a member with this name: a dot would separate two names, and a
 * dollar sign at the beginning marks MongoDB's operators.
 */
bool
field_name_is_addressable(const char *name, size_t length)
{
	for (int i = 0; i < lengthof(inherited); i++)
	{
		if (strlen(inherited[i]) == length && memcmp(inherited[i], name, length) == 0)
			return false;
	}
	return length > 0 && name[0] != '$' && memchr(name, '.', length) == NULL;
}

/* Is the place of a dotted path another one, or a part of it? */
bool
field_name_is_within(const char *path, const char *outer)
{
	size_t length = strlen(outer);

	return strncmp(path, outer, length) == 0 && (path[length] == '\0' || path[length] == '.');
}

/* Tells whether a filter can name each member of a dotted path. */
bool
field_name_is_path_addressable(const char *path)
{
	const char *segment = path;

	if (!utf8_means_same(path))
		return false;
	for (;;)
	{
		size_t length = strcspn(segment, ".");

		if (!field_name_is_addressable(segment, length))
			return false;
		if (segment[length] == '\0')
			return true;
		segment += length + 1;
	}
}
