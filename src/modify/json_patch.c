/*
 * json_patch.c
 *	  The difference of two documents as a JSON Patch of `add` and `remove`.
 *
 * row.c hands over each column that changes with its old and new JSON.  The operations are
 * those that the service's description shows, and no more is sent than the members that
 * differ, so that what others write to the same document meanwhile stays.
 *
 * The service turns the pointer's "/" into its own "." and decodes no escapes, so that some
 * keys cannot be addressed; the nearest object around them is set whole.  Arrays are always
 * set whole: an index in a pointer means to insert.
 *
 * It follows a pointer by its schema, too, and there is none below a free form.  So a patch that it gets
 * names the members of a free form, and not what is in them.  A patch that names leaves knows no such limit:
 * patched_document.c reads it.
 */
#include "postgres.h"

#include "modify/json_patch.h"

#include "base/compat.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "modify/ignored_write.h"
#include "service/field_name.h"
#include "service/remote_type.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/jsonb.h"

static bool is_divisible(const WalcuJsonPatch *patch, const char *pointer);
static bool has_schema(const WalcuOptions *options, const char *path, const char *end);
static void set_column(WalcuJsonPatch *patch, const WalcuJsonChange *change);
static char *require_pointer(const WalcuJsonPatch *patch, const WalcuJsonChange *change);
static char *make_pointer(const char *path);
static bool is_pointer_key(const char *key, size_t length);
static void add_operation(WalcuJsonPatch *patch, const char *operation, const char *pointer,
						  const char *value);
static bool add_differences(WalcuJsonPatch *patch, const char *pointer, JsonbContainer *old,
							JsonbContainer *new);
static bool remove_members(WalcuJsonPatch *patch, const char *pointer, JsonbContainer *old,
						   JsonbContainer *new);
static void set_member(WalcuJsonPatch *patch, const char *pointer, JsonbValue *old, JsonbValue *new);
static void cut_operations(WalcuJsonPatch *patch, int length, int count, int sets);
static bool are_jsonb_equal(JsonbValue *one, JsonbValue *other);
static bool is_object(const JsonbValue *value);
static char *get_value_text(JsonbValue *value);
static Jsonb *parse_jsonb(const char *text);
pg_noreturn static void raise_unaddressable(const WalcuJsonPatch *patch, const WalcuJsonChange *change);

/* Makes a patch that changes nothing, in the current memory context. */
WalcuJsonPatch *
json_patch_create(const WalcuOptions *options, bool names_leaves)
{
	WalcuJsonPatch *patch = palloc0(sizeof(WalcuJsonPatch));

	patch->options = options;
	patch->names_leaves = names_leaves;
	initStringInfo(&patch->operations);
	initStringInfo(&patch->sets);
	return patch;
}

/* Tells how sure it is that the service can set a dotted path. */
WalcuPatchReach
json_patch_reach(const WalcuOptions *options, const char *path)
{
	const char *last = strcmp(path, ".") == 0 ? NULL : strrchr(path, '.');
	const char *before = last;

	if (last == NULL)
		return WALCU_REACH_SURE;
	if (has_schema(options, path, last))
		return WALCU_REACH_SCHEMA;
	while (before > path && *--before != '.')
		;
	return before == path || has_schema(options, path, before) ? WALCU_REACH_FREE : WALCU_REACH_TOO_DEEP;
}

/*
 * Adds what turns a column's old value into the new one, which is nothing when they are equal.  Error:
 * 0A000 when the service's patches cannot reach the column.
 */
void
json_patch_change(WalcuJsonPatch *patch, const WalcuJsonChange *change)
{
	char *pointer = make_pointer(change->path);
	Jsonb *old;
	Jsonb *new;

	set_column(patch, change);
	if ((change->old == NULL && change->new == NULL) ||
		(change->old && change->new &&strcmp(change->old, change->new) == 0))
		return;
	if (pointer == NULL)
		raise_unaddressable(patch, change);
	/* json may contain what jsonb cannot */
	if (change->old == NULL || change->new == NULL || change->type == JSONOID)
	{
		if (pointer[0] == '\0')
			raise_unaddressable(patch, change);
		add_operation(patch, change->new ? "add" : "remove", pointer, change->new);
		return;
	}
	old = parse_jsonb(change->old);
	new = parse_jsonb(change->new);
	if (compareJsonbContainers(&old->root, &new->root) == 0)
		return;
	if (change->type == JSONBOID && JB_ROOT_IS_OBJECT(old) && JB_ROOT_IS_OBJECT(new) &&
		is_divisible(patch, pointer) && add_differences(patch, pointer, &old->root, &new->root))
		return;
	if (pointer[0] == '\0')
		raise_unaddressable(patch, change);
	add_operation(patch, "add", pointer, change->new);
}

/* Checks that a column can be addressed.  Error: that of json_patch_change. */
void
json_patch_check(const WalcuJsonPatch *patch, const WalcuJsonChange *change)
{
	require_pointer(patch, change);
}

/* Sets a column to its new value, whatever it was before.  Error: that of json_patch_change. */
void
json_patch_set(WalcuJsonPatch *patch, const WalcuJsonChange *change)
{
	set_column(patch, change);
	add_operation(patch, "add", require_pointer(patch, change), change->new);
}

/* Takes away a column's value, whatever it was before.  Error: that of json_patch_change. */
void
json_patch_unset(WalcuJsonPatch *patch, const WalcuJsonChange *change)
{
	set_column(patch, change);
	add_operation(patch, "remove", require_pointer(patch, change), NULL);
}

/* Adds what turns members of a document, whose keys can all be addressed, into others. */
void
json_patch_members(WalcuJsonPatch *patch, Jsonb *old, Jsonb *new)
{
	if (!add_differences(patch, "", &old->root, &new->root))
		elog(ERROR, "a member of a document cannot be addressed");
}

/* Returns the patch as JSON text. */
char *
json_patch_text(const WalcuJsonPatch *patch)
{
	return psprintf("[%s]", patch->operations.data);
}

/*
 * Tells whether the members of a place may be set one by one: that of a free form may, but not what is within
 * one of its members.
 */
static bool
is_divisible(const WalcuJsonPatch *patch, const char *pointer)
{
	const char *last = strrchr(pointer, '/');
	char *path;

	if (patch->names_leaves || last == NULL || last == pointer)
		return true;
	path = pnstrdup(pointer + 1, last - pointer - 1);
	for (char *slash = strchr(path, '/'); slash; slash = strchr(slash, '/'))
		*slash = '.';
	return has_schema(patch->options, path, path + strlen(path));
}

/* Tells whether the service knows what members there are at the dotted path that ends there. */
static bool
has_schema(const WalcuOptions *options, const char *path, const char *end)
{
	WalcuRemotePlace place = remote_type_at(options->resource, pnstrdup(path, end - path));

	return place.type == WALCU_REMOTE_OBJECT && !place.array;
}

/* Says which column the operations that follow are of. */
static void
set_column(WalcuJsonPatch *patch, const WalcuJsonChange *change)
{
	patch->column.name = change->column;
	patch->column.is_json = change->type == JSONBOID || change->type == JSONOID;
}

static char *
require_pointer(const WalcuJsonPatch *patch, const WalcuJsonChange *change)
{
	char *pointer = make_pointer(change->path);

	if (pointer == NULL || pointer[0] == '\0')
		raise_unaddressable(patch, change);
	return pointer;
}

/* Returns the JSON pointer of a dotted path; NULL when the service would read it as another one. */
static char *
make_pointer(const char *path)
{
	StringInfoData pointer;
	const char *name = path;

	initStringInfo(&pointer);
	while (strcmp(path, ".") != 0 && name)
	{
		const char *dot = strchr(name, '.');
		int length = dot ? dot - name : strlen(name);

		if (!is_pointer_key(name, length))
			return NULL;
		appendStringInfo(&pointer, "/%.*s", length, name);
		name = dot ? dot + 1 : NULL;
	}
	return pointer.data;
}

/*
 * Tells whether a pointer can name a member with this key.  What the service makes of a slash, a tilde or a
 * dollar sign in it is another path, and digits and "-" look like places in an array.
 */
static bool
is_pointer_key(const char *key, size_t length)
{
	bool digits = true;

	for (size_t i = 0; i < length; i++)
	{
		if (strchr("/~$", key[i]) != NULL)
			return false;
		digits &= (key[i] >= '0' && key[i] <= '9');
	}
	return field_name_is_addressable(key, length) && !digits && !(length == 1 && key[0] == '-');
}

static void
add_operation(WalcuJsonPatch *patch, const char *operation, const char *pointer, const char *value)
{
	StringInfo operations = &patch->operations;

	if (patch->count++ > 0)
		appendStringInfoChar(operations, ',');
	appendStringInfo(operations, "{\"op\":\"%s\",\"path\":", operation);
	escape_json(operations, pointer);
	if (value)
		appendStringInfo(operations, ",\"value\":%s", value);
	appendStringInfoChar(operations, '}');
	if (patch->column.name)
		ignored_write_add_set(&patch->sets, &patch->column, pointer, '/', value);
}

/*
 * Adds what turns one object into another.  Returns false, with nothing added, when a member that differs
 * cannot be addressed.
 */
static bool
add_differences(WalcuJsonPatch *patch, const char *pointer, JsonbContainer *old, JsonbContainer *new)
{
	int length = patch->operations.len;
	int count = patch->count;
	int sets = patch->sets.len;
	JsonbIterator *iterator = JsonbIteratorInit(new);
	JsonbValue key;
	JsonbValue value;

	check_stack_depth();
	if (!remove_members(patch, pointer, old, new))
	{
		cut_operations(patch, length, count, sets);
		return false;
	}
	JsonbIteratorNext(&iterator, &key, true);
	while (JsonbIteratorNext(&iterator, &key, true) == WJB_KEY)
	{
		JsonbValue *previous =
			getKeyJsonValueFromContainer(old, key.val.string.val, key.val.string.len, NULL);

		JsonbIteratorNext(&iterator, &value, true);
		if (previous && are_jsonb_equal(previous, &value))
			continue;
		if (!is_pointer_key(key.val.string.val, key.val.string.len))
		{
			cut_operations(patch, length, count, sets);
			return false;
		}
		set_member(patch, psprintf("%s/%.*s", pointer, key.val.string.len, key.val.string.val), previous,
				   &value);
	}
	return true;
}

/* Removes the members that the new object does not have.  Returns false when one cannot be addressed. */
static bool
remove_members(WalcuJsonPatch *patch, const char *pointer, JsonbContainer *old, JsonbContainer *new)
{
	JsonbIterator *iterator = JsonbIteratorInit(old);
	JsonbValue key;
	JsonbValue value;

	JsonbIteratorNext(&iterator, &key, true);
	while (JsonbIteratorNext(&iterator, &key, true) == WJB_KEY)
	{
		JsonbIteratorNext(&iterator, &value, true);
		if (getKeyJsonValueFromContainer(new, key.val.string.val, key.val.string.len, NULL))
			continue;
		if (!is_pointer_key(key.val.string.val, key.val.string.len))
			return false;
		add_operation(patch, "remove", psprintf("%s/%.*s", pointer, key.val.string.len, key.val.string.val),
					  NULL);
	}
	return true;
}

/* Sets a member that differs: what differs within it if that can be addressed, else all of it. */
static void
set_member(WalcuJsonPatch *patch, const char *pointer, JsonbValue *old, JsonbValue *new)
{
	if (old && is_object(old) && is_object(new) && is_divisible(patch, pointer) &&
		add_differences(patch, pointer, old->val.binary.data, new->val.binary.data))
		return;
	add_operation(patch, "add", pointer, get_value_text(new));
}

/* Drops the operations behind the first ones. */
static void
cut_operations(WalcuJsonPatch *patch, int length, int count, int sets)
{
	patch->sets.len = sets;
	patch->sets.data[sets] = '\0';
	patch->operations.len = length;
	patch->operations.data[length] = '\0';
	patch->count = count;
}

static bool
are_jsonb_equal(JsonbValue *one, JsonbValue *other)
{
	Jsonb *first = JsonbValueToJsonb(one);
	Jsonb *second = JsonbValueToJsonb(other);

	return compareJsonbContainers(&first->root, &second->root) == 0;
}

static bool
is_object(const JsonbValue *value)
{
	return value->type == jbvBinary && JsonContainerIsObject(value->val.binary.data);
}

static char *
get_value_text(JsonbValue *value)
{
	Jsonb *json = JsonbValueToJsonb(value);

	return JsonbToCString(NULL, &json->root, VARSIZE(json));
}

static Jsonb *
parse_jsonb(const char *text)
{
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(text)));
}

static void
raise_unaddressable(const WalcuJsonPatch *patch, const WalcuJsonChange *change)
{
	ereport(ERROR, errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			errmsg("column \"%s\" of resource \"%s\" cannot be changed by a patch", change->column,
				   patch->options->resource),
			errdetail("The service's patches cannot reach \"%s\".", change->path),
			errhint("Set the option update_method to 'put'."));
}
