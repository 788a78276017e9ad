/*
 * cursor.h
 *	  The documents of one part, or of a range of it, read in sequence.
 */
#ifndef WALCU_CURSOR_H
#define WALCU_CURSOR_H

#include "postgres.h"

#include "fetch/job.h"
#include "fetch/page.h"
#include "fetch/query.h"
#include "json/decode.h"

/* What the cursors of a fetch have in common. */
typedef struct WalcuCursorGroup
{
	const WalcuQuery *query;
	WalcuTally *tally;
	WalcuDecoder *keys;       /* reads the keys of an order; NULL without one */
	WalcuReplyCacheUse share; /* of the statement's reply cache */
	bool may_be_rejected;     /* there is less to ask for, should the service not take the filter */
	int64 delivered;          /* documents taken so far, of all cursors */
	int64 page_size;          /* documents in the largest page so far */
} WalcuCursorGroup;

typedef struct WalcuCursor
{
	MemoryContext context; /* holds the cursor and its pages */
	WalcuCursorGroup *group;
	WalcuQueryPart *part;
	const char *start;  /* _id that it begins with, or NULL */
	const char *from;   /* the same, or that of a range within it that pages without a position begin with */
	const char *before; /* _id that it ends before, or NULL; fetch.c may lower it */
	double expected;    /* documents of a range that nothing has come from yet */
	WalcuJob *job;      /* whose results it reads, or NULL */
	WalcuPage *page;    /* documents are taken from this one; NULL while the job is at work */
	WalcuPage *next;    /* asked for ahead of time, or NULL */
	bool ended;         /* there are no more documents */
	int64 earlier;      /* documents of the pages before the current one */
	int64 taken;        /* documents in all */
	int64 repeated;     /* documents to come that were taken before a download broke */
	StringInfo first_id;
	StringInfo id;          /* of the last document taken */
	StringInfo previous_id; /* of the one before */
	List *values;           /* JSON texts of the keys of the last document that was noted */
	MemoryContext value_context;
} WalcuCursor;

/* What is left to be asked for in a cursor. */
typedef struct WalcuCursorRest
{
	double documents;     /* about; 0 when it is not known, or cannot be divided */
	const char *position; /* _id that it follows */
	const char *end;      /* _id that it ends before, or that of a document made now */
} WalcuCursorRest;

extern WalcuCursor *cursor_open(WalcuCursorGroup *group, WalcuQueryPart *part, const char *from,
								const char *before);
extern WalcuCursor *cursor_open_job(WalcuCursorGroup *group, WalcuQueryPart *part);
extern void cursor_look(WalcuCursor *cursor, bool wait);
extern bool cursor_has_news(const WalcuCursor *cursor);
extern bool cursor_take(WalcuCursor *cursor, WalcuDocument *document);
extern WalcuTransfer *cursor_transfer(const WalcuCursor *cursor);
extern bool cursor_is_rejected(const WalcuCursor *cursor);
extern bool cursor_is_answered(const WalcuCursor *cursor);
extern const char *cursor_obstacle(const WalcuCursor *cursor);
extern WalcuCursorRest cursor_rest(const WalcuCursor *cursor);
extern void cursor_close(WalcuCursor *cursor);

#endif /* WALCU_CURSOR_H */
