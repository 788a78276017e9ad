/*
 * cursor.h
 *	  The documents of one part of a query, or of a range of it, read in sequence.
 */
#ifndef WALCU_CURSOR_H
#define WALCU_CURSOR_H

#include "postgres.h"

#include "base/objectid.h"
#include "fetch/job.h"
#include "fetch/page.h"
#include "fetch/query.h"
#include "json/decode.h"

/* What the cursors of a fetch have in common. */
typedef struct WalcuCursorGroup
{
	const WalcuQuery *query;  /* It says what is asked for. */
	WalcuTally *tally;        /* It counts what that takes. */
	WalcuDecoder *keys;       /* It reads the keys of an order; it is NULL without one. */
	WalcuReplyCacheUse share; /* It is what the execution has of the statement's reply cache. */
	bool sorts_by_id;         /* The service is known to sort by _id, so that pages can follow one another. */
	bool out_of_order;        /* It was seen not to. */
	bool may_be_rejected;     /* There is less to ask for, should the service not take the filter. */
	/* It is the ObjectId of the statement's beginning; empty until it is needed. */
	char now[OBJECTID_LENGTH + 1];
	int64 delivered; /* All cursors have had so many documents taken. */
	int64 page_size; /* The largest page so far has so many documents. */
	int vain_ranges; /* So many ranges turned out to have no documents. */
} WalcuCursorGroup;

typedef struct WalcuCursor WalcuCursor;

/* What a reader does where documents come in pages, or all in one reply. */
typedef struct WalcuCursorReader
{
	/* Takes in what has arrived, and asks for what follows. */
	void (*look)(WalcuCursor *cursor, bool before_wait);
	/* Makes the request for what is behind a document, if id is not NULL, and behind so many documents. */
	const WalcuRequest *(*make_request)(const WalcuCursor *cursor, const char *id, int64 passed);
	/* Tells whether a document that was found is one of the cursor's, or raises an error. */
	bool (*accept)(WalcuCursor *cursor, const WalcuDocument *document);
	/* Goes on behind a page that is whole, or ends the cursor. */
	void (*finish_page)(WalcuCursor *cursor);
	/* Asks again for what a page that broke has not brought. */
	void (*request_again)(WalcuCursor *cursor);
	/* Tells why nothing is to be had of a job, and pages are to be read instead; NULL when it can be had. */
	const char *(*find_obstacle)(const WalcuCursor *cursor);
} WalcuCursorReader;

struct WalcuCursor
{
	MemoryContext context;           /* It holds the cursor and its pages. */
	const WalcuCursorReader *reader; /* It knows how the documents come. */
	WalcuCursorGroup *group;         /* It is what the cursors of the fetch share. */
	WalcuQueryPart *part;            /* The cursor reads this part of the query. */
	const char *start;               /* The cursor begins with this _id; NULL for the first document. */
	const char *from;            /* Pages without a position begin with this _id, start or one behind it. */
	const char *before;          /* The cursor ends before this _id, which fetch.c may lower; or NULL. */
	double expected;             /* A range that nothing has come from yet has about so many documents. */
	WalcuJob *job;               /* The cursor reads the results of this job; or NULL. */
	WalcuPage *page;             /* Documents are taken from this page; NULL while the job is at work. */
	WalcuPage *next;             /* This page was asked for ahead of time; or NULL. */
	bool by_skip;                /* Pages do not follow one another by _id, but by their number. */
	bool held;                   /* The next page waits for the fetch to know whether the service sorts. */
	bool ended;                  /* There are no more documents. */
	int64 earlier;               /* The pages before the current one had so many documents. */
	int64 taken;                 /* So many documents have been taken. */
	int64 repeated;              /* So many documents to come were taken before a download broke. */
	StringInfo first_id;         /* It is the _id of the first document taken. */
	StringInfo id;               /* It is the _id of the last document taken. */
	StringInfo previous_id;      /* It is the _id of the document before that. */
	StringInfo ahead_id;         /* It is the _id of the last document that is here, taken or not. */
	List *values;                /* They are the JSON texts of the keys of the last document noted. */
	MemoryContext value_context; /* It holds the values. */
};

extern WalcuCursor *cursor_create(WalcuCursorGroup *group, WalcuQueryPart *part,
								  const WalcuCursorReader *reader);
extern WalcuPage *cursor_start_page(WalcuCursor *cursor, const char *id, int64 passed,
									const WalcuAttempt *attempt);
extern void cursor_drop_page(WalcuCursor *cursor, WalcuPage *page);
extern WalcuReplyCacheUse *cursor_reply_cache_use(const WalcuCursor *cursor);
extern void cursor_look(WalcuCursor *cursor, bool before_wait);
extern bool cursor_has_news(const WalcuCursor *cursor);
extern bool cursor_take(WalcuCursor *cursor, WalcuDocument *document);
extern bool cursor_is_any_stirred(const List *cursors);
extern WalcuTransfer *cursor_transfer(const WalcuCursor *cursor);
extern bool cursor_is_rejected(const WalcuCursor *cursor);
extern bool cursor_is_answered(const WalcuCursor *cursor);
extern const char *cursor_obstacle(const WalcuCursor *cursor);
extern void cursor_close(WalcuCursor *cursor);

#endif /* WALCU_CURSOR_H */
