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
 */
#include "postgres.h"

#include "modify/json_patch.h"

#include "base/compat.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "service/field_name.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/jsonb.h"

static char *make_pointer(const char *path);
static bool is_pointer_key(const char *key, size_t length);
static void add_operation(WalcuJsonPatch *patch, const char *operation, const char *pointer,
						  const char *value);
static bool add_differences(WalcuJsonPatch *patch, const char *pointer, JsonbContainer *old,
							JsonbContainer *new);
static bool remove_members(WalcuJsonPatch *patch, const char *pointer, JsonbContainer *old,
						   JsonbContainer *new);
static void set_member(WalcuJsonPatch *patch, const char *pointer, JsonbValue *old, JsonbValue *new);
static void cut_operations(WalcuJsonPatch *patch, int length, int count);
static bool are_jsonb_equal(JsonbValue *one, JsonbValue *other);
static bool is_object(const JsonbValue *value);
static char *get_value_text(JsonbValue *value);
static Jsonb *parse_jsonb(const char *text);
pg_noreturn static void raise_unaddressable(const WalcuJsonPatch *patch, const WalcuJsonChange *change);

/* Makes a patch that changes nothing, in the current memory context. */
WalcuJsonPatch *
json_patch_create(const WalcuOptions *options)
{
	WalcuJsonPatch *patch = palloc0(sizeof(WalcuJsonPatch));

	patch->options = options;
	initStringInfo(&patch->operations);
	return patch;
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
		add_differences(patch, pointer, &old->root, &new->root))
		return;
	if (pointer[0] == '\0')
		raise_unaddressable(patch, change);
	add_operation(patch, "add", pointer, change->new);
}

/*
 * Sets a column to its new value, whatever it was before.  A member that may be missing is set before it is
 * removed: then it can be removed by RFC 6902, too.
 */
void
json_patch_set(WalcuJsonPatch *patch, const WalcuJsonChange *change)
{
	char *pointer = make_pointer(change->path);

	if (pointer == NULL || pointer[0] == '\0')
		raise_unaddressable(patch, change);
	add_operation(patch, "add", pointer, change->new ? change->new : "null");
	if (change->new == NULL)
		add_operation(patch, "remove", pointer, NULL);
}

/* Returns the patch as JSON text. */
char *
json_patch_text(const WalcuJsonPatch *patch)
{
	return psprintf("[%s]", patch->operations.data);
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
	JsonbIterator *iterator = JsonbIteratorInit(new);
	JsonbValue key;
	JsonbValue value;

	check_stack_depth();
	if (!remove_members(patch, pointer, old, new))
	{
		cut_operations(patch, length, count);
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
			cut_operations(patch, length, count);
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
	if (old && is_object(old) && is_object(new) &&
		add_differences(patch, pointer, old->val.binary.data, new->val.binary.data))
		return;
	add_operation(patch, "add", pointer, get_value_text(new));
}

/* Drops the operations behind the first ones. */
static void
cut_operations(WalcuJsonPatch *patch, int length, int count)
{
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
