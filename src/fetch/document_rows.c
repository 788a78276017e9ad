/*
 * document_rows.c
 *	  The rows that a document is: itself, or one for each element of a list in it.
 *
 * A scan (scan.c) and ANALYZE hand over each document that has come, and take its rows.  With the table's
 * option array these are the elements of a list, in its order.  Columns show places in the element, in the
 * document that it is in, or its position.
 *
 * A list that is missing, null or empty has no rows.  Neither has an element that is no object, where all
 * columns show members of one: a service that is asked for such a member alone leaves these elements out.
 * Where a column shows the element itself, each element is a row, and the list is asked for as a whole.
 */
#include "postgres.h"

#include "fetch/document_rows.h"

#include "base/utf8.h"
#include "catalog/pg_type.h"
#include "fetch/document_values.h"
#include "http/redact.h"
#include "json/gather.h"
#include "miscadmin.h"
#include "service/foreign_table.h"
#include "service/option_column.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

struct WalcuDocumentRows
{
	WalcuDecoder *documents; /* It reads the columns that show places in the document. */
	WalcuDecoder *elements;  /* It reads those that show places in an element; NULL without a list. */
	const char *path;        /* The list is there, in UTF-8; NULL where no document has it. */
	bool takes_any;          /* Each element is a row, not objects alone. */
	bool transcodes;         /* The database is not in UTF-8. */
	List *positions;         /* These columns (of int, from 0) show the position of the element. */
	List *searched;          /* These show what was searched for, which is in no document. */
	TupleDesc descriptor;    /* These are the columns of the table. */
	/* The members from here on are of the current document. */
	WalcuDocument document; /* This is the document; of one with a list, a copy. */
	const char *credential; /* It came for this. */
	bool is_next;           /* It is the next row, where there is no list. */
	MemoryContext context;  /* It holds what follows. */
	Datum *values;          /* These are the values of the document's own columns, by column. */
	bool *nulls;            /* These tell which of them are NULL. */
	List *list;             /* These are the elements (WalcuJson). */
	int next;               /* This one is the next, from 0. */
};

static bool has_element_column(const WalcuOptions *options, TupleDesc descriptor);
static List *list_shown(const WalcuOptions *options, List *columns);
static void want_column(WalcuDocumentRows *rows, const WalcuOptions *options, int column,
						const WalcuColumn *shown);
static List *list_paths(const WalcuOptions *options, TupleDesc descriptor, List *shown);
static void check_parameter_type(const WalcuOptions *options, Form_pg_attribute attribute);
static void check_position_type(const WalcuOptions *options, Form_pg_attribute attribute);
static void find_elements(WalcuDocumentRows *rows);
static void report_misfit(WalcuDocumentRows *rows, const WalcuJson *value, const char *fault);

/*
 * Prepares to make rows of documents, in the current memory context, of which columns (of int, from 1) are
 * wanted, and lists the paths (of char *) that a service has to send for them.  Error: 42804 for a position
 * of another type than integer or bigint.
 */
WalcuDocumentRows *
document_rows_create(const WalcuOptions *options, TupleDesc descriptor, List *columns, List **paths)
{
	WalcuDocumentRows *rows = palloc0(sizeof(WalcuDocumentRows));
	List *shown = list_shown(options, columns);
	ListCell *lc;
	ListCell *shown_lc;

	rows->descriptor = descriptor;
	rows->documents = decode_prepare(options, descriptor);
	if (options->array)
	{
		rows->elements = decode_prepare_elements(options, descriptor, options->array);
		rows->path = utf8_from_server(options->array);
		rows->takes_any = has_element_column(options, descriptor);
		rows->transcodes = !utf8_is_server_encoding();
		rows->values = palloc0(descriptor->natts * sizeof(Datum));
		rows->nulls = palloc(descriptor->natts * sizeof(bool));
		rows->context = AllocSetContextCreate(CurrentMemoryContext, "walcu list", ALLOCSET_DEFAULT_SIZES);
	}
	forboth(lc, columns, shown_lc, shown)
		want_column(rows, options, lfirst_int(lc) - 1, lfirst(shown_lc));
	*paths = list_paths(options, descriptor, shown);
	return rows;
}

/* Lists what columns (of int, from 1) stand for, of WalcuColumn. */
static List *
list_shown(const WalcuOptions *options, List *columns)
{
	List *shown = NIL;
	ListCell *lc;

	foreach(lc, columns)
		shown = lappend(shown, option_column_of(options, lfirst_int(lc)));
	return shown;
}

/* Tells whether a column of the table shows elements themselves, be it wanted or not. */
static bool
has_element_column(const WalcuOptions *options, TupleDesc descriptor)
{
	for (int i = 0; i < descriptor->natts; i++)
	{
		const WalcuColumn *option;

		if (TupleDescAttr(descriptor, i)->attisdropped)
			continue;
		option = option_column_of(options, i + 1);
		if (option->element_path && !option->ordinality && strcmp(option->element_path, ".") == 0)
			return true;
	}
	return false;
}

static void
want_column(WalcuDocumentRows *rows, const WalcuOptions *options, int column, const WalcuColumn *shown)
{
	if (shown->ordinality)
	{
		check_position_type(options, TupleDescAttr(rows->descriptor, column));
		rows->positions = lappend_int(rows->positions, column);
	}
	else if (shown->element_path)
		decode_want(rows->elements, column, shown->element_path);
	else if (shown->parameter)
		check_parameter_type(options, TupleDescAttr(rows->descriptor, column));
	else
		decode_want(rows->documents, column, shown->path);
	if (shown->parameter)
		rows->searched = lappend_int(rows->searched, column);
}

/* The text that a condition gives is sent, and shown in the rows that come of it. */
static void
check_parameter_type(const WalcuOptions *options, Form_pg_attribute attribute)
{
	Oid type = getBaseType(attribute->atttypid);

	if (type != TEXTOID && type != VARCHAROID)
		ereport(ERROR, errcode(ERRCODE_DATATYPE_MISMATCH),
				errmsg("column \"%s\" of foreign table \"%s\", with the option \"parameter\", is of type %s",
					   NameStr(attribute->attname), get_rel_name(options->relid),
					   format_type_be(attribute->atttypid)),
				errhint("ALTER FOREIGN TABLE %s ALTER COLUMN %s TYPE text makes it one of text.",
						foreign_table_name(options->relid), quote_identifier(NameStr(attribute->attname))));
}

static void
check_position_type(const WalcuOptions *options, Form_pg_attribute attribute)
{
	if (attribute->atttypid != INT4OID && attribute->atttypid != INT8OID)
		ereport(ERROR, errcode(ERRCODE_DATATYPE_MISMATCH),
				errmsg("column \"%s\" of foreign table \"%s\", with the option \"ordinality\", is of type %s",
					   NameStr(attribute->attname), get_rel_name(options->relid),
					   format_type_be(attribute->atttypid)),
				errhint("A position is of type integer or bigint."));
}

/* Lists the paths (of char *) that a service has to send for columns (of int, from 1). */
List *
document_rows_paths(const WalcuOptions *options, TupleDesc descriptor, List *columns)
{
	return list_paths(options, descriptor, list_shown(options, columns));
}

/* Lists the columns (of int, from 0) that show what was searched for. */
List *
document_rows_searched(const WalcuDocumentRows *rows)
{
	return rows->searched;
}

/*
 * Lists the paths for what columns show.  Positions count all elements, and rows without a column of theirs
 * are counted, too; then the list is sent as a whole.
 */
static List *
list_paths(const WalcuOptions *options, TupleDesc descriptor, List *shown)
{
	bool is_whole = options->array && has_element_column(options, descriptor);
	bool has_member = false;
	List *paths = NIL;
	ListCell *lc;

	foreach(lc, shown)
	{
		WalcuColumn *option = lfirst(lc);

		is_whole |= option->ordinality;
		has_member |= option->element_path != NULL;
		if (option->parameter == NULL)
			paths = lappend(paths, option->path);
	}
	if (options->array && (is_whole || !has_member))
		paths = lappend(paths, options->array);
	return paths;
}

/*
 * Begins with a document that came for a credential.  It has to stay as it is until the first row is taken.
 * Errors: as decode_document.
 */
void
document_rows_begin(WalcuDocumentRows *rows, const WalcuDocument *document, const char *credential)
{
	MemoryContext before;

	CHECK_FOR_INTERRUPTS();
	document_rows_end(rows);
	rows->document = *document;
	rows->credential = credential;
	rows->is_next = rows->elements == NULL;
	if (rows->is_next)
		return;
	before = MemoryContextSwitchTo(rows->context);
	rows->document.id = pstrdup(document->id);
	rows->document.data = palloc(document->length + 1);
	memcpy(rows->document.data, document->data, document->length);
	memset(rows->nulls, true, rows->descriptor->natts * sizeof(bool));
	document_values(rows->documents, document, credential, rows->values, rows->nulls);
	if (rows->path)
		find_elements(rows);
	MemoryContextSwitchTo(before);
}

/* Finds the elements of the document's list.  The document is known to be well-formed. */
static void
find_elements(WalcuDocumentRows *rows)
{
	WalcuDocument *document = &rows->document;
	WalcuJson misfit;

	rows->list = gather_elements(document->data, document->length, rows->path, rows->transcodes, &misfit);
	if (misfit.text)
		report_misfit(rows, &misfit, "is no list");
}

/*
 * Goes to the next row of the current document; returns false when it has no more.  Error: HV004 for what is
 * none on the way there, unless on_type_mismatch says otherwise.
 */
bool
document_rows_find(WalcuDocumentRows *rows)
{
	for (; rows->next < list_length(rows->list); rows->next++)
	{
		const WalcuJson *element = list_nth(rows->list, rows->next);

		if (rows->takes_any || element->type == JSON_TOKEN_OBJECT_START)
			return true;
		if (element->type != JSON_TOKEN_NULL)
			report_misfit(rows, element, "has an element that is no object");
	}
	return rows->is_next;
}

/*
 * Fills in the wanted columns of the row that was found, and leaves the others alone.  What values point to
 * is in the current memory context, or good until the next document.  Errors: as decode_document.
 */
void
document_rows_take(WalcuDocumentRows *rows, Datum *values, bool *nulls)
{
	const WalcuJson *element;
	WalcuDocument part;
	ListCell *lc;

	if (rows->is_next)
	{
		rows->is_next = false;
		document_values(rows->documents, &rows->document, rows->credential, values, nulls);
		return;
	}
	element = list_nth(rows->list, rows->next++);
	part = (WalcuDocument){.data = element->text, .length = element->length, .id = rows->document.id};
	memcpy(values, rows->values, rows->descriptor->natts * sizeof(Datum));
	memcpy(nulls, rows->nulls, rows->descriptor->natts * sizeof(bool));
	document_values(rows->elements, &part, rows->credential, values, nulls);
	foreach(lc, rows->positions)
	{
		bool is_wide = TupleDescAttr(rows->descriptor, lfirst_int(lc))->atttypid == INT8OID;

		values[lfirst_int(lc)] = is_wide ? Int64GetDatum(rows->next) : Int32GetDatum(rows->next);
		nulls[lfirst_int(lc)] = false;
	}
}

/* Passes over the row that was found. */
void
document_rows_skip(WalcuDocumentRows *rows)
{
	if (rows->is_next)
		rows->is_next = false;
	else
		rows->next++;
}

/* Counts, or raises an error for, a value that cannot be read, without the credential that it came for. */
static void
report_misfit(WalcuDocumentRows *rows, const WalcuJson *value, const char *fault)
{
	REDACT_TRY();
	{
		decode_note_misfit(rows->elements, &rows->document, value, fault);
	}
	REDACT_END(rows->credential);
}

/* Forgets the rows of the current document that were not taken. */
void
document_rows_end(WalcuDocumentRows *rows)
{
	rows->is_next = false;
	rows->list = NIL;
	rows->next = 0;
	if (rows->context)
		MemoryContextReset(rows->context);
}

/* Returns how many values were read as NULL, or passed over, because they did not fit. */
int64
document_rows_mismatches(const WalcuDocumentRows *rows)
{
	return decode_mismatches(rows->documents) + (rows->elements ? decode_mismatches(rows->elements) : 0);
}
