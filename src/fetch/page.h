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
	MemoryContext context;     /* It holds the page, its request and its transfer. */
	WalcuTransfer *transfer;   /* The reply comes by this. */
	const char *credential;    /* The request has this header line. */
	WalcuReplyCacheUse *share; /* It is what the scan has of the statement's reply cache; or NULL. */
	bool replayed;             /* The reply was held there. */
	const char *from;          /* The documents asked for begin with this _id, or behind it; or NULL. */
	const char *before;        /* They end before this _id; or NULL. */
	bool missing_is_empty;     /* 404, null or nothing means that there is no such document. */
	bool may_be_rejected;      /* A refused filter is not an error yet. */
	bool sort_may_be_rejected; /* Nor is a refused order; 400 and 422 tell of one. */
	bool rejected;             /* The service refused the filter, or the order. */
	bool may_be_unavailable;   /* 404, or a failure of the service, is not an error yet. */
	bool may_be_useless;       /* Nothing is an error before the first document is taken. */
	const char *obstacle;      /* It says why nothing is to be had of a reply that may be so; or NULL. */
	bool may_be_redirected;    /* Its reader knows which redirects are followed. */
	bool redirected;           /* It was answered with a redirect. */
	uint64 held_bytes;         /* Documents are given only when so many bytes are here, or all of them. */
	bool lacks_id;             /* The document taken last has no _id that is a string. */
	bool whole;                /* Every document has been found. */
	bool broken;            /* What follows the documents found cannot be had; it may be asked for again. */
	const char *malformed;  /* It says why the reply is not what the API promises; NULL when it is. */
	bool is_final;          /* It would be malformed again. */
	int64 documents;        /* So many were found so far. */
	uint64 counted_bytes;   /* So many bytes of the reply are in the scan's tally already. */
	WalcuSplitter splitter; /* It finds the documents. */
	char *taken_id;         /* It is the _id of the document taken last, as messages show it; or NULL. */
	char *last_id;          /* It is the _id of the one that page_last told of; or NULL. */
	uint64 base;            /* transfer->data begins with this byte of the reply. */
	WalcuSpan *queue;       /* These documents were found and not taken yet. */
	int queue_head;         /* The first of them is here. */
	int queue_length;       /* They end here. */
	int queue_size;         /* There is room for so many. */
} WalcuPage;

extern WalcuPage *page_start(MemoryContext context, const WalcuOptions *options, const char *credential,
							 const WalcuRequest *request, const WalcuAttempt *attempt,
							 WalcuReplyCacheUse *share);
extern void page_look(WalcuPage *page, bool before_wait);
extern bool page_take(WalcuPage *page, WalcuDocument *document, StringInfo id);
extern bool page_id(WalcuPage *page, int position, StringInfo id);
extern bool page_has_only_id(const WalcuPage *page, int position);
extern bool page_last(WalcuPage *page, WalcuDocument *document, StringInfo id);
extern int64 page_taken(const WalcuPage *page);
extern bool page_has_document(const WalcuPage *page);
extern bool page_has_news(const WalcuPage *page);
extern void page_release(WalcuPage *page);

#endif /* WALCU_PAGE_H */
