/*
 * source.h
 *	  Where the documents of a scan come from.
 */
#ifndef WALCU_SOURCE_H
#define WALCU_SOURCE_H

#include "postgres.h"

#include "decode.h"
#include "option.h"
#include "order.h"
#include "request.h"
#include "stream.h"

/* How documents are asked for. */
typedef enum WalcuStrategy
{
	WALCU_BY_ID,   /* one document */
	WALCU_BY_PAGES /* one page after the other */
} WalcuStrategy;

/* What a scan asks for. */
typedef struct WalcuQuery
{
	const WalcuOptions *options;
	const char *credential; /* header line */
	WalcuStrategy strategy;
	const char *id;     /* for WALCU_BY_ID, where it fits a path */
	const char *search; /* the service's own query language, or NULL */
	List *clauses;      /* of WalcuClause: the filter */
	List *fallback;     /* the filter without what the service may reject */
	List *keys;         /* of WalcuSortKey: the order; NIL for any */
	List *project;      /* paths of the wanted fields; NIL for whole documents */
	int64 skip;         /* documents that the service is to pass over; only without a filter */
	bool all_rows;      /* the reader is likely to want every document */
	double wanted;      /* documents it is likely to want; 0 when that is not known */
} WalcuQuery;

/* What it took so far; EXPLAIN ANALYZE shows it. */
typedef struct WalcuTally
{
	int64 requests;
	int64 documents;
	int64 bytes;
	int64 rejected; /* filters that the service did not take */
} WalcuTally;

typedef struct WalcuSource WalcuSource;

extern WalcuSource *source_open(const WalcuQuery *query, WalcuTally *tally);
extern bool source_next(WalcuSource *source, WalcuDocument *document);
extern WalcuStreamPart source_part(const WalcuSource *source);
extern void source_close(WalcuSource *source);
extern WalcuRequest *source_first_request(const WalcuQuery *query);
extern const char *source_strategy_name(const WalcuQuery *query);

#endif /* WALCU_SOURCE_H */
