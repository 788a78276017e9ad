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
typedef struct WalcuClause
{
	const char *path;     /* NULL for a whole filter */
	const char *operator; /* such as $gte */
	const char *text;     /* JSON: the operand, or the whole filter */
	List *literals;       /* of $in: the JSON texts, when a document has one of them at most */
	int most;             /* of these, in one request; 0 for as many as fit */
} WalcuClause;

/* What every document meets, and what none does. */
extern WalcuClause clause_everything;
extern WalcuClause clause_nothing;

extern WalcuClause *clause_test(const char *path, const char *operator, const char * operand);
extern WalcuClause *clause_or(List *clauses);
extern WalcuClause *clause_and(List *clauses);
extern char *clause_filter(List *clauses);
extern char *clause_string(const char *text);
extern char *clause_list(List *texts);

#endif /* WALCU_FILTER_H */
