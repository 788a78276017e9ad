/*
 * count.h
 *	  How many documents match a query.
 */
#ifndef WALCU_COUNT_H
#define WALCU_COUNT_H

#include "postgres.h"

#include "fetch/query.h"

typedef struct WalcuCount
{
	double documents; /* So many documents match. */
	int64 page_size;  /* The service's pages have so many at most. */
} WalcuCount;

extern WalcuCount count_documents(const WalcuQuery *query, WalcuTally *tally, double expected,
								  double tolerance);
extern WalcuCount count_documents_behind(const WalcuQuery *query, WalcuTally *tally, WalcuCount known);
extern double count_requests(const WalcuOptions *options, double documents, bool known);

#endif /* WALCU_COUNT_H */
