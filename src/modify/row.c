/*
 * row.c
 *	  A row of a table that is written: what its columns say to the service.
 *
 * modify.c and direct_modify.c ask for bodies and patches, and hand over replies.  column_rules.c says which
 * columns are written.
 */
#include "postgres.h"

#include "modify/row.h"

#include "access/htup_details.h"
#include "base/compat.h"
#include "base/fixed_settings.h"
#include "base/utf8.h"
#include "catalog/pg_type.h"
#include "fetch/document_values.h"
#include "json/transcode.h"
#include "modify/document.h"
#include "modify/ignored_write.h"
#include "modify/json_patch.h"
#include "modify/patched_document.h"
#include "service/columns.h"
#include "service/option_column.h"
#include "service/remote_type.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"

/*
 * This is attgenerated of a column that is computed when it is read; majors before 18 have no such columns.
 */
#define GENERATED_VIRTUAL 'v'

static void read_values(WalcuRow *row, const WalcuDocument *document, const char *credential, Datum *values,
						bool *nulls);
static WalcuDecoder *make_decoder(WalcuRow *row, List *columns);
static void add_set(StringInfo sets, const WalcuRow *row, int column, const char *value);
static bool is_path(const WalcuRow *row, int column, const char *path);
static void check_document_id(const WalcuRow *row, const char *old, const char *new);
static WalcuJsonChange describe_change(const WalcuRow *row, int column, const char *old, const char *new);

/* Finds out what there is to know of a table, in the current memory context. */
WalcuRow *
row_prepare(const WalcuOptions *options, Relation relation)
{
	WalcuRow *row = palloc0(sizeof(WalcuRow));
	TupleDesc descriptor = RelationGetDescr(relation);

	row->options = options;
	row->descriptor = descriptor;
	row->columns = palloc0(descriptor->natts * sizeof(WalcuRowColumn));
	row->id = -1;
	row->encoder = encode_prepare(options, descriptor);
	for (int i = 0; i < descriptor->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(descriptor, i);

		row->columns[i].name = NameStr(attribute->attname);
		if (attribute->attisdropped || attribute->attgenerated == GENERATED_VIRTUAL)
			continue;
		row->columns[i].option = option_column_of(options, i + 1);
		row->columns[i].is_set = row_sets_column(options, row->columns[i].option);
		row->columns[i].is_inserted = row->columns[i].is_set || is_path(row, i, "_id");
		row->columns[i].base_type = getBaseType(attribute->atttypid);
		if (row->id < 0 && is_path(row, i, "_id"))
			row->id = i;
	}
	return row;
}

/*
 * Tells whether an UPDATE sets the column in the document.  A document keeps its _id and its dealer, and what
 * is gathered from the elements of an array does not say which of them has which value.
 */
bool
row_sets_column(const WalcuOptions *options, const WalcuColumn *option)
{
	return option->parameter == NULL && !option->readonly && strcmp(option->path, "_id") != 0 &&
		   strcmp(option->path, "dealer_id") != 0 &&
		   !remote_type_is_through_array(options->resource, NULL, option->path);
}

/* Tells whether a type, without domains, has ids as the service does, not padded nor in quotes. */
bool
row_is_id_type(Oid type)
{
	return type != BPCHAROID && type != JSONOID && type != JSONBOID;
}

/* Returns the _id of a row that was read.  Error: 23502 when it has none. */
char *
row_id(const WalcuRow *row, Datum value, bool is_null)
{
	if (row->id < 0 || is_null)
		ereport(ERROR, errcode(ERRCODE_NOT_NULL_VIOLATION),
				errmsg("a row of resource \"%s\" cannot be written because it has no _id",
					   row->options->resource));
	return fixed_settings_text(TupleDescAttr(row->descriptor, row->id)->atttypid, value);
}

/*
 * Returns the document that a new row makes, as JSON, and which columns set which places.  What is NULL is
 * left out.
 */
char *
row_new_document(WalcuRow *row, TupleTableSlot *slot, const char *made_id, char **sets)
{
	WalcuDocumentDraft *body = document_create(row->options);
	StringInfoData places;

	initStringInfo(&places);
	slot_getallattrs(slot);
	for (int i = 0; i < row->descriptor->natts; i++)
	{
		char *value;

		if (!row->columns[i].is_inserted || slot->tts_isnull[i])
			continue;
		value = encode_value(row->encoder, i, slot->tts_values[i]);
		document_set(body, row->columns[i].option->path, row->columns[i].name, value);
		add_set(&places, row, i, value);
	}
	if (made_id)
		document_set(body, "_id", "_id", psprintf("\"%s\"", made_id));
	*sets = ignored_write_sets_text(&places);
	return document_text(body, NULL);
}

/*
 * Finds the columns in which a row differs, of those that are set.  Errors: 428C9 for another _id in the
 * whole document, and those of row_check_document and encode_value.
 */
WalcuRowChange *
row_change(WalcuRow *row, const Datum *old_values, const bool *old_nulls, const Datum *new_values,
		   const bool *new_nulls)
{
	int count = row->descriptor->natts;
	WalcuRowChange *change = palloc0(sizeof(WalcuRowChange));

	change->changed = palloc0(count * sizeof(bool));
	change->old = palloc0(count * sizeof(char *));
	change->new = palloc0(count * sizeof(char *));
	for (int i = 0; i < count; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(row->descriptor, i);
		bool is_null = new_nulls[i];

		if (!row->columns[i].is_set || (old_nulls[i] && is_null) ||
			(old_nulls[i] == is_null &&
			 datum_image_eq(old_values[i], new_values[i], attribute->attbyval, attribute->attlen)))
			continue;
		if (!old_nulls[i])
			change->old[i] = encode_stored_value(row->encoder, i, old_values[i]);
		if (!is_null)
			change->new[i] = encode_value(row->encoder, i, new_values[i]);
		if (is_path(row, i, "."))
		{
			if (change->new[i])
				row_check_document(row, i, change->new[i]);
			check_document_id(row, change->old[i], change->new[i]);
		}
		change->changed[i] = true;
		change->any = true;
	}
	return change;
}

/*
 * Returns the JSON Patch of a change.  It is not sure where a column that is within an object was NULL: the
 * object may not be there, or be none.
 */
WalcuRowPatch
row_patch(const WalcuRow *row, const WalcuRowChange *change)
{
	WalcuJsonPatch *body = json_patch_create(row->options, false);
	WalcuJsonPatch *leaves = json_patch_create(row->options, true);
	WalcuDocumentDraft *places = document_create(row->options);
	WalcuRowPatch patch = {.is_sure = true};
	bool must_read = false;

	for (int i = 0; i < row->descriptor->natts; i++)
	{
		const char *path;
		WalcuJsonChange of_column;
		WalcuPatchReach reach;

		if (!change->changed[i])
			continue;
		path = row->columns[i].option->path;
		/* two columns must not say different things of one place */
		document_set(places, path, row->columns[i].name, change->new[i]);
		of_column = describe_change(row, i, change->old[i], change->new[i]);
		json_patch_change(leaves, &of_column);
		reach = json_patch_reach(row->options, path);
		/* where there is a value, there is an object around it */
		if (change->old[i] && reach < WALCU_REACH_TOO_DEEP)
			reach = WALCU_REACH_SURE;
		patch.is_sure &= reach == WALCU_REACH_SURE;
		must_read |= reach >= WALCU_REACH_FREE;
		if (!must_read)
			json_patch_change(body, &of_column);
	}
	patch.leaves = leaves->count > 0 ? json_patch_text(leaves) : NULL;
	patch.sets = ignored_write_sets_text(&leaves->sets);
	patch.body = (must_read || patch.leaves == NULL) ? NULL : json_patch_text(body);
	return patch;
}

/*
 * Returns the JSON Patch that sets columns (of int, from 0) of any document.  It has no body where what the
 * document is like decides what is to be sent: so that the same is left as by an UPDATE that reads it,
 * nothing is done for a NULL where there is nothing, and of an object only what differs is set.
 */
WalcuRowPatch
row_setting_patch(WalcuRow *row, List *columns, const Datum *values, const bool *nulls)
{
	WalcuJsonPatch *body = json_patch_create(row->options, false);
	WalcuRowPatch patch = {.is_sure = true};
	WalcuJsonPatch *leaves = json_patch_create(row->options, true);
	StringInfoData sets;
	bool must_read = false;

	initStringInfo(&sets);
	for (int i = 0; i < list_length(columns); i++)
	{
		int column = list_nth_int(columns, i);
		const char *path = row->columns[column].option->path;
		WalcuPatchReach reach = json_patch_reach(row->options, path);
		WalcuJsonChange of_column = describe_change(row, column, NULL, NULL);

		json_patch_check(body, &of_column);
		must_read |= nulls[i] || reach >= WALCU_REACH_FREE ||
					 remote_type_at(row->options->resource, path).type == WALCU_REMOTE_OBJECT;
		patch.is_sure &= reach == WALCU_REACH_SURE;
		if (!nulls[i])
		{
			of_column.new = encode_value(row->encoder, column, values[i]);
			json_patch_set(body, &of_column);
			json_patch_set(leaves, &of_column);
		}
		else
			json_patch_unset(leaves, &of_column);
		add_set(&sets, row, column, of_column.new);
	}
	patch.sets = ignored_write_sets_text(&sets);
	patch.is_sure &= !must_read;
	patch.body = must_read ? NULL : json_patch_text(body);
	patch.leaves = json_patch_text(leaves);
	return patch;
}

/*
 * Returns the JSON Patch that sets columns (of int, from 0), always the same ones, of a document that was
 * read; NULL when there is nothing to do.  Errors: those of decode_document and row_change.
 */
char *
row_document_patch(WalcuRow *row, List *columns, const Datum *values, const bool *nulls,
				   const WalcuDocument *document, const char *credential)
{
	int count = row->descriptor->natts;
	Datum *old_values = palloc0(count * sizeof(Datum));
	bool *old_nulls = palloc(count * sizeof(bool));
	Datum *new_values = palloc(count * sizeof(Datum));
	bool *new_nulls = palloc(count * sizeof(bool));
	WalcuDocument copy = *document;
	WalcuRowPatch patch;

	/* decode.c may write into it */
	copy.data = pnstrdup(document->data, document->length);
	/* another column may have what it cannot hold */
	if (row->set_decoder == NULL)
		row->set_decoder = make_decoder(row, columns);
	memset(old_nulls, true, count * sizeof(bool));
	document_values(row->set_decoder, &copy, credential, old_values, old_nulls);
	memcpy(new_values, old_values, count * sizeof(Datum));
	memcpy(new_nulls, old_nulls, count * sizeof(bool));
	for (int i = 0; i < list_length(columns); i++)
	{
		new_values[list_nth_int(columns, i)] = values[i];
		new_nulls[list_nth_int(columns, i)] = nulls[i];
	}
	patch = row_patch(row, row_change(row, old_values, old_nulls, new_values, new_nulls));
	if (patch.leaves == NULL || (patch.body && patch.is_sure))
		return patch.body;
	return patched_document_difference(row->options, patch.leaves, document);
}

/* Returns which columns a change sets, and where; NULL for none. */
char *
row_replaced_sets(const WalcuRow *row, const WalcuRowChange *change)
{
	StringInfoData sets;

	initStringInfo(&sets);
	for (int i = 0; i < row->descriptor->natts; i++)
	{
		if (change->changed[i])
			add_set(&sets, row, i, change->new[i]);
	}
	return ignored_write_sets_text(&sets);
}

/*
 * Returns the whole document with a change, as JSON; NULL when there is nothing to do.  Members that no
 * column shows stay as they are.
 */
char *
row_replaced_document(const WalcuRow *row, const WalcuRowChange *change, const WalcuDocument *document)
{
	WalcuDocumentDraft *body = document_create(row->options);
	WalcuJson whole = {
		.type = JSON_TOKEN_OBJECT_START, .text = document->data, .length = document->length, .suspect = true};
	Datum old;
	Datum new;
	char *replaced;

	if (!utf8_is_server_encoding() && !transcode_to_server(&whole))
		ereport(
			ERROR, errcode(ERRCODE_UNTRANSLATABLE_CHARACTER),
			errmsg("document \"%s\" of resource \"%s\" cannot be written as a whole", document->id,
				   row->options->resource),
			errdetail("It has a character that the encoding %s does not have.", GetDatabaseEncodingName()),
			errhint("Set the option update_method to 'patch'."));
	if (!convert_is_storable(&whole))
		ereport(ERROR, errcode(ERRCODE_UNTRANSLATABLE_CHARACTER),
				errmsg("document \"%s\" of resource \"%s\" cannot be written as a whole", document->id,
					   row->options->resource),
				errdetail(
					"It holds \\u0000, half of a surrogate pair, or a number out of range, which PostgreSQL "
					"cannot store."),
				errhint("Set the option update_method to 'patch'."));
	old = DirectFunctionCall1(jsonb_in, CStringGetDatum(pnstrdup(whole.text, whole.length)));
	for (int i = 0; i < row->descriptor->natts; i++)
	{
		if (change->changed[i])
			document_set(body, row->columns[i].option->path, row->columns[i].name, change->new[i]);
	}
	replaced = document_text(body, DatumGetJsonbP(old));
	new = DirectFunctionCall1(jsonb_in, CStringGetDatum(replaced));
	return compareJsonbContainers(&DatumGetJsonbP(old)->root, &DatumGetJsonbP(new)->root) == 0 ? NULL
																							   : replaced;
}

/*
 * Puts a document into a slot as a row, whose values are in the current memory context.  Errors are those
 * of decode_document.
 */
void
row_store(WalcuRow *row, const WalcuDocument *document, const char *credential, TupleTableSlot *slot)
{
	int count = row->descriptor->natts;
	Datum *values = palloc0(count * sizeof(Datum));
	bool *nulls = palloc(count * sizeof(bool));

	read_values(row, document, credential, values, nulls);
	ExecForceStoreHeapTuple(heap_form_tuple(row->descriptor, values, nulls), slot, false);
}

/* Gives a new row in a slot its _id.  The values of the row are in the current memory context. */
void
row_set_id(const WalcuRow *row, TupleTableSlot *slot, const char *id)
{
	int count = row->descriptor->natts;
	Datum *values = palloc(count * sizeof(Datum));
	bool *nulls = palloc(count * sizeof(bool));
	Form_pg_attribute attribute = TupleDescAttr(row->descriptor, Max(row->id, 0));
	Oid input;
	Oid ioparam;
	int level;

	if (row->id < 0)
		return;
	slot_getallattrs(slot);
	memcpy(values, slot->tts_values, count * sizeof(Datum));
	memcpy(nulls, slot->tts_isnull, count * sizeof(bool));
	getTypeInputInfo(attribute->atttypid, &input, &ioparam);
	level = fixed_settings_enter(fixed_settings_of_type(attribute->atttypid));
	values[row->id] = OidInputFunctionCall(input, unconstify(char *, id), ioparam, attribute->atttypmod);
	fixed_settings_leave(level);
	nulls[row->id] = false;
	ExecForceStoreHeapTuple(heap_form_tuple(row->descriptor, values, nulls), slot, false);
}

/* Reads the values of all columns from a document.  Errors are those of decode_document. */
static void
read_values(WalcuRow *row, const WalcuDocument *document, const char *credential, Datum *values, bool *nulls)
{
	if (row->decoder == NULL)
		row->decoder = make_decoder(row, NIL);
	memset(nulls, true, row->descriptor->natts * sizeof(bool));
	document_values(row->decoder, document, credential, values, nulls);
}

/* Makes a decoder of columns (of int, from 0), or of all for NIL.  It lives as long as the row. */
static WalcuDecoder *
make_decoder(WalcuRow *row, List *columns)
{
	MemoryContext before = MemoryContextSwitchTo(GetMemoryChunkContext(row));
	WalcuDecoder *decoder = decode_prepare(row->options, row->descriptor);

	for (int i = 0; i < row->descriptor->natts; i++)
	{
		if (row->columns[i].option && row->columns[i].option->parameter == NULL &&
			(columns == NIL || list_member_int(columns, i)))
			decode_want(decoder, i, row->columns[i].option->path);
	}
	MemoryContextSwitchTo(before);
	return decoder;
}

/* Adds that a column sets its place, or the members of the whole document. */
static void
add_set(StringInfo sets, const WalcuRow *row, int column, const char *value)
{
	WalcuSetColumn of_column = {
		.name = row->columns[column].name,
		.is_json = row->columns[column].base_type == JSONBOID || row->columns[column].base_type == JSONOID,
	};

	if (is_path(row, column, "."))
		ignored_write_add_members(sets, &of_column, value);
	else if (!is_path(row, column, "_id"))
		ignored_write_add_set(sets, &of_column, row->columns[column].option->path, '.', value);
}

static bool
is_path(const WalcuRow *row, int column, const char *path)
{
	const WalcuColumn *option = row->columns[column].option;

	return option && option->parameter == NULL && strcmp(option->path, path) == 0;
}

/* Checks that the _id was not changed within a column that is the whole document. */
static void
check_document_id(const WalcuRow *row, const char *old, const char *new)
{
	const char *old_id = old ? row_document_id(old) : NULL;
	const char *new_id = new ? row_document_id(new) : NULL;

	if (old_id == NULL || new_id == NULL || strcmp(old_id, new_id) != 0)
		ereport(ERROR, errcode(ERRCODE_GENERATED_ALWAYS),
				errmsg("the _id of a document of resource \"%s\" cannot be changed", row->options->resource));
}

/* Checks what a column gives as the whole document.  Error: 22023 when it is no JSON object. */
void
row_check_document(const WalcuRow *row, int column, const char *text)
{
	Oid type = row->columns[column].base_type;

	if ((type != JSONBOID && type != JSONOID) ||
		!JB_ROOT_IS_OBJECT(DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(text)))))
		ereport(
			ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			errmsg("a document of resource \"%s\" has to be a JSON object", row->options->resource),
			errdetail("Column \"%s\" is the whole document.", row->columns[column].name),
			errhint("Give an object, such as '{\"name\": \"value\"}', in a column of type jsonb or json."));
}

/* Returns the text of a document's _id; NULL when it has none. */
char *
row_document_id(const char *text)
{
	Datum document = DirectFunctionCall1(jsonb_in, CStringGetDatum(text));
	Jsonb *json = DatumGetJsonbP(document);
	JsonbValue *value = NULL;

	if (JB_ROOT_IS_OBJECT(json))
		value = getKeyJsonValueFromContainer(&json->root, "_id", strlen("_id"), NULL);
	return (value && value->type == jbvString) ? pnstrdup(value->val.string.val, value->val.string.len)
											   : NULL;
}

static WalcuJsonChange
describe_change(const WalcuRow *row, int column, const char *old, const char *new)
{
	WalcuJsonChange change = {
		.column = row->columns[column].name,
		.path = row->columns[column].option->path,
		.type = row->columns[column].base_type,
		.old = old,
		.new = new,
	};

	return change;
}
