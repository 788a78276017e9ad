/*
 * sample_reader.h
 *	  What ANALYZE asks a table's documents by, and how it makes rows of them.
 */
#ifndef WALCU_SAMPLE_READER_H
#define WALCU_SAMPLE_READER_H

#include "postgres.h"

#include "access/htup.h"
#include "fetch/document_rows.h"
#include "fetch/query.h"
#include "fetch/tally.h"
#include "utils/rel.h"

/* It reads a table. */
typedef struct WalcuSampleReader
{
	Oid relid;                 /* This is the table. */
	TupleDesc descriptor;      /* These are its columns, a copy: the table may be closed meanwhile. */
	WalcuQuery query;          /* Its documents are asked for by this. */
	WalcuTally tally;          /* It counts what that takes. */
	WalcuDocumentRows *maker;  /* It makes rows of documents. */
	MemoryContext row_context; /* It holds what the current row's values point to. */
} WalcuSampleReader;

extern WalcuQuery sample_reader_query(Relation relation);
extern WalcuSampleReader *sample_reader_open(Relation relation);
extern void sample_reader_begin(WalcuSampleReader *reader, const WalcuDocument *document);
extern HeapTuple sample_reader_make_row(WalcuSampleReader *reader);
extern void sample_reader_close(WalcuSampleReader *reader);

#endif /* WALCU_SAMPLE_READER_H */
