/*
 * sample_reader.c
 *	  What ANALYZE asks a table's documents by, and how it makes rows of them.
 *
 * A value that does not fit its column is NULL here, whatever the table's options say: one of them is no
 * reason to have no statistics.  analyze.c and small_table.c read with it.
 */
#include "postgres.h"

#include "command/sample_reader.h"

#include "access/htup_details.h"
#include "pushdown/projection.h"
#include "service/learned_sort.h"
#include "utils/memutils.h"

static void want_columns(WalcuSampleReader *reader);

/* All of a table, with its owner's credentials, as ANALYZE runs for the owner. */
WalcuQuery
sample_reader_query(Relation relation)
{
	WalcuOptions *options = option_for_table(RelationGetRelid(relation));

	options->on_type_mismatch = WALCU_MISMATCH_NULL;
	return (WalcuQuery){
		.options = options,
		.credential = option_credential_header(relation->rd_rel->relowner, options->serverid),
		.strategy = WALCU_BY_PAGES,
		.project = list_make1("_id"),
		.all_rows = true,
	};
}

/* Prepares to make rows of a table's documents, in the current memory context. */
WalcuSampleReader *
sample_reader_open(Relation relation)
{
	WalcuSampleReader *reader = palloc0(sizeof(WalcuSampleReader));

	reader->relid = RelationGetRelid(relation);
	reader->descriptor = CreateTupleDescCopy(RelationGetDescr(relation));
	reader->query = sample_reader_query(relation);
	reader->query.unsorted = learned_sort(reader->query.options) == WALCU_SORT_IGNORED;
	reader->row_context = AllocSetContextCreate(CurrentMemoryContext, "walcu row", ALLOCSET_DEFAULT_SIZES);
	want_columns(reader);
	return reader;
}

/* Begins with a document.  document_rows_find tells whether it has a row, and goes to it. */
void
sample_reader_begin(WalcuSampleReader *reader, const WalcuDocument *document)
{
	document_rows_begin(reader->maker, document, reader->query.credential);
}

/* Makes the row that was found, in the current memory context. */
HeapTuple
sample_reader_make_row(WalcuSampleReader *reader)
{
	int columns = reader->descriptor->natts;
	MemoryContext before = MemoryContextSwitchTo(reader->row_context);
	Datum *values;
	bool *nulls;

	MemoryContextReset(reader->row_context);
	values = palloc0(columns * sizeof(Datum));
	nulls = palloc(columns * sizeof(bool));
	memset(nulls, true, columns * sizeof(bool));
	document_rows_take(reader->maker, values, nulls);
	MemoryContextSwitchTo(before);
	return heap_form_tuple(reader->descriptor, values, nulls);
}

/* Frees what the making of rows takes.  The rest goes with its memory context. */
void
sample_reader_close(WalcuSampleReader *reader)
{
	MemoryContextDelete(reader->row_context);
}

/* Has whole rows made, as the caller does not say which columns it wants. */
static void
want_columns(WalcuSampleReader *reader)
{
	const WalcuOptions *options = reader->query.options;
	List *columns = NIL;
	List *paths;

	for (int i = 0; i < reader->descriptor->natts; i++)
	{
		if (!TupleDescAttr(reader->descriptor, i)->attisdropped)
			columns = lappend_int(columns, i + 1);
	}
	reader->maker = document_rows_create(options, reader->descriptor, columns, &paths);
	reader->query.project = projection_fields(paths);
}
