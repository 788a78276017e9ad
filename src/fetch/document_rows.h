/*
 * document_rows.h
 *	  The rows that a document is: itself, or one for each element of a list in it.
 */
#ifndef WALCU_DOCUMENT_ROWS_H
#define WALCU_DOCUMENT_ROWS_H

#include "postgres.h"

#include "access/tupdesc.h"
#include "json/decode.h"
#include "nodes/pg_list.h"

typedef struct WalcuDocumentRows WalcuDocumentRows;

extern WalcuDocumentRows *document_rows_create(const WalcuOptions *options, TupleDesc descriptor,
											   List *columns, List **paths);
extern List *document_rows_paths(const WalcuOptions *options, TupleDesc descriptor, List *columns);
extern List *document_rows_searched(const WalcuDocumentRows *rows);
extern void document_rows_begin(WalcuDocumentRows *rows, const WalcuDocument *document,
								const char *credential);
extern bool document_rows_find(WalcuDocumentRows *rows);
extern void document_rows_take(WalcuDocumentRows *rows, Datum *values, bool *nulls);
extern void document_rows_skip(WalcuDocumentRows *rows);
extern void document_rows_end(WalcuDocumentRows *rows);
extern int64 document_rows_mismatches(const WalcuDocumentRows *rows);

#endif /* WALCU_DOCUMENT_ROWS_H */
