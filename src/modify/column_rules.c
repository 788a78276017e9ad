/*
 * column_rules.c
 *	  Which columns of a row are written, and what is said of the others.
 *
 * The service sets some places itself, a document keeps its _id and its dealer, and a parameter of requests
 * is no place in a document.  Programs that write whole rows name such columns all the same.  So NULL and
 * DEFAULT leave them out, as for columns that PostgreSQL generates, and an UPDATE may repeat the value that
 * the document has.  Any other value is an error.
 *
 * modify.c asks for each row.  judge.c asks before the first row of a statement is written.
 */
#include "postgres.h"

#include "modify/column_rules.h"

#include "access/htup_details.h"
#include "access/sysattr.h"
#include "base/compat.h"
#include "base/fixed_settings.h"
#include "modify/document.h"
#include "modify/write.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/typcache.h"

static bool is_column_in_set(const Bitmapset *columns, int column);
static bool is_kept(const WalcuColumn *option);
static void check_new_id(const WalcuRow *row, int column, Datum value);
static void check_dealer(const WalcuRow *row, int column, Datum value);
static bool are_values_equal(const WalcuRow *row, int column, Datum one, Datum other);
pg_noreturn static void raise_unwritten(const WalcuRow *row, int column);

/*
 * Checks that columns (attribute numbers, as the executor has them) can be set together.  Error: 42701 for
 * two of one place, or of which one is within the other.
 */
void
column_rules_check_overlap(const WalcuRow *row, const Bitmapset *columns)
{
	WalcuDocumentDraft *places = document_create(row->options);

	for (int i = 0; i < row->descriptor->natts; i++)
	{
		if (row->columns[i].is_set && is_column_in_set(columns, i))
			document_set(places, row->columns[i].option->path, row->columns[i].name, NULL);
	}
}

/*
 * Tells whether some columns (attribute numbers, as the executor has them) can be given a wrong value.  The
 * whole document can have a wrong _id, or be none.
 */
bool
column_rules_need_values(const WalcuRow *row, const Bitmapset *columns)
{
	for (int i = 0; i < row->descriptor->natts; i++)
	{
		const WalcuColumn *option = row->columns[i].option;

		if (option && is_column_in_set(columns, i) &&
			(!row->columns[i].is_set || strcmp(option->path, ".") == 0))
			return true;
	}
	return false;
}

/*
 * Checks the values of a new row.  An _id may be given, and so may the dealer, who tells partitions apart.
 * Errors: 428C9 for a column that is readonly or gathered from an array, 0A000 for a parameter, 23514 for
 * another dealer, and those of write_check_new_id and row_check_document.
 */
void
column_rules_check_new(const WalcuRow *row, const Datum *values, const bool *nulls)
{
	for (int i = 0; i < row->descriptor->natts; i++)
	{
		const WalcuColumn *option = row->columns[i].option;

		if (option == NULL || nulls[i])
			continue;
		if (row->columns[i].is_inserted)
			check_new_id(row, i, values[i]);
		else if (option->parameter || strcmp(option->path, "dealer_id") != 0)
			raise_unwritten(row, i);
		else
			check_dealer(row, i, values[i]);
	}
}

/*
 * Checks the value that an UPDATE gives to a column, which may be any.  Errors: 428C9 for another one than
 * the document has, in a column that is readonly or that a document keeps, and 0A000 for a parameter.
 */
void
column_rules_check_value(const WalcuRow *row, int column, Datum value, bool is_null, Datum old,
						 bool old_is_null)
{
	if (row->columns[column].option == NULL || row->columns[column].is_set || is_null)
		return;
	if (old_is_null || !are_values_equal(row, column, value, old))
		raise_unwritten(row, column);
}

/*
 * Puts the old values of the columns that are left out into a changed row.  Errors are those of
 * column_rules_check_value.
 */
void
column_rules_keep_old(const WalcuRow *row, TupleTableSlot *slot, const Datum *old_values,
					  const bool *old_nulls)
{
	int count = row->descriptor->natts;
	Datum *values = NULL;
	bool *nulls = NULL;

	slot_getallattrs(slot);
	for (int i = 0; i < count; i++)
	{
		if (row->columns[i].option == NULL || row->columns[i].is_set)
			continue;
		column_rules_check_value(row, i, slot->tts_values[i], slot->tts_isnull[i], old_values[i],
								 old_nulls[i]);
		if (old_nulls[i] || !slot->tts_isnull[i])
			continue;
		if (values == NULL)
		{
			values = palloc(count * sizeof(Datum));
			nulls = palloc(count * sizeof(bool));
			memcpy(values, slot->tts_values, count * sizeof(Datum));
			memcpy(nulls, slot->tts_isnull, count * sizeof(bool));
		}
		values[i] = old_values[i];
		nulls[i] = false;
	}
	if (values)
		ExecForceStoreHeapTuple(heap_form_tuple(row->descriptor, values, nulls), slot, false);
}

/* Tells whether a column (from 0) is in a set of the executor's. */
static bool
is_column_in_set(const Bitmapset *columns, int column)
{
	return bms_is_member(column + 1 - FirstLowInvalidHeapAttributeNumber, columns);
}

/* Tells whether a document keeps what is there, as long as it lives. */
static bool
is_kept(const WalcuColumn *option)
{
	return strcmp(option->path, "_id") == 0 || strcmp(option->path, "dealer_id") == 0;
}

/* Checks the _id that a new document is given, by its column or within the whole document. */
static void
check_new_id(const WalcuRow *row, int column, Datum value)
{
	const char *path = row->columns[column].option->path;
	const char *text;

	if (strcmp(path, "_id") != 0 && strcmp(path, ".") != 0)
		return;
	text = fixed_settings_text(TupleDescAttr(row->descriptor, column)->atttypid, value);
	if (strcmp(path, ".") == 0)
	{
		row_check_document(row, column, text);
		text = row_document_id(text);
	}
	if (strcmp(path, "_id") == 0 && !row_is_id_type(row->columns[column].base_type))
		ereport(ERROR, errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				errmsg("column \"%s\" of resource \"%s\" cannot be written", row->columns[column].name,
					   row->options->resource),
				errdetail("It has the path \"_id\", and the values of type %s are not written as ids are.",
						  format_type_be(TupleDescAttr(row->descriptor, column)->atttypid)),
				errhint("Leave it out, or give it the type text."));
	if (text)
		write_check_new_id(row->options, text);
}

static void
check_dealer(const WalcuRow *row, int column, Datum value)
{
	const char *dealer = fixed_settings_text(TupleDescAttr(row->descriptor, column)->atttypid, value);

	if (strcmp(dealer, row->options->dealer_id) != 0)
		ereport(ERROR, errcode(ERRCODE_CHECK_VIOLATION),
				errmsg("new row of resource \"%s\" belongs to dealer \"%s\"", row->options->resource, dealer),
				errdetail("The foreign table belongs to dealer \"%s\".", row->options->dealer_id));
}

/* Tells whether two values are equal, as the type has it: 1.0 is 1. */
static bool
are_values_equal(const WalcuRow *row, int column, Datum one, Datum other)
{
	Form_pg_attribute attribute = TupleDescAttr(row->descriptor, column);
	TypeCacheEntry *type = lookup_type_cache(attribute->atttypid, TYPECACHE_EQ_OPR_FINFO);

	if (datum_image_eq(one, other, attribute->attbyval, attribute->attlen))
		return true;
	return OidIsValid(type->eq_opr_finfo.fn_oid) &&
		   DatumGetBool(FunctionCall2Coll(&type->eq_opr_finfo, attribute->attcollation, one, other));
}

static void
raise_unwritten(const WalcuRow *row, int column)
{
	const char *name = row->columns[column].name;
	const WalcuColumn *option = row->columns[column].option;

	if (option->parameter)
		ereport(ERROR, errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				errmsg("column \"%s\" of resource \"%s\" cannot be written", name, row->options->resource),
				errdetail("It is a parameter of requests, not a place in the document."),
				errhint("Leave it out, or set it to NULL or DEFAULT."));
	if (is_kept(option))
		ereport(ERROR, errcode(ERRCODE_GENERATED_ALWAYS),
				errmsg("column \"%s\" of resource \"%s\" cannot be changed", name, row->options->resource),
				errdetail("A document keeps its _id and its dealer."));
	if (!option->readonly)
		ereport(ERROR, errcode(ERRCODE_GENERATED_ALWAYS),
				errmsg("column \"%s\" of resource \"%s\" cannot be written", name, row->options->resource),
				errdetail("Its path \"%s\" leads through an array, whose elements have the values.",
						  option->path),
				errhint("Leave it out, or set it to NULL or DEFAULT.  A jsonb column can have the whole "
						"array, and be written."));
	ereport(ERROR, errcode(ERRCODE_GENERATED_ALWAYS),
			errmsg("column \"%s\" of resource \"%s\" cannot be written", name, row->options->resource),
			errdetail("The column has the option readonly."),
			errhint("Leave it out, or set it to NULL or DEFAULT: the service sets it."));
}
