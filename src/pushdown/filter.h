/*
 * filter.h
 *	  The text of a filter: conditions on places of a document, joined by and or or.
 */
#ifndef WALCU_FILTER_H
#define WALCU_FILTER_H

#include "postgres.h"

#include "nodes/pg_list.h"

/*
 * A condition as the service reads it.  Either one operator on one path, or the text of a
 * whole filter object.
 */
typedef struct WalcuFilter
{
	const char *path; /* It is the place; NULL for a whole filter. */
	const char *op;   /* It is the operator, such as $gte. */
	const char *text; /* It is JSON: the operand, or the whole filter. */
	List *literals;   /* These are the JSON texts of $in, when a document has one of them at most. */
	int most;         /* A request has so many of these at most; 0 for as many as fit. */
	/* What is left of it without what the service may refuse; NULL for all of it. */
	struct WalcuFilter *trusted;
} WalcuFilter;

/* What every document meets, and what none does. */
extern WalcuFilter filter_everything;
extern WalcuFilter filter_nothing;

extern WalcuFilter *filter_test(const char *path, const char *op, const char *operand);
extern WalcuFilter *filter_or(List *filters);
extern WalcuFilter *filter_and(List *filters);
extern List *filter_trusted(List *filters);
extern char *filter_text(List *filters);
extern char *filter_string(const char *text);
extern char *filter_utf8_string(const char *text);
extern char *filter_list(List *texts);

#endif /* WALCU_FILTER_H */
