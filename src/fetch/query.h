/*
 * query.h
 *	  What a scan asks the service for, and the requests that say it.
 */
#ifndef WALCU_QUERY_H
#define WALCU_QUERY_H

#include "postgres.h"

#include "fetch/query_parts.h"
#include "fetch/reply_cache.h"
#include "fetch/tally.h"
#include "http/request.h"
#include "pushdown/sort.h"
#include "service/option.h"

/* How documents are asked for. */
typedef enum WalcuStrategy
{
	WALCU_BY_ID,     /* one document */
	WALCU_BY_PAGES,  /* one page after the other */
	WALCU_BY_RANGES, /* pages of several ranges of _id at once */
	WALCU_BY_JOB     /* a background job */
} WalcuStrategy;

/* What a scan asks for. */
typedef struct WalcuQuery
{
	const WalcuOptions *options; /* These settings are in force. */
	const char *credential;      /* The requests have this header line. */
	WalcuReplyCache *cache;      /* It holds replies that may be used again; NULL to ask for all of them. */
	WalcuStrategy strategy;      /* It says how documents are asked for. */
	const char *id;              /* It is the _id for WALCU_BY_ID, where it fits a path. */
	const char *search;          /* It is in the service's own query language; or NULL. */
	List *filters;               /* All of these (WalcuFilter) must hold. */
	WalcuFilterExtent extent;    /* So much of them is asked for: the service has refused more. */
	bool is_taken;               /* The service took them, so that no refusal is theirs any more. */
	List *refusals;              /* The user is to be told of these (refusal.c) once it has. */
	const char *unsorted_words;  /* It refused to sort in these words; NULL when it did not. */
	List *parts;                 /* Each of these (WalcuQueryPart) fits a URL; NIL until they are made. */
	List *keys;                  /* The order has these keys (WalcuSortKey); NIL for any order. */
	List *project;               /* These paths of fields are wanted; NIL for whole documents. */
	int64 skip;                  /* The service passes over so many documents; only without a filter. */
	bool unsorted;               /* The service does not sort: what it sends is in any order. */
	bool unsplit;                /* NULLs are no part of their own, as the service refused their filter. */
	bool is_as_written;          /* The reader sorts, as it has what the service does not know of yet. */
	bool is_merged;              /* Others are merged with it: its first document is waited for at once. */
	bool all_rows;               /* The reader is likely to want every document. */
	double wanted;               /* It is likely to want so many; 0 when that is not known. */
} WalcuQuery;

extern List *query_filters(const WalcuQuery *query);
extern bool query_may_be_refused(const WalcuQuery *query);
extern bool query_sort_may_be_refused(const WalcuQuery *query);
extern bool query_is_keyed(const WalcuQuery *query);
extern bool query_asks_for_order(const WalcuQuery *query);
extern bool query_splits_nulls(const WalcuQuery *query);
extern bool query_is_unprojected(const WalcuQuery *query);
extern int query_wanted_pages(const WalcuQuery *query, int64 delivered);
extern const WalcuQuery *query_spread(WalcuQuery *query, int64 delivered);
extern bool query_wants_next_part(const WalcuQuery *query, const List *parts);
extern List *query_split_parts(const WalcuQuery *query, List *filters);

extern WalcuRequest *query_first_request(const WalcuQuery *query);
extern WalcuRequest *query_document(const WalcuQuery *query);
extern WalcuRequest *query_page(const WalcuQuery *query, const WalcuQueryPart *part, List *position,
								int64 skip, int64 delivered);
extern WalcuRequest *query_last_page(const WalcuQuery *query, const WalcuQueryPart *part, int64 delivered);
extern WalcuRequest *query_end(const WalcuQuery *query, const WalcuQueryPart *part, bool reverse,
							   int documents);
extern WalcuRequest *query_job(const WalcuQuery *query, const WalcuQueryPart *part);
extern const char *query_strategy_name(const WalcuQuery *query);

#endif /* WALCU_QUERY_H */
