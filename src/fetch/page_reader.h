/*
 * page_reader.h
 *	  The documents of one part of a query, or of a range of it, read page after page.
 */
#ifndef WALCU_PAGE_READER_H
#define WALCU_PAGE_READER_H

#include "postgres.h"

#include "fetch/cursor.h"

/* A range is divided when this many pages are expected in it. */
#define PAGE_READER_LEAST_PAGES 4

extern WalcuCursor *page_reader_open(WalcuCursorGroup *group, WalcuQueryPart *part, const char *from,
									 const char *before);
extern bool page_reader_relies_on_sort(const WalcuCursorGroup *group);
extern bool page_reader_has_more(const WalcuCursor *cursor);
extern WalcuCursor *page_reader_divide(WalcuCursorGroup *group, List *cursors);

#endif /* WALCU_PAGE_READER_H */
