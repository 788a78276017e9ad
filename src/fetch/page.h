/*
 * page.h
 *	  One reply of documents, taken apart while it arrives.
 */
#ifndef WALCU_PAGE_H
#define WALCU_PAGE_H

#include "postgres.h"

#include "fetch/reply_cache.h"
#include "http/transfer.h"
#include "json/decode.h"
#include "json/split.h"

typedef struct WalcuPage
{
	MemoryContext context; /* holds the page, its request and its transfer */
	WalcuTransfer *transfer;
	const char *credential;
	WalcuReplyCacheUse *share; /* of the statement's reply cache, or NULL */
	bool replayed;             /* the reply was held there */
	const char *before;        /* _id that the documents asked for end before, or NULL */
	bool missing_is_empty;     /* 404 means that there is no such document */
	bool may_be_rejected;      /* 400 is not an error yet */
	bool rejected;             /* it was answered 400 */
	bool may_be_unavailable;   /* nor is 404 or a failure of the service */
	bool unavailable;          /* it was answered so */
	bool whole;                /* every document has been found */
	bool broken;               /* what follows the documents found cannot be had; it may be asked for again */
	const char *malformed;     /* why, when the reply is not what the API promises */
	int64 documents;           /* found so far */
	uint64 counted_bytes;      /* of the reply, in the scan's tally already */
	WalcuSplitter splitter;
	char *taken_id;   /* of the document taken last, as messages show it; or NULL */
	char *last_id;    /* of the one that page_last told of; or NULL */
	uint64 base;      /* the reply's byte number of transfer->data */
	WalcuSpan *queue; /* documents found and not taken yet */
	int queue_head;
	int queue_length;
	int queue_size;
} WalcuPage;

extern WalcuPage *page_start(MemoryContext context, const WalcuOptions *options, const char *credential,
							 const WalcuRequest *request, const WalcuAttempt *attempt,
							 WalcuReplyCacheUse *share);
extern void page_look(WalcuPage *page, bool before_wait);
extern bool page_take(WalcuPage *page, WalcuDocument *document, StringInfo id);
extern bool page_last(WalcuPage *page, WalcuDocument *document, StringInfo id);
extern int64 page_taken(const WalcuPage *page);
extern bool page_has_news(const WalcuPage *page);
extern void page_release(WalcuPage *page);

#endif /* WALCU_PAGE_H */
