/*
 * filter.h
 *	  The text of a filter: conditions on places of a document, joined by and or or.
 */
#ifndef WALCU_FILTER_H
#define WALCU_FILTER_H

#include "postgres.h"

#include "nodes/pg_list.h"
#include "service/option.h"

/*
 * A condition as the service reads it.  Either one operator on one path, or the text of a
 * whole filter object.
 */
typedef struct WalcuFilter
{
	const char *path; /* It is the place; NULL for a whole filter. */
	const char *op;   /* It is the operator, such as $gte. */
	const char *text; /* It is JSON: the operand, or the whole filter. */
	List *literals;   /* These are the JSON texts of $in, when several requests can share them. */
	int most;         /* A request has so many of these at most; 0 for as many as fit. */
	bool undescribed; /* The description lacks the path, so that the service may take no notice of it. */
	bool stray;       /* The service may take the test for another one, so that it is not to be asked for. */
	/* It is what is left of it without values that are no ObjectIds; NULL when it has none of these. */
	struct WalcuFilter *ids_only;
	List *arms; /* A whole filter is joined of these (WalcuFilter), by $or or by $and as op says. */
} WalcuFilter;

/* How much of a filter is asked for, should the service not take all of it. */
typedef enum WalcuFilterExtent
{
	WALCU_FILTER_WHOLE,
	WALCU_FILTER_WITHOUT_TEXTS, /* no test of a place that may hold ObjectIds with values that are none */
	WALCU_FILTER_DESCRIBED,     /* neither such a test, nor one of a place that the description lacks */
	WALCU_FILTER_NONE
} WalcuFilterExtent;

/* What every document meets, and what none does. */
extern WalcuFilter filter_everything;
extern WalcuFilter filter_nothing;

extern WalcuFilter *filter_test(const char *path, const char *op, const char *operand);
extern WalcuFilter *filter_or(List *filters);
extern WalcuFilter *filter_and(List *filters);
extern WalcuFilter *filter_of_element(const char *list, WalcuFilter *filter);
extern List *filter_reduced(List *filters, WalcuFilterExtent extent, const WalcuOptions *options);
extern List *filter_suspects(List *filters, const WalcuOptions *options);
extern bool filter_is_doubtful(List *filters, const WalcuOptions *options);
extern bool filter_members(List *filters, List **names);
extern char *filter_shape(List *filters);
extern char *filter_text(List *filters);
extern char *filter_string(const char *text);
extern char *filter_utf8_string(const char *text);
extern char *filter_list(List *texts);

#endif /* WALCU_FILTER_H */
