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

#include "access/htup_details.h"
#include "service/option_column.h"
#include "utils/syscache.h"

/* A member with such a name holds ids, and so does one whose name ends in one of these behind a "_". */
static const char *const names[] = {"id", "ids", "user", "users", "to", "by"};

/*
 * These are named so, too, but hold what others made up: numbers of authorities, telephones, other systems
 * (source: api/ids.json, which was reviewed by hand).
 */
static const char *const foreign_names[] = {"contacts_government_ids",
											"data_provider_id",
											"foreign_ids",
											"government_id",
											"labor_id",
											"part_id",
											"place_id",
											"provider_message_id",
											"provider_session_id",
											"tax_id",
											"to"};

static const char *find_last_name(const char *path, size_t *length);

/* Tells whether the last member of a dotted path, not counting indexes of arrays, is named as ids are. */
bool
id_place_is_named(const char *path)
{
	size_t all;
	const char *start = find_last_name(path, &all);
	const char *end = start + all;

	for (int i = 0; i < lengthof(names); i++)
	{
		size_t length = strlen(names[i]);

		if (all < length || strncmp(end - length, names[i], length) != 0)
			continue;
		if (all == length || end[-(ptrdiff_t) length - 1] == '_')
			return true;
	}
	return false;
}

/* Tells whether ids of such a name are those of others, which need not be of MongoDB's type. */
bool
id_place_is_foreign(const char *path)
{
	size_t length;
	const char *name = find_last_name(path, &length);

	for (int i = 0; i < lengthof(foreign_names); i++)
	{
		if (strlen(foreign_names[i]) == length && strncmp(foreign_names[i], name, length) == 0)
			return true;
	}
	return false;
}

/*
 * Returns what the option id_type says of the documents' own ids (WalcuIdType).  What the column with the
 * path _id says of them goes before what its table says.
 */
int
id_place_own_type(const WalcuOptions *options)
{
	HeapTuple attribute;

	for (AttrNumber number = 1; OidIsValid(options->relid); number++)
	{
		WalcuColumn *column;
		bool is_dropped;

		attribute = SearchSysCache2(ATTNUM, ObjectIdGetDatum(options->relid), Int16GetDatum(number));
		if (!HeapTupleIsValid(attribute))
			break;
		is_dropped = ((Form_pg_attribute) GETSTRUCT(attribute))->attisdropped;
		ReleaseSysCache(attribute);
		if (is_dropped)
			continue;
		column = option_column_of(options, number);
		if (column->parameter == NULL && strcmp(column->path, "_id") == 0 &&
			column->id_type != WALCU_ID_NOT_SAID)
			return column->id_type;
	}
	return options->id_type;
}

/* Finds the last member of a path that is no index of an array. */
static const char *
find_last_name(const char *path, size_t *length)
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
	*length = end - start;
	return start;
}
