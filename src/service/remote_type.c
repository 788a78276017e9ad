/*
 * remote_type.c
 *	  What the service's description says of a place in a document.
 *
 * The service casts the values of a filter by its schema: '5' becomes the number 5 on a
 * number field.  Filters are right only if that is known, for places deep in a jsonb
 * column, too.  The copy of the description that is installed with the extension tells;
 * a backend reads it once, when it first plans a condition or an order.
 */
#include "postgres.h"

#include "service/remote_type.h"

#include "service/id_place.h"
#include "service/openapi.h"
#include "utils/memutils.h"

/* No document of the service is nested more levels deep. */
#define MAX_LEVELS 16

/* The description takes up memory in blocks of so many bytes. */
#define BLOCK_SIZE (64 * 1024)

/* These are the resources of the description (of WalcuResource), which are not changed once they are read. */
static List *resources = NIL;

static void read_description(void);
static WalcuRemotePlace describe_place(const char *resource, const char *path);
static WalcuRemotePlace describe_field(const WalcuField *field, bool element);
static bool has_array(const WalcuField *field);
static List *find_element_fields(List *fields, const char *list);

/*
 * Returns what is known of a dotted path in a resource's documents; a number in it is an index of an array.
 */
WalcuRemotePlace
remote_type_at(const char *resource, const char *path)
{
	WalcuRemotePlace place = describe_place(resource, path);

	/* every document has one, also those of resources that the description lacks */
	if (strcmp(path, "_id") == 0 && !place.described)
		place = (WalcuRemotePlace){.type = WALCU_REMOTE_STRING, .described = true};
	place.id = (place.type == WALCU_REMOTE_STRING || !place.described) && id_place_is_named(path);
	return place;
}

static WalcuRemotePlace
describe_place(const char *resource, const char *path)
{
	const WalcuField *field = NULL;
	bool element = false;
	const WalcuResource *described;
	List *fields;

	read_description();
	described = openapi_find_resource(resources, resource);
	fields = described ? described->fields : NIL;
	for (const char *name = path;; name++)
	{
		size_t length = strcspn(name, ".");
		bool is_index = (length > 0 && strspn(name, "0123456789") >= length);

		if (field && field->kind == WALCU_FIELD_FREE)
			return (WalcuRemotePlace){.type = WALCU_REMOTE_FREE};
		if (field && field->array && is_index && !element)
			element = true;
		else
		{
			const WalcuField *member = openapi_find_field(fields, name, length);

			if (member == NULL)
				/* what the service has there is not known, nor whether it is an array */
				return (WalcuRemotePlace){.type = WALCU_REMOTE_UNKNOWN,
										  .stray = (field && field->fields) || strcmp(path, "id") == 0,
										  .shown_missing = true};
			field = member;
			fields = field->fields;
			element = false;
		}
		name += length;
		if (*name == '\0')
			return describe_field(field, element);
	}
}

/*
 * Tells whether the description has an array that a dotted path leads through, other than by an index.  The
 * path begins at the document, or at an element of a list in it.
 */
bool
remote_type_is_through_array(const char *resource, const char *list, const char *path)
{
	const WalcuResource *described;
	List *fields;

	if (strchr(path, '.') == NULL)
		return false;
	read_description();
	described = openapi_find_resource(resources, resource);
	fields = described ? described->fields : NIL;
	if (list)
		fields = find_element_fields(fields, list);
	for (const char *dot; (dot = strchr(path, '.')) != NULL; path = dot + 1)
	{
		const WalcuField *field = openapi_find_field(fields, path, dot - path);

		if (field == NULL)
			return false;
		if (field->array)
			return strspn(dot + 1, "0123456789") < strcspn(dot + 1, ".");
		fields = field->fields;
	}
	return false;
}

/* Finds the fields (of WalcuField) of the elements of a list, which a dotted path leads to. */
static List *
find_element_fields(List *fields, const char *list)
{
	for (;;)
	{
		size_t length = strcspn(list, ".");
		const WalcuField *field = openapi_find_field(fields, list, length);

		if (field == NULL || list[length] == '\0')
			return field ? field->fields : NIL;
		fields = field->fields;
		list += length + 1;
	}
}

static void
read_description(void)
{
	MemoryContext context;
	MemoryContext before;

	if (resources != NIL)
		return;
	/* it is below the current context until it is whole, so that an error leaves nothing behind */
	context = AllocSetContextCreate(CurrentMemoryContext, "walcu description", 0, BLOCK_SIZE, BLOCK_SIZE);
	before = MemoryContextSwitchTo(context);
	resources = openapi_bundled_resources(MAX_LEVELS);
	MemoryContextSwitchTo(before);
	MemoryContextSetParent(context, TopMemoryContext);
}

static WalcuRemotePlace
describe_field(const WalcuField *field, bool element)
{
	static const WalcuRemoteType types[] = {
		[WALCU_FIELD_STRING] = WALCU_REMOTE_STRING,   [WALCU_FIELD_NUMBER] = WALCU_REMOTE_NUMBER,
		[WALCU_FIELD_BOOLEAN] = WALCU_REMOTE_BOOLEAN, [WALCU_FIELD_DATE] = WALCU_REMOTE_DATE,
		[WALCU_FIELD_OBJECT] = WALCU_REMOTE_OBJECT,   [WALCU_FIELD_FREE] = WALCU_REMOTE_FREE,
	};

	return (WalcuRemotePlace){.type = types[field->kind],
							  .array = field->array && !element,
							  .described = true,
							  .shown_missing = !element && has_array(field)};
}

/* Is the field an array, or an object with one in it? */
static bool
has_array(const WalcuField *field)
{
	ListCell *lc;

	if (field->array)
		return true;
	foreach(lc, field->fields)
	{
		if (has_array(lfirst(lc)))
			return true;
	}
	return false;
}
