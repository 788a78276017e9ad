/*
 * pushdown.h
 *	  SQL conditions as the service's filter.
 */
#ifndef WALCU_PUSHDOWN_H
#define WALCU_PUSHDOWN_H

#include "postgres.h"

#include "nodes/execnodes.h"
#include "nodes/pathnodes.h"
#include "pushdown/filter.h"
#include "pushdown/predicate.h"

typedef enum WalcuFilterKind
{
	WALCU_FILTER_AND,
	WALCU_FILTER_OR,
	WALCU_FILTER_CONDITION
} WalcuFilterKind;

/* What of an SQL condition the service can check. */
typedef struct WalcuFilter
{
	WalcuFilterKind kind;
	List *parts;               /* of WalcuFilter */
	WalcuCondition *condition; /* WALCU_FILTER_CONDITION */
} WalcuFilter;

/* One of the conditions that a query has joined by AND. */
typedef struct WalcuFiltered
{
	Expr *expression;
	WalcuFilter *filter; /* NULL when nothing of it can be pushed */
	const char *reason;  /* why a part of it stays here alone; NULL when none does */
} WalcuFiltered;

/* Which clauses are wanted. */
typedef enum WalcuFilterUse
{
	WALCU_FILTER_WHOLE,   /* all there are */
	WALCU_FILTER_TRUSTED, /* those on places whose type the description tells */
	WALCU_FILTER_SHOWN    /* all, where a value that only an execution knows is a question mark */
} WalcuFilterUse;

extern List *filter_conditions(const WalcuRelation *relation, List *expressions);
extern void filter_prepare(List *filtered, PlanState *parent);
extern List *filter_clauses(const WalcuOptions *options, List *filtered, ExprContext *context,
							WalcuFilterUse use);
extern bool filter_foretell(PlannerInfo *root, WalcuFilter *filter);
extern bool filter_needs_execution(Expr *value);
extern bool filter_rejects_null(List *filtered, AttrNumber column);
extern bool filter_is_complete(List *filtered);

#endif /* WALCU_PUSHDOWN_H */
