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
	const WalcuQuery *query;
	WalcuTally *tally;
	int64 skip;            /* documents in front of it */
	MemoryContext context; /* holds the probe and its page */
	WalcuPage *page;
	int64 taken; /* of its documents, those that the reader has had */
} WalcuPageAtOffset;

extern WalcuPageAtOffset *page_at_offset_start(const WalcuQuery *query, WalcuTally *tally, int64 skip);
extern bool page_at_offset_next(WalcuPageAtOffset *page_at, WalcuDocument *document, StringInfo id);
extern void page_at_offset_release(WalcuPageAtOffset *page_at);

#endif /* WALCU_PAGE_AT_OFFSET_H */
