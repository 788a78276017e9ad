/*
 * reference.c
 *	  Which resources the ids in a document lead to.
 *
 * The service's description does not tell.  A table that is installed with the extension does
 * (api/references.json), which was made of the names of ids and reviewed by hand.
 */
#include "postgres.h"

#include <jansson.h>

#include "service/reference.h"

#include "base/reset_callback.h"
#include "service/installed_file.h"
#include "utils/memutils.h"

/* What a place leads to. */
typedef struct Reference
{
	const char *resource; /* It is in documents of this resource. */
	const char *path;     /* It is dotted. */
	List *targets;        /* It has ids of these resources (char *). */
} Reference;

static void release_table(void *table);
static Reference *make_reference(const char *resource, const char *path, json_t *targets);

/* Returns the table.  Errors: 58P01 when it is missing, XX001 when it is none. */
List *
reference_read(void)
{
	MemoryContext scratch =
		AllocSetContextCreate(CurrentMemoryContext, "walcu references", ALLOCSET_SMALL_SIZES);
	MemoryContextCallback *callback = reset_callback_add(scratch, release_table, NULL);
	StringInfo text = installed_file_read("references.json");
	json_t *table = json_loadb(text->data, text->len, 0, NULL);
	List *references = NIL;
	const char *resource;
	json_t *places;

	callback->arg = table;
	if (!json_is_object(table))
		ereport(ERROR, errcode(ERRCODE_DATA_CORRUPTED),
				errmsg("the installed table of references cannot be read"),
				errhint("Install the extension again."));
	json_object_foreach(table, resource, places)
	{
		const char *path;
		json_t *targets;

		json_object_foreach(places, path, targets) references =
			lappend(references, make_reference(resource, path, targets));
	}
	MemoryContextDelete(scratch);
	return references;
}

static void
release_table(void *table)
{
	json_decref(table);
}

static Reference *
make_reference(const char *resource, const char *path, json_t *targets)
{
	Reference *reference = palloc0(sizeof(Reference));
	size_t i;
	json_t *target;

	reference->resource = pstrdup(resource);
	reference->path = pstrdup(path);
	json_array_foreach(targets, i, target)
	{
		if (json_is_string(target))
			reference->targets = lappend(reference->targets, pstrdup(json_string_value(target)));
	}
	return reference;
}

/* Returns the resources (char *) whose ids stand at a place; NIL where none are known to. */
List *
reference_targets(List *references, const char *resource, const char *path)
{
	ListCell *lc;

	foreach(lc, references)
	{
		const Reference *reference = lfirst(lc);

		if (strcmp(reference->resource, resource) == 0 && strcmp(reference->path, path) == 0)
			return reference->targets;
	}
	return NIL;
}
