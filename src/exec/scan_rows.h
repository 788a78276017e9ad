/*
 * scan_rows.h
 *	  The rows of the documents that a scan takes.
 */
#ifndef WALCU_SCAN_ROWS_H
#define WALCU_SCAN_ROWS_H

#include "postgres.h"

#include "executor/tuptable.h"
#include "fetch/document_rows.h"
#include "utils/rel.h"

/* It makes rows of documents. */
typedef struct WalcuScanRows
{
	WalcuDocumentRows *documents; /* It makes values of documents. */
	List *search_columns;         /* These columns (of int, from 0) show the search text. */
	List *project;                /* The service has to send these fields (of char *); NIL for all. */
	MemoryContext context;        /* It holds what the current row points to; set where rows are made. */
} WalcuScanRows;

extern WalcuScanRows *scan_rows_prepare(const WalcuOptions *options, Relation relation, List *columns);
extern bool scan_rows_next(WalcuScanRows *rows, const char *search, TupleTableSlot *slot);

#endif /* WALCU_SCAN_ROWS_H */
