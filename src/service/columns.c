/*
 * columns.c
 *	  The columns that a resource's foreign table gets: types, names, paths.
 *
 * Called by import.c, check/tables.c and the files of setup.  Names are a pure function of the description,
 * so that importing again gives the same ones.
 */
#include "postgres.h"

#include "service/columns.h"

#include "access/htup_details.h"
#include "catalog/heap.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "mb/pg_wchar.h"
#include "nodes/makefuncs.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

/* "_" and eight hexadecimal digits, behind a name that was shortened. */
#define SUFFIX_SIZE 9

/* These are the SQL types of each kind of field. */
static const struct
{
	const char *type;
	const char *array_type;
	bool collatable;
} types[] = {
	[WALCU_FIELD_STRING] = {"text", "text[]", true},
	[WALCU_FIELD_NUMBER] = {"numeric", "numeric[]", false},
	[WALCU_FIELD_BOOLEAN] = {"boolean", "boolean[]", false},
	[WALCU_FIELD_DATE] = {"timestamptz", "timestamptz[]", false},
	[WALCU_FIELD_OBJECT] = {"jsonb", "jsonb", false},
	[WALCU_FIELD_FREE] = {"jsonb", "jsonb", false},
};

/* The service itself sets these members of every document. */
static const char *const set_by_service[] = {"_id",        "__v",      "created_at",
											 "updated_at", "computed", "dealer_id"};

static List *draft_fields(List *columns, List *fields, const char *prefix, int levels);
static ColumnDraft *draft_column(const char *path, const char *parameter, const char *type);
static bool is_number_type(Oid type);
static void check_column_count(const WalcuResource *resource, const List *columns);
static bool has_path(List *columns, const char *path);
static void give_names(List *columns);
static bool is_top_level(const ColumnDraft *column);
static bool is_taken(List *columns, const char *name);
static void append_constraints(StringInfo command, const ColumnDraft *column, bool collate);
static DefElem *make_text_option(const char *name, const char *value);

/* Returns the columns for a resource (of ColumnDraft), in the order of the description. */
List *
columns_of_resource(const WalcuResource *resource, const WalcuImportOptions *options)
{
	List *columns = draft_fields(NIL, resource->fields, "", options->flatten);

	if (!has_path(columns, "_id"))
		columns = lcons(draft_column("_id", NULL, "text"), columns);
	if (options->import_document)
		columns = lappend(columns, draft_column(".", NULL, "jsonb"));
	if (options->import_search)
		columns = lappend(columns, draft_column(NULL, "search", "text"));
	check_column_count(resource, columns);
	give_names(columns);
	return columns;
}

/*
 * Returns the columns (of ColumnDraft) for the elements of a list in the documents of a resource: the id of
 * the document, the position in the list, and what the description has of an element.
 */
List *
columns_of_list(const WalcuResource *resource, const WalcuField *list, const WalcuImportOptions *options)
{
	ColumnDraft *document = draft_column("^._id", NULL, "text");
	ColumnDraft *position = draft_column(".", NULL, "integer");
	List *columns = list_make2(document, position);
	List *members = draft_fields(NIL, list->fields, "", options->flatten);
	ListCell *lc;

	/* nobody writes elements, and what they have to have is not known */
	foreach(lc, members)
	{
		((ColumnDraft *) lfirst(lc))->not_null = false;
		((ColumnDraft *) lfirst(lc))->readonly = false;
	}
	columns = list_concat(columns, members);
	check_column_count(resource, columns);
	position->ordinality = document->not_null = position->not_null = true;
	document->name = columns_unique_name(NIL, psprintf("%s_id", resource->name), document->path);
	position->name = "position";
	give_names(columns);
	return columns;
}

static void
check_column_count(const WalcuResource *resource, const List *columns)
{
	if (list_length(columns) > MaxHeapAttributeNumber)
		ereport(ERROR, errcode(ERRCODE_TOO_MANY_COLUMNS),
				errmsg("resource \"%s\" would have %d columns", resource->name, list_length(columns)),
				errdetail("Tables can have at most %d columns.", MaxHeapAttributeNumber),
				errhint("Lower the option flatten."));
}

/* Appends columns for fields.  A single object whose members were read is replaced by them, so many times. */
static List *
draft_fields(List *columns, List *fields, const char *prefix, int levels)
{
	ListCell *lc;

	foreach(lc, fields)
	{
		WalcuField *field = lfirst(lc);
		char *path = psprintf("%s%s", prefix, field->name);
		ColumnDraft *column;

		if (levels > 0 && field->fields != NIL && !field->array)
		{
			columns = draft_fields(columns, field->fields, psprintf("%s.", path), levels - 1);
			continue;
		}
		column =
			draft_column(path, NULL, field->array ? types[field->kind].array_type : types[field->kind].type);
		column->collatable = types[field->kind].collatable;
		column->is_seen = field->is_seen;
		columns = lappend(columns, column);
	}
	return columns;
}

static ColumnDraft *
draft_column(const char *path, const char *parameter, const char *type)
{
	ColumnDraft *column = palloc0(sizeof(ColumnDraft));

	column->path = path;
	column->parameter = parameter;
	column->type = type;
	column->collatable = strcmp(type, "text") == 0;
	column->not_null = path && strcmp(path, "_id") == 0;
	column->readonly = path && columns_is_set_by_service(path);
	return column;
}

/* Returns one more column, for the dealer's id at this path, which the description does not name. */
ColumnDraft *
columns_draft_dealer(List *columns, const char *path)
{
	ColumnDraft *column = draft_column(path, NULL, "text");

	column->name = columns_unique_name(columns, "dealer_id", path);
	column->readonly = strcmp(path, "dealer_id") == 0;
	column->says_path = true;
	return column;
}

/* Returns the columns with one more, of which columns_unique_name is to know the name alone. */
List *
columns_note_name(List *columns, const char *name)
{
	ColumnDraft *column = palloc0(sizeof(ColumnDraft));

	column->name = pstrdup(name);
	return lappend(columns, column);
}

/* Returns the draft of the column that shows a path; NULL when there is none. */
const ColumnDraft *
columns_find_draft(List *drafts, const char *path)
{
	ListCell *lc;

	foreach(lc, drafts)
	{
		const ColumnDraft *draft = lfirst(lc);

		if (draft->path && strcmp(draft->path, path) == 0)
			return draft;
	}
	return NULL;
}

/* Returns the type that the column of a field is declared with. */
char *
columns_type_declaration(const WalcuField *field, bool collate)
{
	return psprintf("%s%s", field->array ? types[field->kind].array_type : types[field->kind].type,
					collate && types[field->kind].collatable ? " COLLATE \"C\"" : "");
}

/* Can a column of this type show nearly all values of the field? */
bool
columns_type_fits(Oid type, const WalcuField *field)
{
	Oid base = getBaseType(type);
	Oid element = get_element_type(base);
	bool is_array = OidIsValid(element);

	if (base == JSONBOID || base == JSONOID)
		return true;
	if (field->kind == WALCU_FIELD_FREE)
		return true;
	if (is_array != field->array)
		return false;
	base = is_array ? getBaseType(element) : base;
	switch (field->kind)
	{
		case WALCU_FIELD_NUMBER:
			return is_number_type(base);
		case WALCU_FIELD_BOOLEAN:
			return base == BOOLOID;
		case WALCU_FIELD_DATE:
			return base == TIMESTAMPTZOID || base == TIMESTAMPOID || base == DATEOID || base == TEXTOID;
		case WALCU_FIELD_OBJECT:
			return false;
		default:
			return !is_number_type(base) && base != BOOLOID && base != TIMESTAMPTZOID && base != TIMESTAMPOID;
	}
}

static bool
is_number_type(Oid type)
{
	return type == NUMERICOID || type == INT2OID || type == INT4OID || type == INT8OID || type == FLOAT4OID ||
		   type == FLOAT8OID;
}

/* Tells whether a path leads to one of these members, or into one. */
bool
columns_is_set_by_service(const char *path)
{
	size_t length = strcspn(path, ".");

	for (int i = 0; i < lengthof(set_by_service); i++)
	{
		if (strlen(set_by_service[i]) == length && strncmp(set_by_service[i], path, length) == 0)
			return true;
	}
	return false;
}

static bool
has_path(List *columns, const char *path)
{
	ListCell *lc;

	foreach(lc, columns)
	{
		if (strcmp(((ColumnDraft *) lfirst(lc))->path, path) == 0)
			return true;
	}
	return false;
}

/* Names columns without a name.  Those of members of the document itself come first, and so keep theirs. */
static void
give_names(List *columns)
{
	for (int pass = 0; pass < 2; pass++)
	{
		ListCell *lc;

		foreach(lc, columns)
		{
			ColumnDraft *column = lfirst(lc);
			const char *path = column->path ? column->path : column->parameter;
			char *wanted;

			if (column->name || is_top_level(column) != (pass == 0))
				continue;
			if (column->parameter)
				wanted = psprintf("_%s", column->parameter);
			else if (strcmp(path, ".") == 0)
				wanted = pstrdup("_document");
			else
				wanted = pstrdup(path);
			for (char *c = wanted; *c; c++)
			{
				if (*c == '.')
					*c = '_';
			}
			column->name = columns_unique_name(columns, wanted, path);
		}
	}
}

static bool
is_top_level(const ColumnDraft *column)
{
	return column->path && strchr(column->path, '.') == NULL;
}

/* Returns the wanted name or, where that is too long or taken, its start with a hash of the path. */
char *
columns_unique_name(List *columns, const char *wanted, const char *path)
{
	uint32 hash = hash_bytes((const unsigned char *) path, strlen(path));
	char *name = pstrdup(wanted);

	while (strlen(name) >= NAMEDATALEN || is_taken(columns, name))
	{
		int start = pg_mbcliplen(wanted, strlen(wanted), NAMEDATALEN - 1 - SUFFIX_SIZE);

		name = psprintf("%.*s_%08x", start, wanted, hash++);
	}
	return name;
}

/* Tells whether a name is that of another column, or of one that every table has, such as ctid. */
static bool
is_taken(List *columns, const char *name)
{
	ListCell *lc;

	if (SystemAttributeByName(name) != NULL)
		return true;
	foreach(lc, columns)
	{
		const char *other = ((ColumnDraft *) lfirst(lc))->name;

		if (other && strcmp(other, name) == 0)
			return true;
	}
	return false;
}

/* Returns a column's declaration; the grammar wants its options before the rest. */
char *
columns_declaration(const ColumnDraft *column, bool collate)
{
	StringInfo command = makeStringInfo();
	List *options = columns_options(column);
	ListCell *lc;

	appendStringInfo(command, "%s %s", quote_identifier(column->name), column->type);
	foreach(lc, options)
	{
		DefElem *option = lfirst(lc);

		appendStringInfo(command, "%s%s %s", lc == list_head(options) ? " OPTIONS (" : ", ", option->defname,
						 quote_literal_cstr(strVal(option->arg)));
	}
	if (options != NIL)
		appendStringInfoChar(command, ')');
	append_constraints(command, column, collate);
	return command->data;
}

/* Returns the declaration of such a column in a table that is no foreign one. */
char *
columns_local_declaration(const ColumnDraft *column, bool collate)
{
	StringInfo command = makeStringInfo();

	appendStringInfo(command, "%s %s", quote_identifier(column->name), column->type);
	append_constraints(command, column, collate);
	return command->data;
}

static void
append_constraints(StringInfo command, const ColumnDraft *column, bool collate)
{
	if (column->collatable && collate)
		appendStringInfoString(command, " COLLATE \"C\"");
	if (column->not_null)
		appendStringInfoString(command, " NOT NULL");
}

/* Returns the options (DefElem) of a column. */
List *
columns_options(const ColumnDraft *column)
{
	List *options = NIL;

	if (column->parameter)
		options = lappend(options, make_text_option("parameter", column->parameter));
	else if (column->ordinality)
		options = lappend(options, make_text_option("ordinality", "true"));
	else if (column->says_path || strcmp(column->path, column->name) != 0)
		options = lappend(options, make_text_option("path", column->path));
	if (column->readonly)
		options = lappend(options, make_text_option("readonly", "true"));
	/* the service may show what it does not store, and then no document meets a condition on it */
	if (column->is_seen)
		options = lappend(options, make_text_option("pushdown", "false"));
	return options;
}

static DefElem *
make_text_option(const char *name, const char *value)
{
	return makeDefElem(pstrdup(name), (Node *) makeString(pstrdup(value)), -1);
}
