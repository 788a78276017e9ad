/*
 * page_at_offset.h
 *	  The page of documents that stands at an offset.
 */
#ifndef WALCU_PAGE_AT_OFFSET_H
#define WALCU_PAGE_AT_OFFSET_H

#include "postgres.h"

#include "fetch/page.h"
#include "fetch/query.h"

/* A page on its way, or here. */
typedef struct WalcuPageAtOffset
{
	const WalcuQuery *query; /* The page is one of this query's. */
	WalcuTally *tally;       /* It counts what the page takes. */
	int64 skip;              /* So many documents are in front of it. */
	MemoryContext context;   /* It holds the page. */
	WalcuPage *page;         /* It is on its way, or here. */
	int64 taken;             /* The reader has had so many of its documents. */
} WalcuPageAtOffset;

extern WalcuPageAtOffset *page_at_offset_start(const WalcuQuery *query, WalcuTally *tally, int64 skip);
extern bool page_at_offset_next(WalcuPageAtOffset *page_at, WalcuDocument *document, StringInfo id);
extern void page_at_offset_release(WalcuPageAtOffset *page_at);

#endif /* WALCU_PAGE_AT_OFFSET_H */
