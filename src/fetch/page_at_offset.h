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
typedef struct WalcuProbe
{
	const WalcuQuery *query;
	WalcuTally *tally;
	int64 skip;            /* documents in front of it */
	MemoryContext context; /* holds the probe and its page */
	WalcuPage *page;
} WalcuProbe;

extern WalcuProbe *probe_start(const WalcuQuery *query, WalcuTally *tally, int64 skip);
extern bool probe_wait(WalcuProbe *probe);
extern void probe_release(WalcuProbe *probe);

#endif /* WALCU_PAGE_AT_OFFSET_H */
