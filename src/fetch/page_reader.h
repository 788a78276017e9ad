/*
 * page_reader.h
 *	  The documents of one part of a query, or of a range of it, read page after page.
 */
#ifndef WALCU_PAGE_READER_H
#define WALCU_PAGE_READER_H

#include "postgres.h"

#include "fetch/cursor.h"

/* What is left to be asked for by a cursor. */
typedef struct WalcuPageReaderRest
{
	double documents;     /* About so many; 0 when that is not known, or the rest cannot be divided. */
	const char *position; /* The rest follows this _id; good until the cursor is looked at. */
	const char *end;      /* It ends before this _id, or that of a document made now. */
} WalcuPageReaderRest;

extern WalcuCursor *page_reader_open(WalcuCursorGroup *group, WalcuQueryPart *part, const char *from,
									 const char *before);
extern bool page_reader_relies_on_sort(const WalcuCursorGroup *group);
extern bool page_reader_has_more(const WalcuCursor *cursor);
extern WalcuPageReaderRest page_reader_rest(WalcuCursor *cursor);

#endif /* WALCU_PAGE_READER_H */
